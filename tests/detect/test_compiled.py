"""What is compiled says what its Python says, is of its present source, and what a picture costs
does not grow with zones times road users."""

import importlib.util
import os
import re
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from street_camera import SIZE, calibration

import bconnect_detect
from bconnect_detect.adapters.bytetrack import _assign
from bconnect_detect.core import following, ground_way, plane, shapes
from bconnect_detect.core.ground import Ground
from bconnect_detect.core.judge import Judge
from bconnect_detect.core.types import RoadUser, Tracks
from bconnect_site.kinds import CameraState, RoadUserKind
from bconnect_site.model import Site

CORE = Path(bconnect_detect.__file__).parent / "core"
COMPILED = [following, ground_way, plane, shapes]
STEP = 100_000_000  # ns


def as_python(module: ModuleType) -> Any:
    """The same file, run by the interpreter."""
    name = module.__name__.rpartition(".")[2]
    loader = SourceFileLoader(f"python_{name}", str(CORE / f"{name}.py"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = made
    loader.exec_module(made)
    return made


def test_all_that_has_types_is_compiled() -> None:
    setup = (CORE.parents[1] / "setup.py").read_text()
    named = re.findall(r'"(\w+)"', setup.partition("COMPILED = (")[2].partition(")")[0])
    assert sorted(named) == sorted(path.stem for path in CORE.glob("*.pxd"))
    for module in COMPILED:
        assert module.__file__ is not None
        assert module.__file__.endswith(".so"), f"{module.__file__}: run make setup"


def test_what_is_older_than_its_source_is_named(tmp_path: Path) -> None:
    for name in ("a.py", "a.cpython-311.so", "b.py", "b.pxd", "b.cpython-311.so", "c.py"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, ns=(1000, 1000))
    assert bconnect_detect._stale(tmp_path) == []
    os.utime(tmp_path / "b.pxd", ns=(2000, 2000))
    assert bconnect_detect._stale(tmp_path) == ["core/b.py"]


def test_the_tracker_gives_the_same_ids() -> None:
    slow, dice = as_python(following), np.random.default_rng(5)
    settings = (10.0, 0.25, 0.4, 0.2, 2.0)
    ours = following.Follower(following.FollowSettings(*settings), _assign)
    theirs = slow.Follower(slow.FollowSettings(*settings), _assign)
    middle, way = dice.uniform(0, 300, (20, 2)), dice.normal(0, 40, (20, 2))
    seconds, given = 0.0, 0
    for _ in range(60):
        step = float(dice.choice([0.1, 0.1, 0.103, 0.35, 2.6]))
        seconds, middle = seconds + step, (middle + way * step) % 300
        seen = dice.random(20) > 0.2
        boxes = np.concatenate((middle - 20, middle + 20), axis=1)[seen]
        sure = dice.uniform(0.1, 0.9, len(boxes)).astype(np.float32)
        ids = ours.update(boxes, sure, seconds)
        np.testing.assert_array_equal(ids, theirs.update(boxes, sure, seconds))
        given = max(given, int(ids.max(initial=-1)))
    assert given > 20


def test_the_plane_is_the_same_to_the_last_bit() -> None:
    ours, theirs = (m.Plane(calibration(), SIZE) for m in (plane, as_python(plane)))
    dice = np.random.default_rng(6)
    points = dice.uniform((-30, -30), (SIZE[0] + 30, SIZE[1] + 30), (60, 2))
    turn = dice.uniform(0, 6.3, 60)
    ahead = np.column_stack((np.cos(turn), np.sin(turn)))
    spans = np.tile((3.4, 4.7, 1.75), (60, 1))
    np.testing.assert_array_equal(ours.known(points), theirs.known(points))
    np.testing.assert_array_equal(
        ours.middles(points, ahead, spans), theirs.middles(points, ahead, spans)
    )


def test_a_way_has_the_same_slope() -> None:
    made = []
    for module in (ground_way, as_python(ground_way)):
        slopes, way = module.Slopes(1.0, 4, 0.25, 1.0, 2.5), module.Way()
        dice, told = np.random.default_rng(7), np.full((40, 4), np.nan)
        for i in range(40):
            stamp = (i + 5 * (i > 20)) * STEP
            x, y = float(0.8 * i + dice.normal(0, 0.1)), float(dice.normal(0, 0.1))
            way.put(stamp, x, y, 0.1, 0.12, 300_000_000)
            slopes.of(way, stamp, 0.05, 0.05, told[:, :2].copy(), told[:, 2:].copy(), i)
            one, two = np.full((1, 2), np.nan), np.full((1, 2), np.nan)
            slopes.of(way, stamp, 0.05, 0.05, one, two, 0)
            told[i] = *one[0], *two[0]
        made.append(told)
    np.testing.assert_array_equal(made[0], made[1])
    assert np.isnan(made[0][:3]).all()  # too few looks
    assert np.isnan(made[0][21]).all()  # out of sight for too long
    assert abs(made[0][15, 0] - 8.0) < 1.0


def boxes_of(count: int, seed: int = 8) -> Any:
    dice = np.random.default_rng(seed)
    low, sides = dice.uniform(0, 300, (count, 2)), dice.uniform(5, 90, (count, 2))
    return np.concatenate((low, low + sides), axis=1).astype(np.float32)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 40, 150])
