"""GNSS time against this machine's clock: the stamp of a fix, and how far the clock is off.

A report arrives up to ``LATE`` after its moment, so of all of late the one that was quickest
bounds the offset from above, and from below by ``LATE`` less. A pulse (PPS, told by gpsd) is exact.
The clock is never set here; what is known of it is told.
"""

from collections import deque
from dataclasses import dataclass
from math import nan

from bconnect_gnss.core.report import SECOND, Report

EARLY, LATE = -0.2, 1.0  # s a fix may arrive after its moment, the clocks agreeing
KEPT = 60  # fixes
PULSE_HOLDS = 10 * SECOND  # ns
PULSE_SURE = 1e-3  # s, of a pulse as a program sees it


@dataclass(frozen=True, slots=True)
class ClockLook:
    """How this machine's clock stood to GNSS time. NaN: not known."""

    offset: float = nan  # s, this machine's clock minus GNSS time
    uncertainty: float = nan  # s, half of the interval that surely holds it
    age: float = nan  # s since GNSS told of it
    source: str = ""


class Timing:
    """Stamps on this machine's clock, as pictures have them."""

    def __init__(self) -> None:
        self._behind: deque[float] = deque(maxlen=KEPT)
        self.agrees = False
        self._told: int | None = None  # ns, when a moment arrived
        self._pulse: tuple[int, float] | None = None  # ns, and s of offset

    def stamp(self, report: Report) -> int:
        """ns on this machine's clock: the receiver's own moment where the clocks agree, else
        when it arrived."""
        if not report.utc:
            self.agrees = False
            return report.arrived
        behind = (report.arrived - report.utc) / SECOND
        if self._behind and abs(behind - self._behind[-1]) > LATE:
            self._behind.clear()  # one of the clocks was set
        self._behind.append(behind)
        self._told = report.arrived
        self.agrees = EARLY <= behind <= LATE
        return report.utc if self.agrees else report.arrived

    def pulse(self, arrived: int, offset: float) -> None:
        """A pulse told how far the clock is off, s; it arrived at a moment [ns]."""
        self._pulse = arrived, offset

    def look(self, now: int) -> ClockLook:
        """What is known of the clock at a moment [ns] of it."""
        if self._pulse is not None and 0 <= now - self._pulse[0] <= PULSE_HOLDS:
            age = (now - self._pulse[0]) / SECOND
            return ClockLook(self._pulse[1], PULSE_SURE, age, "gnss pps")
        if self._told is None or not self._behind:
            return ClockLook()
        age = max(0.0, (now - self._told) / SECOND)
        middle = self.offset - (LATE + EARLY) / 2
        return ClockLook(middle, (LATE - EARLY) / 2, age, "gnss messages")

    @property
    def offset(self) -> float:
        """s, this machine's clock minus GNSS time, with the least delay of late: an upper bound
        of it. NaN: not known."""
        return min(self._behind, default=nan)

    def doubt(self, report: Report) -> float:
        """m to add to a fix's standard deviation, since its moment is known so badly."""
        if self.agrees:
            return 0.0
        return LATE * (report.speed if report.speed >= 0.0 else 30.0)
