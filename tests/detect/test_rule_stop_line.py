"""Stop line: crossed in red, seen before it, standing past it; anything less is nothing."""

import pytest
from detect_scenes import STEP, T0, place, play, signals, user, zone

from bconnect_detect.core.rules.stop_line import StopLine
from bconnect_detect.core.types import SECOND
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import SignalAspect, ViolationType

LINE = [[0.3, 0.6], [0.7, 0.6]]  # y = 216
UP = [[0.5, 0.9], [0.5, 0.3]]
JUNCTION = ((0.2, 0.1), (0.8, 0.1), (0.8, 0.4), (0.2, 0.4))  # down to y = 144
RED = signals([(0, SignalAspect.RED)], 60)


def rule(junctions=(JUNCTION,), **keys: object) -> StopLine:
    keys = {"signal": "lampu", "basis": "marking", **keys}
    return StopLine(place(zone(kind="stop_line", line=LINE, **keys), junctions))


def approach(stop_y: float, x: float = 320.0, start_y: float = 330.0, speed: float = 40.0, at=0.0):
    """Drives up the image and stops at a height."""
    return lambda t: [user((x, max(stop_y, start_y - speed * max(0.0, t - at))))]


def test_standing_past_the_line_in_red_is_found_once():
    (one,) = play(rule(), 20, approach(190), RED)
    assert one.type == ViolationType.STOP_LINE
    assert one.signal is not None and one.signal.aspect == SignalAspect.RED
    assert one.time_into_red == pytest.approx(2.1, abs=0.2)  # of its front
    assert one.started == pytest.approx(T0 + 3 * SECOND, abs=0.3 * SECOND)
    assert one.measured >= 1.5 and one.measured_high >= one.measured and one.limit == 0.0


@pytest.mark.parametrize("direction", [UP, None])
def test_direction_from_the_arrow_or_from_the_junction(direction: object):
    assert len(play(rule(direction=direction), 20, approach(190), RED)) == 1


def test_an_arrow_is_enough():
    assert len(play(rule(junctions=(), direction=UP), 20, approach(190), RED)) == 1


def test_stopping_before_the_line_is_right():
    assert play(rule(), 20, approach(225), RED) == []


def test_stopping_on_the_line_is_doubt():
    assert play(rule(), 20, approach(214), RED) == []


def test_oncoming_traffic_is_not_meant():
    assert play(rule(), 20, lambda t: [user((320, min(240, 150 + 40 * t)))], RED) == []


@pytest.mark.parametrize("aspect", [a for a in SignalAspect if a != SignalAspect.RED])
def test_only_red_is_red(aspect: SignalAspect):
    assert play(rule(), 20, approach(190), signals([(0, aspect)], 60)) == []


def test_unknown_and_stale_refuse():
    assert play(rule(), 20, approach(190)) == []
    assert play(rule(), 20, approach(190), signals([(0, SignalAspect.RED)], 0.5)) == []
    # goes stale while it stands
    assert play(rule(), 20, approach(190), signals([(0, SignalAspect.RED)], 2.0)) == []


def test_grace_after_red_began():
    book = signals([(0, SignalAspect.AMBER), (1.8, SignalAspect.RED)], 60)
    assert play(rule(grace=1.0), 20, approach(190), book) == []
    assert len(play(rule(grace=0.1), 20, approach(190), book)) == 1


def test_crossed_in_green_then_caught_by_red():
    book = signals([(0, SignalAspect.GREEN), (5, SignalAspect.RED)], 60)
    assert play(rule(), 30, approach(190), book) == []


def test_standing_past_the_line_when_red_began():
    book = signals([(0, SignalAspect.GREEN), (2, SignalAspect.RED)], 60)
    assert play(rule(), 30, lambda t: [user((320, 190))], book) == []


def test_standing_on_the_line_with_jitter():
    wobble = (0, 3, -3, 2, -2, 4, -4)
    scene = lambda t: [user((320, 216 + wobble[int(t * 10) % 7]))]  # noqa: E731
    assert play(rule(), 30, scene, RED) == []


def test_driving_on_is_red_light_not_this():
    assert play(rule(), 20, approach(60), RED) == []


def test_rolling_on_slowly_never_stands():
    assert play(rule(), 20, approach(60, speed=12), RED) == []


def test_green_before_the_hold_is_over():
    book = signals([(0, SignalAspect.RED), (4.5, SignalAspect.GREEN)], 60)
    assert play(rule(), 20, approach(190), book) == []


def test_beside_the_line_is_another_lane():
    assert play(rule(), 20, approach(190, x=600), RED) == []


def test_a_leap_over_the_line_is_another_vehicle():
    assert play(rule(), 20, lambda t: [user((320, 300 if t < 3 else 180))], RED) == []


def test_a_look_away_over_the_line_proves_nothing():
    hidden = approach(190)
    assert play(rule(), 20, lambda t: [] if 2.0 < t < 3.6 else hidden(t), RED) == []


def test_going_back_is_forgiven():
    def back(t: float):
        return [user((320, 330 - 40 * t if t < 3.4 else min(260.0, 194 + 40 * (t - 3.4))))]

    assert play(rule(), 20, back, RED) == []


def test_slow_images_still_count_by_stamps():
    assert len(play(rule(), 20, approach(190, speed=20), RED, rate=4.0)) == 1


def test_ids_are_the_same_in_a_replay():
    assert play(rule(), 20, approach(190), RED)[0].id == play(rule(), 20, approach(190), RED)[0].id
    assert STEP < SECOND


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"signal": None}, r"cameras\.c\.zones\.z\.signal: is missing"),
        ({"direction": None}, r"cameras\.c\.zones\.z\.direction: is missing"),
    ],
)
def test_what_the_rule_needs(keys: dict, says: str):
    with pytest.raises(ConfigError, match=says):
        rule(junctions=(), **keys)
