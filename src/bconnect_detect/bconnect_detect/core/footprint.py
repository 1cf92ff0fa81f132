"""Where a vehicle's front and middle may be, seen only the foot of its box.

The foot is the front of oncoming traffic and the rear of departing traffic. Where the camera
is calibrated the vehicle's length is laid on the ground; elsewhere the front of departing
traffic lies somewhere in the lower part of its box.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.types import Pair, RoadUser
from bconnect_site.calibration import Calibration
from bconnect_site.kinds import RoadUserKind as Kind

Vector = NDArray[np.float64]

# m, from the shortest to the longest that is common
LENGTHS: dict[Kind, Pair] = {
    Kind.MOTORCYCLE: (1.8, 2.3),
    Kind.CAR: (3.5, 5.1),
    Kind.MINIBUS: (4.0, 5.6),
    Kind.BUS: (8.0, 12.5),
    Kind.TRUCK: (5.0, 10.0),
}
# Share of a box's height that length can take when it is looked down on at up to 27 degrees.
SHARES = {Kind.MOTORCYCLE: 0.36, Kind.BUS: 0.67, Kind.TRUCK: 0.67}
_LENGTH, _SHARE = (1.5, 5.6), 0.6


@dataclass(frozen=True, slots=True)
class Extent:
    """Pixels: the least and the most its front may have come, and the least its middle has."""

    front_least: Pair
    front_most: Pair
    middle_least: Pair


class Footprint:
    """Extents of vehicles that travel across a line. line (2, 2): pixels; way: unit vector."""

    def __init__(
        self,
        line: Vector,
        way: Vector,
        size: tuple[int, int],
        calibration: Calibration | None,
    ) -> None:
        self._way = way
        self._scale = np.array(size, np.float64)
        good = calibration is not None and calibration.fits(*size)
        self._calibration = calibration if good else None
        if self._calibration is not None:
            at = line.mean(axis=0)
            along = _heading(self._calibration, at, line[1] - line[0], self._scale)
            across = np.array((-along[1], along[0]))  # traffic crosses a line squarely
            sign = float(across @ _heading(self._calibration, at, way, self._scale))
            away = _heading(self._calibration, at, np.array((0.0, -1.0)), self._scale)
            self._ahead = across if sign >= 0 else -across
            self._departing = float(self._ahead @ away)

    def extent(self, user: RoadUser) -> Extent:
        """Where a vehicle may be; outside the calibrated region by its box alone."""
        seen = self._from_box(user)
        if self._calibration is None:
            return seen
        foot = self._calibration.to_ground(np.array(user.foot) / self._scale)[0]
        if not (np.isfinite(foot).all() and np.isfinite(self._ahead).all()):
            return seen
        shortest, longest = LENGTHS.get(user.kind, _LENGTH)
        to_front = (1.0 + self._departing) / 2
        to_middle = self._departing / 2 * (shortest if self._departing > 0 else longest)
        steps = np.array((shortest * to_front, longest * to_front, to_middle))
        least, most, middle = self._pixels(foot + steps[:, None] * self._ahead)
        # Both bounds hold: the front is not further than the nearer of the two.
        if self._depth(most) > self._depth(seen.front_most):
            most = max(least, seen.front_most, key=self._depth)
        return Extent(least, most, middle)

    def pixels_per_metre(self, user: RoadUser) -> float:
        """How far a vehicle's foot moves in the image for 1 m of way; NaN: not calibrated."""
        if self._calibration is None:
            return float("nan")
        foot = self._calibration.to_ground(np.array(user.foot) / self._scale)[0]
        moved = np.diff(self._calibration.to_image(np.array((foot, foot + self._ahead))), axis=0)
        return float(np.hypot(*(moved[0] * self._scale)))

    @property
    def stddev(self) -> float:
        """m, of a place the calibration gives; NaN: not calibrated."""
        return self._calibration.stddev if self._calibration else float("nan")

    def _from_box(self, user: RoadUser) -> Extent:
        share = SHARES.get(user.kind, _SHARE)
        half = np.array((user.width / 2, share * user.height / 2))
        foot = np.array(user.foot)
        centre = foot - (0.0, half[1])
        reach = float((centre - foot) @ self._way + np.hypot(*(self._way * half)))
        most = foot + max(0.0, reach) * self._way
        middle = foot if self._way[1] < 0.3 else centre
        return Extent(user.foot, _pair(most), _pair(middle))

    def _depth(self, point: Pair) -> float:
        return float(np.array(point) @ self._way)

    def _pixels(self, ground: Vector) -> list[Pair]:
        assert self._calibration is not None
        return [_pair(p) for p in self._calibration.to_image(ground) * self._scale]


def _heading(calibration: Calibration, at: Vector, way: Vector, scale: Vector) -> Vector:
    """A direction of the image at a place as a unit vector on the ground; NaN: not known."""
    moved = calibration.jacobian(at / scale)[0] @ (way / scale)
    length = float(np.hypot(*moved))
    return np.asarray(moved / length if length > 0 else moved * np.nan, np.float64)


def _pair(point: Vector) -> Pair:
    return float(point[0]), float(point[1])
