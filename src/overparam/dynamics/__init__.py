"""How the weights move: pure steps and the one loop."""
