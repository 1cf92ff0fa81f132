"""The tests of this room share street.py, traffic.py, account.py and injuries.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
