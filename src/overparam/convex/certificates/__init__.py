"""Bounds that hold for every network of a problem."""
