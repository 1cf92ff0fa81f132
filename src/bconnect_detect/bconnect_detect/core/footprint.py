"""Where a vehicle's front and middle are, seen only the foot of its box.

The foot is the front of oncoming traffic and the rear of departing traffic, and from the side
neither. Where the camera is calibrated, a rectangle of the kind's measures is laid on the ground
so that its image has that foot; elsewhere the front of departing traffic lies somewhere in the
lower part of its box.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, isfinite, nan

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.plane import NOWHERE, Plane
from bconnect_detect.core.types import Pair, RoadUser
from bconnect_site.calibration import Calibration
from bconnect_site.kinds import RoadUserKind as Kind

Vector = NDArray[np.float64]

# m, from the shortest to the longest that is common
LENGTHS: dict[Kind, Pair] = {
    Kind.MOTORCYCLE: (1.8, 2.1),
    Kind.CAR: (3.4, 4.7),
    Kind.MINIBUS: (4.0, 5.3),
    Kind.BUS: (8.0, 11.0),
    Kind.TRUCK: (5.0, 8.0),
}
WIDTHS = {Kind.MOTORCYCLE: 0.75, Kind.BUS: 2.5, Kind.TRUCK: 2.2}  # m
# Share of a box's height that length can take when it is looked down on at up to 27 degrees.
SHARES = {Kind.MOTORCYCLE: 0.36, Kind.BUS: 0.67, Kind.TRUCK: 0.67}
_LENGTH, _WIDTH, _SHARE = (1.8, 5.3), 1.75, 0.6
_CORNERS = np.array(((1.0, 1.0), (1.0, -1.0), (-1.0, -1.0), (-1.0, 1.0))) / 2
_ROUNDS = 3  # of laying the rectangle


def lengths(kind: Kind) -> Pair:
    """The shortest and the longest usual length of a kind, m."""
    return LENGTHS.get(kind, _LENGTH)


def _spans(kind: Kind) -> tuple[float, float, float]:
    """Lengths and the width of a kind, m."""
    return (*LENGTHS.get(kind, _LENGTH), WIDTHS.get(kind, _WIDTH))


class GroundView:
    """The ground as a camera of one image size sees it; says nothing where it is not calibrated."""

    def __init__(self, calibration: Calibration | None, size: tuple[int, int]) -> None:
        good = calibration is not None and calibration.has_ground and calibration.fits(*size)
        self._calibration = calibration if good else None
        self._scale = np.array(size, np.float64)
        self._plane: Plane | None = None
        if self._calibration is not None and not self._calibration.has_distortion:
            self._plane = Plane(self._calibration, size)

    def __bool__(self) -> bool:
        return self._calibration is not None

    @property
    def stddev(self) -> float:
        """m, of a place the calibration gives; NaN: not calibrated."""
        return self._calibration.stddev if self._calibration else float("nan")

    def places(self, points: Vector, anywhere: bool = False) -> Vector:
        """Pixels (n, 2) as m, NaN where nothing is known; anywhere: also where that is unsure."""
        if self._calibration is None:
            return np.full((len(points), 2), np.nan)
        if (plane := self._plane) is not None:
            return plane.places(points) if anywhere else plane.known(points)
        return self._calibration.to_ground(points / self._scale, anywhere=anywhere)

    def place(self, x: float, y: float) -> Pair:
        """One pixel as m, NaN where nothing is known."""
        if (plane := self._plane) is not None:
            return plane.place(x, y) if plane.covers(x, y) else NOWHERE
        if self._calibration is None:
            return NOWHERE
        return _pair(self.places(np.array(((x, y),)))[0])

    def pixel(self, x: float, y: float) -> Pair:
        """One place, m, as pixels."""
        if self._plane is not None:
            return self._plane.pixel(x, y)
        if self._calibration is None:
            return NOWHERE
        return _pair(self.pixels(np.array(((x, y),)))[0])

    def pixels(self, ground: Vector) -> Vector:
        """Places (n, 2), m, as pixels."""
        if self._calibration is None:
            return np.full((len(ground), 2), np.nan)
        if self._plane is not None:
            return self._plane.pixels(ground)
        return self._calibration.to_image(ground) * self._scale

    def heading(self, at: Vector, way: Vector) -> Vector:
        """A direction of the image (pixels) at a point as a unit vector on the ground."""
        if self._calibration is None:
            return np.full(2, np.nan)
        moved = self._calibration.jacobian(at / self._scale)[0] @ (way / self._scale)
        length = float(np.hypot(*moved))
        return np.asarray(moved / length if length > 0 else moved * np.nan, np.float64)

    def middles(self, kind: Kind, foot: Pair, ahead: Vector) -> Vector:
        """Middles (2, 2) of the shortest and the longest vehicle with that foot, m; NaN: unknown.

        ahead: unit vector on the ground, where it is heading.
        """
        if self._plane is not None:
            return self.middles_of((kind,), np.array((foot,), np.float64), ahead[None])[0]
        seen = self.places(np.array((foot,)))
        if not (np.isfinite(seen).all() and np.isfinite(ahead).all()):
            return np.full((2, 2), np.nan)
        spans = np.array([(length, WIDTHS.get(kind, _WIDTH)) for length in lengths(kind)])
        axes = np.array((ahead, (-ahead[1], ahead[0])))
        corners = (_CORNERS[None] * spans[:, None]) @ axes  # (2, 4, 2) m, about the middle
        middles = np.repeat(seen, 2, axis=0)
        for _ in range(_ROUNDS):
            image = self.pixels((middles[:, None] + corners).reshape(-1, 2)).reshape(2, 4, 2)
            x = (image[:, :, 0].min(axis=1) + image[:, :, 0].max(axis=1)) / 2
            feet = np.column_stack((x, image[:, :, 1].max(axis=1)))
            middles = middles + seen - self.places(feet, anywhere=True)
        return middles

    def middles_of(self, kinds: Sequence[Kind], feet: Vector, ahead: Vector) -> Vector:
        """``middles`` (n, 2, 2) of n vehicles: feet (n, 2), ahead (n, 2)."""
        if self._plane is not None:
            spans = np.array([_spans(kind) for kind in kinds]).reshape(-1, 3)
            return self._plane.middles(feet, ahead, spans)
        pairs = zip(kinds, feet.tolist(), ahead, strict=True)
        each = [self.middles(kind, (x, y), way) for kind, (x, y), way in pairs]
        return np.array(each, np.float64).reshape(-1, 2, 2)

    def middle_each(self, kind: Kind, foot: Pair, ahead: Pair) -> tuple[Pair, Pair]:
        """``middles`` of one vehicle."""
        if (plane := self._plane) is None:
            short, long = self.middles(kind, foot, np.array(ahead)).tolist()
            return (short[0], short[1]), (long[0], long[1])
        if not plane.covers(*foot):
            return NOWHERE, NOWHERE
        short, long, width = _spans(kind)
        return plane.middle(*foot, *ahead, short, width), plane.middle(*foot, *ahead, long, width)

    def step(self, foot: Pair, ahead: Pair) -> float:
        """Pixels a foot moves in the image for 1 m along a unit vector; NaN: not known."""
        if self._plane is not None:
            return self._plane.step(*foot, *ahead)
        (x, y), (ax, ay) = self.place(*foot), ahead
        (ux, uy), (vx, vy) = self.pixel(x, y), self.pixel(x + ax, y + ay)
        return float(np.hypot(vx - ux, vy - uy))

    def scale(self, foot: Pair) -> float:
        """Pixels of what is 1 m high or wide where a foot stands; NaN: not known."""
        if self._plane is not None:
            return self._plane.scale(*foot)
        x, y = self.place(*foot)
        ax, ay = self.pixel(x, y)
        bx, by = self.pixel(x + 1.0, y)
        cx, cy = self.pixel(x, y + 1.0)
        return float(np.linalg.norm(((bx - ax, by - ay), (cx - ax, cy - ay)), 2))

    def pixels_of(self, ground: Vector) -> Vector:
        """``pixels`` (n, 2) of few or many places."""
        return self._plane.pixels(ground) if self._plane else self.pixels(ground)

    def anywhere(self, points: Vector) -> Vector:
        """``places`` (n, 2) of few or many points, also where that is unsure."""
        return self._plane.places(points) if self._plane else self.places(points, anywhere=True)


@dataclass(frozen=True, slots=True)
class Extent:
    """Pixels: the least and the most its front may have come, and the least its middle has."""

    front_least: Pair
    front_most: Pair
    middle_least: Pair


class Footprint:
    """Extents of vehicles that travel across a line. line (2, 2): pixels; way: unit vector."""

    def __init__(self, line: Vector, way: Vector, view: GroundView) -> None:
        self.view = view
        self._way, self._plain = way, _pair(way)
        at = line.mean(axis=0)
        along = view.heading(at, line[1] - line[0])
        across = np.array((-along[1], along[0]))  # traffic crosses a line squarely
        self._ahead = across if float(across @ view.heading(at, way)) >= 0 else -across
        self._heading = _pair(self._ahead)

    def extent(self, user: RoadUser) -> Extent:
        """Where a vehicle may be; outside the calibrated region by its box alone."""
        seen, view, (ax, ay) = self._from_box(user), self.view, self._heading
        if not view:
            return seen
        middles = view.middle_each(user.kind, user.foot, self._heading)
        halves = [length / 2 for length in lengths(user.kind)]
        fronts = [
            view.pixel(x + half * ax, y + half * ay)
            for (x, y), half in zip(middles, halves, strict=True)
        ]
        backs = [view.pixel(x, y) for x, y in middles]
        if not all(isfinite(x) and isfinite(y) for x, y in (*fronts, *backs)):
            return seen
        least, most = sorted(fronts, key=self._depth)
        # Both bounds hold: the front is not further than the nearer of the two.
        if self._depth(most) > self._depth(seen.front_most):
            most = max(least, seen.front_most, key=self._depth)
        middle = min(backs, key=self._depth)
        return Extent(least, most, middle)

    def pixels_per_metre(self, user: RoadUser) -> float:
        """How far a vehicle's foot moves in the image for 1 m of way; NaN: not calibrated."""
        return self.view.step(user.foot, self._heading) if self.view else nan

    def scale(self, user: RoadUser) -> float:
        """Pixels of what is 1 m high or wide where a vehicle stands; NaN: not calibrated."""
        return self.view.scale(user.foot) if self.view else nan

    def _from_box(self, user: RoadUser) -> Extent:
        (x, y), (along, down) = user.foot, self._plain
        wide, high = user.width / 2, SHARES.get(user.kind, _SHARE) * user.height / 2
        reach = max(0.0, -high * down + hypot(along * wide, down * high))
        middle = (x, y) if down < 0.3 else (x, y - high)
        return Extent((x, y), (x + reach * along, y + reach * down), middle)

    def _depth(self, point: Pair) -> float:
        return point[0] * self._plain[0] + point[1] * self._plain[1]


def _pair(point: Vector) -> Pair:
    return float(point[0]), float(point[1])
