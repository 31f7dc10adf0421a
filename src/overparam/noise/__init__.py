"""Alpha-stable laws, and heavy-tailed noise on weights."""
