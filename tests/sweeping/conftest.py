"""Spawned workers import the work functions by name, so their folder is on the path."""

import sys
from pathlib import Path


sys.path.append(str(Path(__file__).parent))
