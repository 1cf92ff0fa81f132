"""The drawing of the looks that a speed was fitted through."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bconnect_center.core.fit_plot import fit_plot

SECOND = 1_000_000_000


def told_fit(**changes: Any) -> dict[str, Any]:
    """Facts of 15 m/s for 3 s, ten looks a second, of which 2 s were measured."""
    stamp = 1_800_000_000 * SECOND
    looks = [
        {"stamp": stamp + (n - 25) * SECOND // 10, "way": 1.5 * n + 0.5 * (n == 9),
         "residual": 0.5 * (n == 9), "stddev": 0.25}
        for n in range(31)
    ]  # fmt: skip
    fit = {"from": stamp - 2 * SECOND, "to": stamp, "looks": looks}
    return {"stamp": stamp, "speed": {"fit": fit | changes}}


def points(line: str) -> list[tuple[float, ...]]:
    return [tuple(float(v) for v in pair.split(",")) for pair in line.split()]


def test_the_looks_of_a_speed() -> None:
    plot = fit_plot(told_fit(), 14.0, 16.0, 13.9, 0.8)
    assert plot is not None and len(plot.spots) == len(points(plot.fitted)) == 31
    worst = plot.spots[9]
    assert worst.deviations == plot.worst == 2.0 and worst.residual == 0.5
    assert worst.y < points(plot.fitted)[9][1]  # further along is higher up
    (x0, y0), (x1, low), (_, high) = points(plot.interval)
    assert (x0, x1) == plot.stretch and low > high  # the slower end lies below
    ends = [points(line)[1][1] for line in (plot.limit, plot.bound)]
    assert y0 > ends[0] > ends[1] and ends[0] > low and high < ends[1] < low
    assert [tick.text for tick in plot.up][:3] == ["0 m", "10 m", "20 m"]
    assert "-2 s" in [tick.text for tick in plot.across]
    unknown = fit_plot(told_fit(), math.nan, 16.0, math.nan, None)
    assert unknown is not None and unknown.interval == unknown.limit == unknown.bound == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"looks": []},
        {"looks": None},
        {"looks": [{"stamp": 1, "way": "<script>", "residual": 0, "stddev": 1}] * 9},
        {"looks": told_fit()["speed"]["fit"]["looks"][:2]},
        {"looks": [told_fit()["speed"]["fit"]["looks"][3] | {"stddev": 0.0}] * 30},
        {"looks": [told_fit()["speed"]["fit"]["looks"][3] | {"stddev": None}] * 30},
        {"looks": [told_fit()["speed"]["fit"]["looks"][3] | {"way": 1e300}] * 30},
        {"looks": [told_fit()["speed"]["fit"]["looks"][3]] * 30},
        {"from": 0},
        {"to": None},
        {"from": told_fit()["stamp"] + 1},
    ],
)
def test_looks_that_are_not_whole_draw_nothing(changes: dict[str, Any]) -> None:
    assert fit_plot(told_fit(**changes), 14.0, 16.0, 13.9, 0.8) is None


@pytest.mark.parametrize("facts", [{}, {"speed": None}, {"speed": {"fit": None}, "stamp": 1}])
def test_evidence_of_before_has_no_looks(facts: dict[str, Any]) -> None:
    assert fit_plot(facts, 14.0, 16.0, 13.9, 0.8) is None


_junk = st.none() | st.floats() | st.integers() | st.text(max_size=3)
_look = st.fixed_dictionaries({"stamp": _junk, "way": _junk, "residual": _junk, "stddev": _junk})


@given(looks=st.lists(_look | _junk, max_size=5) | _junk, begin=_junk, end=_junk)
def test_no_looks_break_the_page(looks: Any, begin: Any, end: Any) -> None:
    whole = told_fit()["speed"]["fit"]["looks"]
    mixed = whole + looks if isinstance(looks, list) else looks
    fit_plot(told_fit(looks=mixed, **{"from": begin, "to": end}), 14.0, 16.0, 13.9, 0.8)
    fit_plot(told_fit(looks=mixed), 14.0, 16.0, math.inf, 0.8)
