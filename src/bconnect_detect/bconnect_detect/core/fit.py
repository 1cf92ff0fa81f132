"""A smooth way through noisy looks, and how sure its mean speed is.

Errors of looks are of two sorts: jitter, new in each image, and drift, which keeps for about a
second and so does not average out. Both are in the covariance the fit is made with; residuals
can only widen what it says, never narrow it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.types import Look

Vector = NDArray[np.float64]

MOST_TOLD = 64  # looks of one way
_WILD = 2.5  # standard deviations a look may lie off before it counts less
_OUT = 4.0  # and before it is called an outlier
_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Fit:
    """A polynomial of the seconds through n looks, of degree 1 to 3."""

    start: float  # s of the first and of the last look
    end: float
    terms: Vector  # by powers of time, which runs from -1 at start to 1 at end
    covariance: Vector
    unit: float  # how much wider the looks scatter than was stated; at least 1
    outliers: float  # share of looks far off the curve

    def value(self, times: Vector) -> Vector:
        """m at times, s."""
        return _powers(self._inner(times), len(self.terms)) @ self.terms

    def slope(self, times: Vector) -> Vector:
        """m/s at times, s."""
        inner = self._inner(times)
        degrees = np.arange(1, len(self.terms))
        rates = _powers(inner, len(self.terms) - 1) * degrees
        return np.asarray(rates @ self.terms[1:] / ((self.end - self.start) / 2), np.float64)

    def mean_slope(self, begin: float, end: float) -> tuple[float, float]:
        """m/s between two times, s, and its standard deviation."""
        ends = _powers(self._inner(np.array((begin, end))), len(self.terms))
        rise = (ends[1] - ends[0]) / (end - begin)
        return float(rise @ self.terms), float(np.sqrt(rise @ self.covariance @ rise))

    def _inner(self, times: Vector) -> Vector:
        return (np.asarray(times) - self.start) * 2 / (self.end - self.start) - 1.0


def fit_way(
    times: Vector, values: Vector, jitter: Vector, drift: Vector, lasting: float, degree: int
) -> Fit | None:
    """Through looks at times [s], at values with jitter and drift [m], all (n,).

    Wild looks count less. None where there are too few looks or they span no time.
    """
    order = np.argsort(times, kind="stable")
    times, values, jitter, drift = (np.asarray(c)[order] for c in (times, values, jitter, drift))
    if len(times) < degree + 2 or not times[-1] - times[0] > 0:
        return None
    inner = (times - times[0]) * 2 / (times[-1] - times[0]) - 1.0
    powers = _powers(inner, degree + 1)
    jitter, drift = np.maximum(jitter, 1e-4), np.maximum(drift, 0.0)
    stated = np.hypot(jitter, drift)
    kept = np.exp(-np.abs(times[:, None] - times[None, :]) / lasting)
    common = drift[:, None] * drift[None, :] * kept
    trust = np.ones(len(times))
    for _ in range(_ROUNDS):
        whole = common + np.diag(jitter**2 / trust)
        try:
            weighed = np.linalg.solve(whole, np.column_stack((powers, values)))
            normal = powers.T @ weighed[:, :-1]
            terms = np.linalg.solve(normal, powers.T @ weighed[:, -1])
        except np.linalg.LinAlgError:
            return None
        z = np.abs(values - powers @ terms) / stated
        unit = max(1.0, 1.4826 * _median(z))
        trust = np.clip(_WILD * unit / np.maximum(z, 1e-9), 1e-4, 1.0)
    covariance = np.linalg.inv(normal) * unit**2
    out = float((z > _OUT * unit).mean())
    return Fit(float(times[0]), float(times[-1]), terms, covariance, unit, out)


def told_looks(
    stamps: NDArray[np.int64], times: Vector, values: Vector, stated: Vector, fit: Fit
) -> tuple[Look, ...]:
    """The looks a way was fitted through, at most ``MOST_TOLD``: evenly chosen, first and last
    among them. Stamps in ns; ``stated``: m, the standard deviation of one."""
    off = values - fit.value(times)
    rows = np.unique(np.linspace(0, len(times) - 1, min(len(times), MOST_TOLD)).round().astype(int))
    return tuple(
        Look(int(stamps[i]), float(values[i] - values[0]), float(off[i]), float(stated[i]))
        for i in rows
    )


def _median(values: Vector) -> float:
    """np.median of a few, which takes longer to begin than to find it."""
    ordered = np.sort(values)
    if ordered[-1] != ordered[-1]:
        return float("nan")
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[middle])
    return float(ordered[middle - 1] + ordered[middle]) / 2.0


def _powers(inner: Vector, count: int) -> Vector:
    return np.asarray(np.vander(np.asarray(inner, np.float64), count, increasing=True), np.float64)
