"""Convex programmes of two-layer ReLU networks, and activation patterns."""
