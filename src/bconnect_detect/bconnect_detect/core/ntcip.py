"""What a controller says about a light: its phases and its overlaps (NTCIP 1202).

    1.3.6.1.4.1.1206.4.2.1.1.4.1.{2,3,4}.<group>     phaseStatusGroupReds, -Yellows, -Greens
    1.3.6.1.4.1.1206.4.2.1.9.4.1.{2,3,4}.<group>     overlapStatusGroupReds, -Yellows, -Greens

INTEGER (0..255) each, of eight phases or overlaps; bit (number - 1) % 8. NTCIP 1202:2005 v02,
2.2.4.2 to 2.2.4.4 and 2.10.4.2 to 2.10.4.4; in v03 the phases are 5.2.4.2 to 5.2.4.4, with the
same object identifiers. The values say what the controller shows, not what burns: a blown lamp is
seen by lamp vision alone. An overlap drives a light that follows several phases.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bconnect_detect.core.types import SECOND, SignalReading
from bconnect_site.kinds import SignalAspect, SignalSource

Oid = tuple[int, ...]

_ASC: Oid = (1, 3, 6, 1, 4, 1, 1206, 4, 2, 1)
GROUP_ENTRY: Oid = (*_ASC, 1, 4, 1)
OVERLAP_ENTRY: Oid = (*_ASC, 9, 4, 1)
COLUMNS = {SignalAspect.RED: 2, SignalAspect.AMBER: 3, SignalAspect.GREEN: 4}
HIGHEST = 255  # of a column's value
COLOURS = frozenset(COLUMNS)


class Overlap(int):
    """An overlap's number, from 1 (A); plain numbers are phases."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class LightSettings:
    """How a polled light is read over time."""

    steady: float = 1.2  # s a colour must last to be steady after dark; longer than a flash
    max_gap: float = 2.0  # s between two answers until nothing is known any more


def group_of(phase: int) -> int:
    """The status group (from 1) that holds a phase or an overlap (from 1)."""
    return (phase - 1) // 8 + 1


def entry_of(phase: int) -> Oid:
    """The table's entry that holds a phase or an Overlap."""
    return OVERLAP_ENTRY if isinstance(phase, Overlap) else GROUP_ENTRY


def objects_for(phases: Iterable[int]) -> tuple[Oid, ...]:
    """Every object that one request for these phases and Overlaps asks for."""
    groups = sorted({(entry_of(phase), group_of(phase)) for phase in phases})
    return tuple((*entry, column, group) for entry, group in groups for column in COLUMNS.values())


def aspect_of(phase: int, values: Mapping[Oid, int]) -> SignalAspect:
    """The aspect of a phase or Overlap: DARK where no bit is set, UNKNOWN where several are."""
    entry, group, bit = entry_of(phase), group_of(phase), 1 << (phase - 1) % 8
    lit = [a for a, column in COLUMNS.items() if values[(*entry, column, group)] & bit]
    if len(lit) > 1:
        return SignalAspect.UNKNOWN
    return lit[0] if lit else SignalAspect.DARK


@dataclass(frozen=True, slots=True)
class _Run:
    aspect: SignalAspect
    began: int  # ns


class PolledLight:
    """One light over time, looked at by questions and answers.

    Between two answers nobody looks, so red (and green) begin with the answer that first says
    so, and end with the last that did: what is said never makes either longer than it was.
    """

    def __init__(self, signal: str, settings: LightSettings | None = None) -> None:
        self.signal = signal
        self.settings = settings or LightSettings()
        self._runs: deque[_Run] = deque(maxlen=4)
        self._last: int | None = None  # ns, stamp of the last look
        self._flashing_since: int | None = None

    def look(self, aspect: SignalAspect, asked: int, answered: int) -> SignalReading | None:
        """What the light shows, by an answer; asked and answered in ns.

        None: a colour after dark, too young to be told from a flash.
        """
        gap = None if self._last is None else asked - self._last
        if gap is None or not 0 <= gap <= self.settings.max_gap * SECOND:
            self._runs.clear()
            self._last = self._flashing_since = None
        if not self._runs or self._runs[-1].aspect != aspect:
            self._runs.append(_Run(aspect, self._beginning(aspect, answered)))
        began = self._runs[-1].began
        stamp = max(asked, began)
        self._last = stamp
        if self._flashes(stamp):
            return self._reading(SignalAspect.FLASHING, stamp, self._flashing_since or stamp)
        steady = self._follows_colour() or stamp - began >= self.settings.steady * SECOND
        if aspect in COLOURS and not steady:
            return None
        return self._reading(aspect, stamp, began)

    def _beginning(self, aspect: SignalAspect, answered: int) -> int:
        if self._last is None or aspect in (SignalAspect.RED, SignalAspect.GREEN):
            return answered
        return self._last + 1

    def _follows_colour(self) -> bool:
        return len(self._runs) > 1 and self._runs[-2].aspect in COLOURS

    def _flashes(self, stamp: int) -> bool:
        """Whether one colour and dark take turns, each shorter than a steady light lasts."""
        runs, longest = self._runs, self.settings.steady * SECOND
        taken = {run.aspect for run in runs}
        flashing = (
            len(runs) == 4
            and len(taken) == 2
            and SignalAspect.DARK in taken
            and len(taken & COLOURS) == 1
            and runs[2].began - runs[1].began <= longest
            and runs[3].began - runs[2].began <= longest
            and stamp - runs[3].began <= longest
        )
        if not flashing:
            self._flashing_since = None
        elif self._flashing_since is None:
            self._flashing_since = runs[1].began
        return flashing

    def _reading(self, aspect: SignalAspect, stamp: int, since: int) -> SignalReading:
        known = aspect != SignalAspect.UNKNOWN
        return SignalReading(
            self.signal, aspect, stamp, since, SignalSource.CONTROLLER, 1.0 if known else 0.0
        )
