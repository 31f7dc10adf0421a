"""Official files: found, downloaded, checked and read."""
