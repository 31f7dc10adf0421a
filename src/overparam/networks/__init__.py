"""What is trained: features followed by a linear readout."""
