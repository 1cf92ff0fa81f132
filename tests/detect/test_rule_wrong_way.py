"""Wrong way: long, steady and contrary, or nothing."""

from math import acos, cos, pi, sin

import numpy as np
import pytest
from detect_scenes import T0, place, play, user, zone
from street_camera import drive as drive_by
from street_camera import street, vehicle

from bconnect_detect.core.rules.wrong_way import WrongWay
from bconnect_detect.core.types import SECOND
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import RoadUserKind, ViolationType

LANE = [[0.3, 0.05], [0.7, 0.05], [0.7, 0.95], [0.3, 0.95]]
UP = [[0.5, 0.9], [0.5, 0.1]]  # lawful: away from the camera


def rule(**keys: object) -> WrongWay:
    keys = {"direction": UP, "basis": "marking", **keys}
    return WrongWay(place(zone(kind="direction", region=LANE, **keys)))


def drive(angle: float, speed: float = 50.0, start: tuple[float, float] = (320.0, 90.0)):
    """Straight on at an angle to the arrow (pi: against it), px/s."""
    return lambda t: [user((start[0] + speed * t * sin(angle), start[1] - speed * t * cos(angle)))]


def test_against_the_arrow_is_found_once():
    (one,) = play(rule(), 5, drive(pi))
    assert one.type == ViolationType.WRONG_WAY and one.started == T0
    assert one.measured == pytest.approx(pi, abs=1e-3)
    assert one.limit == pytest.approx(acos(-0.7)) and one.measured_low > one.limit
    ys = [y for _, y in one.trail]
    assert ys == sorted(ys) and len(ys) >= 8


def test_with_the_arrow_is_right():
    assert play(rule(), 5, drive(0.0, start=(320, 330))) == []


@pytest.mark.parametrize("angle", [0.3 * pi, 0.5 * pi, 0.7 * pi, -0.7 * pi])
def test_across_is_not_against(angle: float):
    assert play(rule(), 4, drive(angle, speed=40, start=(320, 180))) == []


def test_the_doubt_of_the_angle_counts():
    limit = acos(-0.7)
    assert play(rule(), 4, drive(limit + 0.01, start=(250, 100))) == []
    assert play(rule(), 4, drive(limit + 0.25, start=(250, 100)))


def test_reversing_into_a_space_is_short():
    assert play(rule(), 20, lambda t: [user((320, 150 + min(70.0, 20 * t)))]) == []


def test_standing_with_jitter_is_not_driving():
    noise = np.random.default_rng(5)
    assert (
        play(rule(), 60, lambda t: [user((320 + noise.normal(0, 3), 200 + noise.normal(0, 3)))])
        == []
    )


def test_a_turn_is_not_wrong_way():
    def turn(t: float):  # up, then round and a little down
        phase = min(t, 3.0) * pi / 3
        return [user((320 + 60 * (1 - cos(phase)), 200 - 60 * sin(phase)))]

    assert play(rule(), 4, turn) == []


def test_an_id_that_leaps_to_another_vehicle_proves_nothing():
    assert play(rule(), 4, lambda t: [user((320, 80 if t < 2 else 300))]) == []
    # an oncoming pair whose id is handed on at every pass
    assert play(rule(), 9, lambda t: [user((320, 320 - 50 * (t % 3) + 40 * int(t // 3)))]) == []


def test_a_few_images_prove_nothing():
    assert play(rule(), 5, drive(pi), rate=1.0) == []


def test_pedestrians_may_walk_both_ways():
    def walk(t: float):
        return [user((320, 90 + 50 * t), kind=RoadUserKind.PEDESTRIAN)]

    assert play(rule(), 5, walk) == []
    assert play(rule(applies_to=["pedestrian"]), 5, walk)


def test_outside_the_lane_is_another_lane():
    assert play(rule(), 5, drive(pi, start=(100, 90))) == []


def test_a_box_cut_by_the_border_has_no_foot():
    # enters from above: the visible box grows downwards, the vehicle hardly moves
    def enter(t: float):
        made = user((320, 20 + 60 * t))
        object.__setattr__(made, "box", (made.box[0], 0.0, made.box[2], made.box[3]))
        return [made]

    assert play(rule(), 5, enter) == []


def test_a_gap_begins_anew():
    assert play(rule(), 5, lambda t: drive(pi)(t) if (t % 2) < 0.5 else []) == []


def test_closed_hours():
    window = [{"days": "daily", "from": "16:00", "to": "19:00"}]
    assert play(rule(active=window), 5, drive(pi)) == []


def test_every_vehicle_is_its_own():
    def two(t: float):
        return [
            user((280, 90 + 50 * t), 1),
            user((360, 90 + 50 * t), 2),
            user((320, 330 - 50 * t), 3),
        ]

    assert sorted(f.road_user.track_id for f in play(rule(), 5, two)) == [1, 2]


def test_an_arrow_is_needed():
    with pytest.raises(ConfigError, match=r"cameras\.c\.zones\.z\.direction: is missing"):
        rule(direction=None)


def test_seconds_come_from_stamps():
    slow = play(rule(), 50, drive(pi, speed=8.0), rate=2.0)
    assert len(slow) == 1 and slow[0].stamp - slow[0].started > 10 * SECOND


class TestOnTheStreet:
    """In metres, aslant: the image bends the angle between a lane and the arrow beside it."""

    @staticmethod
    def made(**keys: object) -> WrongWay:
        region = [[-4, 20], [4, 20], [4, 50], [-4, 50]]
        arrow = [[3, 24], [3, 46]]
        return WrongWay(street("direction", region=region, direction=arrow, basis="marking"))

    @pytest.mark.parametrize("x", [-3.0, 0.0, 3.0])
    @pytest.mark.parametrize("seed", range(2))
    def test_against_with_and_across(self, x: float, seed: int):
        noise = np.random.default_rng(seed)

        def way(along: float, across: float, start: float):
            return lambda t: [
                vehicle(x + across * t, start + along * t, 90 if along > 0 else -90, noise=noise)
            ]

        (one,) = drive_by(self.made(), 4, way(-7, 0, 48))
        assert "m in" in one.explanation and one.measured > 2.9
        assert drive_by(self.made(), 4, way(7, 0, 20)) == []
        assert drive_by(self.made(), 4, way(-1.5, -3 if x > 0 else 3, 40)) == []
        assert drive_by(self.made(), 8, lambda t: way(-3, 0, 40)(min(t, 2.0))) == []  # 6 m back

    def test_warning_lights_may(self):
        scene = lambda t: [vehicle(0, 48 - 7 * t, -90, emergency=0.9)]  # noqa: E731
        assert drive_by(self.made(), 4, scene) == []
