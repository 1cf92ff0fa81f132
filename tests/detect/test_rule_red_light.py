"""Red light: before the line in red, deep in the junction in the same red; all else is nothing."""

import numpy as np
import pytest
from detect_scenes import T0, place, play, signals, user, zone
from street_camera import drive, street, vehicle

from bconnect_detect.core.rules.red_light import RedLight
from bconnect_detect.core.rules.stop_line import StopLine
from bconnect_detect.core.types import SECOND
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import RoadUserKind, SignalAspect, ViolationType

LINE = [[0.3, 0.6], [0.7, 0.6]]  # y = 216
UP = [[0.5, 0.9], [0.5, 0.3]]
JUNCTION = ((0.2, 0.1), (0.8, 0.1), (0.8, 0.4), (0.2, 0.4))  # down to y = 144
RED = signals([(0, SignalAspect.RED)], 60)
A, G, R = SignalAspect.AMBER, SignalAspect.GREEN, SignalAspect.RED


def rule(junctions=(JUNCTION,), **keys: object) -> RedLight:
    keys = {"signal": "lampu", "basis": "signal", **keys}
    return RedLight(place(zone(kind="stop_line", line=LINE, **keys), junctions))


def through(speed: float = 60.0, x: float = 320.0, start_y: float = 330.0):
    return lambda t: [user((x, start_y - speed * t))]


def test_through_in_red_is_found_once():
    (one,) = play(rule(), 5, through(), RED)
    assert one.type == ViolationType.RED_LIGHT and one.signal.aspect == R
    assert one.limit == 1.0 < one.measured_low <= one.time_into_red <= one.measured_high
    assert T0 + 1.9 * SECOND <= one.started <= T0 + 2.3 * SECOND
    ys = [y for _, y in one.trail]
    assert max(ys) > 0.6 and min(ys) < 0.4  # positions before the line and in the junction


def test_without_a_junction_two_of_its_sizes_are_deep():
    (one,) = play(rule(junctions=(), direction=UP), 5, through(), RED)
    assert one.trail[-1][1] * 360 <= 216 - 2 * 48.9


@pytest.mark.parametrize("aspect", [a for a in SignalAspect if a != R])
def test_only_red_is_red(aspect: SignalAspect):
    assert play(rule(), 5, through(), signals([(0, aspect)], 60)) == []


def test_unknown_and_stale_refuse():
    assert play(rule(), 5, through()) == []
    assert play(rule(), 5, through(), signals([(0, R)], 0.5)) == []


def test_red_must_be_confirmed_in_the_junction():
    assert play(rule(), 5, through(), signals([(0, R)], 2.9)) == []  # no reading after it
    assert play(rule(), 5, through(), signals([(0, R), (3.1, G)], 6)) == []


def test_standing_on_or_past_the_line_is_not_through():
    for y in (216, 200, 170):
        assert play(rule(), 30, lambda t, y=y: [user((320, max(y, 330 - 60 * t)))], RED) == []


def test_caught_by_red_past_the_line_may_drive_on():
    book = signals([(0, G), (4, R)], 60)
    scene = lambda t: [user((320, max(190, 330 - 60 * t) if t < 20 else 190 - 60 * (t - 20)))]  # noqa: E731
    assert play(rule(), 25, scene, book) == []


def test_green_in_between_is_another_red():
    # creeps onto the line in red, green comes and goes, drives on in the next red
    book = signals([(0, R), (8, G), (12, R)], 60)
    scene = lambda t: [user((320, max(216, 330 - 60 * t) if t < 20 else 216 - 60 * (t - 20)))]  # noqa: E731
    assert play(rule(), 25, scene, book) == []


def test_the_start_of_red_is_forgiven():
    # the front passes y = 216 at 1.5 s
    assert play(rule(), 5, through(), signals([(0, A), (0.7, R)], 9)) == []
    assert len(play(rule(), 5, through(), signals([(0, A), (0.3, R)], 9))) == 1


