"""The looks a speed was fitted through, as a drawing of way over time.

A speed is a slope here: the fitted way, what the interval at 95 % allows around it, and how far
one would have come at what is allowed. Told by somebody else's file: a look that is not whole
leaves nothing to draw, since the others would say more than they know.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bconnect_center.core.moments import SECOND
from bconnect_center.core.plots import LEFT, RIGHT, Tick, steps

TOP, FLOOR = 16.0, 214.0  # of the drawing of the way
MIDDLE, REACH = 262.0, 30.0  # of the strip of residuals: its middle, and 3 standard deviations
MOST = 200  # looks
LONGEST, FURTHEST = 120.0, 5000.0  # s from the moment, m


@dataclass(frozen=True, slots=True)
class Spot:
    """One look: its place in the drawing, and what it says. s from the moment, m."""

    x: float
    y: float
    y_off: float  # in the strip below
    seconds: float
    way: float
    residual: float
    deviations: float  # residual over standard deviation


@dataclass(frozen=True, slots=True)
class FitPlot:
    """Lines as "x,y x,y"; empty: not known. ``stretch``: x where the speed was measured."""

    spots: tuple[Spot, ...]
    fitted: str
    interval: str
    limit: str
    bound: str
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    stretch: tuple[float, float]
    worst: float  # deviations


def fit_plot(
    facts: Mapping[str, Any], low: float, high: float, limit: float, tolerance: float | None
) -> FitPlot | None:
    """Speeds in m/s, NaN: unknown. None where the facts tell no looks, or not whole."""
    try:
        fit = facts["speed"]["fit"]
        return _drawn(facts, fit, (low, high), (limit, limit + (tolerance or 0.0))) if fit else None
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def _drawn(
    facts: Mapping[str, Any],
    fit: Mapping[str, Any],
    interval: tuple[float, float],
    limits: tuple[float, float],
) -> FitPlot | None:
    moment = int(facts["stamp"])
    looks = sorted(_look(look, moment) for look in fit["looks"][:MOST])
    begin, end = ((int(fit[key]) - moment) / SECOND for key in ("from", "to"))
    first, last = looks[0][0], looks[-1][0]
    if len(looks) < 3 or not first <= begin < end <= last:
        return None
    fitted = [(t, way - off) for t, way, off, _ in looks]
    start = _at(fitted, begin)
    spots_up = [way for _, way, _, _ in looks] + [way for _, way in fitted]
    lowest, highest = min(spots_up), max(spots_up)
    if not highest > lowest:
        return None

    def x(t: float) -> float:
        return round(LEFT + 40.0 + (t - first) / (last - first) * (RIGHT - LEFT - 40.0), 1)

    def y(way: float) -> float:
        return round(FLOOR - (way - lowest) / (highest - lowest) * (FLOOR - TOP), 1)

    def ray(speed: float) -> str:
        """From the begin of what was measured to its end, at a speed."""
        if not math.isfinite(speed):
            return ""
        return f"{x(begin)},{y(start)} {x(end)},{y(start + speed * (end - begin))}"

    spots = tuple(
        Spot(
            x(t), y(way), round(MIDDLE - max(-3.0, min(3.0, off / sd)) / 3.0 * REACH, 1),
            round(t, 2), round(way, 2), round(off, 3), round(off / sd, 2),
        )
        for t, way, off, sd in looks
    )  # fmt: skip
    low, high = (ray(speed) for speed in interval)
    return FitPlot(
        spots,
        " ".join(f"{x(t)},{y(way)}" for t, way in fitted),
        f"{low} {high.split()[1]}" if low and high else "",
        ray(limits[0]),
        ray(limits[1]) if limits[1] > limits[0] else "",
        tuple(Tick(x(t), f"{t:g} s") for t in steps(first, last, _step(last - first))),
        tuple(Tick(y(m), f"{m:g} m") for m in steps(lowest, highest, _step(highest - lowest))),
        (x(begin), x(end)),
        max(abs(spot.deviations) for spot in spots),
    )


def _look(look: Mapping[str, Any], moment: int) -> tuple[float, float, float, float]:
    """s from the moment, m along, m off, m standard deviation. Raises ValueError."""
    t = (int(look["stamp"]) - moment) / SECOND
    way, off, stddev = (float(look[key]) for key in ("way", "residual", "stddev"))
    if not (abs(t) <= LONGEST and abs(way) <= FURTHEST and abs(off) <= FURTHEST and stddev > 0):
        raise ValueError("a look that is not whole")
    return t, way, off, stddev


def _at(line: list[tuple[float, float]], t: float) -> float:
    """m at a time between the first and the last."""
    for (a, low), (b, high) in pairwise(line):
        if a <= t <= b and b > a:
            return low + (high - low) * (t - a) / (b - a)
    return line[0][1]


def _step(span: float) -> float:
    """A round step that makes four to ten of a span."""
    step = float(10.0 ** math.floor(math.log10(span)))
    return next(step * part for part in (0.1, 0.2, 0.5, 1.0) if span / (step * part) <= 8)
