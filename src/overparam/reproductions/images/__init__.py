"""ResNets on CIFAR-10 (Barboni et al. 2025)."""
