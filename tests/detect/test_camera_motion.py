"""A camera that moves: its motion is measured, told, and taken off before tracks are matched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from bconnect_msgs.msg import RoadUserArray
from detect_scenes import STEP, T0

from bconnect_detect import detector_node
from bconnect_detect.adapters.bytetrack import ByteTrack
from bconnect_detect.adapters.global_motion import GlobalMotion
from bconnect_detect.convert import tracks_from_msg, tracks_to_msg
from bconnect_detect.core.detector import Detections, ModelInfo
from bconnect_detect.core.types import Tracks, Warp, warp_of
from bconnect_node import qos
from bconnect_node.frames import Frame, FramePublisher
from bconnect_replay.core.reading import tracks_of
from bconnect_site.kinds import RoadUserKind
from bconnect_site.loader import freeze, load_site

NOBODY = np.zeros((0, 4), np.float32)
SIZE = (640, 360)


@pytest.fixture(scope="module")
def street() -> np.ndarray:
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 255, (60, 100)).astype(np.uint8)
    wide = cv2.resize(noise, (1000, 600), interpolation=cv2.INTER_CUBIC)
    return np.repeat(wide[:, :, None], 3, axis=2)


def seen(street: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return cv2.warpAffine(street, matrix, SIZE)


def view(x: float = -150.0, y: float = -100.0, turn: float = 0.0, scale: float = 1.0) -> np.ndarray:
    c, s = scale * np.cos(turn), scale * np.sin(turn)
    return np.array(((c, -s, x), (s, c, y)))


def between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """What becomes of a's pixels in b."""
    whole = [np.vstack((m, (0.0, 0.0, 1.0))) for m in (a, b)]
    return (whole[1] @ np.linalg.inv(whole[0]))[:2]


def off(found: Warp | None, true: np.ndarray) -> float:
    """px by which a motion misses at the corners of the image."""
    assert found is not None
    corners = np.array(((0, 0, 1), (640, 0, 1), (0, 360, 1), (640, 360, 1)), float)
    return float(np.abs(corners @ (np.reshape(found.matrix, (2, 3)) - true).T).max())


class TestMeasuring:
    @pytest.mark.parametrize(
        "then",
        [view(), view(-168, -92), view(-150, -100, 0.03), view(-160, -95, -0.02, 1.02)],
    )
    def test_shift_turn_and_zoom(self, street: np.ndarray, then: np.ndarray) -> None:
        motion = GlobalMotion()
        assert motion.update(seen(street, view()), NOBODY, T0) is None
        found = motion.update(seen(street, then), NOBODY, T0 + STEP)
        assert found is not None and found.since == T0
        assert off(found, between(view(), then)) < 1.0

    def test_road_users_that_fill_the_picture_do_not_pull_it_along(
        self, street: np.ndarray
    ) -> None:
        motion, rng = GlobalMotion(), np.random.default_rng(1)
        truck = rng.integers(0, 255, (260, 400, 3)).astype(np.uint8)
        for step, stamp in ((0, T0), (25, T0 + STEP)):
            picture = seen(street, view())
            picture[60:320, 60 + step : 460 + step] = truck
            box = np.array(((60.0 + step, 60.0, 460.0 + step, 320.0),))
            found = motion.update(picture, box, stamp)
        assert off(found, view(0.0, 0.0)) < 0.5

    def test_a_blank_wall_another_scene_and_another_size_say_nothing(
        self, street: np.ndarray
    ) -> None:
        motion, blank = GlobalMotion(), np.full((360, 640, 3), 90, np.uint8)
        assert motion.update(blank, NOBODY, T0) is None
        assert motion.update(blank, NOBODY, T0 + STEP) is None
        motion.update(seen(street, view()), NOBODY, T0 + 2 * STEP)
        other = np.random.default_rng(2).integers(0, 255, (360, 640, 3)).astype(np.uint8)
        assert motion.update(other, NOBODY, T0 + 3 * STEP) is None
        assert motion.update(blank[:180, :320], NOBODY, T0 + 4 * STEP) is None

    def test_after_a_reset_the_next_image_is_the_first(self, street: np.ndarray) -> None:
        motion = GlobalMotion()
        motion.update(seen(street, view()), NOBODY, T0)
        motion.reset()
        assert motion.update(seen(street, view()), NOBODY, T0 + STEP) is None


def found(stamp: int, boxes: Any, warp: Warp | None = None) -> Tracks:
    boxes = np.array(boxes, np.float32)
    n = len(boxes)
    return Tracks(
        stamp=stamp,
        camera="c",
        width=640,
        height=360,
        kind=np.full(n, RoadUserKind.CAR, np.uint8),
        track_id=np.zeros(n, np.int64),
        confidence=np.full(n, 0.9, np.float32),
        boxes=boxes,
        warp=warp,
    )


