"""How heavy the tails of weights and gradients are."""
