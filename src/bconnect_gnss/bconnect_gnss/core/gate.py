"""Which fixes are believed: no jumps, no impossible speeds, no time that runs backwards.

o--o--o--o                       a fix 5 km off is refused; when several fixes in a row
            o                    agree with one another there, they are believed
                  o--o--o--o
"""

from dataclasses import dataclass
from math import isfinite

from bconnect_gnss.core.report import SECOND, Report, metres_between


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What a road vehicle can do, and how much it takes to be believed again."""

    fastest: float = 70.0  # m/s
    slack: float = 20.0  # m beside
    sigmas: float = 4.0  # standard deviations of both fixes
    widest: float = 100.0  # m of standard deviation that still count so
    confirm: int = 5  # fixes in a row that agree
    confirm_over: float = 3.0  # s between the first and the last of them
    trusted: float = 10.0  # s after which the last believed fix says nothing any more


class Gate:
    """Believes one receiver's fixes in order."""

    def __init__(self, settings: GateSettings | None = None) -> None:
        self.settings = settings or GateSettings()
        self._last: tuple[int, Report] | None = None
        self._candidate: tuple[int, Report] | None = None
        self._agree, self._since = 0, 0

    def refuse(self, report: Report, stamp: int) -> str:
        """Why a report of a moment [ns] is not believed, in a word or two; "": it is."""
        if not report.fixed:
            return "no fix"
        if not report.sane:
            return "no place"
        if isfinite(report.speed) and not 0.0 <= report.speed <= self.settings.fastest:
            return "impossible speed"
        if self._last is not None and stamp == self._last[0]:
            return "repeated"
        if self._reachable(self._last, report, stamp):
            self._last, self._candidate = (stamp, report), None
            return ""
        if self._confirmed(report, stamp):
            self._last, self._candidate = (stamp, report), None
            return ""
        if self._last is None:
            return "not confirmed"
        return "backwards" if stamp < self._last[0] else "jump"

    def _confirmed(self, report: Report, stamp: int) -> bool:
        if self._candidate is not None and stamp == self._candidate[0]:
            return False
        if self._reachable(self._candidate, report, stamp):
            self._agree += 1
        else:
            self._agree, self._since = 1, stamp
        self._candidate = (stamp, report)
        s = self.settings
        return self._agree >= s.confirm and stamp - self._since >= s.confirm_over * SECOND

    def _reachable(self, before: tuple[int, Report] | None, report: Report, stamp: int) -> bool:
        if before is None:
            return False
        s, seconds = self.settings, (stamp - before[0]) / SECOND
        if not 0.0 < seconds <= s.trusted:
            return False
        doubt = sum(min(s.widest, one.spread) for one in (before[1], report))
        reach = s.fastest * seconds + s.slack + s.sigmas * doubt
        return metres_between(before[1], report) <= reach
