"""Tests of this room share `storing.py`, and child processes import it by name."""

import sys
from pathlib import Path


sys.path.append(str(Path(__file__).parent))
