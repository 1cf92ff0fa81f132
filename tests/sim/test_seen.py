"""What a camera sees: projection, occlusion, places in the picture."""

from __future__ import annotations

import numpy as np
import pytest

from bconnect_sim.core import framing
from bconnect_sim.core.detections import perfect
from bconnect_sim.core.optics import Optics, corners
from bconnect_sim.core.seen import RIDER, Eyes
from bconnect_sim.core.world import CameraView, Moment, Move, Pole, VehicleState
from bconnect_site.geometry import region_fault
from bconnect_site.kinds import RoadUserKind

SIZE = (640, 360)
ASPECT = 16 / 9
# hangs at (0, 0, 6), looks along +x and down
VIEW = CameraView("jalan", (0.0, 0.0, 6.0), (20.0, 0.0, 0.0), 50.0)
LEVEL = CameraView("datar", (0.0, 0.0, 2.0), (10.0, 0.0, 2.0), 90.0)


def car(name: str, x: float, y: float, heading: float = 0.0, **more: object) -> VehicleState:
    size = {"kind": "car", "model": "car", "length": 4.2, "width": 1.7, "height": 1.5}
    return VehicleState(**{"id": name, "x": x, "y": y, "heading": heading, "speed": 8.0,
                           **size, **more})  # type: ignore[arg-type]  # fmt: skip


def look(*vehicles: VehicleState, poles: tuple[Pole, ...] = (), view: CameraView = VIEW):
    seen = Eyes([view], ASPECT, SIZE, poles).look(Moment(0.0, vehicles, {}))
    return {vehicles[v].id: i for i, v in enumerate(seen.vehicle)}, seen


def test_a_level_camera_by_hand() -> None:
    """90 degrees across: at 10 m ahead the picture is 20 m wide and 11.25 m high."""
    optics = Optics.of(LEVEL, ASPECT)
    u, v, depth = optics.project(np.array([[10.0, -5.0, 2.0], [10.0, 0.0, 0.0]])).T
    assert u == pytest.approx([0.75, 0.5])  # right of the road is right in the picture
    assert v == pytest.approx([0.5, 0.5 + 2.0 / 11.25])
    assert depth == pytest.approx([10.0, 10.0])
    assert optics.fraction(-1.0, 0.0, 2.0) is None
    assert optics.fraction(10.0, 5.0, 2.0) == pytest.approx((0.25, 0.5))


def test_projection_is_the_pinhole_of_the_books() -> None:
    """R, t and K as OpenCV's projectPoints takes them, written out."""
    optics = Optics.of(VIEW, ASPECT)
    ahead = np.array([20.0, 0.0, -6.0])
    ahead /= np.linalg.norm(ahead)
    right = np.array([0.0, -1.0, 0.0])
    rotation = np.stack([right, np.cross(ahead, right), ahead])
    focal = 320 / np.tan(np.radians(25.0))
    intrinsic = np.array([[focal, 0, 320], [0, focal, 180], [0, 0, 1]])
    points = np.random.default_rng(3).uniform((8, -8, 0), (60, 8, 3), (50, 3))
    camera = intrinsic @ (rotation @ (points - np.array(VIEW.position)).T)
    expected = (camera[:2] / camera[2]).T / SIZE
    assert optics.project(points)[:, :2] == pytest.approx(expected, abs=1e-9)


def test_ground_and_picture_are_one_another_turned_round() -> None:
    optics = Optics.of(VIEW, ASPECT)
    ground = np.random.default_rng(4).uniform((8, -6), (70, 6), (200, 2))
    fractions = optics.project(np.column_stack((ground, np.zeros(200))))[:, :2]
    back, known = framing.on_ground(optics, fractions)
    assert known.all()
    assert np.abs(back - ground).max() < 1e-9
    assert not framing.on_ground(optics, np.array([[0.5, -0.5]]))[1][0]  # sky