def test_beside_the_line_and_against_it():
    assert play(rule(), 5, through(x=600), RED) == []
    assert play(rule(), 5, lambda t: [user((320, 100 + 60 * t))], RED) == []


def test_another_vehicle_under_the_same_id():
    assert play(rule(), 5, lambda t: [user((320, 300 if t < 2 else 140))], RED) == []


def test_a_look_away_proves_nothing():
    seen = through()
    assert play(rule(), 5, lambda t: [] if 1.0 < t < 2.2 else seen(t), RED) == []


def test_a_box_cut_by_the_border_has_no_foot():
    assert play(rule(), 5, lambda t: [user((320, 330 - 60 * t), size=(640, 40))], RED) == []


def test_making_room_for_an_ambulance():
    def scene(t: float):
        ambulance = user((500, 340), 9)
        object.__setattr__(ambulance, "emergency", 0.9)
        return [*through()(t), *([ambulance] if 0.5 < t < 0.8 else [])]

    assert play(rule(), 5, scene, RED) == []


def test_a_flapping_signal_is_no_signal():
    flash = [(0, R), (1.2, G), (1.4, R)]  # an old red but for one blink before the line
    assert play(rule(grace=0.1), 5, through(), signals(flash, 6)) == []
    assert len(play(rule(grace=0.1), 5, through(), signals([(0, R)], 6))) == 1


def test_what_the_rule_needs():
    with pytest.raises(ConfigError, match=r"z\.signal: is missing; red_light needs"):
        rule(signal=None)
    with pytest.raises(ConfigError, match=r"z\.direction: is missing; red_light needs"):
        rule(junctions=(), direction=None)


AWAY = {"line": [[-3.5, 30], [3.5, 30]], "junction": [[-6, 34], [6, 34], [6, 48], [-6, 48]]}
TOWARD = {"line": [[-3.5, 42], [3.5, 42]], "junction": [[-6, 24], [6, 24], [6, 38], [-6, 38]]}


