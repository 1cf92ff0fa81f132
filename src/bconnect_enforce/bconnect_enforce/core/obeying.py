"""Whether one road user does what it was told, kind by kind, out of looks at its track.

Lengths are in image heights, so that a length is the same along and across; a *size* is the
square root of a box's area. Each watcher is given every look and answers with an outcome as
soon as it is sure; at the end it is asked once more. Who was out of sight when it mattered has
neither obeyed nor ignored: UNKNOWN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

from bconnect_enforce.core.rungs import SECOND, Shape
from bconnect_site.kinds import Outcome, ViolationType

Point = tuple[float, float]
Box = tuple[float, float, float, float]

BLIND = 3 * SECOND  # unseen this long: out of sight
REACT = 4 * SECOND  # from the order: the phrase has been heard
CONFIRM = SECOND // 2  # a change must last


@dataclass(frozen=True, slots=True)
class Look:
    """One road user in one image; `speed` [m/s] over ground, NaN: unknown."""

    stamp: int
    box: Box
    speed: float = math.nan

    @property
    def foot(self) -> Point:
        return (self.box[0] + self.box[2]) / 2, self.box[3]

    @property
    def size(self) -> float:
        width, height = self.box[2] - self.box[0], self.box[3] - self.box[1]
        return math.sqrt(max(width, 1e-6) * max(height, 1e-6))


Verdict = tuple[Outcome, int, str]
"""Outcome, stamp at which it was obeyed (0: it was not), one sentence."""


class Watcher(Protocol):
    """One kind's way of looking."""

    def look(self, look: Look) -> Verdict | None:
        """The verdict, once it is sure."""

    def end(self, stamp: int) -> Verdict:
        """The verdict with what was seen until now."""


def unknown(why: str) -> Verdict:
    return Outcome.UNKNOWN, 0, why


@dataclass(frozen=True, slots=True)
class Sight:
    """How a finding saw its road user: the way to recognise it and to judge what it does next.

    `aspect` is image width over height; `trail` its foot points, oldest first; `measured` and
    `limit` in the finding's unit.
    """

    look: Look
    aspect: float = 16 / 9
    trail: tuple[Point, ...] = ()
    measured: float = math.nan
    limit: float = math.nan


def make_watcher(kind: ViolationType, sight: Sight, shape: Shape) -> Watcher | None:
    """The watcher for a kind, from where the road user was found; None: nothing to be seen."""
    first, limit = sight.look, sight.limit
    region = _scaled(shape.region, sight.aspect)
    arrow = _direction(_scaled(shape.arrow, sight.aspect))
    if kind is ViolationType.STOP_LINE:
        arrow = arrow or _direction(sight.trail)
    if kind in (ViolationType.ILLEGAL_PARKING, ViolationType.ILLEGAL_STOPPING):
        return Stander(first, region)
    if kind is ViolationType.WRONG_WAY and arrow is not None:
        return WrongWay(first, arrow, region)
    if kind is ViolationType.STOP_LINE and arrow is not None:
        return Overrun(first, arrow, _scaled(shape.line, sight.aspect))
    if kind is ViolationType.SPEEDING and math.isfinite(first.speed) and math.isfinite(limit):
        return Speeder(first, limit)
    return None


@dataclass(slots=True)
class Stander:
    """Stands where it must not. Obeys by moving off: off its place, and out of the zone or on.

    Its id may change behind a passing bus: `stands_here` tells whether a box is on its place.
    """

    first: Look
    region: tuple[Point, ...] = ()
    last: Look = field(init=False)
    off: Look | None = None  # the first look off its place
    rest: Look | None = None  # where it has been standing since, off its place

    def __post_init__(self) -> None:
        self.last = self.first

    def stands_here(self, box: Box) -> bool:
        return _iou(box, self.first.box) >= 0.6

    def look(self, look: Look) -> Verdict | None:
        self.last = look
        if not self._is_off(look):
            self.off = self.rest = None
            return None
        if self.off is None:
            self.off = look
        if self.rest is None or _distance(self.rest.foot, look.foot) > 0.3 * look.size:
            self.rest = look
        away = not self.region or not _inside(self.region, look.foot)
        if away and look.stamp - self.off.stamp >= CONFIRM:
            return self._obeyed()
        return None

    def end(self, stamp: int) -> Verdict:
        if self.off is not None and self.last.stamp > self.off.stamp:
            rested = self.last.stamp - self.rest.stamp if self.rest else 0
            if rested < 2 * SECOND:
                return self._obeyed()
            return Outcome.IGNORED, 0, "moved a little and stood again in the zone"
        if stamp - self.last.stamp > BLIND or self.off is not None:
            return unknown("out of sight before it moved off")
        return Outcome.IGNORED, 0, "still stood there"

    def _is_off(self, look: Look) -> bool:
        far = _distance(look.foot, self.first.foot) > 0.8 * self.first.size
        return far and _iou(look.box, self.first.box) < 0.1

    def _obeyed(self) -> Verdict:
        assert self.off is not None
        return Outcome.COMPLIED, self.off.stamp, "moved off"


