"""The ground through one camera, a point at a time or all of an image at once.

numpy takes longer to begin than a few points take to compute, and some rules ask for a few points
of one vehicle; the same numbers either way. Only for lenses that do not bend straight lines.
"""

from __future__ import annotations

from itertools import pairwise
from math import inf, nan

import numpy as np
from numpy.typing import NDArray

from bconnect_site.calibration import Calibration

Pair = tuple[float, float]
Spans = tuple[Pair, ...]  # lengths and widths, m
Vector = NDArray[np.float64]

NOWHERE = (nan, nan)
_ROUNDS = 3  # of laying a rectangle


class Plane:
    """Pixels of one image size to m and back; NaN beyond the horizon."""

    __slots__ = ("_back", "_edges", "_sides", "_to")

    def __init__(self, calibration: Calibration, size: tuple[int, int]) -> None:
        w, h = size
        to = calibration.homography / (w, h, 1.0)
        back = np.linalg.inv(calibration.homography) * np.array(((w,), (h,), (1.0,)))
        self._to = tuple(to.ravel().tolist())
        self._back = tuple(back.ravel().tolist())
        region = [(x * w, y * h) for x, y in calibration.file.ground.region]  # type: ignore[union-attr]
        self._edges = tuple(pairwise((*region, region[0])))
        self._sides = np.array([(*a, *b) for a, b in self._edges]).T

    def place(self, x: float, y: float) -> Pair:
        """m of a pixel, be it outside the calibrated region."""
        return _through(self._to, x, y)

    def pixel(self, x: float, y: float) -> Pair:
        """Pixels of a place, m."""
        return _through(self._back, x, y)

    def covers(self, x: float, y: float) -> bool:
        """Whether a pixel lies in the calibrated region."""
        inside = False
        for (ax, ay), (bx, by) in self._edges:
            if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
                inside = not inside
        return inside

    def places(self, points: Vector) -> Vector:
        """m of pixels (n, 2), be they outside the calibrated region."""
        return _all_through(self._to, points[:, 0], points[:, 1])

    def pixels(self, ground: Vector) -> Vector:
        """Pixels of places (n, 2), m."""
        return _all_through(self._back, ground[:, 0], ground[:, 1])

    def cover(self, points: Vector) -> NDArray[np.bool_]:
        """Which pixels (n, 2) lie in the calibrated region."""
        x, y = points[:, :1], points[:, 1:]
        ax, ay, bx, by = self._sides
        spans = (ay > y) != (by > y)
        with np.errstate(all="ignore"):
            left = x < ax + (y - ay) * (bx - ax) / (by - ay)
        return np.asarray((spans & left).sum(axis=1) % 2 == 1, np.bool_)

    def middles(self, feet: Vector, ahead: Vector, spans: Vector) -> Vector:
        """``middle`` of n vehicles: feet (n, 2), ahead (n, 2), lengths and widths (n, 2)."""
        seen = self.places(feet)
        half, side = spans[:, :1] / 2, spans[:, 1:] / 2
        (ux, uy), (vx, vy) = (half * ahead).T, (side * ahead[:, ::-1] * (-1.0, 1.0)).T
        dx = np.stack((ux + vx, ux - vx, -ux - vx, vx - ux))  # (4, n)
        dy = np.stack((uy + vy, uy - vy, -uy - vy, vy - uy))
        x, y, m = seen[:, 0], seen[:, 1], self._back
        lost = np.zeros(len(feet), np.bool_)
        for _ in range(_ROUNDS):
            cx, cy = x + dx, y + dy
            weight = m[6] * cx + m[7] * cy + m[8]
            lost |= ~(weight > 0.0).all(axis=0)
            with np.errstate(all="ignore"):
                px = (m[0] * cx + m[1] * cy + m[2]) / weight
                low = ((m[3] * cx + m[4] * cy + m[5]) / weight).max(axis=0)
                at = _all_through(self._to, (px.min(axis=0) + px.max(axis=0)) / 2, low)
            x, y = x + seen[:, 0] - at[:, 0], y + seen[:, 1] - at[:, 1]
        made = np.column_stack((x, y))
        made[lost] = nan
        return made

    def middle(self, foot: Pair, ahead: Pair, length: float, width: float) -> Pair:
        """Middle of a rectangle on the ground whose image has that foot; ahead: unit vector of
        its length."""
        seen_x, seen_y = self.place(*foot)
        (ax, ay), half, side = ahead, length / 2, width / 2
        ux, uy, vx, vy = half * ax, half * ay, -side * ay, side * ax
        corners = (ux + vx, uy + vy), (ux - vx, uy - vy), (-ux - vx, -uy - vy), (vx - ux, vy - uy)
        x, y = seen_x, seen_y
        for _ in range(_ROUNDS):
            left, right, low = inf, -inf, -inf
            for dx, dy in corners:
                px, py = self.pixel(x + dx, y + dy)
                if px != px:
                    return NOWHERE
                left, right, low = min(left, px), max(right, px), max(low, py)
            at_x, at_y = self.place((left + right) / 2, low)
            x, y = x + seen_x - at_x, y + seen_y - at_y
        return x, y


def _through(m: tuple[float, ...], x: float, y: float) -> Pair:
    weight = m[6] * x + m[7] * y + m[8]
    if not weight > 0.0:
        return NOWHERE
    return (m[0] * x + m[1] * y + m[2]) / weight, (m[3] * x + m[4] * y + m[5]) / weight


def _all_through(m: tuple[float, ...], x: Vector, y: Vector) -> Vector:
    weight = m[6] * x + m[7] * y + m[8]
    with np.errstate(all="ignore"):
        weight = np.where(weight > 0.0, weight, nan)
        return np.column_stack(
            ((m[0] * x + m[1] * y + m[2]) / weight, (m[3] * x + m[4] * y + m[5]) / weight)
        )
