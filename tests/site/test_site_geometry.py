"""Zones as geometry, against shapes whose truth is known by construction."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bconnect_site import geometry
from bconnect_site.geometry import Point

fractions = st.floats(0.0, 1.0, allow_nan=False, width=32)
points = st.tuples(fractions, fractions)


@st.composite
def stars(draw: st.DrawFn) -> list[Point]:
    """Polygons around a centre, corners by rising angle: simple by construction."""
    count = draw(st.integers(3, 12))
    radii = draw(st.lists(st.floats(0.1, 0.45), min_size=count, max_size=count))
    turn = draw(st.floats(0.0, 2 * math.pi))
    # Less than half a turn between neighbours, so that the centre is inside.
    angles = [turn + 2 * math.pi * i / count for i in range(count)]
    return [
        (0.5 + r * math.cos(a), 0.5 + r * math.sin(a)) for r, a in zip(radii, angles, strict=True)
    ]


@given(stars())
def test_star_shaped_regions_are_sound(region: list[Point]) -> None:
    assert geometry.region_fault(region) is None


@given(stars(), st.integers(0, 20), st.booleans())
def test_order_of_start_and_sense_are_no_matter(
    region: list[Point], shift: int, reverse: bool
) -> None:
    turned = region[shift % len(region) :] + region[: shift % len(region)]
    assert geometry.region_fault(turned[::-1] if reverse else turned) is None


@given(stars())
def test_exchanging_two_neighbours_of_a_convex_region_crosses(region: list[Point]) -> None:
    count = len(region)
    assume(count >= 4)
    circle = [
        (
            0.5 + 0.4 * math.cos(2 * math.pi * i / count),
            0.5 + 0.4 * math.sin(2 * math.pi * i / count),
        )
        for i in range(count)
    ]
    circle[1], circle[2] = circle[2], circle[1]
    assert "crosses itself" in (geometry.region_fault(circle) or "")


@given(stars(), st.data())
def test_a_corner_on_another_edge_is_a_crossing(region: list[Point], data: st.DataObject) -> None:
    i = data.draw(st.integers(0, len(region) - 1))
    a, b = region[i], region[(i + 1) % len(region)]
    middle = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
    assume(len(region) >= 4)
    far = (i + 2) % len(region)
    spoilt = [*region[: far + 1], middle, *region[far + 1 :]]
    assert geometry.crossing_edges(spoilt) is not None


@given(points, points, points, points)
def test_meeting_is_symmetric(a: Point, b: Point, c: Point, d: Point) -> None:
    meets = geometry.segments_meet(a, b, c, d)
    assert meets == geometry.segments_meet(c, d, a, b)
    assert meets == geometry.segments_meet(b, a, d, c)


@given(points, points, st.floats(0.0, 1.0), points)
def test_segments_through_one_point_meet(a: Point, b: Point, t: float, c: Point) -> None:
    assert geometry.segments_meet(a, b, a, c)
    assert geometry.segments_meet(a, b, c, b)


@given(points, points)
def test_segments_on_two_sides_never_meet(a: Point, c: Point) -> None:
    left = ((a[0] * 0.4, a[1]), (a[1] * 0.4, a[0]))
    right = ((0.6 + c[0] * 0.4, c[1]), (0.6 + c[1] * 0.4, c[0]))
    assert not geometry.segments_meet(*left, *right)


@given(stars(), st.integers(0, 11), st.sampled_from([-0.01, 1.01, math.nan, math.inf]))
def test_any_point_outside_is_named(region: list[Point], index: int, bad: float) -> None:
    index %= len(region)
    spoilt = [*region[:index], (bad, 0.5), *region[index + 1 :]]
    assert (geometry.region_fault(spoilt) or "").startswith(f"point {index + 1} is ")


@given(st.lists(points, max_size=8))
def test_every_answer_is_a_sentence_or_none(region: list[Point]) -> None:
    fault = geometry.region_fault(region)
    assert fault is None or (fault and "\n" not in fault)
    if fault is None:
        assert len(region) >= 3 and geometry.area(region) >= geometry.MIN_AREA


@given(points, points)
def test_a_line_needs_length(a: Point, b: Point) -> None:
    sound = geometry.line_fault([a, b]) is None
    assert sound == (math.dist(a, b) >= geometry.MIN_LENGTH)


def test_area_and_length_by_hand() -> None:
    assert geometry.area([(0, 0), (1, 0), (1, 0.5), (0, 0.5)]) == pytest.approx(0.5)
    assert geometry.area([(0, 0), (0, 1), (1, 1)]) == pytest.approx(0.5)
    assert geometry.length((0.1, 0.1), (0.4, 0.5)) == pytest.approx(0.5)


def test_spike_and_bow_tie_are_named() -> None:
    spike = [(0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.5, 0.2), (0.0, 0.5)]
    assert geometry.crossing_edges(spike) == (1, 2)
    bow = [(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)]
    assert geometry.crossing_edges(bow) == (0, 2)
