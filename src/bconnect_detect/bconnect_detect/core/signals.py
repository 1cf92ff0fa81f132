"""What a signal showed at the moment a picture was taken."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise

from bconnect_detect.core.types import SECOND, SignalReading
from bconnect_site.kinds import SignalAspect

_RUNS = 16  # changes of aspect remembered per signal: several cycles
_MAX_AGE = 2.0  # s
_SHORTEST = SECOND // 2  # no light shows an aspect for less
_FLAP_WINDOW = 5 * SECOND
_MOST_CHANGES = 4  # in the window


class SignalBook:
    """Readings of a site's signals, asked by stamp.

    Pictures are judged later than they are taken, so "the newest reading" is the wrong
    one around a change. A signal without an entry in ``max_age`` (name -> s) is unknown, and
    so is one that flaps: within 5 s it showed an aspect for less than half a second, or
    changed more than four times.
    """

    def __init__(self, max_age: Mapping[str, float]) -> None:
        self._max_age = {name: int(age * SECOND) for name, age in max_age.items()}
        self._runs: dict[str, deque[SignalReading]] = {}

    def put(self, reading: SignalReading) -> None:
        """Remember a reading. One older than the newest is dropped; a wild jump back resets."""
        if reading.signal not in self._max_age:
            return
        runs = self._runs.setdefault(reading.signal, deque(maxlen=_RUNS))
        if runs and reading.stamp < runs[-1].stamp:
            if runs[-1].stamp - reading.stamp < 60 * SECOND:
                return
            runs.clear()
        since = reading.since or reading.stamp
        if runs and runs[-1].aspect == reading.aspect:
            gap = reading.stamp - runs[-1].stamp
            if gap <= self._max_age[reading.signal]:
                runs[-1] = replace(reading, since=min(runs[-1].since, since))
                return
        # An aspect that began before we last saw another one, or while nobody looked,
        # is only known from its first reading on.
        if since > reading.stamp or (runs and since <= runs[-1].stamp):
            since = reading.stamp
        runs.append(replace(reading, since=since))

    def at(self, signal: str, stamp: int) -> SignalReading | None:
        """The reading that holds at a stamp; None where nobody knows (none, too old, flaps)."""
        runs = self._runs.get(signal, ())
        for reading in reversed(runs):
            if reading.since <= stamp:
                known_until = reading.stamp + self._max_age[signal]
                known = stamp <= known_until and reading.aspect != SignalAspect.UNKNOWN
                return reading if known and not _flaps(runs, stamp) else None
        return None

    def clear(self) -> None:
        """Forget every reading."""
        self._runs.clear()


def _flaps(runs: Iterable[SignalReading], stamp: int) -> bool:
    """Whether a light changed around a stamp as no light does. Looking away is no change."""
    known = [run for run in runs if run.aspect != SignalAspect.UNKNOWN]
    changes = [b.since for a, b in pairwise(known) if a.aspect != b.aspect]
    near = [change for change in changes if abs(stamp - change) <= _FLAP_WINDOW]
    return len(near) > _MOST_CHANGES or any(b - a < _SHORTEST for a, b in pairwise(near))
