"""The exercise on Livni et al. (2014)."""
