"""What a tracker is; ids that never repeat; kinds that do not flicker."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.colour import ColourVotes
from bconnect_detect.core.following import Rows, numbered, settled
from bconnect_detect.core.memory import Memory
from bconnect_detect.core.types import SECOND, Tracks
from bconnect_site.kinds import RoadUserKind

Raw = NDArray[np.int64]

MAX_GAP = 5 * SECOND  # images further apart do not describe one scene
_FORGET_KIND = 30 * SECOND
_KINDS = len(RoadUserKind)
_FADE = 0.97  # per image: about the last 30 images vote


class Tracker(Protocol):
    """Follows the road users of one camera."""

    def update(self, found: Tracks) -> Tracks:
        """Detections in, the tracked ones with their ids out. Time is the stamp's."""
        ...


class Ids:
    """Numbers tracks and settles what each one is."""

    def __init__(self) -> None:
        self._offset = 0
        self._highest = 0
        self._votes: Memory[list[float]] = Memory(lambda: [0.0] * _KINDS, _FORGET_KIND)
        self._colours = ColourVotes()

    def begin(self) -> None:
        """A new scene: ids go on above all those given, they never repeat."""
        self._offset = self._highest
        self._votes.clear()
        self._colours.clear()

    def number(
        self,
        raw: NDArray[np.int64],
        rows: Rows,
        ids: NDArray[np.int64],
        group: int,
        groups: int = 2,
    ) -> None:
        """Puts ids from 1 up for a tracker's own ids (from 0; negative: none, becomes 0) into
        their rows of ``ids``.

        Each of several trackers (groups) of one camera gets numbers of its own.
        """
        highest = numbered(raw, rows, ids, self._offset + group + 1, groups)
        self._highest = max(self._highest, highest)

    def settle(self, found: Tracks, ids: NDArray[np.int64]) -> Tracks:
        """Rows with an id, each with the kind and colour its track has mostly been."""
        self._votes.expire(found.stamp)
        rows = ids > 0
        if not rows.all():
            found, ids = found.select(rows), ids[rows]
        if not len(ids):
            return self._colours.settle(found.changed(track_id=ids))
        known = [self._votes.touch(i, found.stamp) for i in ids.tolist()]
        kinds = settled(known, found.kind, found.confidence, _FADE)
        return self._colours.settle(found.changed(track_id=ids, kind=kinds))
