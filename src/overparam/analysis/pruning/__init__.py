"""How much of a network can be removed at which error."""
