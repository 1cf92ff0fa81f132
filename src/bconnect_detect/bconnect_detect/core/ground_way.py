"""The numbers of a camera's ground: where feet stand, how sure that is, and how fast they go.

One pass over the road users of an image, without an array operation for each step. Compiled, by
the types in ground_way.pxd.
"""

import numpy as np
from cython.cimports.libc.math import exp, fabs, hypot, sqrt
from numpy.typing import NDArray

from bconnect_site.calibration import Calibration

Vector = NDArray[np.float64]

KEPT = 32  # looks of one road user
_NAN, _INF = float("nan"), float("inf")
_BORDER = 0.04  # of a box's side: nearer to the image's border it counts as cut
_FOOT = 0.7071  # a foot's x is the mean of two edges, its y is one edge
_SECOND = 1e9  # ns


class Lay:
    """Lays feet on the ground; for lenses that do not bend straight lines."""

    def __init__(
        self, calibration: Calibration, size: tuple[int, int], noise: tuple[float, float, float]
    ) -> None:
        """noise: jitter and drift of a foot in shares of its box, and the jitter's least, px."""
        assert calibration.file.ground is not None
        self._wide, self._high = size
        self._in = calibration.homography.ravel()
        region = np.array(calibration.file.ground.region, np.float64)
        ends = np.roll(region, -1, axis=0)
        step = ends - region
        slope = step[:, 0] / np.where(step[:, 1] == 0, 1.0, step[:, 1])
        self._sides = np.column_stack((region, ends[:, 1], slope))
        self._jitter, self._drift, self._least = noise

    def feet(
        self, boxes: Vector, places: Vector, slopes: Vector, jitter: Vector, drift: Vector
    ) -> None:
        """Of boxes (n, 4) px: places (n, 2) m, NaN where cut or not known; slopes (n, 2, 2) m per
        px; noise (n, 2) px."""
        h = self._in
        for i in range(boxes.shape[0]):
            left, top, right, bottom = boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3]
            x, y = (left + right) / 2.0 / self._wide, bottom / self._high
            weight = h[6] * x + h[7] * y + h[8]
            seen = weight if weight > 0.0 else _NAN
            ground_x = (h[0] * x + h[1] * y + h[2]) / seen
            ground_y = (h[3] * x + h[4] * y + h[5]) / seen
            slopes[i, 0, 0] = (h[0] - ground_x * h[6]) / weight / self._wide
            slopes[i, 0, 1] = (h[1] - ground_x * h[7]) / weight / self._high
            slopes[i, 1, 0] = (h[3] - ground_y * h[6]) / weight / self._wide
            slopes[i, 1, 1] = (h[4] - ground_y * h[7]) / weight / self._high
            if self._cut(left, top, right, bottom) or not self._covers(x, y):
                ground_x, ground_y = _NAN, _NAN
            places[i, 0], places[i, 1] = ground_x, ground_y
            width, height = fabs(right - left), fabs(bottom - top)
            jitter[i, 0] = max(self._jitter * width, self._least) * _FOOT
            jitter[i, 1] = max(self._jitter * height, self._least)
            drift[i, 0], drift[i, 1] = self._drift * width * _FOOT, self._drift * height

    def _covers(self, x: float, y: float) -> bool:
        inside = False
        for k in range(self._sides.shape[0]):
            if (self._sides[k, 1] > y) != (self._sides[k, 2] > y) and x < (
                self._sides[k, 0] + (y - self._sides[k, 1]) * self._sides[k, 3]
            ):
                inside = not inside
        return inside

    def _cut(self, left: float, top: float, right: float, bottom: float) -> bool:
        """A box that ends so near to the border that it may go on beyond it; cut at its top, it
        still stands on its foot."""
        aside, below = max(2.0, _BORDER * (right - left)), max(2.0, _BORDER * (bottom - top))
        inside = left > aside and right < self._wide - aside and bottom < self._high - below
        return not (inside and top - top == 0.0 and right < _INF and left > -_INF)


def doubts(
    slopes: Vector, jitter: Vector, drift: Vector, spread: Vector, shape: Vector, near: Vector
) -> None:
    """How sure places are, m, by noise in px: spread (n, 2) of all of it, its covariance shape
    (n, 2, 2), near (n, 4) of jitter and of drift alone."""
    for i in range(slopes.shape[0]):
        across, down = hypot(jitter[i, 0], drift[i, 0]), hypot(jitter[i, 1], drift[i, 1])
        xx, xy = slopes[i, 0, 0] * across, slopes[i, 0, 1] * down
        yx, yy = slopes[i, 1, 0] * across, slopes[i, 1, 1] * down
        spread[i, 0], spread[i, 1] = sqrt(xx * xx + xy * xy), sqrt(yx * yx + yy * yy)
        shape[i, 0, 0], shape[i, 1, 1] = xx * xx + xy * xy, yx * yx + yy * yy
        shape[i, 0, 1] = shape[i, 1, 0] = xx * yx + xy * yy
        for k in range(2):
            a, b = slopes[i, k, 0] * jitter[i, 0], slopes[i, k, 1] * jitter[i, 1]
            near[i, k] = sqrt(a * a + b * b)
            a, b = slopes[i, k, 0] * drift[i, 0], slopes[i, k, 1] * drift[i, 1]
            near[i, 2 + k] = sqrt(a * a + b * b)


