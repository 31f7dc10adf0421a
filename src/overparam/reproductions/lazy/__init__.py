"""Lazy or rich: Lee et al. (2019), Chizat et al. (2019), and what lies between."""
