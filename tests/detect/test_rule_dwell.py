"""Illegal parking and stopping: dwell that was seen, at one place, in the right hours."""

import random

import pytest
from detect_scenes import CAR, T0, place, play, signals, user, zone

from bconnect_detect.core.rules.illegal_parking import IllegalParking
from bconnect_detect.core.rules.illegal_stopping import IllegalStopping
from bconnect_detect.core.types import SECOND
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import RoadUserKind, SignalAspect, ViolationType

REGION = [[0.2, 0.4], [0.8, 0.4], [0.8, 0.9], [0.2, 0.9]]
SPOT = (300.0, 250.0)


def parking(dwell: float = 10.0, **keys: object) -> IllegalParking:
    return IllegalParking(
        place(zone(kind="no_parking", region=REGION, dwell=dwell, basis="sign S-12", **keys))
    )


def test_parked_vehicle_is_found_once_with_its_numbers():
    found = play(parking(), 40, lambda t: [user(SPOT)])
    assert len(found) == 1
    (one,) = found
    assert (
        one.type == ViolationType.ILLEGAL_PARKING and one.zone == "z" and one.basis == "sign S-12"
    )
    assert one.started == T0 and one.measured == pytest.approx(10.1, abs=0.11)
    assert one.measured_low > one.limit == 10.0 and one.measured_high >= one.measured
    assert one.stamp - one.started == pytest.approx(one.measured * SECOND, abs=1)
    assert "10" in one.explanation and one.trail and all(0 <= x <= 1 for x, _ in one.trail)
    assert one.id == play(parking(), 40, lambda t: [user(SPOT)])[0].id  # a replay finds the same


def test_no_stopping_is_the_same_watch_on_its_own_zone():
    made = place(zone(kind="no_stopping", region=REGION, dwell=3.0, basis="marking"))
    (one,) = play(IllegalStopping(made), 6, lambda t: [user(SPOT)])
    assert one.type == ViolationType.ILLEGAL_STOPPING and one.measured == pytest.approx(
        3.1, abs=0.11
    )


def test_exactly_the_allowance_is_allowed():
    assert play(parking(dwell=9.9), 10.0, lambda t: [user(SPOT)]) == []


@pytest.mark.parametrize(
    "kind", [RoadUserKind.PEDESTRIAN, RoadUserKind.BICYCLE, RoadUserKind.UNKNOWN]
)
def test_who_is_no_vehicle_may_stand(kind: RoadUserKind):
    assert play(parking(), 30, lambda t: [user(SPOT, kind=kind)]) == []


def test_applies_to_narrows_the_kinds():
    rule = parking(applies_to=["truck"])
    assert play(rule, 30, lambda t: [user(SPOT)]) == []
    assert play(parking(applies_to=["car"]), 30, lambda t: [user(SPOT)])


