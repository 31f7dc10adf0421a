"""Tests of this room share the fuzzers."""

import sys
from pathlib import Path


sys.path.append(str(Path(__file__).parent))
