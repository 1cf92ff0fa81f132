"""GNSS time against this machine's clock: the stamp of a fix, and how far the clock is off."""

from collections import deque
from math import nan

from bconnect_gnss.core.report import SECOND, Report

EARLY, LATE = -0.2, 1.0  # s a fix may arrive after its moment, the clocks agreeing
KEPT = 60  # fixes


class Timing:
    """Stamps on this machine's clock, as pictures have them."""

    def __init__(self) -> None:
        self._behind: deque[float] = deque(maxlen=KEPT)
        self.agrees = False

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
        self.agrees = EARLY <= behind <= LATE
        return report.utc if self.agrees else report.arrived

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
