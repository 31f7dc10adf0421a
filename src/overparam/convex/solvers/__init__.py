"""Solvers of the programmes, and the bounds of what they return."""
