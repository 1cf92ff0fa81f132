"""Tracks that broke off: taken up again where the vehicle must be, and left alone in doubt."""

import numpy as np
import pytest
from detect_scenes import T0, tracks
from ground_scenes import Noise, Street, driver, straight
from hypothesis import given, settings
from hypothesis import strategies as st

from bconnect_detect.core.ground import Ground
from bconnect_detect.core.ground_links import Links
from bconnect_detect.core.types import SECOND, RoadUser
from bconnect_site.kinds import RoadUserKind

STREET = Street((0.0, -7.0, 7.0), (44.0, 0.0, 0.5), 32.0)
BIKE = (2.0, 0.75, 1.7)


def rider(speed, head, lane, track_id, noise=None):
    way = straight((head, lane), 0.0, speed)
    return driver(STREET, way, track_id, RoadUserKind.MOTORCYCLE, BIKE, noise)


def ids(users_at, seconds=3.0, ground=None):
    """The set of ids of every image that had somebody in it."""
    ground = ground or Ground(STREET.calibration())
    seen = []
    for tick in range(int(seconds * 10)):
        made = ground.place(tracks(T0 + tick * SECOND // 10, users_at(tick / 10)))
        if len(made):
            seen.append(tuple(made.track_id.tolist()))
    return seen


def broken(runner, at, gap, first=1, second=9, **keys):
    """A rider whose track breaks off and comes back under another id."""
    one, two = (rider(*runner, n, **keys) for n in (first, second))
    return lambda t: one(t) if t < at else two(t) if t >= at + gap else []


@pytest.mark.parametrize("gap", [0.0, 0.3, 0.8])
def test_a_broken_track_keeps_its_id(gap):
    assert set(ids(broken((22.0, 26.0, 0.0), 1.0, gap))) == {(1,)}


@pytest.mark.parametrize("seed", range(8))
def test_through_noise_too(seed):
    users = broken((22.0, 26.0, 0.0), 1.0, 0.3, noise=Noise(seed, 0.02, 0.014))
    assert set(ids(users)) == {(1,)}


def test_after_few_looks():
    """Two images are all a tracker had of it."""
    assert set(ids(broken((22.0, 30.0, 0.0), 0.2, 0.2))) == {(1,)}


def test_too_long_out_of_sight():
    assert ids(broken((14.0, 26.0, 0.0), 1.0, 1.3))[-1] == (9,)


def test_who_appears_elsewhere_is_somebody_else():
    for where in ((22.0, 36.0, 0.0), (22.0, 20.0, 0.0), (22.0, 26.0, 3.0)):
        one, two = rider(22.0, 26.0, 0.0, 1), rider(*where, 9)
        seen = ids(lambda t, one=one, two=two: one(t) if t < 1.0 else two(t) if t > 1.2 else [])
        assert seen[-1] == (9,), where


def test_who_is_wider_is_somebody_else():
    one = rider(15.0, 30.0, 0.0, 1)
    two = driver(STREET, straight((30.0, 0.0), 0.0, 15.0), 9, block=(10.5, 2.5, 3.2))
    assert ids(lambda t: one(t) if t < 1.0 else two(t))[-1] == (9,)


def test_of_two_who_could_be_meant_neither_is():
    """Two riders abreast break off; whoever comes back first could be either."""
    a, b = rider(22.0, 26.0, 0.0, 1), rider(22.0, 26.3, 0.4, 2)
    c = rider(22.0, 26.15, 0.2, 9)
    seen = ids(lambda t: a(t) + b(t) if t < 1.0 else c(t) if t > 1.2 else [])
    assert seen[-1] == (9,)


def test_who_is_in_the_picture_is_nobody_lost():
    a, b = rider(22.0, 26.0, 0.0, 1), rider(22.0, 26.6, 0.5, 9)
    seen = ids(lambda t: a(t) if t < 1.0 else a(t) + b(t))
    assert seen[-1] == (1, 9)


def test_the_first_one_comes_back_under_its_own_id():
    """The tracker finds the lost one again: then the other was somebody else."""
    a, b = rider(22.0, 26.0, 0.0, 1), rider(22.0, 26.1, 0.03, 9)
    seen = ids(lambda t: a(t) if t < 1.0 else b(t) if t < 1.4 else a(t) + b(t))
    assert seen[12] == (1,) and seen[-1] == (1, 9)


def test_no_id_twice_and_bare_detections_stay_bare():
    a, b = rider(22.0, 26.0, 0.0, 0), rider(22.0, 40.0, 2.0, 0)
    assert set(ids(lambda t: a(t) + b(t), 1.5)) == {(0, 0)}


def test_a_new_scene_forgets():
    ground = Ground(STREET.calibration())
    first = ids(broken((22.0, 26.0, 0.0), 1.0, 0.2), ground=ground)
    assert first[-1] == (1,)
    users = rider(22.0, 26.0, 0.0, 9)
    made = ground.place(tracks(T0 - SECOND, users(0.5)))  # stamps run backwards
    assert made.track_id.tolist() == [9]


def test_memory_is_bounded():
    links = Links()
    for tick in range(100):
        raw = np.arange(20, dtype=np.int64) + 1 + tick * 20
        places = np.random.default_rng(tick).uniform(-50, 50, (20, 2))
        spread = np.tile(np.eye(2) * 0.01, (20, 1, 1))
        links.name(raw, T0 + tick * SECOND // 10, places, spread, np.ones(20))
    assert len(links) <= 20 * 11


boxes = st.tuples(*(st.floats(-50.0, 700.0, width=32) for _ in range(4)))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**9), st.lists(st.tuples(st.integers(0, 12), boxes), max_size=5)
        ),
        max_size=12,
    )
)
@settings(deadline=None)
def test_whatever_comes_no_two_share_an_id(images):
    ground, stamp, given_out = Ground(STREET.calibration()), T0, set()
    for step, found in images:
        stamp += step
        by_id = {i: box for i, box in found if i}
        users = [RoadUser(RoadUserKind.CAR, i, 0.9, box) for i, box in by_id.items()]
        made = ground.place(tracks(stamp, users))
        given_out |= set(by_id)
        named = made.track_id.tolist()
        assert len(set(named)) == len(named) and set(named) <= given_out
