"""On what: pure samplers and checked readers."""
