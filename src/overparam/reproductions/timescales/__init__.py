"""Figures of Barboni et al. (2025)."""
