"""ByteTrack from Roboflow's ``trackers`` (Apache-2.0): works with and without torch.

It is told the time between images instead of counting them, so a slow or gappy stream
loses nobody too early or too late.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from supervision import Detections as Boxes
from trackers.core.bytetrack.tracker import ByteTrackTracker

from bconnect_detect.core.tracker import MAX_GAP, Ids
from bconnect_detect.core.types import SECOND, Tracks
from bconnect_site.kinds import RoadUserKind

_NOMINAL = 30.0  # Hz: the library counts lost_track_buffer in images of this rate


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
        self._last = found.stamp
        people = found.kind == RoadUserKind.PEDESTRIAN
        ids = np.zeros(len(found), np.int64)
        for group, mask in enumerate((people, ~people)):
            rows = np.flatnonzero(mask & (found.confidence >= self._settings.track_low_thresh))
            ids[rows] = self._associate(group, found, rows)
        return self._ids.settle(found, ids)

    def _begin(self) -> None:
        s = self._settings
        self._ids.begin()
        self._first = None
        self._trackers = [
            ByteTrackTracker(
                lost_track_buffer=max(1, round(s.lost_seconds * _NOMINAL)),
                frame_rate=self._rate,
                track_activation_threshold=s.new_track_thresh,
                minimum_consecutive_frames=2,
                minimum_iou_threshold=1.0 - s.match_thresh,
                high_conf_det_threshold=s.track_high_thresh,
            )
            for _ in range(2)
        ]

    def _associate(self, group: int, found: Tracks, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """Id per row, 0 for none yet."""
        boxes = Boxes(
            xyxy=found.boxes[rows].astype(np.float64),
            confidence=found.confidence[rows],
            data={"row": np.arange(len(rows))},
        )
        assert self._first is not None
        seconds = (found.stamp - self._first) / SECOND
        result = self._trackers[group].update(boxes, timestamp=seconds)
        ids = np.zeros(len(rows), np.int64)
        if len(result) and result.tracker_id is not None:
            raw = np.asarray(result.tracker_id, np.int64)
            ids[np.asarray(result.data["row"], np.intp)] = self._ids.number(raw, group)
        return ids
