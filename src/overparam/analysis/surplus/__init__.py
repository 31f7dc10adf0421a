"""Which neurons of a wide student can go."""
