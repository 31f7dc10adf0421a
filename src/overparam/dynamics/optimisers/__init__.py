"""Optimisers that optax does not have, and schedules."""
