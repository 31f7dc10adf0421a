"""Tests of this room share `boxes.py`."""

import sys
from pathlib import Path


sys.path.append(str(Path(__file__).parent))
