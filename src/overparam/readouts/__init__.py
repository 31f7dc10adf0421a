"""Exact linear readouts: ridge, its path, logistic regression."""
