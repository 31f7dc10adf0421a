"""Tests of this room share `torch_modules.py`."""

import sys
from pathlib import Path


sys.path.append(str(Path(__file__).parent))
