"""What drivers do between the junctions: stand at the kerb, hurry, change lane where forbidden."""

from __future__ import annotations

from collections.abc import Sequence

from bconnect_sim.core.network import Stretch
from bconnect_sim.core.wheel import Way, Wheel

KERB = 2.6  # m left of the kerb lane's middle: on the shoulder
DRAW_IN = 26.0  # m before its stop at which a driver begins to draw in
DRAW_OUT = 30.0  # m after it at which it is back


class Stand:
    """Halts at the kerb with its front between two positions of an edge."""

    def __init__(self, way: Way, stretch: Stretch, low: float, high: float, seconds: float) -> None:
        self._way, self._stretch = way, stretch
        self._low, self._high, self._seconds = low, high, seconds
        self._at: float | None = None
        self._stood = False

    def step(self, wheel: Wheel) -> bool:
        """See ``Manoeuvre.step``."""
        if self._at is None:
            return self._book(wheel)
        to = self._way.until(wheel, self._stretch, self._at)
        if to is None:
            return True
        if wheel.stands():
            self._stood = True
        elif to < -DRAW_OUT or (to < 0.0 and not self._stood):
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


class Hurry:
    """Drives too fast, but where its way is not free goes with the others past a speed place."""

    LOOK = (12.0, 60.0)  # m before a place at which it looks whether its way is free

    def __init__(
        self, way: Way, places: Sequence[tuple[Stretch, float]], factor: float, meek: float
    ) -> None:
        """``places``: stretches and the speeds [m/s] above which passing them is clearly fast."""
        self._way, self._places = way, list(places)
        self._factor, self._meek = factor, meek
        self._yields: Stretch | None = None

    def step(self, wheel: Wheel) -> bool:
        """See ``Manoeuvre.step``."""
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
