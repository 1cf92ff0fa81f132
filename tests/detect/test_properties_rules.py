"""Whatever comes: no rule falls over, and nobody is accused out of nothing."""

from dataclasses import replace
from functools import cache
from math import inf, nan

import numpy as np
from detect_scenes import SIZE, T0, signals, tracks
from hypothesis import given, settings
from hypothesis import strategies as st
from street_camera import calibration, fractions

from bconnect_detect.core.judge import Judge
from bconnect_detect.core.types import SECOND, RoadUser, SignalReading, Tracks
from bconnect_site.kinds import CameraState, RoadUserKind, SignalAspect, ViolationType
from bconnect_site.model import Site

STEP = SECOND // 10
ALL = [
    "red_light",
    "stop_line",
    "wrong_way",
    "illegal_stopping",
    "illegal_parking",
    "lane_marking",
    "illegal_u_turn",
    "no_helmet",
    "overloaded_motorcycle",
]


@cache
def site() -> Site:
    region = fractions([[-5, 20], [5, 20], [7, 50], [-7, 50]])
    zones = {
        "henti": {
            "kind": "stop_line",
            "line": fractions([[-3.5, 30], [3.5, 30]]),
            "direction": fractions([[0, 22], [0, 40]]),
            "signal": "lampu",
            "basis": "marking",
        },
        "simpang": {
            "kind": "junction",
            "region": fractions([[-6, 34], [6, 34], [6, 48], [-6, 48]]),
        },
        "lajur": {
            "kind": "direction",
            "region": region,
            "direction": fractions([[0, 22], [0, 46]]),
            "basis": "marking",
        },
        "henti_dilarang": {
            "kind": "no_stopping",
            "region": region,
            "dwell": 5,
            "basis": "sign S-11",
        },
        "parkir": {"kind": "no_parking", "region": region, "dwell": 10, "basis": "sign S-12"},
        "marka": {
            "kind": "lane_marking",
            "line": fractions([[1, 22], [1, 46]]),
            "basis": "marking",
        },
        "putar": {"kind": "no_u_turn", "region": region, "basis": "sign S-4"},
    }
    camera = {"source": "file:///x.mp4", "zones": zones, "rules": ALL}
    lamp = {"adapter": "recorded", "address": "file:///x.jsonl"}
    return Site.model_validate(
        {
            "site": "s",
            "kind": "corridor",
            "title": "S",
            "signals": {"lampu": lamp},
            "cameras": {"barat": camera, "timur": camera},
        }
    )


def judge(calibrated: bool = True) -> Judge:
    made = Judge(
        site(), None, None, {c: calibration() for c in ("barat", "timur")} if calibrated else None
    )
    for camera in ("barat", "timur"):
        made.on_camera_status(camera, CameraState.OK)
    return made


wild = st.one_of(st.floats(-700, 1400, width=32), st.sampled_from([0.0, nan, inf, -inf]))
boxes = st.tuples(wild, wild, wild, wild)
numbers = st.one_of(st.floats(-2, 6, width=32), st.sampled_from([nan, inf, 1e9]))
anybody = st.builds(
    RoadUser,
    kind=st.sampled_from(RoadUserKind),
    track_id=st.integers(0, 4),
    confidence=st.floats(0, 1, width=32),
    box=boxes,
    riders=numbers,
    helmets=numbers,
    emergency=numbers,
)
moments = st.lists(
    st.tuples(
        st.sampled_from([0, STEP, STEP, STEP, 3 * STEP, 7 * SECOND, -SECOND, 3600 * SECOND]),
        st.sampled_from(["barat", "timur"]),
        st.sampled_from(SignalAspect),
        st.sampled_from([CameraState.OK] * 6 + [CameraState.MOVED, CameraState.STALE]),
        st.lists(anybody, max_size=5),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(moments, st.booleans())
def test_nothing_makes_it_fall_over(scene, calibrated: bool):
    made, stamp = judge(calibrated), T0
    with np.errstate(all="ignore"):
        for step, camera, aspect, state, users in scene:
            stamp = max(0, stamp + step)
            made.on_signal(SignalReading("lampu", aspect, stamp, max(0, stamp - SECOND)))
            made.on_camera_status(camera, state)
            for found in made.on_tracks(replace(tracks(stamp, users), camera=camera)):
                assert found.started <= found.stamp and found.road_user.track_id > 0
                assert found.measured_low >= found.limit


@st.composite
def driving(draw) -> list[Tracks]:
    """A few vehicles on smooth ways anywhere in the image, 8 s at 10 Hz."""
    ways = [
        (
            draw(st.sampled_from([RoadUserKind.CAR, RoadUserKind.MOTORCYCLE, RoadUserKind.BUS])),
            draw(st.floats(40, 600)),
            draw(st.floats(60, 340)),
            draw(st.floats(-60, 60)),
            draw(st.floats(-60, 60)),
            draw(st.floats(12, 90)),
        )
        for _ in range(draw(st.integers(1, 4)))
    ]
    images = []
    for tick in range(80):
        users = []
        for number, (kind, x, y, vx, vy, size) in enumerate(ways):
            at_x, at_y = x + vx * tick / 10, y + vy * tick / 10
            box = (at_x - size / 2, at_y - size, at_x + size / 2, at_y)
            users.append(RoadUser(kind, number + 1, 0.8, box, riders=1.0, helmets=1.0))
        images.append(replace(tracks(T0 + tick * STEP, users), camera="barat"))
    return images


@settings(max_examples=40, deadline=None)
@given(driving(), st.sampled_from([None, SignalAspect.GREEN, SignalAspect.UNKNOWN]))
def test_nobody_runs_a_light_that_is_not_known_to_be_red(images, aspect):
    made, found = judge(), []
    for image in images:
        if aspect is not None:
            made.on_signal(SignalReading("lampu", aspect, image.stamp, T0 - 60 * SECOND))
        found += made.on_tracks(image)
    kinds = {f.type for f in found}
    assert not kinds & {ViolationType.RED_LIGHT, ViolationType.STOP_LINE, ViolationType.NO_HELMET}


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(60, 580), st.floats(80, 340)), min_size=1, max_size=5),
    st.integers(0, 99),
)
def test_who_only_stands_never_drove(places, seed):
    made, found, noise = judge(), [], np.random.default_rng(seed)
    for tick in range(80):
        users = [
            RoadUser(
                RoadUserKind.CAR,
                number + 1,
                0.8,
                (
                    x - 30 + noise.normal(0, 1),
                    y - 40,
                    x + 30 + noise.normal(0, 1),
                    y + noise.normal(0, 1),
                ),
            )
            for number, (x, y) in enumerate(places)
        ]
        stamp = T0 + tick * STEP
        made.on_signal(SignalReading("lampu", SignalAspect.RED, stamp, T0 - 60 * SECOND))
        found += made.on_tracks(replace(tracks(stamp, users), camera="barat"))
    standing = {ViolationType.ILLEGAL_STOPPING, ViolationType.ILLEGAL_PARKING}
    assert {f.type for f in found} <= standing