@dataclass(slots=True)
class WrongWay:
    """Goes against the arrow. Obeys by turning back, or by leaving sideways."""

    first: Look
    arrow: Point
    region: tuple[Point, ...] = ()
    last: Look = field(init=False)
    furthest: float = 0.0  # against the arrow, from where it was found
    heard: float | None = None  # how far it was when it had heard the phrase
    turned: Look | None = None
    left: Look | None = None

    def __post_init__(self) -> None:
        self.last = self.first

    def look(self, look: Look) -> Verdict | None:
        self.last = look
        on, aside = self._way(look)
        self.furthest = max(self.furthest, on)
        self.turned = (self.turned or look) if self.furthest - on >= look.size else None
        if self.turned is not None and look.stamp - self.turned.stamp >= CONFIRM:
            return Outcome.COMPLIED, self.turned.stamp, "turned back"
        gone = bool(self.region) and not _inside(self.region, look.foot)
        self.left = (self.left or look) if gone and aside > max(on, 0.5 * look.size) else None
        if self.left is not None and look.stamp - self.left.stamp >= CONFIRM:
            return Outcome.COMPLIED, self.left.stamp, "left the lane"
        if look.stamp - self.first.stamp >= REACT:
            if self.heard is None:
                self.heard = on
            elif on - self.heard >= 1.5 * look.size:
                return Outcome.IGNORED, 0, "went on against the traffic"
        return None

    def end(self, stamp: int) -> Verdict:
        if stamp - self.last.stamp > BLIND:
            return unknown("out of sight before it was clear")
        return unknown("neither turned back nor went on")

    def _way(self, look: Look) -> tuple[float, float]:
        """How far it came against the arrow and across it, since it was found."""
        x, y = look.foot[0] - self.first.foot[0], look.foot[1] - self.first.foot[1]
        across = abs(x * self.arrow[1] - y * self.arrow[0])
        return -(x * self.arrow[0] + y * self.arrow[1]), across


@dataclass(slots=True)
class Overrun:
    """Stands past the stop line. Obeys by going back behind it.

    The line holds for its foot where the foot was past it; else its front was, of which only
    the way back is seen.
    """

    first: Look
    arrow: Point
    line: tuple[Point, ...] = ()
    last: Look = field(init=False)
    back: Look | None = None

    def __post_init__(self) -> None:
        self.last = self.first

    def look(self, look: Look) -> Verdict | None:
        self.last = look
        way = self._along(self.first.foot, look.foot)
        if way >= look.size:
            return unknown("drove on")
        behind = way <= -0.35 * look.size and not self._past(look)
        self.back = (self.back or look) if behind else None
        if self.back is not None and look.stamp - self.back.stamp >= CONFIRM:
            return Outcome.COMPLIED, self.back.stamp, "went back behind the line"
        return None

    def end(self, stamp: int) -> Verdict:
        if stamp - self.last.stamp > BLIND or self.back is not None:
            return unknown("out of sight before it was clear")
        return Outcome.IGNORED, 0, "stayed past the line"

    def _along(self, a: Point, b: Point) -> float:
        return (b[0] - a[0]) * self.arrow[0] + (b[1] - a[1]) * self.arrow[1]

    def _past(self, look: Look) -> bool:
        if len(self.line) < 2:
            return False
        (x1, y1), (x2, y2) = self.line
        normal = (y2 - y1, x1 - x2)
        if normal[0] * self.arrow[0] + normal[1] * self.arrow[1] < 0:
            normal = (-normal[0], -normal[1])
        length = math.hypot(*normal) or 1.0

        def past(foot: Point) -> float:
            return ((foot[0] - x1) * normal[0] + (foot[1] - y1) * normal[1]) / length

        return past(self.first.foot) > 0 and past(look.foot) > 0


@dataclass(slots=True)
class Speeder:
    """Drives too fast. Obeys by coming down to the limit and what is forgiven above it."""

    first: Look
    limit: float
    last: Look = field(init=False)
    slow: Look | None = None
    heard: int = 0  # looks after the phrase was heard, all of them too fast

    def __post_init__(self) -> None:
        self.last = self.first

    def look(self, look: Look) -> Verdict | None:
        if not math.isfinite(look.speed):
            return None
        self.last = look
        allowed = self.limit + max(3 / 3.6, 0.03 * self.limit)
        self.slow = (self.slow or look) if look.speed <= allowed else None
        if self.slow is not None and look.stamp - self.slow.stamp >= CONFIRM:
            return Outcome.COMPLIED, self.slow.stamp, "slowed down"
        if look.stamp - self.first.stamp >= REACT:
            self.heard += look.speed > 1.05 * allowed
        return None

    def end(self, stamp: int) -> Verdict:
        if self.heard < 3 or self.slow is not None:
            return unknown("out of sight before it was clear")
        return Outcome.IGNORED, 0, "did not slow down"


def _scaled(points: tuple[Point, ...], aspect: float) -> tuple[Point, ...]:
    return tuple((x * aspect, y) for x, y in points)


def _direction(arrow: tuple[Point, ...]) -> Point | None:
    if len(arrow) < 2:
        return None
    x, y = arrow[-1][0] - arrow[0][0], arrow[-1][1] - arrow[0][1]
    length = math.hypot(x, y)
    return (x / length, y / length) if length else None


def _inside(region: tuple[Point, ...], point: Point) -> bool:
    """Whether a polygon holds a point (even-odd)."""
    x, y = point
    odd = False
    for (x1, y1), (x2, y2) in zip(region, (*region[1:], region[0]), strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            odd = not odd
    return odd


def _distance(a: Point, b: Point) -> float:
    return math.hypot(a[0] - b[0], a[1] - b[1])


def _iou(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / max(area - width * height, 1e-12)