class TestFollowing:
    def ids(self, told: bool, since: int = 0) -> set[tuple[int, int]]:
        """Two vehicles side by side, the camera thrown 60 px aside in every image."""
        tracker, given = ByteTrack(10.0), set[tuple[int, int]]()
        for n in range(20):
            x = 100.0 + 60.0 * (n % 2)
            boxes = [(x, 100.0, x + 50.0, 140.0), (x + 60.0, 100.0, x + 110.0, 140.0)]
            step = 60.0 if n % 2 else -60.0
            warp = Warp(T0 + (n - 1) * STEP + since, (1.0, 0.0, step, 0.0, 1.0, 0.0))
            tracks = tracker.update(found(T0 + n * STEP, boxes, warp if told and n else None))
            for id_, box in zip(tracks.track_id.tolist(), tracks.boxes.tolist(), strict=True):
                given.add((id_, round(box[0] - x)))
        return given

    def test_with_its_motion_told_each_keeps_its_id(self) -> None:
        given = self.ids(told=True)
        assert {off for _, off in given} == {0, 60} and len({id_ for id_, _ in given}) == 2

    def test_without_they_are_mixed(self) -> None:
        given = self.ids(told=False)
        assert len({id_ for id_, _ in given}) < len(given), "one id on both"

    def test_a_motion_since_another_image_is_not_taken(self) -> None:
        assert self.ids(told=True, since=1) == self.ids(told=False)

    def test_boxes_are_scaled_and_turned_about_their_middles(self) -> None:
        tracker = ByteTrack(10.0)
        small, large = (100.0, 100.0, 140.0, 120.0), (200.0, 200.0, 280.0, 240.0)
        first = [tracker.update(found(T0 + n * STEP, [small])) for n in range(3)][-1]
        doubled = Warp(T0 + 2 * STEP, (2.0, 0.0, 0.0, 0.0, 2.0, 0.0))
        then = tracker.update(found(T0 + 3 * STEP, [large], doubled))
        assert then.track_id.tolist() == first.track_id.tolist() != []


def test_it_travels_in_the_message_and_is_read_from_a_bag() -> None:
    warp = Warp(T0, (1.0, 0.25, 3.5, -0.25, 1.0, -2.0))
    msg = tracks_to_msg(found(T0 + STEP, [(1, 2, 30, 40)], warp))
    assert tracks_from_msg(msg, "c").warp == tracks_of(msg, "c").warp == warp
    assert tracks_from_msg(tracks_to_msg(found(T0, [(1, 2, 30, 40)])), "c").warp is None


@pytest.mark.parametrize(
    "numbers", [(), (1.0,) * 5, (float("nan"), 0, 0, 0, 1, 0), (0.0,) * 6, (-1, 0, 0, 0, 1, 0)]
)
def test_what_is_no_motion_is_none(numbers: Any) -> None:
    assert warp_of(numbers, T0) is None


class Model:
    info = ModelInfo("x", "0" * 64, "x", "x")

    def detect(self, image: np.ndarray) -> Detections:
        box = np.array(((10, 10, 60, 60),), np.float32)
        return Detections(np.array([RoadUserKind.CAR], np.uint8), np.array([0.9], np.float32), box)


@pytest.mark.parametrize(("kind", "moving"), [("vehicle", True), ("corridor", False)])
def test_the_detector_tells_it_of_a_vehicle_s_cameras(
    ros: Any,
    wait_for: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    street: np.ndarray,
    kind: str,
    moving: bool,
) -> None:
    monkeypatch.setattr(detector_node, "build_lanes", lambda *a, **kw: [Model()])
    file = tmp_path / "uji.yaml"
    plain = {"site": "uji", "kind": kind, "title": "Uji"}
    plain |= {"cameras": {"depan": {"source": "file:///x.mp4", "rules": ["no_helmet"]}}}
    file.write_text(yaml.safe_dump(plain))
    frozen = str(freeze(load_site(file), tmp_path / "frozen.yaml"))
    given = {"cameras": ["depan"], "site_file": frozen}
    node = ros.add(detector_node.Detector, namespace="/uji", parameter_overrides=given)
    frames = FramePublisher(node, "depan/image_raw")
    told = ros.collect(RoadUserArray, "/uji/depan/detections", qos.STREAM)
    wait_for(lambda: node._out["depan"].get_subscription_count())
    for n, then in enumerate((view(), view(-160, -90))):
        frames.publish(Frame(T0 + n * STEP, "uji/depan", seen(street, then)))
        wait_for(lambda n=n: len(told) > n)
    assert len(told[0].motion) == 0
    warp = tracks_from_msg(told[1], "depan").warp
    assert (warp is not None) is moving
    if warp is not None:
        assert off(warp, between(view(), view(-160, -90))) < 1.0
