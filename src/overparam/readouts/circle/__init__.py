"""The exact ridge readout of ReLU networks on the circle in O(M)."""
