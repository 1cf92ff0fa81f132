"""One box per road user; columns that hold together; messages that come back the same."""

from dataclasses import replace

import numpy as np
import pytest
from detect_scenes import SIZE, T0, user
from hypothesis import given
from hypothesis import strategies as st

from bconnect_detect import convert
from bconnect_detect.core import geometry
from bconnect_detect.core.detector import KIND_OF_NAME, Detections, kinds_of, tidy
from bconnect_detect.core.memory import Memory
from bconnect_detect.core.types import Finding, RoadUser, SignalReading, Tracks
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import (
    Colour,
    RoadUserKind,
    SignalAspect,
    SignalSource,
    ViolationType,
)

PERSON, BIKE, MOTOR, CAR, TRUCK = (
    RoadUserKind.PEDESTRIAN,
    RoadUserKind.BICYCLE,
    RoadUserKind.MOTORCYCLE,
    RoadUserKind.CAR,
    RoadUserKind.TRUCK,
)


def detections(*rows: tuple[RoadUserKind, float, tuple[float, float, float, float]]) -> Detections:
    return Detections(
        np.array([r[0] for r in rows], np.uint8),
        np.array([r[1] for r in rows], np.float32),
        np.array([r[2] for r in rows], np.float32).reshape(-1, 4),
    )


class TestTidy:
    def test_a_van_that_is_car_and_truck_is_one(self):
        found = tidy(detections((TRUCK, 0.4, (0, 0, 100, 80)), (CAR, 0.7, (2, 1, 101, 80))))
        assert list(found.kind) == [CAR]

    def test_two_cars_side_by_side_stay_two(self):
        found = tidy(detections((CAR, 0.4, (0, 0, 100, 80)), (CAR, 0.7, (40, 0, 140, 80))))
        assert len(found) == 2

    def test_riders_are_counted_and_are_no_pedestrians(self):
        machine = (MOTOR, 0.8, (100, 100, 160, 180))
        found = tidy(
            detections(
                machine,
                (PERSON, 0.9, (105, 60, 140, 160)),
                (PERSON, 0.7, (125, 62, 158, 158)),
                (PERSON, 0.9, (300, 60, 330, 180)),
            )
        )
        assert list(found.kind) == [MOTOR, PERSON]
        assert found.riders is not None and found.riders[0] == 2 and np.isnan(found.riders[1])

    @pytest.mark.parametrize(
        "person",
        [
            (170.0, 60.0, 200.0, 180.0),  # beside it
            (115.0, 90.0, 140.0, 215.0),  # stands in front of it
            (110.0, 20.0, 135.0, 110.0),  # behind and above it
        ],
        ids=["beside", "in front", "behind"],
    )
    def test_people_near_a_machine_stay_pedestrians(self, person):
        found = tidy(detections((MOTOR, 0.8, (100, 100, 160, 180)), (PERSON, 0.9, person)))
        assert sorted(found.kind) == [PERSON, MOTOR]
        assert found.riders is not None and 0 in found.riders

    def test_nothing_stays_nothing(self):
        assert len(tidy(detections())) == 0


def test_classes_of_coco_and_of_a_fine_tuning():
    coco = {
        0: "person",
        1: "bicycle",
        2: "car",
        3: "motorcycle",
        4: "airplane",
        5: "bus",
        7: "truck",
    }
    assert kinds_of(coco) == {0: PERSON, 1: BIKE, 2: CAR, 3: MOTOR, 5: RoadUserKind.BUS, 7: TRUCK}
    assert kinds_of({0: "Angkot"}) == {0: RoadUserKind.MINIBUS}
    assert set(KIND_OF_NAME.values()) == set(RoadUserKind) - {RoadUserKind.UNKNOWN}
    with pytest.raises(
        ConfigError, match=r"detector\.model: knows no road user; found classes cat"
    ):
        kinds_of({0: "cat"})


def test_columns_must_agree():
    good = Tracks.of(T0, "c", SIZE, [user((10, 20)), user((30, 40), 2)])
    assert [u.track_id for u in good] == [1, 2] and good[1].foot == (30, 40)
    assert list(good.select(np.array([False, True])).track_id) == [2]
    with pytest.raises(ValueError, match="column confidence has shape"):
        replace(good, confidence=np.zeros(3, np.float32))


def test_memory_forgets_by_stamp_and_by_number():
    memory: Memory[list] = Memory(list, forget_after=10, capacity=3)
    for i in range(5):
        memory.touch(i, i).append(i)
    assert list(memory) == [[2], [3], [4]]
    memory.touch(2, 12)
    memory.expire(14)
    assert list(memory) == [[4], [2]]
    memory.expire(100)
    assert len(memory) == 0
    for i in range(1_000_000):
        memory.touch(i, i)
    assert len(memory) == 3


points = st.tuples(st.floats(0, 640, width=32), st.floats(0, 360, width=32))


@given(
    points,
    st.tuples(st.floats(50, 300), st.floats(50, 300)),
    st.tuples(st.floats(310, 600), st.floats(310, 350)),
)
def test_inside_agrees_with_an_upright_box(point, low, high):
    box = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
    expected = low[0] < point[0] < high[0] and low[1] < point[1] < high[1]
    on_edge = (
        min(
            abs(point[0] - low[0]),
            abs(point[0] - high[0]),
            abs(point[1] - low[1]),
            abs(point[1] - high[1]),
        )
        < 1e-6
    )
    assert on_edge or bool(geometry.inside(np.array([point]), box)[0]) == expected


