"""Solid line: from clearly one side to clearly the other, between its ends."""

import numpy as np
import pytest
from detect_scenes import T0, place, play, user, zone
from street_camera import drive, street, vehicle

from bconnect_detect.core.rules.lane_marking import LaneMarking
from bconnect_detect.core.types import SECOND
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import RoadUserKind, ViolationType

LINE = [[0.5, 0.9], [0.5, 0.3]]  # x = 320, y from 324 up to 108


def rule(**keys: object) -> LaneMarking:
    return LaneMarking(place(zone(kind="lane_marking", line=LINE, basis="marking", **keys)))


def change(x0: float, x1: float, at: float = 2.0, seconds: float = 1.5, speed: float = 50.0):
    """Drives up the image and goes over from x0 to x1 from a moment on."""

    def scene(t: float):
        share = min(1.0, max(0.0, (t - at) / seconds))
        return [user((x0 + (x1 - x0) * share, 330 - speed * t))]

    return scene


def test_a_change_over_the_line_is_found_once():
    (one,) = play(rule(), 6, change(260, 380))
    assert one.type == ViolationType.LANE_MARKING and one.basis == "marking"
    assert T0 + 2 * SECOND <= one.started <= one.stamp <= T0 + 4 * SECOND
    assert one.measured >= one.measured_low > one.limit == 0.0
    xs = [x for x, _ in one.trail]
    assert min(xs) < 0.45 and max(xs) > 0.55


def test_back_the_other_way_too():
    assert len(play(rule(), 6, change(380, 260))) == 1


def test_staying_in_the_lane_and_a_wheel_on_the_line_are_lawful():
    assert play(rule(), 6, change(260, 262)) == []
    assert play(rule(), 6, change(260, 330)) == []  # a sixth of its width over

    def swerve(t: float):
        return [user((270 + 55 * max(0.0, 1 - abs(t - 3)), 330 - 50 * t))]

    assert play(rule(), 6, swerve) == []


def test_before_the_line_begins_and_behind_its_end_one_may_change():
    assert play(rule(), 6, change(260, 380, at=4.6, seconds=0.6, speed=50)) == []  # y < 108
    late = lambda t: [user((260 + 120 * min(1.0, t / 1.0), 345 - 20 * t), size=(60, 12))]  # noqa: E731
    assert play(rule(), 6, late) == []


def test_an_id_that_leaps_to_the_next_lane():
    assert play(rule(), 6, lambda t: [user((260 if t < 3 else 380, 330 - 50 * t))]) == []


def test_a_look_away_over_the_line_proves_nothing():
    seen = change(260, 380)
    assert play(rule(), 6, lambda t: [] if 2.3 < t < 3.4 else seen(t)) == []


def test_making_room_for_an_ambulance():
    def scene(t: float):
        ambulance = user((100, 300), 9)
        object.__setattr__(ambulance, "emergency", 0.9)
        return [*change(260, 380)(t), *([ambulance] if t < 1 else [])]

    assert play(rule(), 6, scene) == []


@pytest.mark.parametrize("comes_by", [True, False])
def test_while_an_ambulance_is_about_the_verdict_waits_for_it(comes_by: bool):
    """Room is made for one that is still out of the picture."""

    def scene(t: float):
        ambulance = user((100, 300), 9)
        object.__setattr__(ambulance, "emergency", 0.9)
        there = t < 0.3 or (comes_by and 8.0 < t < 8.5)
        return [*change(260, 380, at=4.0, speed=30.0)(t), *([ambulance] if there else [])]

    found = play(rule(), 23, scene)
    assert len(found) == (0 if comes_by else 1)
    assert all(f.stamp < T0 + 6 * SECOND for f in found)  # of the image that decided


