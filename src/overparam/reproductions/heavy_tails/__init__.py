"""Figures and tables of Wan et al. (2024)."""
