"""Who sits on a motorcycle, voted over many images: the watch that no_helmet and
overloaded_motorcycle share.

Counts err in runs: a passenger hidden for half a second is missing from five images in a row. So
not images but seconds give evidence, as in a sequential likelihood test. A second that shows one
offending count speaks for it, a second that shows a lawful one speaks against it, other offending
counts say nothing: a miscount may be any, the truth is always the same. At ``proof`` seconds on
balance a lawful rider would have been miscounted alike four times in a row. Who drives through the
zone is counted wherever he is in the picture: heads do not change on the way.
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
_MOST = 9  # heads; more are no other count


@dataclass(frozen=True, slots=True)
class RiderSettings:
    """When a count is believed."""

    height: float = 30.0  # pixels of the box below which a count is not believed
    proof: float = 1.6  # s of one count that accuse, after those that acquit are taken off
    against: float = 1.5  # times over
    look: float = 0.3  # s that one image speaks for at most
    looks: int = 8  # images with a count
    share: float = 0.75  # of the images that say the same
    gap: float = 1.5  # s between two looks at most
    leap: float = 1.5  # box sizes off where it must be by now, at most
    forget: float = 5.0  # s


@dataclass(slots=True)
class _Ride:
    stamp: int = 0
    foot: Pair = (0.0, 0.0)
    pace: Pair = (0.0, 0.0)  # px/s
    began: int = 0  # ns, first look with a count
    counted: int = 0  # and the last one
    seconds: dict[tuple[int, int], float] = field(default_factory=dict)  # by count
    looks: dict[tuple[int, int], int] = field(default_factory=dict)  # images, likewise
    trail: deque[Pair] = field(default_factory=lambda: deque(maxlen=300))
    inside: bool = False  # its foot was in the zone
    reported: bool = False

    def begin(self) -> None:
        """Nothing is known of this one."""
        self.pace, self.began, self.counted, self.inside = (0.0, 0.0), 0, 0, False
        self.seconds.clear()
        self.looks.clear()
        self.trail.clear()


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
            ride = self._rides.touch(user.track_id, tracks.stamp)
            self._follow(ride, user, tracks.stamp)
            counts = self.counts(user)
            if counts is None or _headless(user, tracks):
                continue
            self._counted = True
            if user.height < self.settings.height:
                continue
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

    def _follow(self, ride: _Ride, user: RoadUser, stamp: int) -> None:
        """Its way, counted or not; who leaps off it is another one."""
        s, seconds = self.settings, (stamp - ride.stamp) / SECOND
        (x, y), (dx, dy) = ride.foot, ride.pace
        off = geometry.distance((x + seconds * dx, y + seconds * dy), user.foot)
        if ride.stamp and (seconds > s.gap or off > s.leap * geometry.size(user.box)):
            ride.begin()
        elif ride.stamp and seconds > 0:
            ride.pace = (user.foot[0] - x) / seconds, (user.foot[1] - y) / seconds
        ride.stamp, ride.foot = stamp, user.foot

    def _look(self, ride: _Ride, user: RoadUser, count: tuple[int, int], stamp: int) -> None:
        count = min(count[0], _MOST), min(count[1], _MOST)
        seconds = (stamp - ride.counted) / SECOND if ride.counted else 0.0
        ride.began = ride.began or stamp
        ride.counted = stamp
        ride.seconds[count] = ride.seconds.get(count, 0.0) + min(seconds, self.settings.look)
        ride.looks[count] = ride.looks.get(count, 0) + 1
        ride.trail.append(user.foot)

    def _judge(self, ride: _Ride, user: RoadUser, tracks: Tracks) -> Finding | None:
        s = self.settings
        accusing = {count: n for count, n in ride.looks.items() if self.offends(*count)}
        looks, guilty = sum(ride.looks.values()), sum(accusing.values())
        if looks < s.looks or guilty < s.share * looks:
            return None
        count = max(sorted(accusing), key=lambda c: ride.seconds[c])
        acquitting = sum(t for c, t in ride.seconds.items() if c not in accusing)
        if ride.seconds[count] - s.against * acquitting < s.proof:
            return None
        return self._finding(ride, user, tracks, count, accusing)

    def _finding(
        self,
        ride: _Ride,
        user: RoadUser,
        tracks: Tracks,
        count: tuple[int, int],
        accusing: dict[tuple[int, int], int],
    ) -> Finding:
        measured, limit, words = self.describe(*count)
        numbers = [self.describe(*other)[0] for other in accusing]
        looks, guilty = sum(ride.looks.values()), sum(accusing.values())
        return self.place.find(
            self.type,
            user,
            tracks,
            ride.began,
            trail=trail_of(list(ride.trail), tracks),
            measured=measured,
            measured_low=min(numbers),
            measured_high=max(numbers),
            limit=limit,
            confidence=min(user.confidence, guilty / looks),
            explanation=(
                f"On the motorcycle {words} were counted; {guilty} of {looks} images "
                f"over {(tracks.stamp - ride.began) / SECOND:.1f} s say that this is not allowed."
            ),
        )


def _headless(user: RoadUser, tracks: Tracks, margin: float = 2.0) -> bool:
    """Whether heads may be beyond the image's border; below it only wheels are."""
    x_min, y_min, x_max, _ = user.box
    return x_min <= margin or y_min <= margin or x_max >= tracks.width - margin
