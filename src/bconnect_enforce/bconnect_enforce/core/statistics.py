"""How sure a share is."""

from __future__ import annotations

import math

Z95 = 1.959963984540054


def wilson(successes: int, of: int, z: float = Z95) -> tuple[float, float]:
    """The interval of a share at 95 % (Wilson's score); NaN where nothing was counted."""
    if of == 0:
        return math.nan, math.nan
    share, square = successes / of, z * z
    middle = share + square / (2 * of)
    half = z * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    whole = 1 + square / of
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)
