"""How far a trained network is from the optimum of its problem."""