class TestOnTheStreet:
    """In metres, by a calibrated camera: the front counts, whichever end is seen."""

    def made(self, kind=RedLight, away: bool = True, calibrated: bool = True):
        where = AWAY if away else TOWARD
        basis = "signal" if kind is RedLight else "marking"
        return kind(street("stop_line", calibrated, signal="lampu", basis=basis, **where))

    @staticmethod
    def pass_at(front_time: float, speed: float, kind: RoadUserKind, away: bool, seed: int):
        """Its front passes the line at a time [s]."""
        noise = np.random.default_rng(seed)
        half = {RoadUserKind.CAR: 2.15, RoadUserKind.MOTORCYCLE: 0.975, RoadUserKind.BUS: 5.25}[
            kind
        ]
        way, line = (1, 30) if away else (-1, 42)

        def scene(t: float):
            middle = line + way * (speed * (t - front_time) - half)
            if not 16 < middle < 65:
                return []
            return [vehicle(1.0, middle, 90 * way, kind=kind, noise=noise)]

        return scene

    @pytest.mark.parametrize("kind", [RoadUserKind.CAR, RoadUserKind.MOTORCYCLE, RoadUserKind.BUS])
    @pytest.mark.parametrize("away", [True, False])
    @pytest.mark.parametrize("speed", [5.0, 9.0, 14.0])
    def test_front_in_late_amber_and_two_seconds_into_red(self, kind, away, speed):
        for seed in range(3):
            amber = signals([(0, G), (2.0, A), (5.0, R)], 20)
            lawful = self.pass_at(4.9, speed, kind, away, seed)
            assert drive(self.made(away=away), 15, lawful, amber) == []
            late = self.pass_at(7.1, speed, kind, away, seed)
            assert len(drive(self.made(away=away), 15, late, amber)) == 1

    @pytest.mark.parametrize("calibrated", [True, False])
    def test_amber_is_lawful_without_calibration_too(self, calibrated: bool):
        amber = signals([(0, G), (2.0, A), (5.0, R)], 20)
        for kind in (RoadUserKind.CAR, RoadUserKind.BUS, RoadUserKind.MOTORCYCLE):
            scene = self.pass_at(4.9, 6.0, kind, True, 1)
            assert drive(self.made(calibrated=calibrated), 15, scene, amber) == []

    @pytest.mark.parametrize(
        ("calibrated", "lost", "found"),
        [(True, (6.2, 7.8), 1), (True, (6.2, 8.6), 0), (False, (6.2, 7.8), 0)],
    )
    def test_out_of_sight_over_the_line(self, calibrated: bool, lost, found: int):
        """Where its place on the ground tells who it is, two looks and a drive are enough."""
        first, last = lost
        late = self.pass_at(7.1, 6.0, RoadUserKind.CAR, True, 1)
        seen = lambda t: [] if first < t < last else late(t)  # noqa: E731
        red = signals([(0, G), (2.0, A), (5.0, R)], 20)
        assert len(drive(self.made(calibrated=calibrated), 15, seen, red)) == found

    def test_a_motorcycle_that_passed_for_a_bicycle(self):
        def scene(t: float):
            seen = late(t)
            for one in seen if t < until else []:
                object.__setattr__(one, "kind", RoadUserKind.BICYCLE)
            return seen

        late = self.pass_at(7.1, 9.0, RoadUserKind.MOTORCYCLE, True, 1)
        red = signals([(0, G), (2.0, A), (5.0, R)], 20)
        until = 6.9
        assert len(drive(self.made(), 15, scene, red)) == 1
        until = 99.0  # it is one, and the zone is not for it
        assert drive(self.made(), 15, scene, red) == []

    @pytest.mark.parametrize("away", [True, False])
    def test_standing_with_its_front_past_the_line(self, away: bool):
        way, line = (1, 30) if away else (-1, 42)
        noise = np.random.default_rng(4)

        def stop(past: float):
            def scene(t: float):
                front = min(past, 8.0 * (t - 4.0))
                return [vehicle(1.0, line + way * (front - 2.15), 90 * way, noise=noise)]

            return lambda t: scene(t) if 8.0 * (t - 4.0) > -14 else []

        red = signals([(0, R)], 30)
        (one,) = drive(self.made(StopLine, away), 20, stop(2.2), red)
        assert one.type == ViolationType.STOP_LINE
        assert drive(self.made(RedLight, away), 20, stop(2.2), red) == []
        assert drive(self.made(StopLine, away), 20, stop(-0.7), red) == []
        caught = signals([(0, G), (7, R)], 30)
        assert drive(self.made(StopLine, away), 20, stop(2.2), caught) == []

    @pytest.mark.parametrize("share", [0.2, 0.25, 0.35])
    def test_half_hidden_while_waiting_is_not_past_the_line(self, share: float):
        """Who drives up beside it hides its lower part, now and then or for good: its foot seems
        to be 2 m further on."""
        noise = np.random.default_rng(5)

        def waits(t: float):
            front = min(-1.0, 8.0 * (t - 4.0))
            kind = RoadUserKind.MOTORCYCLE
            seen = vehicle(1.0, 30 + front - 0.975, kind=kind, noise=noise)
            if (7.0 < t < 12.0 and int(2 * t) % 3) or t > 14.0:
                x0, y0, x1, y1 = seen.box
                object.__setattr__(seen, "box", (x0, y0, x1, y1 - share * (y1 - y0)))
            return [seen] if 8.0 * (t - 4.0) > -14 else []

        assert drive(self.made(StopLine), 20, waits, signals([(0, R)], 30)) == []

    def test_a_look_before_the_line_ends_standing_past_it(self):
        """Two seconds past the line are two seconds in a row."""

        def rocks(t: float):
            front = min(-1.0, 8.0 * (t - 4.0)) if t < 6.0 else (1.5 if t % 1.5 < 1.3 else -0.2)
            return [vehicle(1.0, 30 + front - 2.15)] if 8.0 * (t - 4.0) > -14 else []

        assert drive(self.made(StopLine), 20, rocks, signals([(0, R)], 30)) == []