def test_a_head_turns_left_and_up() -> None:
    straight, turned = Optics.of(VIEW, ASPECT), Optics.of(VIEW, ASPECT, pan=5.0, tilt=3.0)
    before, after = straight.fraction(20.0, 0.0), turned.fraction(20.0, 0.0)
    assert before is not None and after is not None
    assert after[0] > before[0] + 0.05 and after[1] > before[1] + 0.05  # it moves right and down
    eyes = Eyes([VIEW], ASPECT, SIZE, moves=[Move("jalan", at=10.0, pan=5.0, tilt=3.0, back=20.0)])
    assert eyes.optics(5.0)[0] is eyes.straight[0]
    assert eyes.optics(15.0)[0].matrix == pytest.approx(turned.matrix)
    assert eyes.optics(30.0)[0].matrix == pytest.approx(straight.matrix)


def test_corners_stand_where_the_vehicle_does() -> None:
    made = corners(np.array([[10.0, 2.0]]), np.array([90.0]), np.array([[4.0, 2.0, 1.5]]))[0]
    assert made.min(axis=0) == pytest.approx([9.0, 0.0, 0.0])
    assert made.max(axis=0) == pytest.approx([11.0, 4.0, 1.5])
    assert (made[:4, 2] == 0.0).all()


def test_a_box_bounds_all_corners_and_nothing_more() -> None:
    _, seen = look(car("a", 25.0, -2.0, 30.0))
    points = corners(np.array([[25.0, -2.0]]), np.array([30.0]), np.array([[4.2, 1.7, 1.5]]))[0]
    pixels = Optics.of(VIEW, ASPECT).project(points)[:, :2] * SIZE
    assert seen.boxes[0] == pytest.approx([*pixels.min(axis=0), *pixels.max(axis=0)])


def test_who_is_not_in_the_picture_is_not_seen() -> None:
    there, _ = look(
        car("ahead", 25.0, 0.0),
        car("behind", -25.0, 0.0),
        car("beside", 20.0, 30.0),
        car("under", 1.0, 0.0),
        car("far", 900.0, 0.0),
    )
    assert set(there) == {"ahead"}


def test_a_box_ends_at_the_border_of_the_picture() -> None:
    there, seen = look(car("edge", 20.0, 8.6))
    assert seen.boxes[there["edge"]][0] == 0.0
    assert (seen.boxes >= 0).all() and (seen.boxes <= [*SIZE, *SIZE]).all()


def test_riders_make_a_motorcycle_taller() -> None:
    size = {"kind": "motorcycle", "length": 1.9, "width": 0.7, "height": 1.1}
    there, seen = look(car("with", 25.0, -2.0, riders=1, **size), car("none", 25.0, 2.0, **size))
    heights = seen.boxes[:, 3] - seen.boxes[:, 1]
    assert heights[there["with"]] > heights[there["none"]] * 1.1
    assert RIDER == 1.6


def test_the_nearer_covers_the_farther() -> None:
    near = {"kind": "truck", "length": 7.0, "width": 2.5, "height": 3.0}
    there, seen = look(car("truck", 16.0, 0.0, **near), car("hidden", 24.0, 0.0))
    assert set(there) == {"truck"}
    assert seen.visible[there["truck"]] == 1.0
    there, seen = look(car("truck", 16.0, 0.0, **near), car("half", 24.0, 1.9))
    half = there["half"]
    assert 0.3 < seen.visible[half] < 0.9
    # what is cut off is the side behind the truck, the right one; the others are exact
    assert seen.cut[half][2] < seen.boxes[half][2] - 3
    assert seen.cut[half][[0, 1]] == pytest.approx(seen.boxes[half][[0, 1]])
    there, _ = look(car("truck", 16.0, 0.0, **near), car("beside", 16.0, 4.5))
    assert len(there) == 2


