"""The ground through one camera, a point at a time or all of an image at once.

numpy takes longer to begin than a few points take to compute, and some rules ask for a few points
of one vehicle; the same numbers either way. Only for lenses that do not bend straight lines.
Compiled, by the types in plane.pxd.
"""

from __future__ import annotations

import numpy as np
from cython.cimports.libc.math import hypot
from numpy.typing import NDArray

from bconnect_site.calibration import Calibration

Pair = tuple[float, float]
Vector = NDArray[np.float64]

_NAN, _INF = float("nan"), float("inf")
NOWHERE = (_NAN, _NAN)
_ROUNDS = 3  # of laying a rectangle


class Plane:
    """Pixels of one image size to m and back; NaN beyond the horizon."""

    def __init__(self, calibration: Calibration, size: tuple[int, int]) -> None:
        w, h = size
        to = calibration.homography / (w, h, 1.0)
        back = np.linalg.inv(calibration.homography) * np.array(((w,), (h,), (1.0,)))
        self._to = np.array(to, np.float64).ravel()
        self._back = np.array(back, np.float64).ravel()
        region = np.array(calibration.file.ground.region, np.float64) * (w, h)  # type: ignore[union-attr]
        self._ends = np.concatenate((region, np.roll(region, -1, axis=0)), axis=1)

    def place(self, x: float, y: float) -> Pair:
        """m of a pixel, be it outside the calibrated region."""
        return _through(self._to, x, y)

    def pixel(self, x: float, y: float) -> Pair:
        """Pixels of a place, m."""
        return _through(self._back, x, y)

    def covers(self, x: float, y: float) -> bool:
        """Whether a pixel lies in the calibrated region."""
        inside = False
        for i in range(self._ends.shape[0]):
            ax, ay, bx, by = self._ends[i, 0], self._ends[i, 1], self._ends[i, 2], self._ends[i, 3]
            if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
                inside = not inside
        return inside

    def places(self, points: Vector) -> Vector:
        """m of pixels (n, 2), be they outside the calibrated region."""
        return _all_through(self._to, points)

    def pixels(self, ground: Vector) -> Vector:
        """Pixels of places (n, 2), m."""
        return _all_through(self._back, ground)

    def cover(self, points: Vector) -> NDArray[np.bool_]:
        """Which pixels (n, 2) lie in the calibrated region."""
        made = np.empty(points.shape[0], np.bool_)
        flags = made.view(np.uint8)
        for i in range(points.shape[0]):
            flags[i] = self.covers(points[i, 0], points[i, 1])
        return made

    def known(self, points: Vector) -> Vector:
        """m of pixels (n, 2), NaN outside the calibrated region."""
        made = _all_through(self._to, points)
        out = made
        for i in range(points.shape[0]):
            if not self.covers(points[i, 0], points[i, 1]):
                out[i, 0] = out[i, 1] = _NAN
        return made

    def middles(self, feet: Vector, ahead: Vector, spans: Vector) -> Vector:
        """``middle`` (n, 2, 2) of n vehicles, be they short or long; NaN outside the calibrated
        region. feet (n, 2); ahead (n, 2); spans (n, 3): shortest and longest length, width."""
        made = np.empty((feet.shape[0], 2, 2))
        out = made
        for i in range(feet.shape[0]):
            known = self.covers(feet[i, 0], feet[i, 1])
            for k in range(2):
                out[i, k, 0] = out[i, k, 1] = _NAN
                if known:
                    out[i, k, 0], out[i, k, 1] = self.middle(
                        feet[i, 0], feet[i, 1], ahead[i, 0], ahead[i, 1], spans[i, k], spans[i, 2]
                    )
        return made

    def middle(
        self, foot_x: float, foot_y: float, ax: float, ay: float, length: float, width: float
    ) -> Pair:
        """Middle of a rectangle on the ground whose image has that foot; (ax, ay): unit vector of
        its length."""
        seen_x, seen_y = _through(self._to, foot_x, foot_y)
        half, side = length / 2, width / 2
        ux, uy, vx, vy = half * ax, half * ay, -side * ay, side * ax
        x, y = seen_x, seen_y
        for _ in range(_ROUNDS):
            left, right, low = _INF, -_INF, -_INF
            for corner in range(4):
                if corner == 0:
                    dx, dy = ux + vx, uy + vy
                elif corner == 1:
                    dx, dy = ux - vx, uy - vy
                elif corner == 2:
                    dx, dy = -ux - vx, -uy - vy
                else:
                    dx, dy = vx - ux, vy - uy
                px, py = _through(self._back, x + dx, y + dy)
                if px != px:
                    return _NAN, _NAN
                left, right, low = min(left, px), max(right, px), max(low, py)
            at_x, at_y = _through(self._to, (left + right) / 2, low)
            x, y = x + seen_x - at_x, y + seen_y - at_y
        return x, y

    def step(self, x: float, y: float, ax: float, ay: float) -> float:
        """Pixels that a pixel's place moves by in the image for 1 m along a unit vector; NaN:
        outside the calibrated region."""
        if not self.covers(x, y):
            return _NAN
        at_x, at_y = _through(self._to, x, y)
        ux, uy = _through(self._back, at_x, at_y)
        vx, vy = _through(self._back, at_x + ax, at_y + ay)
        return hypot(vx - ux, vy - uy)

    def scale(self, x: float, y: float) -> float:
        """Pixels of what is 1 m high or wide where a pixel's place is; NaN: outside the calibrated
        region."""
        if not self.covers(x, y):
            return _NAN
        at_x, at_y = _through(self._to, x, y)
        ax, ay = _through(self._back, at_x, at_y)
        bx, by = _through(self._back, at_x + 1.0, at_y)
        cx, cy = _through(self._back, at_x, at_y + 1.0)
        bx, by, cx, cy = bx - ax, by - ay, cx - ax, cy - ay
        # The larger singular value of ((bx, by), (cx, cy)); NaN stays NaN.
        squares, area = bx * bx + by * by + cx * cx + cy * cy, bx * cy - by * cx
        rest = squares * squares - 4 * area * area
        return ((squares + (rest if rest > 0.0 else 0.0) ** 0.5) / 2) ** 0.5


def _through(m: Vector, x: float, y: float) -> Pair:
    weight = m[6] * x + m[7] * y + m[8]
    if not weight > 0.0:
        return _NAN, _NAN
    return (m[0] * x + m[1] * y + m[2]) / weight, (m[3] * x + m[4] * y + m[5]) / weight


def _all_through(m: Vector, points: Vector) -> Vector:
    made = np.empty((points.shape[0], 2))
    out = made
    for i in range(points.shape[0]):
        out[i, 0], out[i, 1] = _through(m, points[i, 0], points[i, 1])
    return made
