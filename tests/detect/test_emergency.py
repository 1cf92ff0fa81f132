"""An ambulance: who is near it may be making way; who is far from it may not."""

from dataclasses import replace

import numpy as np
from detect_scenes import T0, signals, tracks
from street_camera import calibration, street, vehicle

from bconnect_detect.core.emergency import Emergencies
from bconnect_detect.core.rule import Context
from bconnect_detect.core.rules.red_light import RedLight
from bconnect_detect.core.types import SECOND
from bconnect_site.kinds import SignalAspect

HERE = np.array((0.0, 40.0))


def at(t: float) -> int:
    return T0 + round(t * SECOND)


def seen(t: float, y: float = 30.0, camera: str = "c", sure: float = 0.9):
    return replace(tracks(at(t), [vehicle(0.0, y, emergency=sure)]), camera=camera)


def test_near_for_a_while():
    book = Emergencies()
    book.look(seen(10.0), calibration())
    assert book.near("c", HERE, at(10), at(10)) and book.near("c", HERE, at(12), at(12))
    assert not book.near("c", HERE, at(14), at(14)) and not book.near("c", HERE, at(9), at(9))
    assert book.near("c", HERE, at(21), at(22), hold=12.0)


def test_far_away_is_far_away_unless_the_place_is_not_known():
    book = Emergencies()
    book.look(seen(10.0, 30.0), calibration())
    assert not book.near("c", np.array((0.0, 130.0)), at(11), at(11))
    assert book.near("c", None, at(11), at(11))
    assert not book.near("other", None, at(11), at(11))
    unplaced = Emergencies()
    unplaced.look(seen(10.0), None)
    assert unplaced.near("c", HERE, at(11), at(11))
    assert not unplaced.near("other", HERE, at(11), at(11))


def test_another_camera_sees_it_too_but_not_in_the_same_moment():
    book = Emergencies()
    book.look(seen(10.0, camera="behind"), calibration())
    assert not book.near("c", HERE, at(10), at(10))  # the order of cameras must not matter
    assert book.near("c", HERE, at(10.1), at(10.1))


def test_doubtful_lights_are_none_and_all_is_forgotten():
    book = Emergencies()
    book.look(seen(10.0, sure=0.3), calibration())
    book.look(tracks(at(10.1)), calibration())
    assert len(book) == 0
    for tick in range(5000):
        book.look(seen(11 + tick / 10), calibration())
    assert len(book) <= 1024


def test_a_red_light_is_run_only_where_nobody_needed_the_room():
    def found(ambulance_y: float) -> int:
        where = {
            "line": [[-3.5, 30], [3.5, 30]],
            "junction": [[-6, 34], [6, 34], [6, 48], [-6, 48]],
        }
        rule = RedLight(street("stop_line", signal="lampu", basis="signal", **where))
        context = Context(signals([(0, SignalAspect.RED)], 20))
        total = 0
        for tick in range(80):
            t = tick / 10
            context.emergencies.look(seen(t, ambulance_y, "behind"), calibration())
            total += len(rule.check(tracks(at(t), [vehicle(0.0, 16 + 8 * t)]), context))
        return total

    assert found(150.0) == 1 and found(20.0) == 0
