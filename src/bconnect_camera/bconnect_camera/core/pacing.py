"""Which pictures to convert (decimation by stamps), and when a file's packets are due."""

from __future__ import annotations

from .types import SECOND


class Decimator:
    """Thins pictures to ``rate`` [Hz] by their stamps; 0 takes every picture.

    Keeps the mean rate: a picture is taken when the next moment of a regular grid has come.
    """

    def __init__(self, rate: float) -> None:
        if not rate >= 0:
            raise ValueError(f"rate: found {rate}, allowed are 0 (all) and more")
        self._period = round(SECOND / rate) if rate else 0
        self._due: int | None = None

    def wants(self, stamp: int) -> bool:
        """True for pictures to deliver."""
        if not self._period:
            return True
        if self._due is None or abs(stamp - self._due) > 2 * self._period:
            self._due = stamp  # the start, a gap, or a clock that was set
        slack = self._period // 20  # a 10 Hz file against a 10 Hz grid must not lose every other
        if stamp + slack < self._due:
            return False
        behind = stamp - self._due >= self._period
        self._due = (stamp if behind else self._due) + self._period
        return True


class Pacer:
    """Plays a file at its own speed: how long to wait until a packet is due.

    The file's clock is anchored at the first packet; a reader that falls behind does not wait,
    and its lateness is visible, not hidden by skipping time.
    """

    def __init__(self) -> None:
        self._anchor: float | None = None

    def delay(self, position: float, now: float) -> float:
        """``position`` of the packet in the file and ``now`` on a steady clock [s]."""
        if self._anchor is None:
            self._anchor = now - position
        return max(0.0, self._anchor + position - now)
