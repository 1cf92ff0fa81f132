"""Too long at one place: the watch that parking and stopping share."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core import geometry
from bconnect_detect.core.crossing import no_foot, real
from bconnect_detect.core.queueing import Queue, QueueSettings
from bconnect_detect.core.rule import Context, Place, feet_of, of_kinds, trail_of
from bconnect_detect.core.standing import Spot, Standing, StandingSettings
from bconnect_detect.core.types import SECOND, Finding, RoadUser, Tracks
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import SignalAspect, ViolationType, ZoneKind, word

_SAME = 0.6  # IoU of two boxes on one vehicle


@dataclass(frozen=True, slots=True)
class DwellSettings:
    """Thresholds beside the zone's own ``dwell``."""

    in_zone: float = 0.6  # share of the box's lower edge inside the zone
    min_looks: int = 5  # images of the vehicle at this place
    min_seen: float = 0.5  # share of the time since it stopped that was really observed
    discharge: float = 10.0  # s of green a queue is given to drive off
    yielding: float = 3.0  # s after an ambulance was near
    behind: float = 20.0  # s more for one who may be shut in behind one found standing
    standing: StandingSettings = field(default_factory=StandingSettings)
    queue: QueueSettings = field(default_factory=QueueSettings)


class Dwell:
    """Base of a rule on standing in a zone longer than its ``dwell``.

    Fires once per standing vehicle; only leaving the place arms it again.
    """

    type: ClassVar[ViolationType]
    zone_kinds: ClassVar[frozenset[ZoneKind]]
    fixed_view: ClassVar[bool] = True

    def __init__(self, place: Place, settings: DwellSettings | None = None) -> None:
        if place.zone.region is None:
            raise ConfigError(f"{place.key}.region: is missing; {word(self.type)} needs an area")
        self.place = place
        self.settings = settings or DwellSettings()
        self._region = place.zone.region
        self._standing = Standing(self.settings.standing)
        self._queue = Queue(self._region, place.calibration, self.settings.queue)

    def check(self, tracks: Tracks, context: Context) -> list[Finding]:
        """See ``Rule.check``."""
        if not self.place.zone.is_active(self.place.local(tracks.stamp)):
            self._standing.forgive()
            return []
        self._queue.look(tracks)
        inside, outside = self._sort(tracks)
        self._standing.outside(outside, tracks.stamp)
        context.emergencies.look(tracks, self.place.calibration)
        free = self._may_drive(tracks.stamp, context)
        spots = self._standing.update(
            inside, tracks.stamp, lambda user: free and not self._waits(user, tracks, context)
        )
        findings = []
        for spot in spots:
            if free and not spot.reported and self._certain(spot):
                spot.reported_at = spot.user.box
                findings.append(self._finding(spot, tracks, context))
        return findings

    def reset(self, forget_places: bool = True) -> None:
        """See ``Rule.reset``."""
        self._standing.clear(keep_reported=not forget_places)
        self._queue.clear()

    def __len__(self) -> int:
        return len(self._standing) + len(self._queue)

    def _sort(self, tracks: Tracks) -> tuple[list[RoadUser], frozenset[int]]:
        if not len(tracks):
            return [], frozenset()
        polygon, low, high = self._queue.drawn
        near = geometry.near(tracks.boxes, low, high)
        watched = len(self._standing) > 0  # else nobody's way out matters
        if not (watched or near.any()):
            return [], frozenset()
        share = self._shares(tracks, polygon, near)
        known = real(tracks)
        kinds = of_kinds(tracks, self.place.kinds)
        rows = np.flatnonzero(known & kinds & (share >= self.settings.in_zone))
        outside = tracks.track_id[known & (share == 0.0)].tolist() if watched else ()
        return [tracks[int(row)] for row in rows], frozenset(outside)

    def _shares(
        self, tracks: Tracks, polygon: geometry.Points, near: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """How surely each stands in the zone: by its middle where that can be known, 0 to 1."""
        share = geometry.base_shares(tracks.boxes, polygon)
        view = self._queue.view
        if not view:
            return share
        feet, rows = feet_of(tracks), near.nonzero()[0]
        if not len(rows):
            return share
        users = [tracks[row] for row in rows.tolist()]
        ahead = np.array([self._queue.heading(user, tracks.stamp) for user in users])
        middles = view.middles_of([user.kind for user in users], feet[rows], ahead)
        seen = view.pixels_of(middles.reshape(-1, 2))
        known = np.isfinite(seen).reshape(-1, 4).all(axis=1)
        known &= np.array([not no_foot(user, tracks) for user in users])
        by_middle = geometry.inside(seen, polygon).reshape(-1, 2).mean(axis=1)
        share[rows[known]] = by_middle[known]
        return share

    def _waits(self, user: RoadUser, tracks: Tracks, context: Context) -> bool:
        """Whether it waits in a queue, or for an ambulance. Behind one who was found standing it
        does not, but it may be shut in for a while."""
        stamp, place = tracks.stamp, np.array(self._queue.view.place(*user.foot))
        if context.emergencies.near(tracks.camera, place, stamp, stamp, self.settings.yielding):
            return True
        leader = self._queue.leader(user, stamp)
        if leader is None:
            return self._queue.starting(user, stamp)
        parked = any(
            spot.reported and geometry.iou(spot.user.box, leader.user.box) >= _SAME
            for spot in self._standing
        )
        if parked:
            for spot in self._standing:
                spot.blocked |= spot.track_id == user.track_id
        return not parked

    def _may_drive(self, stamp: int, context: Context) -> bool:
        if self.place.zone.signal is None:
            return True
        reading = context.signal(self.place.zone.signal, stamp)
        if reading is None or reading.aspect != SignalAspect.GREEN:
            return False
        return stamp - reading.since >= self.settings.discharge * SECOND

    def _certain(self, spot: Spot) -> bool:
        elapsed = spot.seen - spot.started
        allowed = self.place.zone.dwell + (self.settings.behind if spot.blocked else 0.0)
        return (
            spot.looks >= self.settings.min_looks
            and spot.off_since is None
            and spot.dwell > allowed * SECOND
            and spot.watched >= self.settings.min_seen * elapsed
        )

    def _finding(self, spot: Spot, tracks: Tracks, context: Context) -> Finding:
        dwell, elapsed = spot.dwell / SECOND, (spot.seen - spot.started) / SECOND
        limit = self.place.zone.dwell
        kind = word(spot.user.kind)
        return self.place.find(
            self.type,
            spot.user,
            tracks,
            spot.started,
            trail=trail_of(list(spot.trail), tracks),
            measured=dwell,
            measured_low=dwell,
            measured_high=max(dwell, elapsed),
            limit=limit,
            signal=context.signal(self.place.zone.signal, tracks.stamp),
            confidence=spot.user.confidence,
            explanation=(
                f"The {kind} was seen standing in {self.place.name} for {dwell:.1f} s "
                f"(of {elapsed:.1f} s since it stopped); {limit:g} s are allowed."
            ),
        )
