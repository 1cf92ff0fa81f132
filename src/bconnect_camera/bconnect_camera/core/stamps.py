"""Capture times from what a stream offers.

Two models with one shape: ``stamp(pts, arrival) -> ns``. Both map the stream's own clock, which
knows the spacing of pictures exactly, onto ours.
"""

from __future__ import annotations

import math

from .types import SECOND

WINDOW = 10 * SECOND  # how long the best arrival is believed; drift of 100 ppm is 1 ms in it
JUMP = 2 * SECOND  # a stream clock that disagrees by more than this was set anew


class ArrivalStamps:
    """Live streams: arrival times, freed of network jitter by the stream's own clock.

    Packets are never early, only late, so the smallest (arrival - pts) of the last seconds is
    the mapping. What remains is the constant delay of exposure, encoder and network, which no
    receiver can see; the camera's clock offset is known only where it sends its time (RTCP).
    """

    source = "arrival"

    def __init__(self) -> None:
        self._current: int | None = None
        self._previous: int | None = None
        self._since = 0
        self._camera_offset = math.nan
        self.lag = 0.0  # s the last packet came later than the quickest of late

    def stamp(self, pts: int, arrival: int) -> int:
        """``pts`` and ``arrival`` in ns; the capture time in ns."""
        offset = arrival - pts
        if self._current is None or abs(offset - self._best()) > JUMP:
            self._current, self._previous, self._since = offset, None, arrival
        elif arrival - self._since > WINDOW:
            self._previous, self._current, self._since = self._current, offset, arrival
        else:
            self._current = min(self._current, offset)
        self.lag = (offset - self._best()) / SECOND
        return pts + self._best()

    def camera_time(self, camera: int, arrival: int) -> None:
        """The camera said what time it is [ns since 1970] for a packet that arrived just now."""
        offset = (camera - arrival) / SECOND
        known = not math.isnan(self._camera_offset)
        self._camera_offset = 0.9 * self._camera_offset + 0.1 * offset if known else offset

    @property
    def offset(self) -> float:
        """Camera clock minus ours [s], transport included; NaN when it never told."""
        return self._camera_offset

    def _best(self) -> int:
        assert self._current is not None
        return self._current if self._previous is None else min(self._current, self._previous)


class FileStamps:
    """Files: the first picture is the moment of the start, the rest follow the file's clock."""

    source = "file"
    lag = 0.0

    def __init__(self) -> None:
        self._anchor: int | None = None
        self._offset = 0.0

    def stamp(self, pts: int, arrival: int) -> int:
        """``pts`` and ``arrival`` in ns; the capture time in ns."""
        if self._anchor is None:
            self._anchor = arrival - pts
        stamp = pts + self._anchor
        self._offset = (stamp - arrival) / SECOND
        return stamp

    @property
    def offset(self) -> float:
        """File clock minus ours [s]: negative when reading falls behind; NaN before the start."""
        return math.nan if self._anchor is None else self._offset


class Forward:
    """Stamps of delivered pictures never go backwards, whatever the model corrects.

    A clock that was set back is no correction: time goes on from where it stands now.
    """

    STEP = 1000  # ns

    def __init__(self) -> None:
        self._last: int | None = None

    def __call__(self, stamp: int) -> int:
        if self._last is not None and self._last - JUMP < stamp <= self._last:
            stamp = self._last + self.STEP
        self._last = stamp
        return stamp
