"""Exact programmes by Newton steps on the faces of the cones in use."""
