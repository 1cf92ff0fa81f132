"""What drivers do between the junctions: stand at the kerb, hurry, change lane where forbidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bconnect_sim.core.network import Stretch
from bconnect_sim.core.wheel import Way, Wheel

KERB = 2.6  # m left of the kerb lane's middle: on the shoulder
DRAW_IN = 36.0  # m before its stop at which a driver begins to draw in
DRAW_OUT = 30.0  # m after it at which it is back


class Stand:
    """Halts at the kerb with its front between two positions of an edge."""

    def __init__(self, way: Way, stretch: Stretch, low: float, high: float, seconds: float) -> None:
        self._way, self._stretch = way, stretch
        self._low, self._high, self._seconds = low, high, seconds
        self._at: float | None = None
        self._since: float | None = None

    def step(self, wheel: Wheel) -> bool:
        """See ``Manoeuvre.step``."""
        if self._at is None:
            return self._book(wheel)
        to = self._way.until(wheel, self._stretch, self._at)
        if to is None:
            return True
        if wheel.stands():
            self._since = wheel.time if self._since is None else self._since
            if wheel.time - self._since >= self._seconds:
                wheel.ask_in()
        elif to < -DRAW_OUT or (to < 0.0 and self._since is None):
            wheel.leave()
            return False
        wheel.steer(KERB if -1.0 <= to <= DRAW_IN and (to > 0.5 or wheel.stands()) else None)
        return True

    def _book(self, wheel: Wheel) -> bool:
        to = self._way.until(wheel, self._stretch, self._low)
        if to is None or to > 160.0:
            return True
        if to < 60.0:
            return False  # no room was left
        self._at = wheel.book(self._stretch.edge, self._low, self._high)
        if self._at is not None:
            wheel.stand(self._stretch.edge, self._at, self._seconds)
        return True


@dataclass(frozen=True, slots=True)
class Measured:
    """A section on a way: m along it to its gates, its length and what a mean speed there is.

    lawful, fast: m/s up to which it is lawful, from which it is fast without doubt.
    """

    entry: Stretch
    exit: Stretch
    length: float
    lawful: float
    fast: float


class Hurry:
    """Drives too fast, but where its way is not free goes with the others past a speed place,
    and leaves no section with a mean speed that could be read either way."""

    LOOK = (12.0, 60.0)  # m before a place at which it looks whether its way is free
    LATE = 100.0  # m before a section's end at which it minds its mean speed

    def __init__(
        self,
        way: Way,
        places: Sequence[tuple[Stretch, float]],
        sections: Sequence[Measured],
        factor: float,
        meek: float,
    ) -> None:
        """``places``: stretches and the speeds [m/s] above which passing them is clearly fast."""
        self._way, self._places, self._sections = way, list(places), list(sections)
        self._factor, self._meek = factor, meek
        self._yields: Stretch | None = None
        self._entered: dict[Measured, float] = {}

    def step(self, wheel: Wheel) -> bool:
        """See ``Manoeuvre.step``."""
        for section in self._sections:
            self._mind(wheel, section)
        if self._yields is not None:
            past = self._way.until(wheel, self._yields, self._yields.end)
            if past is None or past > -4.0:
                return True
            self._yields = None
            wheel.strive(self._factor)
        for stretch, fast in self._places:
            to = self._way.until(wheel, stretch, stretch.begin)
            if to is None or not self.LOOK[0] <= to <= self.LOOK[1]:
                continue
            if not self._free(wheel, to, stretch.end - stretch.begin, fast):
                self._yields = stretch
                wheel.strive(self._meek)
        return True

    def _mind(self, wheel: Wheel, section: Measured) -> None:
        """Brakes before a section's end if its mean speed would be neither lawful nor fast."""
        begun = self._way.until(wheel, section.entry, section.entry.end)
        left = self._way.until(wheel, section.exit, section.exit.end)
        if begun is None or left is None or begun > 0.0 or left < 0.0:
            return
        since = self._entered.setdefault(section, wheel.time)
        if left > self.LATE or wheel.speed < 3.0:
            return
        mean = section.length / (wheel.time - since + left / wheel.speed)
        if section.lawful < mean < section.fast:
            need = left / max(section.length / (0.97 * section.lawful) - wheel.time + since, 1.0)
            self._yields = section.exit
            wheel.strive(min(self._meek, max(0.35, need / section.lawful)))

    def _free(self, wheel: Wheel, to: float, length: float, fast: float) -> bool:
        if to < 30.0 and wheel.speed < fast:
            return False
        lead = wheel.ahead(120.0)
        if lead is None or lead[1] >= wheel.speed:
            return True
        passing = (to + length) / max(wheel.speed, fast) + 1.0
        return lead[0] - (wheel.speed - lead[1]) * passing > 0.9 * wheel.speed


class CrossMarking:
    """Changes lane so that its middle crosses the line well between the line's ends."""

    def __init__(self, way: Way, stretch: Stretch) -> None:
        self._way, self._stretch = way, stretch
        self._lane: int | None = None

    def step(self, wheel: Wheel) -> bool:
        """See ``Manoeuvre.step``."""
        begin, end = self._stretch.begin + 10.0, self._stretch.end - 5.0
        to = self._way.until(wheel, self._stretch, begin)
        if to is None:
            return True
        if self._lane is not None and wheel.lane == self._lane:
            return False
        lands = max(1.6 * wheel.speed, 5.5)  # m until its middle is over
        if to - lands > 0.0 or wheel.speed < 4.0:
            return to > -60.0
        if to - lands < begin - end or wheel.edge != self._stretch.edge:
            return False
        self._lane = 1 - wheel.lane if self._lane is None else self._lane
        wheel.change_lane(self._lane)
        return True