def test_iou_and_its_matrix_agree():
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 100, (20, 2))
    boxes = np.hstack((corner, corner + rng.uniform(1, 60, (20, 2))))
    matrix = geometry.iou_matrix(boxes, boxes)
    for i in range(20):
        for j in range(20):
            assert matrix[i, j] == pytest.approx(geometry.iou(tuple(boxes[i]), tuple(boxes[j])))
    assert geometry.iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0.0


numbers = st.floats(-1e6, 1e6, width=32) | st.just(float("nan"))
pairs = st.tuples(numbers, numbers)
users = st.builds(
    RoadUser,
    kind=st.sampled_from(RoadUserKind),
    track_id=st.integers(0, 2**62),
    confidence=st.floats(0, 1, width=32),
    box=st.tuples(*[st.floats(0, 8000, width=32)] * 4),
    riders=numbers,
    helmets=numbers,
    position=pairs,
    position_stddev=pairs,
    velocity=pairs,
    velocity_stddev=pairs,
    colour=st.sampled_from(Colour),
)


def same(a: object, b: object) -> bool:
    return np.array_equal(np.asarray(a, float), np.asarray(b, float), equal_nan=True)


@given(st.lists(users, max_size=5), st.integers(0, (2**31 - 1) * 10**9))
def test_tracks_come_back_the_same(many, stamp):
    before = Tracks.of(stamp, "c", SIZE, many, frame_id="s/c_optical_frame")
    after = convert.tracks_from_msg(convert.tracks_to_msg(before), "c")
    assert (after.stamp, after.width, after.height, after.frame_id) == (
        stamp,
        *SIZE,
        before.frame_id,
    )
    assert len(after) == len(many)
    for a, b in zip(after, before, strict=True):
        assert (a.kind, a.track_id, a.confidence, a.box) == (
            b.kind,
            b.track_id,
            b.confidence,
            b.box,
        )
        assert same((a.riders, a.helmets), (b.riders, b.helmets))
        assert a.colour is b.colour
        for name in ("position", "position_stddev", "velocity", "velocity_stddev"):
            got, wanted = getattr(a, name), getattr(b, name)
            # a pair of which one half is known to nobody may lose the other half
            assert same(got, wanted) or (np.isnan(got).all() and np.isnan(wanted).any())


def test_columns_that_nobody_knows_are_empty():
    msg = convert.tracks_to_msg(Tracks.of(T0, "c", SIZE, [user((10, 20))]))
    assert len(msg.position_x) == len(msg.helmets) == len(msg.colour) == 0 and len(msg.x_min) == 1


@pytest.mark.parametrize("field", ["confidence", "track_id", "x_min", "position_x", "colour"])
def test_a_message_with_columns_of_other_lengths_is_refused(field: str):
    from array import array

    msg = convert.tracks_to_msg(Tracks.of(T0, "c", SIZE, [user((10, 20)), user((50, 60))]))
    code = {"track_id": "q", "colour": "B"}.get(field, "f")
    setattr(msg, field, array(code, [1, 2, 3]))
    with pytest.raises(ValueError, match="column"):
        convert.tracks_from_msg(msg, "c")


def test_a_kind_of_a_later_version_is_refused():
    msg = convert.tracks_to_msg(Tracks.of(T0, "c", SIZE, [user((10, 20))]))
    msg.kind[0] = 99
    with pytest.raises(ValueError, match="kind 99"):
        convert.tracks_from_msg(msg, "c")


def test_a_colour_of_a_later_version_is_unknown():
    made = replace(user((10, 20)), colour=Colour.RED)
    msg = convert.tracks_to_msg(Tracks.of(T0, "c", SIZE, [made, made]))
    msg.colour[0] = 99
    read = convert.tracks_from_msg(msg, "c")
    assert [u.colour for u in read] == [Colour.UNKNOWN, Colour.RED]


def test_a_finding_comes_back_the_same():
    signal = SignalReading("lampu", SignalAspect.RED, T0, T0 - 5, SignalSource.LAMP_VISION, 0.5)
    nan = float("nan")
    one = RoadUser(
        CAR,
        7,
        0.5,
        (1.0, 2.0, 3.0, 4.0),
        riders=2.0,
        helmets=1.0,
        position=(1.0, 2.0),
        position_stddev=(0.5, 0.5),
        velocity=(0.0, -1.0),
        velocity_stddev=(0.25, 0.25),
        colour=Colour.BLUE,
    )
    before = Finding(
        id="x",
        type=ViolationType.STOP_LINE,
        site="s",
        camera="c",
        zone="z",
        stamp=T0,
        started=T0 - 9,
        road_user=one,
        width=640,
        height=360,
        trail=((0.5, 0.25), (0.75, 0.5)),
        measured=2.5,
        measured_low=2.0,
        measured_high=3.0,
        limit=1.0,
        signal=signal,
        time_into_red=4.0,
        article="A",
        basis="B",
        catalogue_version="C",
        confidence=0.5,
        explanation="E",
        latitude=-1.25,
        longitude=116.5,
    )
    msg = convert.finding_to_msg(before, "s/c_optical_frame")
    assert msg.header.frame_id == "s/c_optical_frame"
    assert convert.finding_from_msg(msg) == before
    bare = replace(before, signal=None, time_into_red=nan)
    after = convert.finding_from_msg(convert.finding_to_msg(bare))
    assert after.signal is None and np.isnan(after.time_into_red)
