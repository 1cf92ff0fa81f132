"""Our ByteTrack on columns against the library it follows: the same ids, image by image."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bconnect_detect.adapters.bytetrack import _assign
from bconnect_detect.core.following import Follower, FollowSettings

RATE = 10.0
SETTINGS = FollowSettings(rate=RATE, high=0.25, new=0.4, overlap=0.2, lost=2.0)


def library() -> Any:
    """Roboflow's tracker with the same thresholds."""
    module = pytest.importorskip("trackers.core.bytetrack.tracker")
    boxes = pytest.importorskip("supervision")
    tracker = module.ByteTrackTracker(
        lost_track_buffer=60,
        frame_rate=RATE,
        track_activation_threshold=0.4,
        minimum_consecutive_frames=2,
        minimum_iou_threshold=0.2,
        high_conf_det_threshold=0.25,
    )

    def update(found: np.ndarray, sure: np.ndarray, seconds: float) -> np.ndarray:
        given = boxes.Detections(xyxy=found, confidence=sure, data={"row": np.arange(len(found))})
        result = tracker.update(given, timestamp=seconds)
        ids = np.full(len(found), -1, np.int64)
        if len(result):
            ids[np.asarray(result.data["row"], int)] = result.tracker_id
        return ids

    return SimpleNamespace(update=update)


def scene(seed: int, images: int) -> Any:
    """A crowd that comes, goes, hides and is seen badly; uneven stamps with gaps."""
    dice = np.random.default_rng(seed)
    n = int(dice.integers(1, 40))
    middle, way = dice.uniform(0, 600, (n, 2)), dice.normal(0, 40, (n, 2))
    side = dice.uniform(10, 90, (n, 2))
    seconds = 0.0
    for _ in range(images):
        step = float(dice.choice([0.1, 0.1, 0.1, 0.103, 0.098, 0.2, 0.35, 1.4, 2.6]))
        seconds += step
        middle = (middle + way * step) % 640
        seen = dice.random(n) > 0.25
        boxes = np.concatenate((middle - side / 2, middle + side / 2), axis=1)[seen]
        boxes += dice.normal(0, 2, boxes.shape)
        sure = dice.uniform(0.1, 0.9, len(boxes)).astype(np.float32)
        yield boxes.astype(np.float32).astype(np.float64), sure, seconds


@pytest.mark.parametrize("seed", range(12))
def test_ids_are_those_of_the_library(seed: int) -> None:
    ours, theirs, given = Follower(SETTINGS, _assign), library(), 0
    for boxes, sure, seconds in scene(seed, 150):
        mine = ours.update(boxes, sure, seconds)
        assert mine.tolist() == theirs.update(boxes, sure, seconds).tolist()
        given = max(given, int(mine.max(initial=-1)) + 1)
    assert given > 0


def test_nobody_is_remembered_for_ever() -> None:
    follower, unsure = Follower(SETTINGS, _assign), np.full(5, 0.9, np.float32)
    boxes = np.arange(5)[:, None] * 100.0 + (0.0, 0.0, 30.0, 30.0)
    for image in range(5):
        follower.update(boxes, unsure, image / RATE)
    assert len(follower) == 5
    follower.update(boxes[:0], unsure[:0], 2.3)
    assert len(follower) == 5  # 1.9 s unseen
    follower.update(boxes[:0], unsure[:0], 2.5)
    assert len(follower) == 0


def test_an_unsure_box_begins_no_track_and_keeps_one_alive() -> None:
    follower, box = Follower(SETTINGS, _assign), np.array(((10.0, 10.0, 60.0, 60.0),))
    sure, unsure = np.array((0.9,), np.float32), np.array((0.15,), np.float32)
    assert follower.update(box, unsure, 0.0).tolist() == [-1]
    assert len(follower) == 0
    assert follower.update(box, sure, 0.1).tolist() == [-1]  # one look is none
    assert follower.update(box, sure, 0.2).tolist() == [0]
    assert follower.update(box, unsure, 0.3).tolist() == [0]


def test_a_box_that_is_none_is_refused() -> None:
    follower = Follower(SETTINGS, _assign)
    with pytest.raises(ValueError, match="not finite"):
        follower.update(np.array(((0.0, 0.0, np.nan, 5.0),)), np.array((0.9,), np.float32), 0.0)
