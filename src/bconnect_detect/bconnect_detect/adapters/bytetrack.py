"""ByteTrack for one camera: with and without torch, people and vehicles apart.

It is told the time between images instead of counting them, so a slow or gappy stream
loses nobody too early or too late.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from bconnect_detect.core.following import Follower, FollowSettings, Rows
from bconnect_detect.core.tracker import MAX_GAP, Ids
from bconnect_detect.core.types import SECOND, Tracks
from bconnect_site.kinds import RoadUserKind

_STEP = 30.0  # Hz: the time a track is remembered counts in images of this rate


@dataclass(frozen=True, slots=True)
class ByteTrackSettings:
    """Thresholds; see TrackerSettings of the site file."""

    track_high_thresh: float = 0.25
    track_low_thresh: float = 0.1
    new_track_thresh: float = 0.25
    match_thresh: float = 0.8  # 1 - IoU at most
    lost_seconds: float = 2.0  # s a track is remembered without being seen


class ByteTrack:
    """Ids for one camera. People and vehicles are followed apart."""

    def __init__(self, rate: float, settings: ByteTrackSettings | None = None) -> None:
        self._rate = rate
        self._settings = settings or ByteTrackSettings()
        self._ids = Ids()
        self._first: int | None = None
        self._last = 0
        self._begin()

    def update(self, found: Tracks) -> Tracks:
        """The detections that belong to a track, with its id and its steadiest kind.

        A stamp that runs backwards, or a gap longer than ``MAX_GAP``, begins anew with
        new ids; a repeated stamp gives nothing.
        """
        if self._first is not None and found.stamp == self._last:
            return found.select(np.zeros(len(found), bool))
        if self._first is None or not 0 < found.stamp - self._last <= MAX_GAP:
            self._begin()
            self._first = found.stamp
        elif found.warp is not None and found.warp.since == self._last:
            matrix = np.array(found.warp.matrix).reshape(2, 3)
            for tracker in self._trackers:
                tracker.warp(matrix)
        self._last = found.stamp
        seconds = (found.stamp - self._first) / SECOND
        people = found.kind == RoadUserKind.PEDESTRIAN
        clear = found.confidence >= self._settings.track_low_thresh
        ids = np.zeros(len(found), np.int64)
        for group, mask in enumerate((people & clear, clear > people)):
            rows = mask.nonzero()[0]
            boxes, sure = found.boxes[rows].astype(np.float64), found.confidence[rows]
            raw = self._trackers[group].update(boxes, sure, seconds)
            self._ids.number(raw, rows, ids, group)
        return self._ids.settle(found, ids)

    def _begin(self) -> None:
        s = self._settings
        self._ids.begin()
        self._first = None
        settings = FollowSettings(
            rate=self._rate,
            high=s.track_high_thresh,
            new=s.new_track_thresh,
            overlap=1.0 - s.match_thresh,
            lost=max(1, round(s.lost_seconds * _STEP)) / _STEP,
        )
        self._trackers = [Follower(settings, _assign) for _ in range(2)]


def _assign(share: NDArray[np.float32]) -> tuple[Rows, Rows]:
    """Pairs of rows and columns that share most in all."""
    rows, columns = linear_sum_assignment(share, maximize=True)
    return rows, columns
