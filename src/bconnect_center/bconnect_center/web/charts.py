"""Charts drawn here as SVG: shapes and classes only, as the policy against inline style wants.

Every chart stands beside a table that says the same; it is a picture with a name.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from markupsafe import Markup

WIDE, HIGH = 400, 190
LEFT, RIGHT, TOP, BOTTOM = 36, 4, 10, 24


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. `value` NaN: nothing is known; `low`, `high` NaN: no interval."""

    label: str
    value: float
    low: float = math.nan
    high: float = math.nan


def columns(bars: Sequence[Bar], name: str, most: int = 12) -> Markup:
    """Upright bars with intervals; at most so many labels below. name: what it shows."""
    top = _top(bars)
    steps = _steps(top)
    top = steps[-1]
    across = (WIDE - LEFT - RIGHT) / max(len(bars), 1)

    def y(value: float) -> float:
        return TOP + (HIGH - TOP - BOTTOM) * (1 - min(value, top) / top)

    parts = [_grid(step, y(step)) for step in steps]
    every = max(1, math.ceil(len(bars) / most))
    for place, bar in enumerate(bars):
        x = LEFT + place * across
        parts.append(_column(bar, x, across, y))
        if place % every == 0:
            parts.append(_text("axis", x + across / 2, HIGH - 8, bar.label, "middle"))
    return _picture(WIDE, HIGH, name, Markup("").join(parts))


def strip(bar: Bar, top: float) -> Markup:
    """One lying bar with its interval, for a cell of a table that says the number itself."""
    wide, high = 200.0, 12.0
    if not math.isfinite(bar.value) or top <= 0:
        return Markup("")
    scale = wide / top
    parts = [_rect("rod", 0, 2, bar.value * scale, high - 4)]
    if math.isfinite(bar.low) and math.isfinite(bar.high):
        low, high_ = bar.low * scale, min(bar.high * scale, wide)
        parts += [_line(name, low, high / 2, high_, high / 2) for name in ("halo", "whisker")]
    return Markup(
        '<svg class="strip" viewBox="0 0 200 12" preserveAspectRatio="none" aria-hidden="true" '
        'focusable="false">{}</svg>'
    ).format(Markup("").join(parts))


def reach(bars: Sequence[Bar]) -> float:
    """How far a scale must go for all of them."""
    return _top(bars)


def _top(bars: Sequence[Bar]) -> float:
    """The largest value; intervals count up to twice of it, that one does not flatten all."""
    values = [bar.value for bar in bars if math.isfinite(bar.value)]
    largest = max(values, default=0.0)
    ends = [bar.high for bar in bars if math.isfinite(bar.high)]
    return max(largest, min(max(ends, default=0.0), 2 * largest or math.inf))


def _steps(top: float) -> list[float]:
    """Round marks from 0 to the first not below `top`."""
    if not top > 0:
        return [0.0, 1.0]
    size = 10 ** math.floor(math.log10(top / 4))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m * 4 >= top * 0.999)
    marks = [0.0]
    for n in count(1):
        marks.append(n * step)
        if marks[-1] >= top * 0.999:
            return marks
    raise AssertionError


def _column(bar: Bar, x: float, across: float, y: object) -> Markup:
    at = y
    assert callable(at)
    middle = x + across / 2
    if not math.isfinite(bar.value):
        return _text("unknown", middle, at(0) - 3, "·", "middle")
    wide = min(across * 0.7, 34)
    parts = _rect("rod", middle - wide / 2, at(bar.value), wide, at(0) - at(bar.value))
    if math.isfinite(bar.low) and math.isfinite(bar.high):
        for name in ("halo", "whisker"):
            parts += _line(name, middle, at(bar.low), middle, at(bar.high))
    return parts


def _grid(value: float, y: float) -> Markup:
    label = _text("axis", LEFT - 5, y + 4, f"{value:g}", "end")
    return _line("base" if value == 0 else "grid", LEFT, y, WIDE - RIGHT, y) + label


def _rect(name: str, x: float, y: float, wide: float, high: float) -> Markup:
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        name, x, y, max(wide, 0.0), max(high, 0.0)
    )


def _line(name: str, x: float, y: float, to_x: float, to_y: float) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(
        name, x, y, to_x, to_y
    )


def _text(name: str, x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        name, x, y, anchor, text
    )


def _picture(wide: int, high: int, name: str, inside: Markup) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(wide, high, name, inside)