@settings(max_examples=30, deadline=None)
@given(driving(), st.booleans())
def test_the_order_of_cameras_does_not_matter(images, both: bool):
    """Two cameras of one view: in whichever order one moment's images come, the same comes out."""

    def run(order: tuple[str, ...]) -> set[tuple]:
        made, told, first = judge(), [], {}
        for image in images:
            made.on_signal(SignalReading("lampu", SignalAspect.RED, image.stamp, T0 - 60 * SECOND))
            for camera in order:
                for found in made.on_tracks(replace(image, camera=camera)):
                    told.append(found)
                    first[found.id] = found.same_as or found.id
        groups: dict[str, set] = {}
        for found in told:
            key = (found.camera, found.type, found.zone, found.road_user.track_id, found.stamp)
            groups.setdefault(first[found.id], set()).add(key)
        return {frozenset(g) for g in groups.values()}

    cameras = ("barat", "timur") if both else ("barat",)
    assert run(cameras) == run(cameras[::-1])


def test_a_moved_view_keeps_what_needs_no_fixed_view():
    made = judge()
    made.on_camera_status("barat", CameraState.MOVED)
    book = made.books["barat"]
    assert book.armed and {r.type for r in book.rules if not r.fixed_view} == {
        ViolationType.NO_HELMET,
        ViolationType.OVERLOADED_MOTORCYCLE,
    }
    found = []
    for tick in range(60):
        x = 100.0 + 6 * tick
        bare = RoadUser(RoadUserKind.MOTORCYCLE, 1, 0.8, (x, 150, x + 30, 210), 1.0, 0.0)
        parked = RoadUser(RoadUserKind.CAR, 2, 0.8, (300, 140, 360, 180))
        stamp = T0 + tick * STEP
        found += made.on_tracks(replace(tracks(stamp, [bare, parked]), camera="barat"))
    assert {f.type for f in found} == {ViolationType.NO_HELMET}


def test_rules_that_wait_for_a_count_say_so_until_there_is_one():
    made = judge()
    assert sum("nothing counts" in sentence for sentence in made.off) == 4
    bike = RoadUser(RoadUserKind.MOTORCYCLE, 1, 0.8, (300, 150, 330, 210), 1.0, 1.0)
    made.on_tracks(replace(tracks(T0, [bike]), camera="barat"))
    assert [s for s in made.off if "barat" in s] == []
    assert len([s for s in made.off if "timur" in s and "is off" in s]) == 2


def test_one_stamp_from_the_next_hour_costs_no_second_finding():
    made, found = judge(), []
    parked = RoadUser(RoadUserKind.CAR, 1, 0.8, (290, 140, 350, 180))
    for tick in range(600):
        late = 3600 * SECOND if tick == 300 else 0
        stamp = T0 + tick * STEP + late
        found += made.on_tracks(replace(tracks(stamp, [parked]), camera="barat"))
    assert sorted(f.type for f in found) == [
        ViolationType.ILLEGAL_STOPPING,
        ViolationType.ILLEGAL_PARKING,
    ]


def test_zones_and_calibration_of_another_image_size():
    made = judge()
    odd = tracks(T0, [RoadUser(RoadUserKind.CAR, 1, 0.8, (10, 10, 60, 50))])
    for tick, size in enumerate([(640, 480), SIZE, (1, 1), (320, 180)]):
        made.on_tracks(
            replace(odd, stamp=T0 + tick * STEP, camera="barat", width=size[0], height=size[1])
        )
    assert signals([(0, SignalAspect.RED)], 1)
