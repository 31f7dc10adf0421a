"""Data of one's own: read, checked, kept under a name and found again."""
