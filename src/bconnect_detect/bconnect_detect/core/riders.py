"""Who sits on a motorcycle, voted over many images: the watch that no_helmet and
overloaded_motorcycle share.

Counts err in runs: a passenger hidden for half a second is missing from five images in a row.
So not images but half-seconds vote, each by its own majority, and nearly all must agree. Who
drives through the zone is counted wherever he is in the picture: heads do not change on the way.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from bconnect_detect.core import geometry
from bconnect_detect.core.crossing import no_foot, real
from bconnect_detect.core.memory import Memory
from bconnect_detect.core.rule import Context, Place, feet_inside, trail_of
from bconnect_detect.core.types import SECOND, Finding, Pair, RoadUser, Tracks
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import RoadUserKind, ViolationType, ZoneKind

_MOTORCYCLE = frozenset({RoadUserKind.MOTORCYCLE})


@dataclass(frozen=True, slots=True)
class RiderSettings:
    """When a count is believed."""

    height: float = 30.0  # pixels of the box below which a count is not believed
    turn: float = 0.48  # s that vote as one
    turns: float = 4.6  # that accuse, at least, after those that acquit are taken off
    against: float = 1.3  # times over
    looks: int = 8  # images with a count
    share: float = 0.75  # of the images that say the same
    gap: float = 1.0  # s between two looks at most
    leap: float = 1.5  # box sizes between two looks at most
    forget: float = 5.0  # s


@dataclass(slots=True)
class _Ride:
    stamp: int = 0
    foot: Pair = (0.0, 0.0)
    counts: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=300))
    trail: deque[Pair] = field(default_factory=lambda: deque(maxlen=300))
    inside: bool = False  # its foot was in the zone
    reported: bool = False
    bad: int = 0  # of the counts, those that offend


class Riders:
    """Base of a rule on the people on a motorcycle; needs no fixed view."""

    type: ClassVar[ViolationType]
    zone_kinds: ClassVar[frozenset[ZoneKind]] = frozenset({ZoneKind.ROAD})
    fixed_view: ClassVar[bool] = False
    counted: ClassVar[str]  # what the detector must count

    def __init__(self, place: Place, settings: RiderSettings | None = None) -> None:
        if place.zone.region is None:
            raise ConfigError(f"{place.key}.region: is missing; a zone of kind road has an area")
        self.place = place
        self.settings = settings or RiderSettings()
        self._region = place.zone.region
        self._kinds = place.kinds & _MOTORCYCLE
        self._counted = False
        self._rides: Memory[_Ride] = Memory(_Ride, int(self.settings.forget * SECOND))

    @property
    def silence(self) -> str:
        """Why it cannot judge yet; empty once something was counted."""
        if self._counted:
            return ""
        return f"nothing counts {self.counted}: the detector needs a model that sees them"

    def check(self, tracks: Tracks, context: Context) -> list[Finding]:
        """See ``Rule.check``."""
        self._rides.expire(tracks.stamp)
        if not self.place.zone.is_active(self.place.local(tracks.stamp)):
            self._rides.clear()
            return []
        findings = []
        inside = set(feet_inside(tracks, self._region, self._kinds))
        for row in np.flatnonzero((tracks.kind == RoadUserKind.MOTORCYCLE) & real(tracks)).tolist():
            user = tracks[row]
            counts = self.counts(user)
            if counts is None or _headless(user, tracks):
                continue
            self._counted = True
            if user.height < self.settings.height:
                continue
            ride = self._rides.touch(user.track_id, tracks.stamp)
            self._look(ride, user, counts, tracks.stamp)
            ride.inside |= row in inside and not no_foot(user, tracks)
            ready = ride.inside and not ride.reported
            if ready and (found := self._judge(ride, user, tracks)):
                ride.reported = True
                findings.append(found)
        return findings

    def reset(self, forget_places: bool = True) -> None:
        """See ``Rule.reset``."""
        self._rides.clear()

    def __len__(self) -> int:
        return len(self._rides)

    def counts(self, user: RoadUser) -> tuple[int, int] | None:
        """Riders and helmets of one look (-1: not counted); None: this look says nothing."""
        raise NotImplementedError

    def offends(self, riders: int, helmets: int) -> bool:
        """Whether such a count is an offence."""
        raise NotImplementedError

    def describe(self, riders: int, helmets: int) -> tuple[float, float, str]:
        """The measured number, what is allowed, and what was counted in words."""
        raise NotImplementedError

    def _look(self, ride: _Ride, user: RoadUser, counts: tuple[int, int], stamp: int) -> None:
        s = self.settings
        if ride.stamp and (
            stamp - ride.stamp > s.gap * SECOND
            or geometry.distance(ride.foot, user.foot) > s.leap * geometry.size(user.box)
        ):
            ride.counts.clear()
            ride.trail.clear()
            ride.bad = 0
            ride.inside = False
        ride.stamp, ride.foot = stamp, user.foot
        if len(ride.counts) == ride.counts.maxlen:
            ride.bad -= self.offends(*ride.counts[0][1:])
        ride.counts.append((stamp, *counts))
        ride.bad += self.offends(*counts)
        ride.trail.append(user.foot)

    def _judge(self, ride: _Ride, user: RoadUser, tracks: Tracks) -> Finding | None:
        s = self.settings
        if len(ride.counts) < s.looks:
            return None
        if ride.bad < s.share * len(ride.counts):
            return None
        stamps = np.array([stamp for stamp, _, _ in ride.counts])
        guilty = np.array([self.offends(r, h) for _, r, h in ride.counts])
        turn = (stamps - stamps[0]) // int(s.turn * SECOND)
        turns = np.unique(turn)
        against = np.array([guilty[turn == t].mean() > 0.5 for t in turns])
        proof = against.sum() - s.against * (~against).sum()
        if proof < s.turns or guilty.mean() < s.share:
            return None
        return self._finding(ride, user, tracks, guilty)

    def _finding(self, ride: _Ride, user: RoadUser, tracks: Tracks, guilty: np.ndarray) -> Finding:
        accusing = [tuple(c[1:]) for c, bad in zip(ride.counts, guilty, strict=True) if bad]
        riders, helmets = max(sorted(set(accusing)), key=accusing.count)
        measured, limit, words = self.describe(riders, helmets)
        numbers = [self.describe(*count)[0] for count in accusing]
        started = ride.counts[0][0]
        return self.place.find(
            self.type,
            user,
            tracks,
            started,
            trail=trail_of(list(ride.trail), tracks),
            measured=measured,
            measured_low=min(numbers),
            measured_high=max(numbers),
            limit=limit,
            confidence=min(user.confidence, float(guilty.mean())),
            explanation=(
                f"On the motorcycle {words} were counted; {len(accusing)} of {len(guilty)} images "
                f"over {(tracks.stamp - started) / SECOND:.1f} s say that this is not allowed."
            ),
        )


def _headless(user: RoadUser, tracks: Tracks, margin: float = 2.0) -> bool:
    """Whether heads may be beyond the image's border; below it only wheels are."""
    x_min, y_min, x_max, _ = user.box
    return x_min <= margin or y_min <= margin or x_max >= tracks.width - margin