def test_beside_a_bus_the_eyes_side_is_in_front() -> None:
    """The bus's middle is nearer to the camera than the motorcycle beside its far end."""
    bus = car("bus", 22.0, 4.0, kind="bus", length=12.0, width=2.5, height=3.2)
    rider = {"kind": "motorcycle", "length": 1.9, "width": 0.7, "height": 1.1, "riders": 1}
    view = CameraView("kiri", (0.0, -6.0, 5.0), (24.0, 2.0, 0.5), 50.0)
    there, seen = look(bus, car("before", 24.0, 1.8, **rider), view=view)
    assert seen.visible[there["before"]] == 1.0
    assert seen.visible[there["bus"]] < 1.0
    there, _ = look(bus, car("after", 22.0, 6.2, **rider), view=view)
    assert set(there) == {"bus"}


def test_poles_cover_too() -> None:
    there, seen = look(car("a", 30.0, 0.0), poles=(Pole(8.0, 0.0, 0.08, 8.0),))
    assert 0.25 < seen.visible[there["a"]] < 1.0
    there, _ = look(car("a", 30.0, 0.0), poles=(Pole(8.0, 0.0, 0.6, 8.0),))
    assert not there
    _, seen = look(car("a", 30.0, 0.0), poles=(Pole(40.0, 0.0, 0.6, 8.0),))
    assert seen.visible[0] == 1.0


def test_all_cameras_at_once_are_each_alone() -> None:
    views = [VIEW, CameraView("lain", (60.0, 8.0, 6.0), (40.0, 0.0, 0.0), 45.0)]
    rng = np.random.default_rng(5)
    vehicles = tuple(
        car(
            f"v{i}",
            float(rng.uniform(5, 60)),
            float(rng.uniform(-6, 6)),
            float(rng.uniform(0, 360)),
        )
        for i in range(40)
    )
    moment = Moment(0.0, vehicles, {})
    both = perfect(Eyes(views, ASPECT, SIZE).look(moment), vehicles, 2)
    for view, together in zip(views, both, strict=True):
        (alone,) = perfect(Eyes([view], ASPECT, SIZE).look(moment), vehicles, 1)
        assert len(alone) > 5
        assert (alone.boxes == together.boxes).all()
    (turned,) = perfect(Eyes(views[:1], ASPECT, SIZE).look(Moment(0.0, vehicles[::-1], {})),
                        vehicles[::-1], 1)  # fmt: skip
    assert (turned.boxes == both[0].boxes).all()


def test_an_empty_street_is_empty() -> None:
    seen = Eyes([VIEW], ASPECT, SIZE).look(Moment(0.0, (), {}))
    assert len(seen) == 0
    assert len(perfect(seen, (), 1)[0]) == 0


def test_perfect_detections_say_what_is_true() -> None:
    rider = {"kind": "motorcycle", "length": 1.9, "width": 0.7, "height": 1.1}
    vehicles = (
        car("a", 25.0, -3.0, **rider, riders=3, helmets=1),
        car("b", 25.0, 3.0, kind="minibus", emergency=True),
    )
    (found,) = perfect(Eyes([VIEW], ASPECT, SIZE).look(Moment(0.0, vehicles, {})), vehicles, 1)
    rows = {int(k): i for i, k in enumerate(found.kind)}
    one, two = rows[RoadUserKind.MOTORCYCLE], rows[RoadUserKind.MINIBUS]
    assert (found.riders[one], found.helmets[one], found.emergency[one]) == (3.0, 1.0, 0.0)
    assert np.isnan(found.riders[two]) and np.isnan(found.helmets[two])
    assert found.emergency[two] == 1.0
    assert (found.confidence == 1.0).all()


# -- places in the picture ------------------------------------------------------------------


