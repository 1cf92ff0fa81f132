"""U-turn: a way that comes back beside itself, inside the region; anything less is a turn."""

from math import cos, degrees, pi, sin

import numpy as np
import pytest
from detect_scenes import T0, place, play, user, zone
from street_camera import drive, street, vehicle

from bconnect_detect.core.rules.illegal_u_turn import IllegalUTurn
from bconnect_detect.core.types import SECOND
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import RoadUserKind, ViolationType

REGION = [[-5, 28], [11, 28], [14, 46], [-5, 46]]


def made(calibrated: bool = True, **keys: object) -> IllegalUTurn:
    keys = {"region": REGION, "basis": "sign S-4", **keys}
    return IllegalUTurn(street("no_u_turn", calibrated, **keys))


def turn(by: float, at: float = 33.0, radius: float = 4.5, speed: float = 6.0, seed: int = 1, **k):
    """North up x = 0, then a right turn by an angle [rad] from a place on, then straight."""
    noise = np.random.default_rng(seed)
    reach = radius * by
    start = 16.0

    def scene(t: float):
        way = start + speed * t
        if way < at:
            x, y, angle = 0.0, way, 0.0
        else:
            angle = min(by, (way - at) / radius)
            x, y = radius * (1 - cos(angle)), at + radius * sin(angle)
            rest = max(0.0, way - at - reach)
            x, y = x + rest * sin(angle), y + rest * cos(angle)
        if not 14 < y < 60 or abs(x) > 16:
            return []
        return [vehicle(x, y, 90 - degrees(angle), noise=noise, **k)]

    return scene


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", [RoadUserKind.CAR, RoadUserKind.MOTORCYCLE])
def test_turning_back_is_found_once(kind: RoadUserKind, seed: int):
    radius = 4.5 if kind == RoadUserKind.CAR else 2.5
    (one,) = drive(made(), 12, turn(pi, kind=kind, seed=seed, radius=radius))
    assert one.type == ViolationType.ILLEGAL_U_TURN and one.basis == "sign S-4"
    assert one.measured_low > one.limit == pytest.approx(2 * pi / 3)
    assert one.started < one.stamp < one.started + 10 * SECOND and one.started > T0


@pytest.mark.parametrize("by", [0.0, pi / 4, pi / 2, 0.61 * pi])
@pytest.mark.parametrize("calibrated", [True, False])
def test_into_a_side_street_is_lawful(by: float, calibrated: bool):
    for seed in range(3):
        assert drive(made(calibrated), 12, turn(by, seed=seed)) == []


def test_without_calibration_only_a_plain_one():
    rule = IllegalUTurn(
        place(
            zone(
                kind="no_u_turn",
                region=[[0.4, 0.2], [0.9, 0.2], [0.9, 0.9], [0.4, 0.9]],
                basis="sign S-4",
            )
        )
    )

    def loop(t: float):  # seen from the side: to the right, round, and back further down
        if t < 4:
            return [user((150 + 60 * t, 150))]
        angle = min(pi, t - 4)
        rest = max(0.0, t - 4 - pi)
        return [user((390 + 50 * sin(angle) - 60 * rest, 210 - 60 * cos(angle)))]

    assert len(play(rule, 10, loop)) == 1


def test_turning_back_elsewhere_is_lawful():
    away = [[-4, 17], [6, 17], [7, 25], [-4, 25]]
    assert drive(made(region=away), 12, turn(pi)) == []


def test_reversing_is_no_turn():
    noise = np.random.default_rng(2)
    back = lambda t: [vehicle(0, 16 + 5 * t if t < 4 else 36 - 3 * (t - 4), noise=noise)]  # noqa: E731
    assert drive(made(), 9, back) == []


def test_standing_with_jitter_is_no_turn():
    noise = np.random.default_rng(3)
    stand = lambda t: [vehicle(0, min(34, 16 + 6 * t), noise=noise)]  # noqa: E731
    assert drive(made(), 60, stand) == []


def test_an_id_handed_to_oncoming_traffic_is_no_turn():
    noise = np.random.default_rng(4)

    def swap(t: float):
        if t < 3:
            return [vehicle(0, 16 + 6 * t, noise=noise)]
        return [vehicle(6, 34 - 6 * (t - 3), -90, noise=noise)]

    assert drive(made(), 6, swap) == []
    assert drive(made(), 6, lambda t: [] if 2.6 < t < 3.2 else swap(t)) == []


def test_nobody_is_thrown_round():
    """Round a circle of 3 m at 9 m/s: an id that slid over to oncoming traffic."""
    for seed in range(3):
        assert drive(made(), 12, turn(pi, radius=3.0, speed=9.0, seed=seed)) == []
        assert len(drive(made(), 12, turn(pi, radius=3.0, speed=4.5, seed=seed))) == 1


def test_one_wild_look_is_no_turn():
    """A box that covered two vehicles at once, 6 m ahead and 3 m aside of its own."""
    noise = np.random.default_rng(2)

    def scene(t: float):
        y, wild = 16.0 + 7.0 * t, 2.75 < t < 2.85
        return [vehicle(3.0 * wild, y + 6.0 * wild, noise=noise)] if y < 60 else []

    assert drive(made(), 7, scene) == []


def test_lost_on_the_way_proves_nothing():
    seen = turn(pi)
    assert drive(made(), 12, lambda t: [] if 3.5 < t < 4.8 else seen(t)) == []


def test_warning_lights_and_people_may():
    assert drive(made(), 12, turn(pi, emergency=0.9)) == []
    assert drive(made(applies_to=["truck"]), 12, turn(pi)) == []


def test_an_area_is_needed():
    line = zone(kind="no_u_turn", line=[[0.1, 0.1], [0.9, 0.9]], basis="sign S-4")
    with pytest.raises(ConfigError, match=r"z\.region: is missing"):
        IllegalUTurn(place(line))


def test_a_box_cut_by_the_border_has_no_foot():
    rule = IllegalUTurn(
        place(zone(kind="no_u_turn", region=[[0, 0], [1, 0], [1, 1], [0, 1]], basis="sign S-4"))
    )

    def at_the_border(t: float):
        angle = min(pi, t)
        return [user((320 + 100 * (1 - cos(angle)), 358 - 60 * sin(angle)), size=(60, 40))]

    below = lambda t: [u for u in at_the_border(t) if u.foot[1] > 350]  # noqa: E731
    assert play(rule, 5, below) == []