def test_shapes_are_those_of_array_operations(count: int) -> None:
    boxes = boxes_of(count)
    polygon = np.array(((20.0, 40.0), (280.0, 60.0), (250.0, 300.0), (120.0, 150.0), (30.0, 280.0)))
    wide, high = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    xs = boxes[:, 0, None] + wide[:, None] * np.linspace(0.2, 0.8, 5)
    ys = np.repeat((boxes[:, 3] - 0.05 * high)[:, None], 5, axis=1)
    points = np.column_stack((xs.ravel(), ys.ravel())).astype(np.float64)
    a, b = polygon, np.roll(polygon, -1, axis=0)
    x, y = points[:, :1], points[:, 1:]
    met = a[:, 0] + (y - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    hits = (((a[:, 1] > y) != (b[:, 1] > y)) & (x < met)).sum(axis=1) % 2 == 1
    np.testing.assert_array_equal(shapes.inside(points, polygon), hits)
    shares = hits.reshape(-1, 5).mean(axis=1) if count else np.zeros(0)
    np.testing.assert_array_equal(shapes.base_shares(boxes, polygon), shares)
    x0, y0, x1, y1 = boxes.astype(np.float64).T
    down, aside = y1 + 0.08 * (y1 - y0), 0.1 * (x1 - x0)
    nearer = (y1[None] > down[:, None]) & (y0[None] < down[:, None])
    share = np.minimum(x1[None], (x1 - aside)[:, None]) - np.maximum(
        x0[None], (x0 + aside)[:, None]
    )
    hidden = np.where(nearer, np.clip(share, 0.0, None), 0.0).sum(axis=1)
    found = shapes.covered(boxes.astype(np.float64), 0.6, 0.1, 0.08)
    np.testing.assert_array_equal(found, hidden > 0.6 * np.maximum(x1 - x0 - 2 * aside, 1e-6))
    assert count < 40 or 0 < found.sum() < count


def site(zones: int) -> Site:
    """Zones one beside the other along the image's right."""
    drawn = {}
    for i in range(zones):
        top = 0.1 + 0.8 * i / zones
        corners = [(0.9, top), (0.99, top), (0.99, top + 0.02), (0.9, top + 0.02)]
        drawn[f"z{i}"] = {
            "kind": "no_parking",
            "region": corners,
            "dwell": 60.0,
            "basis": "marking",
        }
    camera = {
        "source": "file://none.avi",
        "detect": {"width": SIZE[0], "height": SIZE[1], "rate": 10.0},
        "zones": drawn,
        "rules": ["illegal_parking"],
    }
    return Site.model_validate(
        {"site": "jalan", "kind": "corridor", "title": "Test", "cameras": {"a": camera}}
    )


def calls_of(work: Callable[[], Any]) -> int:
    """Calls of Python's and of C's functions."""
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def picture(users: int, index: int) -> Tracks:
    """Cars on the image's left half, all of which drive slowly on."""
    cars = []
    for i in range(users):
        x = 20.0 + SIZE[0] * 0.5 * (i % 8) / 8 + index
        y = 20.0 + SIZE[1] * 0.8 * (i // 8) / 6
        cars.append(RoadUser(RoadUserKind.CAR, i + 1, 0.9, (x, y, x + 20.0, y + 16.0)))
    return Tracks.of((index + 1) * STEP, "a", SIZE, cars)


def cost(zones: int, users: int, calibrated: bool) -> int:
    known = {"a": calibration()} if calibrated else {}
    judge = Judge(site(zones), None, None, known)
    judge.on_camera_status("a", CameraState.OK)
    for index in range(4):
        judge.on_tracks(picture(users, index))
    last = picture(users, 4)
    return calls_of(lambda: judge.on_tracks(last))


@pytest.mark.parametrize("calibrated", [False, True])
def test_who_is_near_no_zone_costs_no_zone_anything(calibrated: bool) -> None:
    """A zone costs something each picture, a road user somewhere else nothing more for it."""
    few, many = cost(6, 8, calibrated), cost(6, 40, calibrated)
    assert many - few <= 6, (few, many)
    assert many <= 6 * 70, many


def test_the_tracker_and_the_ground_stay_below_a_bound_of_calls() -> None:
    """Numbers for each road user are made in compiled loops: a few calls for each remain."""
    from bconnect_detect.adapters.bytetrack import ByteTrack

    def work(users: int) -> int:
        tracker, ground = ByteTrack(10.0), Ground(calibration())
        for index in range(4):
            ground.place(tracker.update(picture(users, index)))
        last = picture(users, 4)
        return calls_of(lambda: ground.place(tracker.update(last)))

    few, many = work(8), work(40)
    assert few < 400, few
    assert (many - few) / 32 < 30, (few, many)
