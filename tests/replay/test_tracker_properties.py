"""The tracker on anything a bag may hold: no crash, ids that never repeat."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from replay_scenes import SECOND, T0

from bconnect_detect.adapters.bytetrack import ByteTrack
from bconnect_detect.core.types import Tracks

SIDE = st.floats(-100.0, 900.0, width=32)
BOX = st.tuples(SIDE, SIDE, SIDE, SIDE)
IMAGE = st.tuples(
    st.lists(st.tuples(BOX, st.integers(0, 7), st.floats(0.0, 1.0, width=32)), max_size=8),
    st.sampled_from([-SECOND, 0, SECOND // 10, SECOND // 10, SECOND, 7 * SECOND]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(IMAGE, max_size=12))
def test_tracker_never_crashes_and_ids_are_one_each(
    images: list[tuple[list[tuple[tuple[float, ...], int, float]], int]],
) -> None:
    tracker, stamp = ByteTrack(10.0), T0
    before: set[int] = set()
    scene: set[int] = set()
    for users, step in images:
        stamp += step
        if not 0 <= step <= 5 * SECOND:
            before |= scene
            scene = set()
        boxes = np.array([b for b, _, _ in users], np.float32).reshape(-1, 4)
        found = Tracks(
            stamp=stamp,
            camera="utara",
            width=640,
            height=360,
            kind=np.array([k for _, k, _ in users], np.uint8),
            track_id=np.zeros(len(users), np.int64),
            confidence=np.array([c for _, _, c in users], np.float32),
            boxes=boxes,
        )
        tracked = tracker.update(found)
        ids = tracked.track_id.tolist()
        assert len(set(ids)) == len(ids) and all(i > 0 for i in ids)
        scene |= set(ids)
        assert not scene & before, "a new scene took an old id"
