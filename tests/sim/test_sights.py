"""How long a camera had an offender in clear sight: uncovered, in the picture, with its foot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bconnect_sim.core.seen import Eyes, Seen
from bconnect_sim.core.sights import Sights
from bconnect_sim.core.world import CameraView, Moment, Truth, VehicleState

VIEW = CameraView("jalan", (0.0, 0.0, 6.0), (25.0, 0.0, 0.0))
SIZE = (640, 360)
RATE = 10.0
WHOLE = (300.0, 100.0, 340.0, 160.0)


def bike(x: float, y: float = 0.0, name: str = "s") -> VehicleState:
    return VehicleState(name, "motorcycle", "motor", x, y, 0.0, 5.0, 1.9, 0.7, 1.1, riders=1)


def seen(
    box: tuple[float, float, float, float] = WHOLE,
    cut: tuple[float, float, float, float] = WHOLE,
    visible: float = 1.0,
    whole: tuple[float, float, float, float] = WHOLE,
) -> Seen:
    one = np.zeros(1, np.intp)
    return Seen(one, one, np.array([box]), np.array([visible]), np.array([cut]), np.array([whole]))


def tall(height: float) -> Seen:
    box = (300.0, 100.0, 340.0, 100.0 + height)
    return seen(box, box, whole=box)


def sight(kind: str, *looks: Seen | None, end: float = 2.0) -> tuple[float, float, float]:
    """Looks one after another, 10 a second, of an event from 1 s on."""
    sights = Sights(["jalan"], RATE)
    for tick, look in enumerate(looks):
        if look is not None:
            sights.look(Moment(tick / RATE, (bike(20.0),), {}), look)
    event = Truth(kind, "s", "", "motorcycle", 1.0, end, "", 0.0, 0.0, ("jalan",))
    (told,) = sights.tell([event])
    return told.sight["jalan"]


def test_before_during_and_after_are_told_apart() -> None:
    clear = seen()
    assert sight("red_light", *[clear] * 40) == pytest.approx((1.0, 1.0, 1.0))
    looks = [*[None] * 8, clear, clear, *[None] * 10, clear, *[None] * 9]
    assert sight("red_light", *looks) == pytest.approx((0.15, 0.05, 0.1), abs=0.051)
    assert sight("red_light", *[None] * 40) == (0.0, 0.0, 0.0)
    assert sight("lane_marking", *[clear] * 40, end=1.0) == pytest.approx((1.0, 0.0, 1.0))


@pytest.mark.parametrize(
    ("look", "foot", "heads"),
    [
        (seen(visible=0.5), True, True),
        (seen(visible=0.45), False, False),  # more than half of it is covered
        (seen(cut=(300.0, 100.0, 340.0, 147.0)), False, True),  # its foot is hidden
        (seen(cut=(300.0, 113.0, 340.0, 160.0)), True, False),  # its heads are
        (seen(box=(300.0, 100.0, 315.0, 160.0)), False, False),  # most is beyond the picture
        (seen(cut=(300.0, 100.0, 340.0, 115.0)), False, False),  # 15 px are left
        (tall(49.0), True, False),  # too coarse for heads: 62.5 px/m are 50 px of 1.6 m
        (tall(51.0), True, True),
    ],
)  # fmt: skip
def test_clear_sight(look: Seen, foot: bool, heads: bool) -> None:
    looks = [look] * 40
    assert (sight("speeding", *looks)[1] > 0.9) is foot
    assert (sight("no_helmet", *looks)[1] > 0.9) is heads


def test_behind_a_bus_nobody_is_in_clear_sight() -> None:
    eyes, sights = Eyes([VIEW], 16 / 9, SIZE), Sights(["jalan"], RATE)
    for tick in range(40):
        bus = VehicleState("b", "bus", "bus", 20.0, 0.0, 0.0, 0.0, 9.0, 2.5, 3.0)
        vehicles = (bike(27.0), bus) if 10 <= tick < 20 else (bike(27.0),)
        moment = Moment(tick / RATE, vehicles, {})
        sights.look(moment, eyes.look(moment))
    event = Truth("speeding", "s", "", "motorcycle", 1.0, 2.0, "", 0.0, 0.0, ("jalan",))
    there, nowhere = sights.tell([event, replace(event, vehicle="other")])
    before, during, after = there.sight["jalan"]
    assert before > 0.9 and during < 0.1 and after > 0.9
    assert nowhere.sight == {"jalan": (0.0, 0.0, 0.0)}


def test_cameras_that_are_not_there_say_nothing() -> None:
    event = Truth("speeding", "s", "", "motorcycle", 1.0, 2.0, "", 0.0, 0.0, ("lain", "jalan"))
    (told,) = Sights(["jalan"], RATE).tell([event])
    assert list(told.sight) == ["jalan"]


def test_who_leaves_the_picture_is_cut_by_it() -> None:
    """The eyes say how far a box goes on beyond the picture."""
    look = Eyes([VIEW], 16 / 9, SIZE).look(Moment(0.0, (bike(20.0), bike(14.0, 5.0, "e")), {}))
    assert look.whole is not None
    assert (look.whole[:, :2] <= look.boxes[:, :2]).all()
    assert (look.whole[:, 2:] >= look.boxes[:, 2:]).all()
    assert len(look.taller(1000.0)) == 0 and len(look.taller(1.0)) == len(look)
