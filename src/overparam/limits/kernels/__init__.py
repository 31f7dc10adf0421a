"""Kernels of networks, wide and finite, and what training on one gives."""
