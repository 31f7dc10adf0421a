"""Where neurons are: densities, distances to a limit."""
