"""Who waits in a queue: a queue is not parking, and it needs no signal to be one.

            V        W          V stands in the zone, W stands right ahead of it in the same
         [car]    [car]  -->    lane: V waits for W. When W drives off, or is gone, V is given
                                a moment to follow; after that it stands because it wants to.

Who drove in ahead of V when that stood already is no leader. A leader may be hidden behind V
from the camera's place: one who stood there is taken to stand there until somebody is seen
driving on ahead, or for ``hidden`` s. Who was never seen there may be hidden all the same: V
covers what stands between it and somebody a little further on.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import hypot, isfinite

import numpy as np

from bconnect_detect.core import geometry
from bconnect_detect.core.crossing import real
from bconnect_detect.core.footprint import GroundView, Vector, lengths
from bconnect_detect.core.memory import Memory
from bconnect_detect.core.rule import feet_of, of_kinds
from bconnect_detect.core.standing import Spot, Standing, StandingSettings
from bconnect_detect.core.types import SECOND, VEHICLES, Pair, RoadUser, Tracks
from bconnect_site.calibration import Calibration
from bconnect_site.kinds import RoadUserKind

_SAME = 0.6  # IoU of two boxes of one vehicle
_SLIM = frozenset({RoadUserKind.MOTORCYCLE, RoadUserKind.BICYCLE})  # they pass beside others


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """Lengths are m where the camera is calibrated, else sizes of V's box."""

    gap: float = 6.0  # m from V's front to W's rear at most
    behind: float = 4.0  # m more, in which V would hide somebody between the two
    beside: float = 1.8  # m W may stand aside of V's way
    gap_image: float = 1.5
    beside_image: float = 0.6
    stood: float = 1.0  # s W must have stood
    later: float = 3.0  # s after V, from which W came too late to be waited for
    start: float = 5.0  # s V is given to follow
    moving: float = 2.0  # m/s, or box sizes per s, of one that drives
    window: float = 0.8  # s of way that give a velocity
    sure: float = 2.0  # standard deviations by which one that drives is faster
    glimpse: float = 0.3  # s W must have stood before it was hidden
    cleared: float = 20.0  # m ahead of a hidden W at which somebody drives on
    hidden: float = 90.0  # s
    unseen: float = 0.5  # s out of sight from which one is hidden
    first: float = 2.0  # s after the first look in which who stands has stood before it
    row: int = 3  # of those that may be a queue though nobody was seen driving
    fade: float = 0.98  # of the flow's direction, with each look at somebody who drives


@dataclass(slots=True)
class _Way:
    looks: deque[tuple[int, Vector]] = field(default_factory=lambda: deque(maxlen=32))
    waited: int | None = None  # ns, last seen behind somebody
    heading: Vector | None = None  # where it drove to, when it did


def _drawn(region: Sequence[Pair], size: tuple[int, int]) -> tuple[Vector, Pair, Pair]:
    polygon = geometry.to_pixels(region, *size)
    (x_low, y_low), (x_high, y_high) = polygon.min(axis=0).tolist(), polygon.max(axis=0).tolist()
    return polygon, (x_low, y_low), (x_high, y_high)


