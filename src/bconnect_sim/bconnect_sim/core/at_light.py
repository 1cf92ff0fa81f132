"""What drivers do at a stop line who do not simply obey."""

from __future__ import annotations

from math import sqrt

from bconnect_sim.core.network import Stretch
from bconnect_sim.core.wheel import Wheel, to_line

AFTER_GRACE = 1.4  # s past the grace an offender crosses at the earliest
LOOK = 45.0  # m before the line at which one decides
DRIVE, BRAKE = 2.0, 3.5  # m/s2


class _AtLine:
    """Follows its distance to the line; over when the junction lies behind."""

    def __init__(self, signal: str, stretch: Stretch, amount: float, grace: float) -> None:
        self._signal, self._stretch, self._amount = signal, stretch, amount
        self._grace = grace
        self._near = False
        self._going = False
        self._stood: float | None = None

    def step(self, wheel: Wheel) -> bool:
        """See ``Manoeuvre.step``."""
        to = to_line(wheel, self._stretch, self._near)
        if to is None:
            if self._near:
                wheel.release()
            return not self._near
        self._near = True
        if wheel.speed > 0.3:
            self._stood = None
        elif self._stood is None:
            self._stood = wheel.time
        if self._going:
            return self._go(wheel, to)
        if to > LOOK or to < 0.0:
            return to >= 0.0
        if self._decide(wheel, to):
            self._going = True
            return self._go(wheel, to)
        return True

    def _decide(self, wheel: Wheel, to: float) -> bool:
        raise NotImplementedError

    def _go(self, wheel: Wheel, to: float) -> bool:
        raise NotImplementedError

    def _first(self, wheel: Wheel, to: float, beyond: float) -> bool:
        """Whether nobody is in front as far as ``beyond`` m past the line."""
        return wheel.ahead(to + beyond + 2.0) is None

    def _arrives(self, wheel: Wheel, to: float) -> float | None:
        """s to the line; None: it creeps, or stands without having waited."""
        if self._stood is not None:
            waited = wheel.time - self._stood >= 2.5
            return sqrt(2.0 * max(to, 0.0) / DRIVE) if waited and to < 4.0 else None
        return to / wheel.speed if wheel.speed > 3.0 else None

    def _in_red(self, wheel: Wheel, to: float, rest: float) -> bool:
        """Whether it would cross well inside red, with ``rest`` s of red to go."""
        shown, arrives = wheel.aspect(self._signal), self._arrives(wheel, to)
        if shown.word != "red" or arrives is None:
            return False
        at = wheel.time + arrives
        return at >= shown.since + self._grace + AFTER_GRACE and at + rest <= shown.until

    def _roll(self, wheel: Wheel, left: float, most: float) -> None:
        """Rolls so as to halt ``left`` m ahead."""
        least, best = wheel.speed - BRAKE * wheel.step, wheel.speed + DRIVE * wheel.step
        fast = min(best, max(least, min(most, sqrt(2.0 * DRIVE * max(left, 0.0)))))
        wheel.drive(0.0 if left < 0.03 else fast, blind=True)


class RunRed(_AtLine):
    """Crosses in red when nobody crosses; waits ``amount`` s first if it came to stand."""

    def _decide(self, wheel: Wheel, to: float) -> bool:
        if self._stood is not None and wheel.time - self._stood < self._amount:
            return False
        return (
            self._in_red(wheel, to, 7.0)
            and self._first(wheel, to, 12.0)
            and wheel.clear(self._signal)
        )

    def _go(self, wheel: Wheel, to: float) -> bool:
        wheel.ignore_lights()
        return True


class StopPastLine(_AtLine):
    """Rolls over the line in red and stands ``amount`` m past it until green."""

    def _decide(self, wheel: Wheel, to: float) -> bool:
        brakes = wheel.speed <= sqrt(2.0 * DRIVE * (to + self._amount))
        return (
            brakes and self._in_red(wheel, to, 9.0) and self._first(wheel, to, self._amount + 4.0)
        )

    def _go(self, wheel: Wheel, to: float) -> bool:
        if wheel.aspect(self._signal).word == "green":
            wheel.release()
            return False
        self._roll(wheel, to + self._amount, 9.0)
        return True


class StandAtGreen(_AtLine):
    """Crosses in green, is held up ``amount`` m past the line and waits for the next green."""

    _red = False

    def _decide(self, wheel: Wheel, to: float) -> bool:
        shown = wheel.aspect(self._signal)
        if shown.word != "green" or wheel.speed < 4.0:
            return False
        rest, arrives = shown.until - wheel.time, to / wheel.speed
        return (
            1.6 * arrives + 1.2 <= rest <= arrives + 8.0
            and wheel.speed <= sqrt(2.0 * DRIVE * (to + self._amount))
            and self._first(wheel, to, self._amount + 4.0)
        )

    def _go(self, wheel: Wheel, to: float) -> bool:
        word = wheel.aspect(self._signal).word
        self._red = self._red or word == "red"
        if self._red and word == "green":
            wheel.release()
            return False
        self._roll(wheel, to + self._amount, 20.0)
        return True


class LateAmber(_AtLine):
    """Crosses ``amount`` s before red begins."""

    amber = 3.0  # s, of the light

    def _decide(self, wheel: Wheel, to: float) -> bool:
        if self._pace(wheel, to) is None:
            return False
        lead = wheel.ahead(to + 6.0)
        return lead is None or (lead[0] > 0.9 * wheel.speed and lead[1] >= wheel.speed - 0.5)

    def _pace(self, wheel: Wheel, to: float) -> float | None:
        """The speed that brings it to the line in time; None: not to be had smoothly."""
        shown = wheel.aspect(self._signal)
        if shown.word == "red" or to < 4.0:
            return None
        end = shown.until + (self.amber if shown.word == "green" else 0.0)
        left = end - self._amount - wheel.time
        pace = to / left if left > 0.3 else 0.0
        fits = 6.0 <= pace <= 15.0 and abs(pace - wheel.speed) <= min(3.0, 0.5 * left)
        return pace if fits else None

    def _go(self, wheel: Wheel, to: float) -> bool:
        if to > 4.0 and (pace := self._pace(wheel, to)) is not None:
            wheel.drive(pace)
        elif to > 25.0:  # held up: too late to be in time
            wheel.release()
            return False
        return True


class MakeWay(_AtLine):
    """First at a red light with an ambulance behind: rolls ``amount`` m over the line for it."""

    def _decide(self, wheel: Wheel, to: float) -> bool:
        return to < 5.0 and wheel.speed < 1.0

    def _go(self, wheel: Wheel, to: float) -> bool:
        if wheel.aspect(self._signal).word == "green":
            wheel.release()
            return False
        self._roll(wheel, to + self._amount, 4.0)
        return True