class Way:
    """The last places of one road user, in a ring."""

    def __init__(self) -> None:
        self.stamps = np.zeros(KEPT, np.int64)
        self.at = np.full((KEPT, 4), np.nan)  # m: x, y and their jitter
        self.count, self.last = 0, 0

    def put(
        self, stamp: int, x: float, y: float, jitter_x: float, jitter_y: float, gap: int
    ) -> None:
        """One more look; the way begins anew after ``gap`` ns, or where stamps run backwards."""
        if self.count and not 0 <= stamp - self.last <= gap:
            for k in range(KEPT):
                self.at[k, 0] = _NAN
        k = self.count % KEPT
        self.stamps[k] = stamp
        self.at[k, 0], self.at[k, 1], self.at[k, 2], self.at[k, 3] = x, y, jitter_x, jitter_y
        self.count, self.last = self.count + 1, stamp


class Slopes:
    """Weighted slopes of ways, once reweighted against wild looks."""

    def __init__(
        self, window: float, least: int, seconds: float, lasting: float, wild: float
    ) -> None:
        """window, seconds, lasting: s; least: looks at least; wild: standard deviations."""
        self._window, self._least, self._seconds = window, least, seconds
        self._lasting, self._wild = lasting, wild
        self._known = np.zeros(KEPT, np.intp)
        (
            self._times,
            self._values,
            self._spread,
            self._plain,
            self._weights,
            self._z,
            self._sorted,
        ) = np.zeros((7, KEPT))

    def of(
        self,
        way: Way,
        stamp: int,
        drift_x: float,
        drift_y: float,
        made: Vector,
        doubt: Vector,
        i: int,
    ) -> None:
        """Row i of made (n, 2) and doubt (n, 2): m/s and standard deviation; NaN: too few looks."""
        count, span = 0, 0.0
        for k in range(KEPT):
            seconds = (way.stamps[k] - stamp) / _SECOND
            if -self._window <= seconds <= 0.0 and way.at[k, 0] == way.at[k, 0]:
                self._known[count], self._times[k] = k, seconds
                count += 1
                span = max(span, -seconds)
        for axis in range(2):
            made[i, axis] = doubt[i, axis] = _NAN
        if count < self._least or span < self._seconds:
            return
        for axis in range(2):
            self._one(way, axis, count, span, drift_y if axis else drift_x, made, doubt, i)

    def _one(
        self,
        way: Way,
        axis: int,
        count: int,
        span: float,
        drift: float,
        made: Vector,
        doubt: Vector,
        i: int,
    ) -> None:
        times, values, spread, weights = self._times, self._values, self._spread, self._weights
        plain, z = self._plain, self._z
        for n in range(count):
            k = self._known[n]
            values[k] = way.at[k, axis]
            spread[k] = max(way.at[k, 2 + axis], 1e-4)
            plain[k] = weights[k] = 1.0 / (spread[k] * spread[k])
        slope, power, unit = _NAN, _NAN, _NAN
        for _ in range(2):
            total = self._sum(count, 0, 0.0, 0.0)
            early = self._sum(count, 1, 0.0, 0.0) / total
            off = self._sum(count, 2, 0.0, 0.0) / total
            power = self._sum(count, 3, early, off)
            slope = self._sum(count, 4, early, off) / power
            for n in range(count):
                k = self._known[n]
                z[n] = fabs(values[k] - off - slope * (times[k] - early)) / spread[k]
            unit = max(1.0, 1.5 * self._middle(count))
            for n in range(count):
                k = self._known[n]
                weights[k] = plain[k] * min(1.0, self._wild * unit / max(z[n], 1e-9))
        # Two ends of the way, off by a drift that has partly changed between them.
        changed = sqrt(2 * (1 - exp(-span / self._lasting)))
        if slope - slope == 0.0:
            made[i, axis] = slope
            doubt[i, axis] = hypot(unit / sqrt(power), drift * changed / span)

    def _sum(self, count: int, what: int, early: float, off: float) -> float:
        """Of what is known, in the order in which numpy adds a ring up."""
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = 0.0
        for n in range(count):
            k = self._known[n]
            value = self._weights[k]
            if what == 1:
                value = value * self._times[k]
            elif what == 2:
                value = value * self._values[k]
            elif what == 3:
                value = value * ((self._times[k] - early) * (self._times[k] - early))
            elif what == 4:
                value = value * (self._times[k] - early) * (self._values[k] - off)
            k = k % 8
            if k == 0:
                a0 += value
            elif k == 1:
                a1 += value
            elif k == 2:
                a2 += value
            elif k == 3:
                a3 += value
            elif k == 4:
                a4 += value
            elif k == 5:
                a5 += value
            elif k == 6:
                a6 += value
            else:
                a7 += value
        return ((a0 + a1) + (a2 + a3)) + ((a4 + a5) + (a6 + a7))

    def _middle(self, count: int) -> float:
        """The lower median of z."""
        ordered = self._sorted
        for n in range(count):
            value, k = self._z[n], n
            while k > 0 and ordered[k - 1] > value:
                ordered[k] = ordered[k - 1]
                k -= 1
            ordered[k] = value
        return ordered[(count - 1) // 2]
