"""Helmets and riders: evidence grows with the seconds that say the same; somebody must count."""

import random
from math import inf, nan

import pytest
from detect_scenes import T0, place, play, user, zone

from bconnect_detect.core.rules.no_helmet import NoHelmet
from bconnect_detect.core.rules.overloaded_motorcycle import OverloadedMotorcycle
from bconnect_detect.core.types import SECOND, RoadUser
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import RoadUserKind, ViolationType

ROAD = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]
MOTORCYCLE = RoadUserKind.MOTORCYCLE


def made(kind, **keys: object):
    return kind(place(zone(kind="road", region=ROAD, basis="movement rule", **keys)))


def bike(
    t: float,
    riders: float = 1,
    helmets: float = nan,
    kind: RoadUserKind = MOTORCYCLE,
    height: float = 60.0,
) -> list[RoadUser]:
    x = 120 + 60 * t
    if x > 560:
        return []
    seen = user((x, 200), kind=kind, size=(30, height))
    object.__setattr__(seen, "riders", float(riders))
    object.__setattr__(seen, "helmets", float(helmets))
    return [seen]


def test_a_bare_head_is_found_once():
    (one,) = play(made(NoHelmet), 9, lambda t: bike(t, 2, 1))
    assert one.type == ViolationType.NO_HELMET and one.started == T0
    assert (one.measured, one.measured_low, one.limit) == (1.0, 1.0, 0.0)
    assert 1.5 * SECOND <= one.stamp - one.started <= 2 * SECOND
    assert "2 riders and 1 helmets" in one.explanation and len(one.trail) >= 8


def test_three_on_one_are_found_once():
    (one,) = play(made(OverloadedMotorcycle), 9, lambda t: bike(t, 3))
    assert one.type == ViolationType.OVERLOADED_MOTORCYCLE
    assert (one.measured, one.measured_low, one.limit) == (3.0, 3.0, 2.0)


@pytest.mark.parametrize("riders", [1, 2])
def test_as_many_helmets_as_riders_and_one_passenger_are_lawful(riders: int):
    assert play(made(NoHelmet), 9, lambda t: bike(t, riders, riders)) == []
    assert play(made(OverloadedMotorcycle), 9, lambda t: bike(t, riders, riders)) == []


@pytest.mark.parametrize(("riders", "helmets"), [(nan, nan), (2, nan), (0, 0), (1, 2), (inf, 0)])
def test_what_is_not_known_is_no_offence(riders: float, helmets: float):
    assert play(made(NoHelmet), 9, lambda t: bike(t, riders, helmets)) == []
    assert play(made(OverloadedMotorcycle), 9, lambda t: bike(t, riders, helmets)) == []


def test_errors_in_runs_are_outvoted():
    dice = random.Random(5)
    for _ in range(60):
        wrong = [dice.random() < 0.05 for _ in range(20)]  # by half-seconds
        lawful = lambda t, w=wrong: bike(t, 2 + w[int(2 * t)], 2 - w[int(2 * t)])  # noqa: E731
        assert play(made(NoHelmet), 8, lawful) == []
        assert play(made(OverloadedMotorcycle), 8, lawful) == []


def test_three_riders_are_found_though_sometimes_one_is_hidden():
    dice = random.Random(6)
    found = 0
    for _ in range(40):
        wrong = [dice.random() < 0.05 for _ in range(20)]
        found += len(
            play(made(OverloadedMotorcycle), 8, lambda t, w=wrong: bike(t, 3 - w[int(2 * t)]))
        )
    assert found == 40


def test_a_second_is_too_short():
    assert play(made(NoHelmet), 1.5, lambda t: bike(t, 1, 0)) == []


def test_small_boxes_and_cut_boxes_are_not_believed():
    assert play(made(NoHelmet), 9, lambda t: bike(t, 1, 0, height=25)) == []
    assert play(made(NoHelmet), 9, lambda t: bike(t, 1, 0, height=199)) == []  # touches the top


