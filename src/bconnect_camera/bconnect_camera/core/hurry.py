"""Whether decoding falls behind a live stream, and pictures nobody refers to are to be skipped.

Behind is who is late and never waits for the stream: a network that falters makes late too, but
then there is waiting. Encoded packets are kept all the same, so evidence stays whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp


@dataclass(frozen=True, slots=True)
class HurrySettings:
    late: float = 0.3  # s of lag at least
    busy: float = 0.95  # share of the time that is not waited, at least
    calm: float = 0.75  # and below this it may end
    settle: float = 1.0  # s that shares are averaged over
    least: float = 5.0  # s that it lasts at least: else it would come and go


class Hurry:
    """One stream's. Times in s of a steady clock."""

    def __init__(self, settings: HurrySettings | None = None) -> None:
        self._set = settings or HurrySettings()
        self.on = False
        self.skipped = 0  # packets that gave no picture meanwhile
        self._busy = 0.0
        self._ended: float | None = None  # of the last wait
        self._since = 0.0

    def waited(self, began: float, ended: float) -> None:
        """The stream was waited for until its next packet came."""
        if self._ended is not None and ended > self._ended:
            keep = exp(-(ended - self._ended) / self._set.settle)
            share = 1.0 - (ended - began) / (ended - self._ended)
            self._busy = keep * self._busy + (1.0 - keep) * share
        self._ended = ended

    def look(self, lag: float, now: float) -> bool:
        """Whether to skip from now on. ``lag``: s the packet came later than it should have."""
        s = self._set
        if not self.on:
            if lag > s.late and self._busy > s.busy:
                self.on, self._since = True, now
        elif now - self._since > s.least and self._busy < s.calm:
            self.on = False
        return self.on

    @property
    def told(self) -> str:
        """For people; empty while it was never needed."""
        if not (self.on or self.skipped):
            return ""
        now = (
            "too slow for this stream: pictures nobody refers to are skipped"
            if self.on
            else ("keeps up again")
        )
        return f"{now}, {self.skipped} so far"
