"""How long to wait before the next attempt: growing, capped, and jittered.

Jitter keeps twelve cameras behind one dead switch from all coming back in the same instant.
"""

from __future__ import annotations

import random


class Backoff:
    """Delays ``first``, ``first * factor``, ... up to ``most``, each times 1 +- ``jitter`` [s]."""

    def __init__(
        self,
        first: float = 1.0,
        most: float = 30.0,
        factor: float = 2.0,
        jitter: float = 0.2,
        seed: int | str | None = None,
    ) -> None:
        if not (0 < first <= most and factor >= 1 and 0 <= jitter < 1):
            raise ValueError("back-off: needs 0 < first <= most, factor >= 1, 0 <= jitter < 1")
        self._first, self._most, self._factor, self._jitter = first, most, factor, jitter
        self._random = random.Random(seed)
        self._next = first

    def next(self) -> float:
        """The delay before the next attempt [s]; each call lengthens the one after it."""
        delay = self._next
        self._next = min(self._most, delay * self._factor)
        return delay * self._random.uniform(1 - self._jitter, 1 + self._jitter)

    def reset(self) -> None:
        """After a success: start again with the shortest delay."""
        self._next = self._first
