"""The site is made by the modules of `website`; its pages are opened in a browser."""

import sys
from pathlib import Path


ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "website"))
sys.path.append(str(ROOT / "tests" / "report"))
