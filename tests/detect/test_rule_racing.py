"""Racing: a group far above the limit; fast alone, or together but not that fast, is not."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from detect_scenes import T0, play, tracks, zone
from ground_scenes import Noise, Street, driver, straight
from hypothesis import given, settings
from hypothesis import strategies as st

from bconnect_detect.core.rule import Context, Place, RuleOff
from bconnect_detect.core.rules.racing import Racing
from bconnect_detect.core.signals import SignalBook
from bconnect_detect.core.types import SECOND, RoadUser
from bconnect_site.kinds import RoadUserKind, ViolationType

LIMIT = 13.89
STREET = Street((0.0, -7.0, 7.0), (44.0, 0.0, 0.5), 32.0)
CORNERS = ((24.0, -4.0), (102.0, -4.0), (102.0, 4.0), (24.0, 4.0))
BIKE = (2.0, 0.75, 1.7)
CONTEXT = Context(SignalBook({}))


def rule(**keys):
    region = np.clip(STREET.fractions(CORNERS), 0.0, 1.0).tolist()
    made = zone(kind="road", region=region, basis="movement rule", **{"limit": LIMIT, **keys})
    zoned = ZoneInfo("Asia/Makassar")
    return Racing(
        Place("s", "c", "z", made, zoned, calibration=STREET.calibration(), size=STREET.size)
    )


def group(*runners, noise=None):
    """Riders of (speed m/s, head start m, lane y)."""
    drivers = [
        driver(
            STREET,
            straight((head, lane), 0.0, speed),
            index + 1,
            RoadUserKind.MOTORCYCLE,
            BIKE,
            None if noise is None else Noise(noise + index),
        )
        for index, (speed, head, lane) in enumerate(runners)
    ]
    return lambda t: [u for d in drivers for u in d(t)]


def race(*runners, made=None, noise=None):
    return play(rule() if made is None else made, 7.0, group(*runners, noise=noise))


def test_three_who_race():
    found = race((23.0, 8.0, -2.0), (24.0, 0.0, 0.0), (23.5, -10.0, 2.0))
    assert sorted(f.road_user.track_id for f in found) == [1, 2, 3]
    assert {f.type for f in found} == {ViolationType.RACING}
    assert all(f.measured_low > 1.4 * LIMIT and f.limit == LIMIT for f in found)
    assert {f.measured * 3.6 for f in found} != set() and "of 3 that drove" in found[-1].explanation
    assert len({f.id for f in found}) == 3


def test_two_are_enough_and_each_is_found_once():
    found = race((23.0, 8.0, -2.0), (24.0, -5.0, 1.0))
    assert sorted(f.road_user.track_id for f in found) == [1, 2]
    assert [f.measured * 3.6 for f in sorted(found, key=lambda f: f.road_user.track_id)] == (
        pytest.approx([23.0 * 3.6, 24.0 * 3.6], abs=2.0)
    )


@pytest.mark.parametrize("seed", range(6))
def test_they_are_found_through_noise(seed):
    found = race((22.5, 8.0, -2.0), (23.5, -5.0, 1.0), noise=50 * seed)
    assert sorted(f.road_user.track_id for f in found) == [1, 2]


@pytest.mark.parametrize(
    "runners",
    [
        pytest.param(((24.0, 0.0, 0.0),), id="alone: that is speeding"),
        pytest.param(((16.7, 8.0, -2.0), (16.7, -5.0, 1.0), (17.0, -15.0, 1.0)), id="platoon"),
        pytest.param(((19.3, 8.0, -2.0), (19.2, -5.0, 1.0)), id="not that fast"),
        pytest.param(((24.0, 8.0, -2.0), (14.0, 20.0, 1.0)), id="one overtakes traffic"),
        pytest.param(((24.0, 20.0, -2.0), (24.0, -30.0, 1.0)), id="50 m apart"),
    ],
)
def test_the_near_miss(runners):
    for noise in (None, 7, 8):
        assert race(*runners, noise=noise) == []


def test_two_ways_do_not_race():
    away = driver(STREET, straight((8.0, -2.0), 0.0, 24.0), 1, RoadUserKind.MOTORCYCLE, BIKE)
    near = driver(STREET, straight((110.0, 2.0), 180.0, 24.0), 2, RoadUserKind.MOTORCYCLE, BIKE)
    assert play(rule(), 7.0, lambda t: away(t) + near(t)) == []


def test_an_ambulance_and_who_follows_it():
    riders = group((23.0, 8.0, -2.0), (24.0, -5.0, 1.0))

    def users(t):
        return [replace(u, emergency=0.9) if u.track_id == 1 else u for u in riders(t)]

    assert play(rule(), 7.0, users) == []


def test_seen_too_briefly():
    riders = group((23.0, 8.0, -2.0), (24.0, -5.0, 1.0))
    assert play(rule(), 7.0, lambda t: riders(t) if t < 2.8 else []) == []


def test_hours_kinds_and_bare_detections():
    riders = ((23.0, 8.0, -2.0), (24.0, -5.0, 1.0))
    assert race(*riders, made=rule(active=[{"from": "06:00", "to": "07:00"}])) == []
    assert race(*riders, made=rule(applies_to=["car"])) == []
    bare = group(*riders)
    assert play(rule(), 7.0, lambda t: [replace(u, track_id=0) for u in bare(t)]) == []


def test_it_is_off_without_a_limit_or_a_ground():
    with pytest.raises(RuleOff, match="no zone of kind road gives a limit"):
        rule(limit=None)
    made = rule().place
    with pytest.raises(RuleOff, match="no calibration, no racing"):
        Racing(replace(made, calibration=None))


def test_memory_is_bounded_and_reset():
    made, riders = rule(), group((23.0, 8.0, -2.0))
    for k in range(40):
        made.check(tracks(T0 + k * SECOND // 10, riders(k / 10)), CONTEXT)
    assert len(made) == 1
    made.check(tracks(T0 + 60 * SECOND), CONTEXT)
    assert len(made) == 0


@given(
    st.lists(
        st.tuples(
            st.integers(-(10**9), 10**9),
            st.lists(st.tuples(*(st.floats(-50.0, 700.0, width=32) for _ in range(4))), max_size=3),
        ),
        max_size=30,
    )
)
@settings(deadline=None)
def test_no_verdict_out_of_nonsense(images):
    made, stamp = rule(), T0
    for step, boxes in images:
        stamp += step
        users = [RoadUser(RoadUserKind.CAR, i + 1, 0.9, box) for i, box in enumerate(boxes)]
        assert made.check(tracks(stamp, users), CONTEXT) == []