def test_a_place_in_the_picture_is_its_projection() -> None:
    optics = Optics.of(VIEW, ASPECT)
    corner = [(20.0, -3.0), (30.0, -3.0), (30.0, 3.0), (20.0, 3.0)]
    expected = [optics.fraction(*point) for point in corner]
    assert np.array(framing.region(optics, corner)) == pytest.approx(np.array(expected), abs=1e-5)
    assert framing.line(optics, corner[:2]) == framing.region(optics, corner)[:2]


def test_a_place_that_reaches_behind_the_camera_is_cut() -> None:
    optics = Optics.of(VIEW, ASPECT)
    lane = [(-50.0, -1.5), (150.0, -1.5), (150.0, 1.5), (-50.0, 1.5)]
    found = framing.region(optics, lane)
    assert region_fault(found) is None
    assert max(y for _, y in found) == 1.0
    ground, known = framing.on_ground(optics, np.array(found))
    assert known.all()
    assert np.abs(np.abs(ground[:, 1]) - 1.5).max() < 0.05
    assert framing.region(optics, [(-50.0, -3.0), (-9.0, -3.0), (-9.0, 3.0)]) == ()
    assert framing.line(optics, [(-50.0, 0.0), (-9.0, 0.0)]) == ()
    half = framing.line(optics, [(-50.0, 0.0), (30.0, 0.0)])
    assert half[0] == pytest.approx((0.5, 1.0)) and half[1] == pytest.approx(
        optics.fraction(30.0, 0.0), abs=1e-5
    )


def test_a_place_around_the_whole_picture_becomes_the_picture() -> None:
    down = CameraView("bawah", (0.0, 0.0, 8.0), (1.0, 0.0, 0.0), 50.0)
    everywhere = [(-90.0, -90.0), (90.0, -90.0), (90.0, 90.0), (-90.0, 90.0)]
    found = framing.region(Optics.of(down, ASPECT), everywhere)
    assert {(round(x), round(y)) for x, y in found} == {(0, 0), (1, 0), (0, 1), (1, 1)}
    assert region_fault(found) is None


def test_a_place_cut_to_pieces_is_refused() -> None:
    optics = Optics.of(VIEW, ASPECT)
    # a horseshoe whose legs are in the picture and whose bend is outside, on the left
    shoe = [(20, 25), (20, 0), (22, 0), (22, 23), (26, 23), (26, 0), (28, 0), (28, 25)]
    with pytest.raises(ValueError, match=r"crosses itself.*draw it smaller"):
        framing.region(optics, shoe)


def test_an_arrow_outside_the_picture_is_drawn_in_the_place() -> None:
    optics = Optics.of(VIEW, ASPECT)
    lane = framing.region(optics, [(-50.0, -3.0), (150.0, -3.0), (150.0, 0.0), (-50.0, 0.0)])
    tail, head = framing.arrow(optics, [(-40.0, -1.5), (-30.0, -1.5)], lane)
    ground, _ = framing.on_ground(optics, np.array([tail, head]))
    step = ground[1] - ground[0]
    assert step[0] > 0.9 and abs(step[1]) < 0.01 * step[0]
    assert framing.arrow(optics, [(-40.0, -1.5), (-30.0, -1.5)]) == ()


def test_ground_is_measured_where_it_is_near_and_fine() -> None:
    optics = Optics.of(VIEW, ASPECT)
    region = framing.calibrated(optics, SIZE[1])
    assert region_fault(region) is None
    ground, known = framing.on_ground(optics, np.array(region))
    assert known.all()
    away = np.hypot(*(ground - optics.eye[:2]).T)
    assert 30.0 < away.max() <= framing.REACH
    below = np.array(region[2:-2]) + np.array((0.0, 1 / 360))
    row = ground[2:-2] - framing.on_ground(optics, below)[0]
    assert np.hypot(*row.T).max() <= framing.COARSE * 1.05
    up = CameraView("langit", (0.0, 0.0, 6.0), (20.0, 0.0, 30.0), 40.0)
    assert framing.calibrated(Optics.of(up, ASPECT), SIZE[1]) == ()
