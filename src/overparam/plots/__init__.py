"""Drawing from frames."""