class Queue:
    """The vehicles around a zone: which way they drive there, and who stands ahead of whom."""

    def __init__(
        self,
        region: Sequence[Pair],
        calibration: Calibration | None,
        settings: QueueSettings | None = None,
    ) -> None:
        self.settings = settings or QueueSettings()
        self.view = GroundView(None, (1, 1))
        self._region, self._calibration = region, calibration
        self._size = (0, 0)
        self.drawn = _drawn(region, (1, 1))  # the region in pixels, and its bounds
        self._spots: dict[Pair, Vector] = {}  # where those who stand do, of this image
        self._flow = np.zeros(2)
        self._began: int | None = None  # ns, first look
        self._ways: Memory[_Way] = Memory(_Way, int(self.settings.start * SECOND))
        self._standing = Standing(
            StandingSettings(forget=self.settings.hidden, handover=self.settings.hidden)
        )

    def heading(self, user: RoadUser, stamp: int) -> Vector:
        """Unit vector (m or pixels) of where it drove, or else of the zone's traffic; NaN: none
        was seen driving."""
        own = self._ways.touch(user.track_id, stamp).heading
        if own is not None:
            return own
        length = float(np.hypot(*self._flow))
        return self._flow / length if length > 0.5 else np.full(2, np.nan)

    def look(self, tracks: Tracks) -> None:
        """Who stands and who drives in one image."""
        if self._size != (size := (tracks.width, tracks.height)):
            self.clear()
            self._size, self.view = size, GroundView(self._calibration, size)
            self.drawn = _drawn(self._region, size)
        self._began = tracks.stamp if self._began is None else self._began
        self._spots.clear()
        self._ways.expire(tracks.stamp)
        users, places = self._users(tracks)
        self._standing.update(users, tracks.stamp, counts=True)
        if not users:
            return
        inside = geometry.inside(np.array([user.foot for user in users]), self.drawn[0])
        for user, place, within in zip(users, places, inside, strict=True):
            way = self._ways.touch(user.track_id, tracks.stamp)
            velocity = self._velocity(way, user, place, tracks.stamp)
            if velocity is None:
                continue
            unit = 1.0 if self.view else geometry.size(user.box)
            speed = float(np.hypot(*velocity))
            if speed > self.settings.moving * unit:
                way.heading = velocity / speed
                if within:
                    self._flow = self.settings.fade * self._flow + way.heading
                if user.kind not in _SLIM:
                    self._clear_behind(place, way.heading, unit, tracks.stamp)

    def leader(self, user: RoadUser, stamp: int) -> Spot | None:
        """Who stands right ahead of a vehicle that stands; seen or hidden."""
        place, unit = self._place(user)
        ahead = self.heading(user, stamp)
        found = None
        since = next((s.started for s in self._standing if s.track_id == user.track_id), stamp)
        late = since + int(self.settings.later * SECOND)
        pair = not np.isfinite(ahead).all() and self._long_standing() < self.settings.row
        for spot in self._standing:
            if not self._stood(spot, stamp) or spot.track_id == user.track_id:
                continue
            if pair and spot.started <= self._first():
                continue  # two who stood there before anybody looked are no queue
            if spot.started > late and (spot.seen < stamp or self._drove(spot, stamp)):
                continue
            off = self._spot_place(spot) - place
            if (
                self._is_ahead(off, ahead, unit, user)
                and geometry.iou(spot.user.box, user.box) < _SAME
            ):
                found = spot
        if found is not None:
            self._ways.touch(user.track_id, stamp).waited = stamp
        return found

    def _stood(self, spot: Spot, stamp: int) -> bool:
        """Whether it may stand there; of one that vanished less was seen."""
        s = self.settings
        if stamp - spot.seen > s.unseen * SECOND:
            return spot.dwell >= s.glimpse * SECOND
        return spot.dwell >= s.stood * SECOND and spot.off_since is None

    def _first(self) -> int:
        return (self._began or 0) + int(self.settings.first * SECOND)

    def _long_standing(self) -> int:
        """How many stand since before the first look."""
        stood, first = self.settings.stood * SECOND, self._first()
        return sum(spot.dwell >= stood and spot.started <= first for spot in self._standing)

    def starting(self, user: RoadUser, stamp: int) -> bool:
        """Whether a vehicle waited for somebody a moment ago."""
        waited = self._ways.touch(user.track_id, stamp).waited
        return waited is not None and stamp - waited <= self.settings.start * SECOND

    def clear(self) -> None:
        """Forget who is there; the way they drive is kept."""
        self._began = None
        self._ways.clear()
        self._standing.clear()

    def __len__(self) -> int:
        return len(self._ways) + len(self._standing)

    def _users(self, tracks: Tracks) -> tuple[list[RoadUser], Vector]:
        """Vehicles with a known place."""
        if not len(tracks):
            return [], np.zeros((0, 2))
        _, low, high = self.drawn
        quarter = (high[0] - low[0]) / 4, (high[1] - low[1]) / 4
        near = geometry.around(tracks.boxes, low, high, 2.0, quarter)
        rows = (near & of_kinds(tracks, VEHICLES) & real(tracks)).nonzero()[0]
        if not len(rows):
            return [], np.zeros((0, 2))
        feet = feet_of(tracks)[rows]
        places = self.view.places(feet) if self.view else feet
        known = np.isfinite(places).all(axis=1)
        return [tracks[row] for row in rows[known].tolist()], places[known]

    def _place(self, user: RoadUser) -> tuple[Vector, float]:
        """Where a vehicle's foot is, and the unit of lengths there."""
        if self.view:
            return np.array(self.view.place(*user.foot)), 1.0
        return np.array(user.foot), geometry.size(user.box)

    def _drove(self, spot: Spot, stamp: int) -> bool:
        """Whether one who stands was seen driving there."""
        return self._ways.touch(spot.track_id, stamp).heading is not None

    def _spot_place(self, spot: Spot) -> Vector:
        """Where one stands: it may have rolled on a little from where it began to."""
        if (known := self._spots.get(spot.mean)) is None:
            known = np.array(self.view.place(*spot.mean) if self.view else spot.mean)
            self._spots[spot.mean] = known
        return known

    def _velocity(self, way: _Way, user: RoadUser, place: Vector, stamp: int) -> Vector | None:
        """m/s or pixels per s; None where jitter could look like that."""
        way.looks.append((stamp, place))
        while stamp - way.looks[0][0] > self.settings.window * SECOND:
            way.looks.popleft()
        if self.view and isfinite(sum(user.velocity) + sum(user.velocity_stddev)):
            doubt = hypot(*user.velocity_stddev)
            sure = hypot(*user.velocity) - self.settings.sure * doubt > self.settings.moving
            return np.array(user.velocity) if sure else None
        first, there = way.looks[0]
        seconds = (stamp - first) / SECOND
        return (place - there) / seconds if seconds >= self.settings.window / 2 else None

    def _clear_behind(self, place: Vector, heading: Vector, unit: float, stamp: int) -> None:
        """One who drives on shows that those unseen just behind it do not stand there any more."""
        s = self.settings
        reach, beside = (s.cleared, s.beside) if self.view else (3.0 * unit, s.beside_image * unit)
        for spot in self._standing:
            if spot.seen == stamp or not spot.dwell:
                continue
            off = place - self._spot_place(spot)
            along, aside = float(off @ heading), abs(heading[0] * off[1] - heading[1] * off[0])
            if -beside <= along <= reach and aside <= beside:
                spot.dwell = 0

    def _is_ahead(self, off: Vector, ahead: Vector, unit: float, user: RoadUser) -> bool:
        s = self.settings
        if self.view:
            near, gap, beside = 0.8, lengths(user.kind)[1] + s.gap, s.beside
            gap += 0.0 if user.kind in _SLIM else s.behind
        else:
            near, gap, beside = 0.1 * unit, s.gap_image * unit, s.beside_image * unit
        if not np.isfinite(ahead).all():  # nobody knows which way: whoever stands near counts
            return bool(near <= np.hypot(*off) <= gap)
        along, aside = float(off @ ahead), abs(ahead[0] * off[1] - ahead[1] * off[0])
        return near <= along <= gap and aside <= beside
