"""What came out; works on any stored network."""
