"""Networks on disk: descriptions, the classes they may name, PyTorch weights."""
