"""The study `timescales`: features learned while the readout is nearly optimal."""
