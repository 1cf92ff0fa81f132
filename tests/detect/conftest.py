"""Lets the tests of this room share detect_scenes.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