def test_passing_traffic_is_not_parking():
    assert (
        play(parking(1.0), 60, lambda t: [user((130 + 40 * t % 400, 250), int(t // 10) + 1)]) == []
    )


def test_creeping_traffic_is_not_parking():
    assert play(parking(10.0), 60, lambda t: [user((150 + 5 * t, 250))]) == []


def test_outside_the_zone_is_free():
    assert play(parking(), 30, lambda t: [user((60.0, 250.0)), user((300, 120), 2)]) == []


def test_one_wheel_in_the_zone_is_not_in_the_zone():
    edge = 0.2 * 640
    assert play(parking(), 30, lambda t: [user((edge - 10, 250))]) == []


def test_jitter_of_the_box_is_standing():
    noise = random.Random(3)
    found = play(
        parking(),
        30,
        lambda t: [user((SPOT[0] + noise.gauss(0, 2), SPOT[1] + noise.gauss(0, 2)))],
    )
    assert len(found) == 1


def test_a_new_id_on_the_same_place_goes_on():
    found = play(parking(), 40, lambda t: [user(SPOT, track_id=1 + int(t // 3))])
    assert len(found) == 1 and found[0].started == T0


def test_hidden_behind_a_bus_pauses_and_goes_on():
    def scene(t: float):
        return [] if 4 <= t < 8 else [user(SPOT, track_id=1 if t < 4 else 9)]

    (one,) = play(parking(), 40, scene)
    assert one.measured == pytest.approx(10.1, abs=0.2)  # the 4 s behind the bus are not held
    assert one.stamp - one.started >= 13.9 * SECOND and one.measured_high >= 13.9


def test_too_long_unseen_is_somebody_else():
    (one,) = play(parking(), 60, lambda t: [] if 6 <= t < 20 else [user(SPOT, 1 if t < 6 else 2)])
    assert one.started >= T0 + 20 * SECOND


def test_seldom_seen_is_not_seen():
    # one look every 2 s: nobody knows what happened in between
    assert play(parking(), 120, lambda t: [user(SPOT)], rate=0.5) == []


def test_fires_again_only_after_leaving():
    def scene(t: float):
        if t < 20 or t >= 30:
            return [user(SPOT)]
        return [user((SPOT[0] + (t - 20) * 60, SPOT[1]))] if t < 28 else []

    found = play(parking(), 60, scene)
    assert len(found) == 2 and found[0].id != found[1].id
    assert found[1].started >= T0 + 30 * SECOND


def test_a_second_box_on_the_same_vehicle_is_no_second_vehicle():
    kinds = (CAR, RoadUserKind.TRUCK)
    found = play(parking(), 30, lambda t: [user(SPOT, i + 1, k) for i, k in enumerate(kinds)])
    assert len(found) == 1


def test_two_vehicles_are_two():
    found = play(parking(), 30, lambda t: [user(SPOT, 1), user((400, 250), 2)])
    assert sorted(f.road_user.track_id for f in found) == [1, 2]


class TestSignal:
    """A queue is not parking."""

    def rule(self) -> IllegalParking:
        return parking(dwell=10.0, signal="lampu")

    @pytest.mark.parametrize("aspect", [a for a in SignalAspect if a != SignalAspect.GREEN])
    def test_waiting_at_anything_but_green_is_waiting(self, aspect: SignalAspect):
        book = signals([(0, aspect)], 90)
        assert play(self.rule(), 90, lambda t: [user(SPOT)], book) == []

    def test_unknown_or_stale_signal_refuses(self):
        assert play(self.rule(), 90, lambda t: [user(SPOT)]) == []
        stale = signals([(0, SignalAspect.GREEN)], 5)
        assert play(self.rule(), 90, lambda t: [user(SPOT)], stale) == []

    def test_standing_through_green_is_parking(self):
        book = signals([(0, SignalAspect.RED), (30, SignalAspect.GREEN)], 90)
        (one,) = play(self.rule(), 90, lambda t: [user(SPOT)], book)
        # 10 s to drive off, then 10 s of the zone
        assert one.stamp >= T0 + 50 * SECOND and one.signal is not None


class TestHours:
    """T0 is Friday 04:26:40 local."""

    def test_outside_the_hours_is_free(self):
        window = [{"days": "daily", "from": "16:00", "to": "19:00"}]
        assert play(parking(active=window), 60, lambda t: [user(SPOT)]) == []

    def test_another_day_is_free(self):
        window = [{"days": "sat,sun", "from": "04:00", "to": "05:00"}]
        assert play(parking(active=window), 60, lambda t: [user(SPOT)]) == []

    def test_time_before_the_hours_does_not_count(self):
        window = [{"days": "fri", "from": "04:27", "to": "05:00"}]  # 20 s after T0
        (one,) = play(parking(active=window), 60, lambda t: [user(SPOT)])
        assert one.stamp == pytest.approx(T0 + 30.1 * SECOND, abs=0.2 * SECOND)
        assert one.started >= T0 + 20 * SECOND


def test_a_zone_without_an_area_is_refused():
    made = zone(kind="no_parking", line=[[0.1, 0.1], [0.9, 0.9]], basis="sign S-12")
    with pytest.raises(ConfigError, match=r"cameras\.c\.zones\.z\.region: is missing"):
        IllegalParking(place(made))