def test_verdicts_that_wait_are_forgotten_with_the_rest():
    def scene(t: float):
        ambulance = user((100, 300), 9)
        object.__setattr__(ambulance, "emergency", 0.9)
        return [*change(260, 380, at=4.0, speed=30.0)(t), *([ambulance] if t < 0.3 else [])]

    made = rule()
    assert play(made, 7, scene) == [] and len(made) > 1
    made.reset()
    assert len(made) == 0
    assert play(made, 7, lambda t: [], start=7) == []


def test_who_is_no_vehicle_and_other_hours():
    people = lambda t: [  # noqa: E731
        user(u.foot, kind=RoadUserKind.PEDESTRIAN) for u in change(260, 380)(t)
    ]
    assert play(rule(), 6, people) == []
    window = [{"days": "daily", "from": "16:00", "to": "19:00"}]
    assert play(rule(active=window), 6, change(260, 380)) == []


def test_a_line_is_needed():
    made = zone(kind="lane_marking", region=[[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]], basis="marking")
    with pytest.raises(ConfigError, match=r"z\.line: is missing"):
        LaneMarking(place(made))


class TestOnTheStreet:
    """In metres: the line lies at x = 3.5 m right of the camera, seen aslant."""

    @staticmethod
    def made() -> LaneMarking:
        line = [[3.5, 20], [3.5, 46]]
        return LaneMarking(street("lane_marking", line=line, basis="marking"))

    @staticmethod
    def over(x0: float, x1: float, at: float, kind: RoadUserKind, seed: int, back: bool = False):
        """Its middle is at x half way at a place [m], going 8 m/s."""
        noise = np.random.default_rng(seed)

        def scene(t: float):
            y = 16 + 8 * t
            if y > 60:
                return []
            share = min(1.0, max(0.0, (y - at) / 20 + 0.5))
            if back:
                share = 1 - abs(2 * share - 1)
            share = share * share * (3 - 2 * share)
            return [vehicle(x0 + (x1 - x0) * share, y, kind=kind, noise=noise)]

        return scene

    @pytest.mark.parametrize("kind", [RoadUserKind.CAR, RoadUserKind.MOTORCYCLE, RoadUserKind.BUS])
    @pytest.mark.parametrize("right", [True, False])
    def test_over_the_line_and_nearly(self, kind: RoadUserKind, right: bool):
        left, other = (1.75, 5.25) if right else (5.25, 1.75)
        for seed in range(4):
            crossed = self.over(left, other, 33, kind, seed)
            assert len(drive(self.made(), 6, crossed)) == 1
            grazed = self.over(left, 3.5 + np.sign(left - 3.5) * 0.3, 33, kind, seed, back=True)
            assert drive(self.made(), 6, grazed) == []
            behind = self.over(left, other, 49.5, kind, seed)
            assert drive(self.made(), 6, behind) == []

    @pytest.mark.parametrize("share", [0.2, 0.4, 0.6])
    def test_who_waits_half_hidden_beside_it_crosses_nothing(self, share: float):
        """Seen aslant, what seems further on seems to be on the other side too."""
        noise = np.random.default_rng(5)

        def waits(t: float):
            y = min(36.0, 16 + 6 * t)
            seen = vehicle(4.2, y, kind=RoadUserKind.MOTORCYCLE, noise=noise)
            if 6.0 < t < 9.0:
                x0, y0, x1, y1 = seen.box
                object.__setattr__(seen, "box", (x0, y0, x1, y1 - share * (y1 - y0)))
            return [seen]

        assert drive(self.made(), 12, waits) == []

    @pytest.mark.parametrize(
        ("at", "lost", "found"),
        [(33, (1.4, 2.9), 1), (33, (1.2, 3.5), 0), (40, (2.4, 3.9), 0)],
    )
    def test_out_of_sight_over_the_line(self, at: float, lost, found: int):
        """Found only if it was beside the line all the while; at 40 m that ends meanwhile."""
        crossed = self.over(1.75, 5.25, at, RoadUserKind.CAR, 1)
        seen = lambda t: [] if lost[0] < t < lost[1] else crossed(t)  # noqa: E731
        assert len(drive(self.made(), 7, seen)) == found
