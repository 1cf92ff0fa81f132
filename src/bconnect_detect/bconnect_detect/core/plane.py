"""The ground through one camera, a point at a time.

numpy takes longer to begin than a few points take to compute, and rules ask for a few points of
every vehicle in every image. Only for lenses that do not bend straight lines.
"""

from __future__ import annotations

from itertools import pairwise
from math import inf, nan

import numpy as np

from bconnect_site.calibration import Calibration

Pair = tuple[float, float]
Spans = tuple[Pair, ...]  # lengths and widths, m

NOWHERE = (nan, nan)
_ROUNDS = 3  # of laying a rectangle


class Plane:
    """Pixels of one image size to m and back; NaN beyond the horizon."""

    __slots__ = ("_back", "_edges", "_to")

    def __init__(self, calibration: Calibration, size: tuple[int, int]) -> None:
        w, h = size
        to = calibration.homography / (w, h, 1.0)
        back = np.linalg.inv(calibration.homography) * np.array(((w,), (h,), (1.0,)))
        self._to = tuple(to.ravel().tolist())
        self._back = tuple(back.ravel().tolist())
        region = [(x * w, y * h) for x, y in calibration.file.ground.region]  # type: ignore[union-attr]
        self._edges = tuple(pairwise((*region, region[0])))

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
