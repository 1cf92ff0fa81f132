"""How long a road user has stood at one place, counting only what was seen.

Used by the rules on stopping and parking. A *spot* is a place where somebody stands,
not a track: trackers change ids behind a passing bus, vehicles do not change places.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import exp

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core import geometry
from bconnect_detect.core.types import SECOND, Box, Pair, RoadUser

Counts = bool | Callable[[RoadUser], bool]


@dataclass(frozen=True, slots=True)
class StandingSettings:
    """When standing is standing."""

    still: float = 0.3  # box sizes a foot point may wander
    steady: float = 0.1  # box sizes from where it was of late: slower than walking
    settle: float = 1.0  # s that "of late" reaches back
    left: float = 1.0  # box sizes away from where it was reported: it has left
    move_confirm: float = 1.0  # s off the place until it counts as having left
    count_gap: float = 1.0  # s between two looks that still count as looking
    handover: float = 10.0  # s after which a new id on the place is somebody else
    same_place: float = 0.6  # IoU of the two boxes for a hand-over
    forget: float = 30.0  # s unseen until a place is free again
    forget_reported: float = 300.0  # s unseen until a reported place may be reported again
    capacity: int = 256  # places per zone


@dataclass(slots=True)
class Spot:
    """Somebody standing. Times in ns."""

    track_id: int
    anchor: Box
    started: int
    seen: int
    user: RoadUser
    dwell: int = 0  # ns held against it
    watched: int = 0  # ns it was looked at, held against it or not
    mean: Pair = (0.0, 0.0)  # foot of late
    blocked: bool = False  # it stood behind one who was found standing
    looks: int = 1
    off_since: int | None = None
    reported_at: Box | None = None
    trail: deque[Pair] = field(default_factory=lambda: deque(maxlen=64))

    @property
    def reported(self) -> bool:
        """Whether this standing has been found already."""
        return self.reported_at is not None


def _foot(box: Box) -> Pair:
    return (box[0] + box[2]) / 2, box[3]


def _overlaps(boxes: list[Box], anchors: list[Box]) -> NDArray[np.float64]:
    """IoU of every box with every anchor."""
    return geometry.overlaps(boxes, anchors)


class Standing:
    """The spots of one zone."""

    def __init__(self, settings: StandingSettings | None = None) -> None:
        self.settings = settings or StandingSettings()
        self._spots: list[Spot] = []

    def update(self, users: list[RoadUser], stamp: int, counts: Counts) -> list[Spot]:
        """Look at the vehicles now in the zone; returns the spots seen in this image.

        counts: whether the time since the last look is held against anybody, or against one.
        """
        self._expire(stamp)
        left = self._match_ids(users, stamp, counts)
        if not left:
            return [spot for spot in self._spots if spot.seen == stamp]
        known = list(self._spots)
        overlaps = _overlaps([user.box for user in left], [spot.anchor for spot in known])
        for user, overlap in zip(left, overlaps, strict=True):
            if self._double(user, stamp):
                continue
            spot = self._match_place(known, overlap, stamp)
            if spot is not None:
                spot.track_id = user.track_id
                self._look(spot, user, stamp, counts)
            elif len(self._spots) < self.settings.capacity:
                spot = Spot(user.track_id, user.box, stamp, stamp, user, mean=user.foot)
                spot.trail.append(user.foot)
                self._spots.append(spot)
        return [spot for spot in self._spots if spot.seen == stamp]

    def outside(self, track_ids: frozenset[int], stamp: int) -> None:
        """Vehicles seen outside the zone; those who stay out free their places."""
        gone = int(self.settings.move_confirm * SECOND)
        for spot in self._spots:
            if spot.track_id in track_ids and spot.off_since is None:
                spot.off_since = stamp
        self._spots = [
            s
            for s in self._spots
            if s.track_id not in track_ids or s.off_since is None or stamp - s.off_since < gone
        ]

    def clear(self, keep_reported: bool = False) -> None:
        """Forget who stands; with keep_reported only what was not reported yet."""
        self._spots = [s for s in self._spots if keep_reported and s.reported]

    def forgive(self) -> None:
        """Set every count back to nothing, e.g. outside the hours of the zone."""
        for spot in self._spots:
            spot.dwell, spot.watched, spot.started = 0, 0, spot.seen

    def __len__(self) -> int:
        return len(self._spots)

    def __iter__(self) -> Iterator[Spot]:
        return iter(self._spots)

    def _expire(self, stamp: int) -> None:
        self._spots = [s for s in self._spots if stamp - s.seen <= self._memory(s)]

    def _memory(self, spot: Spot) -> int:
        chosen = self.settings.forget_reported if spot.reported else self.settings.forget
        return int(chosen * SECOND)

    def _match_ids(self, users: list[RoadUser], stamp: int, counts: Counts) -> list[RoadUser]:
        by_id = {spot.track_id: spot for spot in self._spots}
        left: list[RoadUser] = []
        for user in users:
            spot = by_id.get(user.track_id)
            if spot is None:
                left.append(user)
            elif spot.seen != stamp:
                self._look(spot, user, stamp, counts)
        return left

    def _double(self, user: RoadUser, stamp: int) -> bool:
        """Whether this is a second box on a vehicle already seen in this image."""
        same = self.settings.same_place
        return any(
            s.seen == stamp
            and abs(s.user.box[0] - user.box[0]) < user.width  # or they share too little
            and geometry.iou(s.user.box, user.box) >= same
            for s in self._spots
        )

    def _match_place(
        self, known: list[Spot], overlap: NDArray[np.float64], stamp: int
    ) -> Spot | None:
        best, best_iou = None, self.settings.same_place
        for index in np.flatnonzero(overlap >= best_iou):
            spot = known[int(index)]
            patience = self._memory(spot) if spot.reported else self.settings.handover * SECOND
            if spot.seen == stamp or stamp - spot.seen > patience:
                continue
            if overlap[index] >= best_iou:
                best, best_iou = spot, float(overlap[index])
        return best

    def _look(self, spot: Spot, user: RoadUser, stamp: int, counts: Counts) -> None:
        step = stamp - spot.seen
        spot.seen, spot.user, spot.looks = stamp, user, spot.looks + 1
        steady = self._steady(spot, user, step)
        if self._on_place(spot, user.box):
            steady &= spot.off_since is None and step <= self.settings.count_gap * SECOND
            spot.off_since = None
            if steady:
                spot.watched += step
                if counts is True or (counts and counts(user)):
                    spot.dwell += step
            spot.trail.append(user.foot)
        elif spot.off_since is None:
            spot.off_since = stamp
        elif stamp - spot.off_since >= self.settings.move_confirm * SECOND:
            self._begin_again(spot, user, stamp)

    def _begin_again(self, spot: Spot, user: RoadUser, stamp: int) -> None:
        spot.anchor, spot.started, spot.off_since = user.box, stamp, None
        spot.dwell, spot.watched, spot.looks, spot.blocked = 0, 0, 1, False
        spot.trail.clear()
        spot.trail.append(user.foot)
        if spot.reported_at is not None:
            away = geometry.distance(_foot(spot.reported_at), user.foot)
            if away > self.settings.left * geometry.size(spot.reported_at):
                spot.reported_at = None

    def _steady(self, spot: Spot, user: RoadUser, step: int) -> bool:
        """Whether it stands rather than rolls: near to where it was of late."""
        away = geometry.distance(spot.mean, user.foot)
        keep = exp(-step / (self.settings.settle * SECOND))
        (x, y), (new_x, new_y) = spot.mean, user.foot
        spot.mean = keep * x + (1 - keep) * new_x, keep * y + (1 - keep) * new_y
        return away <= self.settings.steady * geometry.size(user.box)

    def _on_place(self, spot: Spot, box: Box) -> bool:
        wander = geometry.distance(_foot(spot.anchor), _foot(box))
        return wander <= self.settings.still * geometry.size(spot.anchor)