def test_only_on_motorcycles_on_the_road():
    assert play(made(NoHelmet), 9, lambda t: bike(t, 1, 0, kind=RoadUserKind.BICYCLE)) == []
    assert play(made(NoHelmet, applies_to=["car"]), 9, lambda t: bike(t, 1, 0)) == []
    off = NoHelmet(
        place(zone(kind="road", region=[[0.1, 0.7], [0.9, 0.7], [0.5, 0.9]], basis="movement rule"))
    )
    assert play(off, 9, lambda t: bike(t, 1, 0)) == []


def test_heads_are_counted_beside_the_zone_too():
    """One who crosses a corner of it is seen before and after."""
    corner = [[0.45, 0.1], [0.55, 0.1], [0.55, 0.9], [0.45, 0.9]]  # a second of way
    made_of = lambda: NoHelmet(place(zone(kind="road", region=corner, basis="movement rule")))  # noqa: E731
    (one,) = play(made_of(), 9, lambda t: bike(t, 1, 0))
    assert one.started == T0
    bare_outside = lambda t: bike(t, 1, 0 if t < 2.0 else 1)  # noqa: E731  x 288 is the border
    assert play(made_of(), 9, bare_outside) == []  # counted on before it came to the zone
    never_in = lambda t: bike(t, 1, 0) if t < 2.7 else []  # noqa: E731
    assert play(made_of(), 9, never_in) == []


@pytest.mark.parametrize(("wrong", "found"), [((2,), 1), ((1, 3), 0), ((0, 2, 4), 0)])
def test_who_wore_one_now_and_then_is_doubtful(wrong: tuple[int, ...], found: int):
    """Of eight half-seconds one may say otherwise, two may not."""
    scene = lambda t: bike(t, 1, float(int(2 * t) in wrong)) if t < 4 else []  # noqa: E731
    assert len(play(made(NoHelmet), 9, scene)) == found


def test_miscounts_that_differ_do_not_add_up():
    """A lawful rider is one too many now, one helmet short then: no count is seen for long."""
    kinds = ((2, 1), (1, 0), (2, 1), (1, 0), (2, 1))
    scene = lambda t: bike(t, *kinds[int(2 * t)]) if t < 2.5 else []  # noqa: E731
    assert play(made(NoHelmet), 9, scene) == []
    (one,) = play(made(NoHelmet), 9, lambda t: bike(t, *kinds[int(2 * t) % 5]))
    assert one.stamp - one.started > 2.5 * SECOND  # who is seen longer is found all the same


def test_riders_are_riders_whatever_their_helmets():
    scene = lambda t: bike(t, 3, 2 + int(2 * t) % 2)  # noqa: E731
    assert len(play(made(OverloadedMotorcycle), 9, scene)) == 1


@pytest.mark.parametrize(("pause", "found"), [(1.2, 1), (2.0, 0)])
def test_a_moment_without_a_count_or_out_of_sight(pause: float, found: int):
    """0.9 s of evidence, a pause, 0.9 s: enough only if it is surely the same motorcycle."""
    seen = lambda t: t < 1.0 or 1.0 + pause <= t < 1.9 + pause  # noqa: E731
    assert len(play(made(NoHelmet), 9, lambda t: bike(t, 1, 0) if seen(t) else [])) == found
    nobody_counts = lambda t: bike(t, *((1, 0) if seen(t) else (nan, nan)))  # noqa: E731
    assert len(play(made(NoHelmet), 1.9 + pause, nobody_counts)) == 1


def test_two_motorcycles_under_one_id_prove_nothing():
    def scene(t: float):
        first = bike(t % 1.4, 1, 0)
        return first if t < 9 else []

    assert play(made(NoHelmet), 9, scene) == []


@pytest.mark.parametrize("kind", [NoHelmet, OverloadedMotorcycle])
def test_who_counts_nothing_says_so(kind):
    rule = made(kind)
    play(rule, 9, lambda t: bike(t, nan, nan))
    assert rule.silence.startswith(f"nothing counts {kind.counted}")
    play(rule, 1, lambda t: bike(t - 10, 1, 1), start=10)
    assert rule.silence == ""


def test_the_whole_image_is_the_road_where_none_is_drawn():
    with pytest.raises(ConfigError, match=r"z\.region: is missing"):
        NoHelmet(place(zone(kind="road", line=[[0, 0], [1, 1]], basis="movement rule")))
