"""Truth is read off the motion itself."""

from __future__ import annotations

from collections.abc import Callable

from bconnect_sim.core.projection import Projection
from bconnect_sim.core.scenario import Picture, View
from bconnect_sim.core.street import Judged
from bconnect_sim.core.traffic import Moment, VehicleState
from bconnect_sim.core.truth import TruthRecorder

STREET = Judged("eastbound", 0.0, 1.0, (9.0, 24.0), (5.25, 1.75), (0.0, 7.0))
VIEW = Projection(View("c", (-20.0, 9.0, 6.0), (2.0, 3.0, 0.0)), Picture())


def watch(
    place: Callable[[float], float],
    aspect: Callable[[float], str],
    *,
    heading: float = 0.0,
    y: float = 1.75,
) -> tuple[list[str], list[str], TruthRecorder]:
    """Kinds of violations and near misses of one 4 m car; place: x of its middle at a time."""
    recorder = TruthRecorder(STREET, "barat", VIEW)
    for tenth in range(300):
        time = tenth / 10
        speed = abs(place(time + 0.05) - place(time - 0.05)) * 10
        car = VehicleState("v", "car", "mpv", place(time), y, heading, speed, 4.0, 0.5)
        recorder.observe(Moment(time, (car,), aspect(time)))
    violations, lawful, _ = recorder.finish()
    return [r.kind for r in violations], [r.kind for r in lawful], recorder


def drive(speed: float, stop: float) -> Callable[[float], float]:
    """From x = -30 towards +x, standing at ``stop`` (x of the middle)."""
    return lambda time: min(-30.0 + speed * time, stop)


def always(aspect: str) -> Callable[[float], str]:
    return lambda time: aspect


def test_crossing_in_red_and_standing_is_stop_line() -> None:
    assert watch(drive(5.0, 4.0), always("red"))[:2] == (["stop_line"], [])


def test_crossing_in_green_and_standing_is_lawful() -> None:
    kinds, lawful, _ = watch(drive(5.0, 4.0), lambda t: "green" if t < 8 else "red")
    assert kinds == []
    assert set(lawful) == {"passed_line_on_green", "stood_past_line_from_green"}


def test_standing_before_the_line_is_lawful() -> None:
    assert watch(drive(5.0, -1.5), always("red"))[:2] == ([], ["stopped_before_line"])


def test_driving_through_red_is_red_light_not_stop_line() -> None:
    assert watch(drive(5.0, 200.0), always("red"))[0] == ["red_light"]


def test_against_the_traffic_is_wrong_way_only_on_this_side_of_the_road() -> None:
    def back(time: float) -> float:
        return 30.0 - 5.0 * time

    assert watch(back, always("green"), heading=180.0)[0] == ["wrong_way"]
    assert watch(back, always("green"), heading=180.0, y=-1.75)[0] == []


def test_forgets_whoever_leaves() -> None:
    _, _, recorder = watch(drive(5.0, 4.0), always("red"))
    assert recorder._vehicles == {}
    for number in range(5000):
        car = VehicleState(f"v{number}", "car", "mpv", 0.0, 1.75, 0.0, 9.0, 4.0, 0.5)
        recorder.observe(Moment(number / 10, (car,), "green"))
    assert len(recorder._vehicles) == 1


def test_projection_meets_the_middle_of_the_picture() -> None:
    at = VIEW.fraction(2.0, 3.0, 0.0)
    assert at is not None and abs(at[0] - 0.5) < 1e-9 and abs(at[1] - 0.5) < 1e-9
    left, right = VIEW.fraction(2.0, 5.0), VIEW.fraction(2.0, 1.0)
    assert left and right and left[0] < 0.5 < right[0]
    assert VIEW.fraction(-60.0, 9.0) is None
