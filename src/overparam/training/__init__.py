"""The loop: compiled pieces of steps, records, checkpoints."""
