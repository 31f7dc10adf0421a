"""The same problem solved to optimality."""
