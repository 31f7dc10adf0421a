"""How the weight of a network is shared between its layers."""
