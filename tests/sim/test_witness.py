"""Truth is read off the motion: the offence, the near miss, the doubt, for each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import atan2, cos, degrees, hypot, radians, sin
from typing import Any

import pytest

from bconnect_sim.core.script import Scenario
from bconnect_sim.core.witness import TruthRecorder
from bconnect_sim.core.world import (
    CameraView,
    Corridor,
    Moment,
    Outcome,
    Place,
    Section,
    VehicleState,
    Window,
)

LIMIT = 13.89
HALL: dict[str, Any] = {"region": ((0.0, 0.0), (40.0, 0.0), (40.0, 4.0), (0.0, 4.0))}
LINE = Place(
    "line", "stop_line", line=((0.0, 0.0), (0.0, 4.0)), direction=((-5.0, 2.0), (5.0, 2.0)),
    signal="s",
)  # fmt: skip
BOX = Place("box", "junction", region=((9.0, -9.0), (25.0, -9.0), (25.0, 9.0), (9.0, 9.0)))
Path = Callable[[float], tuple[float, float]]
Word = Callable[[float], str]


@dataclass(frozen=True)
class Stage:
    scenario: Scenario
    corridor: Corridor
    cameras: tuple[CameraView, ...]


def recorder(*places: Place, sections: tuple[Section, ...] = ()) -> TruthRecorder:
    names = tuple(p.name for p in places)
    camera = CameraView("c", (0.0, 0.0, 6.0), (9.0, 0.0, 0.0), places=names)
    corridor = Corridor("x", "x", "x", {}, places, (camera,), (), sections)
    scenario = Scenario("t", "x", "2025-11-25T16:30:00", ())
    return TruthRecorder(
        Stage(scenario, corridor, (camera,)), lambda name, x, y: (0.5, 0.5 if x < 500 else 1.5)
    )


def car(path: Path, name: str = "v", **more: object) -> Callable[[float], VehicleState]:
    """A 4 m car whose middle follows a path; heading and speed follow from it."""

    def at(time: float) -> VehicleState:
        (x0, y0), (x1, y1) = path(time - 0.05), path(time + 0.05)
        x, y = path(time)
        speed = hypot(x1 - x0, y1 - y0) * 10
        heading = degrees(atan2(y1 - y0, x1 - x0)) if speed > 1e-6 else 0.0
        state = VehicleState(
            name, "car", "mpv", x, y, heading % 360.0, speed, 4.0, 1.7, 1.5, plate="KT 1 AB"
        )
        return replace(state, **more)  # type: ignore[arg-type]

    return at


def watch(
    places: Iterable[Place],
    *cars: Callable[[float], VehicleState],
    word: Word = lambda t: "green",
    seconds: float = 30.0,
    sections: tuple[Section, ...] = (),
) -> Outcome:
    seen = recorder(*places, sections=sections)
    for tenth in range(round(seconds * 10)):
        time = tenth / 10
        seen.observe(Moment(time, tuple(c(time) for c in cars), {"s": word(time)}))
    return seen.finish()


def kinds(outcome: Outcome) -> list[str]:
    return [t.kind for t in outcome.violations]


def whys(outcome: Outcome, kind: str) -> list[str]:
    return [t.why for t in outcome.lawful if t.kind == kind]


def drive(speed: float, stop: float = 1e9, begin: float = -40.0, y: float = 2.0) -> Path:
    return lambda time: (min(begin + speed * time, stop), y)


def red_from(time: float) -> Word:
    """Amber for 3 s, then red."""
    return lambda t: "red" if t >= time else "amber" if t >= time - 3.0 else "green"


# the front of drive(10) reaches the line (x = 0) at 3.8 s


def test_crossing_in_red_and_entering_is_red_light() -> None:
    found = watch([LINE, BOX], car(drive(10.0)), word=red_from(2.0))
    assert kinds(found) == ["red_light"]
    truth = found.violations[0]
    assert truth.start == pytest.approx(3.8, abs=0.01)
    assert truth.end == pytest.approx(4.9, abs=0.11)  # its middle enters the box
    assert (truth.plate, truth.place, truth.cameras) == ("KT 1 AB", "line", ("c",))


def test_within_the_grace_is_lawful_and_said() -> None:
    found = watch([LINE, BOX], car(drive(10.0)), word=red_from(3.2))
    assert kinds(found) == []
    assert whys(found, "red_light") == ["crossed 0.60 s into red, within the grace"]


def test_the_last_of_amber_is_lawful_and_said() -> None:
    found = watch([LINE, BOX], car(drive(10.0)), word=red_from(4.0))
    assert kinds(found) == []
    assert whys(found, "red_light") == ["crossed 0.20 s before red"]


def test_green_is_nothing() -> None:
    found = watch([LINE, BOX], car(drive(10.0)))
    assert not found.violations and not found.lawful


def test_standing_past_the_line_in_red_is_stop_line() -> None:
    found = watch([LINE, BOX], car(drive(10.0, stop=4.5)), word=red_from(2.0))
    assert kinds(found) == ["stop_line"]


def test_standing_past_the_line_from_green_is_lawful() -> None:
    found = watch([LINE, BOX], car(drive(10.0, stop=4.5)), word=red_from(8.0))
    assert kinds(found) == []
    assert whys(found, "stop_line") == ["stood on the line, crossed in green"]


def test_waiting_before_the_line_is_lawful() -> None:
    found = watch([LINE, BOX], car(drive(10.0, stop=-3.0)), word=red_from(2.0))
    assert kinds(found) == []
    assert whys(found, "stop_line") == ["waited 1.0 m before the line"]


def test_a_next_red_is_not_the_red_it_crossed_in() -> None:
    """Crosses late, is held up before the junction, enters in the next red."""

    def path(time: float) -> tuple[float, float]:
        return (min(-40.0 + 10.0 * time, 4.5) if time < 25 else 4.5 + 10.0 * (time - 25), 2.0)

    def word(time: float) -> str:
        return "green" if 10.0 <= time < 20.0 else "red"

    assert kinds(watch([LINE, BOX], car(path), word=word)) == ["stop_line"]


def test_who_makes_way_for_an_ambulance_is_lawful() -> None:
    ambulance = car(drive(10.0, begin=-70.0, y=4.0, stop=-8.0), "a", emergency=True)
    yielding = car(drive(10.0, stop=4.5))
    found = watch([LINE, BOX], yielding, ambulance, word=red_from(2.0))
    assert kinds(found) == []
    assert "made way for an ambulance" in whys(found, "stop_line")
    far = car(drive(0.0, begin=-140.0), "a", emergency=True)
    assert kinds(watch([LINE, BOX], yielding, far, word=red_from(2.0))) == ["stop_line"]


@pytest.mark.parametrize(
    ("begin", "doubt"),
    [
        (-100.0, "may have made way"),
        (-180.0, ""),  # too late to be its reason
        (60.0, "may have made way"),  # it has just gone
        (110.0, ""),
    ],
)
def test_who_may_have_made_way_cannot_be_decided(begin: float, doubt: str) -> None:
    ambulance = car(drive(10.0, begin=begin, y=4.0), "a", emergency=True)
    found = watch([LINE, BOX], car(drive(10.0, stop=4.5)), ambulance, word=red_from(2.0))
    assert [(t.kind, t.doubt) for t in found.violations] == [("stop_line", doubt)]


@pytest.mark.parametrize(("begin", "doubt"), [(-180.0, True), (-320.0, False)])
def test_room_may_be_made_long_before_it_comes(begin: float, doubt: bool) -> None:
    place = Place("m", "lane_marking", line=((0.0, 4.0), (60.0, 4.0)))
    ambulance = car(drive(10.0, begin=begin, y=4.0), "a", emergency=True)
    (truth,) = watch([place], car(lambda t: (5.0 * t, 2.0 + 0.5 * t)), ambulance).violations
    assert (truth.doubt == "may have made way") is doubt


def test_an_ambulance_on_duty_may() -> None:
    found = watch([LINE, BOX], car(drive(10.0), emergency=True), word=red_from(2.0))
    assert kinds(found) == [] and whys(found, "red_light")


def test_wrong_way_needs_ten_metres() -> None:
    place = Place("d", "direction", direction=((0.0, 2.0), (40.0, 2.0)), **HALL)
    against: Path = lambda t: (60.0 - 5.0 * t, 2.0)  # noqa: E731
    assert kinds(watch([place], car(against))) == ["wrong_way"]
    assert kinds(watch([place], car(drive(5.0)))) == []
    back: Path = lambda t: (45.0 - min(5.0 * t, 13.0), 2.0)  # noqa: E731  8 m inside, stays
    assert kinds(watch([place], car(back))) == []


@pytest.mark.parametrize(("stood", "offence"), [(70.0, True), (50.0, False)])
def test_standing_by_will_longer_than_the_dwell(stood: float, offence: bool) -> None:
    place = Place("p", "no_parking", dwell=60.0, **HALL)
    parked = _parked(20.0, stood)
    found = watch([place], parked, seconds=120.0)
    assert kinds(found) == (["illegal_parking"] if offence else [])
    if not offence:
        assert whys(found, "illegal_parking")[0].endswith("s of 60 s")
    else:
        truth = found.violations[0]
        assert truth.end - truth.start == pytest.approx(stood, abs=0.3)


def _parked(x: float, stood: float, halted: bool = True) -> Callable[[float], VehicleState]:
    """Comes at 10 m/s, stands at x for a time, drives on."""
    came = (x + 40.0) / 10.0

    def path(time: float) -> tuple[float, float]:
        gone = max(0.0, time - came - stood)
        return (min(-40.0 + 10.0 * time, x) + 10.0 * gone, 2.0)

    def at(time: float) -> VehicleState:
        state = car(path)(time)
        return replace(state, halted=halted and state.speed < 0.1)

    return at


def test_a_queue_is_not_parking() -> None:
    place = Place("p", "no_stopping", dwell=15.0, **HALL)
    found = watch([place], _parked(20.0, 40.0, halted=False), seconds=60.0)
    assert kinds(found) == [] and whys(found, "illegal_stopping") == ["queued 40 s"]


def test_outside_the_hours_and_outside_the_place() -> None:
    late = Place("p", "no_parking", dwell=20.0, active=(Window("18:00", "19:00"),), **HALL)
    found = watch([late], _parked(20.0, 40.0), seconds=60.0)
    assert kinds(found) == [] and whys(found, "illegal_parking")[0].endswith("outside the hours")
    place = Place("p", "no_parking", dwell=20.0, **HALL)
    found = watch([place], _parked(44.0, 40.0), seconds=60.0)
    assert kinds(found) == [] and whys(found, "illegal_parking")[0].endswith("outside the place")


def test_hours_that_begin_while_it_stands_count_from_there() -> None:
    """16:30 is t = 0; the place holds from 16:31."""
    place = Place("p", "no_parking", dwell=30.0, active=(Window("16:31", "19:00"),), **HALL)
    assert kinds(watch([place], _parked(20.0, 70.0), seconds=100.0)) == []
    found = watch([place], _parked(20.0, 120.0), seconds=150.0)
    assert kinds(found) == ["illegal_parking"]
    assert found.violations[0].start == pytest.approx(60.0, abs=0.2)


@pytest.mark.parametrize(
    ("speed", "found"),
    [(17.0, "speeding"), (14.5, "at the limit"), (13.8, "at the limit"), (12.0, "")],
)
def test_speeding_is_the_mean_above_limit_and_tolerance(speed: float, found: str) -> None:
    place = Place("p", "speed", limit=LIMIT, **HALL)
    outcome = watch([place], car(drive(speed)))
    assert kinds(outcome) == ([found] if found == "speeding" else [])
    assert whys(outcome, "speeding") == ([found] if found == "at the limit" else [])
    if found == "speeding":
        assert outcome.violations[0].speed == pytest.approx(speed, abs=0.01)
        assert outcome.violations[0].limit == LIMIT


def test_nobody_is_too_fast_to_be_seen_leaving() -> None:
    place = Place("p", "speed", limit=LIMIT, **HALL)
    for speed in (23.0, 31.0, 45.0):  # m/s: up to 4.5 m from one moment to the next
        assert kinds(watch([place], car(drive(speed)))) == ["speeding"]


def test_a_speeder_never_seen_leaving_is_nobody() -> None:
    place = Place("p", "speed", limit=LIMIT, **HALL)
    assert not kinds(watch([place], car(drive(17.0)), seconds=4.0))  # ends inside
    assert not kinds(watch([place], car(drive(17.0, begin=10.0))))  # begins inside


def test_section_speed_is_length_over_time() -> None:
    gates = [Place(n, "gate", line=((x, 0.0), (x, 4.0))) for n, x in (("i", 0.0), ("o", 200.0))]
    gates = [
        replace(g, direction=((g.line[0][0] - 1, 2.0), (g.line[0][0] + 1, 2.0))) for g in gates
    ]
    section = (Section("r", "i", "o", 200.0, LIMIT),)
    found = watch(gates, car(drive(17.0)), sections=section)
    assert kinds(found) == ["section_speed"]
    assert found.violations[0].speed == pytest.approx(17.0, abs=0.02)
    assert found.violations[0].place == "r"

    # fast at both gates, slow between
    def pace(time: float) -> tuple[float, float]:
        slow, late = min(max(time - 4, 0), 20), max(time - 24, 0)
        return -40 + 17 * min(time, 4) + 5 * slow + 17 * late, 2.0

    assert kinds(watch(gates, car(pace), sections=section, seconds=45.0)) == []


def test_racing_needs_two_near_each_other() -> None:
    region = ((0.0, 0.0), (100.0, 0.0), (100.0, 8.0), (0.0, 8.0))
    place = Place("r", "road", region=region, limit=LIMIT)
    pair = (car(drive(22.0), "a"), car(drive(22.0, y=6.0, begin=-30.0), "b"))
    found = watch([place], *pair)
    assert kinds(found) == ["racing", "racing"]
    alone = watch([place], pair[0], car(drive(22.0, begin=-100.0, y=6.0), "b"))
    assert kinds(alone) == [] and "fast, but alone" in whys(alone, "racing")
    assert kinds(watch([place], car(drive(19.0), "a"), car(drive(19.0, y=6.0), "b"))) == []
    other_way: Path = lambda t: (90.0 - 22.0 * t, 6.0)  # noqa: E731
    assert kinds(watch([place], pair[0], car(other_way, "b"))) == []


@pytest.mark.parametrize(
    ("riders", "helmets", "found"),
    [
        (1, 1, []),
        (2, 1, ["no_helmet"]),
        (3, 3, ["overloaded_motorcycle"]),
        (3, 2, ["no_helmet", "overloaded_motorcycle"]),
        (2, 2, []),
    ],
)
def test_riders(riders: int, helmets: int, found: list[str]) -> None:
    place = Place("r", "road", limit=LIMIT, **HALL)
    bike = car(drive(10.0), kind="motorcycle", riders=riders, helmets=helmets, length=2.0)
    assert kinds(watch([place], bike)) == found


def test_marking_is_crossed_by_the_middle() -> None:
    place = Place("m", "lane_marking", line=((0.0, 4.0), (60.0, 4.0)))
    assert kinds(watch([place], car(lambda t: (5.0 * t, 2.0 + 0.5 * t)))) == ["lane_marking"]
    assert kinds(watch([place], car(lambda t: (5.0 * t, 3.6)))) == []  # on the line only
    assert kinds(watch([place], car(lambda t: (5.0 * t - 80.0, 2.0 + 0.5 * t)))) == []  # before it


@pytest.mark.parametrize(("x", "doubt"), [(0.5, True), (1.5, False), (59.2, True), (30.0, False)])
def test_at_the_end_of_a_marking_nobody_can_tell(x: float, doubt: bool) -> None:
    place = Place("m", "lane_marking", line=((0.0, 4.0), (60.0, 4.0)))
    crossing = car(lambda t: (5.0 * t + x - 20.0, 2.0 + 0.5 * t))  # at x after 4 s
    (truth,) = watch([place], crossing).violations
    assert truth.doubt == ("close to the line's end" if doubt else "")
    assert truth.x == pytest.approx(x, abs=0.01) and truth.y == pytest.approx(4.0, abs=0.01)


def _turn(degrees_: float, x: float = 20.0) -> Path:
    """Drives to x, turns left by an angle on a radius of 5 m, drives on."""

    def at(time: float) -> tuple[float, float]:
        way = 6.0 * time - 20.0
        if way < x:
            return way, 2.0
        arc = min((way - x) / 5.0, radians(degrees_))
        px, py = x + 5.0 * sin(arc), 7.0 - 5.0 * cos(arc)
        rest = max(0.0, way - x - 5.0 * radians(degrees_))
        return px + rest * cos(arc), py + rest * sin(arc)

    return at


def test_u_turn_is_more_than_120_degrees_inside() -> None:
    region = ((0.0, 0.0), (40.0, 0.0), (40.0, 14.0), (0.0, 14.0))
    place = Place("u", "no_u_turn", region=region)
    assert kinds(watch([place], car(_turn(180.0)))) == ["illegal_u_turn"]
    assert kinds(watch([place], car(_turn(90.0)))) == []
    elsewhere = watch([place], car(_turn(180.0, x=120.0)), seconds=50.0)
    assert kinds(elsewhere) == []
    assert whys(elsewhere, "illegal_u_turn") == ["turned back where it is allowed"]


def test_cameras_are_those_that_saw_it() -> None:
    place = Place("p", "speed", limit=LIMIT, region=((600.0, 0.0), (640.0, 0.0), (640.0, 4.0)))
    found = watch([place], car(drive(20.0, begin=560.0)))
    assert found.violations[0].cameras == ()


def test_aspects_are_told_once() -> None:
    found = watch([LINE, BOX], word=red_from(4.0), seconds=10.0)
    assert found.aspects == [(0.0, "s", "green"), (1.0, "s", "amber"), (4.0, "s", "red")]


def test_whoever_left_is_forgotten() -> None:
    places = [LINE, BOX, Place("p", "no_parking", **HALL), Place("r", "road", limit=9.0, **HALL)]
    seen = recorder(*places)
    for number in range(3000):
        state = car(drive(10.0, begin=0.0), f"v{number}")(0.2)
        seen.observe(Moment(number / 10, (state,), {"s": "red"}))
    assert len(seen) == 1
    assert sum(len(names) for names in seen._near) <= len(places)
    for known in seen._watches:
        for memory in (v for k, v in vars(known).items() if isinstance(v, dict)):
            assert len(memory) <= 1
