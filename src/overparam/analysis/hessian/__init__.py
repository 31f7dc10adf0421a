"""Curvature of the loss, and ways out of where training ended."""
