"""When the optimum is the planted model: conditions and decisions."""
