"""Signal and speed as shapes to be drawn: what the facts of a sealed folder say, no more.

Everything here is told by somebody else's file: what is not as it should be is left out.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bconnect_center.core.moments import SECOND

WIDE = 720.0  # units of the drawing
LEFT, RIGHT = 16.0, 704.0
KMH = 3.6
MOST_RUNS = 60


@dataclass(frozen=True, slots=True)
class Bar:
    """One aspect for a while; `x`, `w` in units, `begin`, `end` in s from the moment."""

    x: float
    w: float
    aspect: str
    begin: float
    end: float
    source: str = ""
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on the axis."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class SignalPlot:
    """Aspect over time; `moment`: where the offence is, `started`: where it began."""

    name: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    moment: float
    started: float | None
    into_red: float | None
    note: str


@dataclass(frozen=True, slots=True)
class SpeedPlot:
    """A measured speed against what is allowed, km/h; x in units, None: not known."""

    ticks: tuple[Tick, ...]
    measured: float
    low: float | None
    high: float | None
    limit: float | None
    bound: float | None  # limit and tolerance
    x_measured: float
    x_low: float | None
    x_high: float | None
    x_limit: float | None
    x_bound: float | None


@dataclass(frozen=True, slots=True)
class Drawing:
    """Zone, trail and box as fractions of the image, in thousandths: "x,y x,y"."""

    zone: str
    closed: bool
    trail: str
    box: tuple[float, float, float, float] | None
    direction: str


def signal_plot(
    facts: Mapping[str, Any], before: float = 20.0, after: float = 8.0
) -> "SignalPlot | None":
    """The signal so many s around the moment; None: nothing was told of one."""
    try:
        return _signal(facts, before, after)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def _signal(facts: Mapping[str, Any], before: float, after: float) -> SignalPlot | None:
    signal = facts.get("signal")
    if not isinstance(signal, dict) or not signal.get("history"):
        return None
    moment = int(facts["stamp"])
    begin, end = -before, after
    runs = []
    for run in signal["history"][-MOST_RUNS:]:
        first = max((int(run["since"] or run["first_seen"]) - moment) / SECOND, begin)
        last = min((int(run["last_seen"]) - moment) / SECOND, end)
        if last > first:
            runs.append((first, last, run))
    if not runs:
        return None

    def x(t: float) -> float:
        return round(LEFT + (t - begin) / (end - begin) * (RIGHT - LEFT), 1)

    bars = tuple(
        Bar(x(a), round(x(b) - x(a), 1), str(run["aspect"])[:12], round(a, 1), round(b, 1),
            str(run.get("source", ""))[:20], _number(run.get("least_confidence")))
        for a, b, run in runs
    )  # fmt: skip
    started = (int(facts.get("started") or moment) - moment) / SECOND
    into = _number((facts.get("decision") or {}).get("time_into_red"))
    ticks = tuple(Tick(x(t), f"{t:+.0f} s" if t else "0") for t in steps(begin, end, 4.0))
    return SignalPlot(
        str(signal.get("name", ""))[:64], bars, ticks, x(0.0),
        x(started) if begin < started < 0.0 else None, into, str(signal.get("note") or "")[:300],
    )  # fmt: skip


def speed_plot(
    measured: float, low: float, high: float, limit: float, tolerance: float | None
) -> SpeedPlot | None:
    """Speeds in m/s, NaN: unknown. None where nothing was measured."""
    if not math.isfinite(measured):
        return None
    known = [v * KMH for v in (measured, low, high, limit) if math.isfinite(v)]
    bound = (limit + (tolerance or 0.0)) * KMH if math.isfinite(limit) else None
    begin = max(0.0, math.floor(min(known) / 10.0 - 0.6) * 10.0)
    end = math.ceil(max(known) / 10.0 + 0.6) * 10.0

    def x(v: float | None) -> float | None:
        if v is None or not math.isfinite(v):
            return None
        return round(LEFT + (v - begin) / (end - begin) * (RIGHT - LEFT), 1)

    step = 10.0 if end - begin <= 120.0 else 50.0
    ticks = tuple(Tick(x(v) or LEFT, f"{v:.0f}") for v in steps(begin, end, step))
    m, lo, hi, li = (_kmh(v) for v in (measured, low, high, limit))
    return SpeedPlot(
        ticks, m or 0.0, lo, hi, li, bound, x(m) or LEFT, x(lo), x(hi), x(li), x(bound)
    )


def drawing(facts: Mapping[str, Any]) -> Drawing | None:
    """What the rule saw, to be laid over any picture of that camera; None: nothing to draw."""
    try:
        zone, track = facts.get("zone") or {}, facts.get("track") or {}
        points = zone.get("points") or []
        box = track.get("box") or []
        wide, high = (float(v) for v in track.get("image") or (0, 0))
        corners = None
        if len(box) == 4 and wide > 0 and high > 0 and all(math.isfinite(float(v)) for v in box):
            x0, y0, x1, y1 = (float(v) for v in box)
            corners = (_milli(x0 / wide), _milli(y0 / high),
                       _milli((x1 - x0) / wide), _milli((y1 - y0) / high))  # fmt: skip
        return Drawing(
            _points(points), len(points) > 2, _points(track.get("trail") or []), corners,
            _points(zone.get("direction") or []),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def _points(points: list[Any]) -> str:
    return " ".join(
        f"{_milli(float(x))},{_milli(float(y))}" for x, y in points[:200] if x is not None
    )


def _milli(fraction: float) -> float:
    return round(fraction * 1000.0, 1)


def steps(begin: float, end: float, step: float) -> list[float]:
    """The whole multiples of a step between two ends."""
    first = math.ceil(begin / step)
    return [n * step for n in range(first, math.floor(end / step) + 1)]


def _kmh(value: float) -> float | None:
    return value * KMH if math.isfinite(value) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
