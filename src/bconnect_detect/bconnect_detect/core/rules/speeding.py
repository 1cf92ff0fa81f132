"""Driving faster than a zone allows.

UU 22/2009 Art. 287(5) with 106(4)g; limits by sign or by PP 79/2013 Art. 23(4).

        zone: speed, limit            o  places of one vehicle's middle on the ground, by the
        ________________________         stamps of their images: a curve through them, its
       |  o  o  o  o  o  o  o  o|  -->   length over its time is the mean speed, and
       |________________________|        low <= measured <= high at 95 %

A finding only when ``low`` is above the limit and what is forgiven (3 km/h, above 100 km/h 3 %,
or the zone's ``tolerance``). The reading is void (OIML R 91) when
- the camera has no calibration of the ground, or one for another aspect ratio (rule off);
- the way is short, bends much, has few looks or a gap, or a stamp that does not rise;
- the box is cut by the image's border or its foot hidden behind somebody (that look is void);
- somebody at another speed was so near that one could be taken for the other: only what lies
  on one side of the encounter counts;
- places jump (an id that changed vehicles), or the interval is wider than about 3 km/h;
- it drives with warning lights, or faster than any vehicle.
"""

from bisect import bisect_left
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

import numpy as np

from bconnect_detect.core import geometry
from bconnect_detect.core.ground import Ground
from bconnect_detect.core.memory import Memory
from bconnect_detect.core.rule import Context, Place, feet_of, of_kinds, trail_of
from bconnect_detect.core.speed import KMH, Refusal, Speed, Speedometer, SpeedSettings, forgiven
from bconnect_detect.core.speed_doubts import confusable, covered
from bconnect_detect.core.speed_needs import ground_of, limit_of
from bconnect_detect.core.types import SECOND, Finding, RoadUser, Tracks
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import RoadUserKind, ViolationType, ZoneKind, word


@dataclass(frozen=True, slots=True)
class SpeedingSettings:
    """When a passage is over."""

    beyond: float = 0.6  # s out of the zone until it is judged; unseen in it: the longest gap
    longest: float = 10.0  # s in the zone after which it is judged anyway
    again: float = 3.0  # s out of the zone until a new passage may begin
    emergency: float = 0.5  # surer than that of warning lights: no reading
    forget: float = 10.0  # s
    speed: SpeedSettings = field(default_factory=SpeedSettings)


@dataclass(slots=True)
class _Passage:
    """One vehicle's looks, and how far it has come. Times in ns."""

    looks: deque[tuple[int, RoadUser]] = field(default_factory=lambda: deque(maxlen=300))
    breaks: list[int] = field(default_factory=list)  # stamps of encounters
    entered: int = 0
    inside: int = 0  # last seen inside
    seen: int = 0
    judged: bool = False
    emergency: bool = False


class Speeding:
    """Mean speed through a speed zone above its limit and tolerance."""

    type: ClassVar[ViolationType] = ViolationType.SPEEDING
    zone_kinds: ClassVar[frozenset[ZoneKind]] = frozenset({ZoneKind.SPEED})
    fixed_view: ClassVar[bool] = True

    def __init__(self, place: Place, settings: SpeedingSettings | None = None) -> None:
        if place.zone.region is None:
            raise ConfigError(f"{place.key}.region: is missing; speeding needs an area")
        self._limit = limit_of(place, "speeding")
        self._calibration = ground_of(place, "speeding")
        self.place = place
        self.settings = settings or SpeedingSettings()
        self.refused: Counter[str] = Counter()  # void readings by reason
        self._meter = Speedometer(self._calibration, self.settings.speed)
        self._ground = Ground(self._calibration)
        self._region = np.array(place.zone.region, np.float64)
        self._passages: Memory[_Passage] = Memory(_Passage, int(self.settings.forget * SECOND))

    def check(self, tracks: Tracks, context: Context) -> list[Finding]:
        """See ``Rule.check``."""
        self._passages.expire(tracks.stamp)
        if not self._calibration.fits(tracks.width, tracks.height):
            return []
        if not self.place.zone.is_active(self.place.local(tracks.stamp)):
            self.reset()
            return []
        self._look(tracks)
        over = [p for p in self._passages if self._over(p, tracks.stamp)]
        return [found for passage in over if (found := self._judge(passage, tracks))]

    def reset(self, forget_places: bool = True) -> None:
        """See ``Rule.reset``."""
        self._passages.clear()

    def __len__(self) -> int:
        return len(self._passages)

    def _look(self, tracks: Tracks) -> None:
        if not len(tracks):
            return
        placed = self._ground.place(tracks)
        if placed.position is None:
            return
        kinds = of_kinds(tracks, self.place.followed)
        seen = np.asarray(np.isfinite(placed.position).all(axis=1), np.bool_)
        rows = ((tracks.track_id > 0) & kinds & seen).nonzero()[0].tolist()
        if not rows:
            return
        hidden, near = covered(tracks), confusable(placed)
        scale = np.array((tracks.width, tracks.height), np.float64)
        inside = seen & geometry.inside(feet_of(tracks) / scale, self._region)
        ids = tracks.track_id.tolist()
        for row in rows:
            passage, user = self._passages.touch(ids[row], tracks.stamp), placed[row]
            self._step(passage, user, tracks.stamp, bool(inside[row]))
            if near[row]:
                passage.breaks = [*passage.breaks[-63:], tracks.stamp]
            elif not hidden[row]:
                passage.looks.append((tracks.stamp, user))

    def _step(self, passage: _Passage, user: RoadUser, stamp: int, inside: bool) -> None:
        passage.seen = stamp
        passage.emergency |= user.emergency >= self.settings.emergency
        if passage.judged and not inside:
            if stamp - passage.inside > self.settings.again * SECOND:
                passage.looks.clear()
                passage.judged, passage.entered, passage.breaks = False, 0, []
        elif inside:
            passage.entered, passage.inside = passage.entered or stamp, stamp

    def _over(self, passage: _Passage, now: int) -> bool:
        if passage.judged or not passage.entered:
            return False
        s = self.settings
        vanished = passage.seen == passage.inside
        patience = max(s.beyond, s.speed.gap + 0.1) if vanished else s.beyond
        gone = now - passage.inside > patience * SECOND
        return gone or passage.inside - passage.entered > s.longest * SECOND

    def _judge(self, passage: _Passage, tracks: Tracks) -> Finding | None:
        passage.judged = True
        looks = self._alone(passage)
        if passage.emergency:
            speed: Speed | Refusal = Refusal("it drives with warning lights")
        elif not looks:
            speed = Refusal("too few looks")
        elif looks[-1][1].kind not in self.place.kinds:
            speed = Refusal("the zone is not for its kind")
        else:
            kind = looks[-1][1].kind
            stamps, boxes = (
                np.array([stamp for stamp, _ in looks]),
                np.array([user.box for _, user in looks]),
            )
            size = (tracks.width, tracks.height)
            speed = self._meter.measure(stamps, boxes, size, kind, self._region)
        if isinstance(speed, Refusal):
            self.refused[speed] += 1
            return None
        if speed.low <= self._limit + forgiven(self._limit, self.place.zone.tolerance):
            return None
        return self._finding(looks[speed.first : speed.last + 1], speed, tracks)

    def _alone(self, passage: _Passage) -> list[tuple[int, RoadUser]]:
        """The longest run of looks between encounters with others."""
        looks = list(passage.looks)
        stamps = [stamp for stamp, _ in looks]
        bounds = sorted({0, len(looks), *(bisect_left(stamps, b) for b in passage.breaks)})
        runs = [looks[a:b] for a, b in pairwise(bounds)]
        return max(runs, key=len, default=[])

    def _finding(self, looks: list[tuple[int, RoadUser]], speed: Speed, tracks: Tracks) -> Finding:
        stamp, user = looks[-1]
        decided = Tracks.of(stamp, tracks.camera, (tracks.width, tracks.height), [user])
        return self.place.find(
            self.type,
            user,
            decided,
            looks[0][0],
            trail=trail_of([seen.foot for _, seen in looks], tracks),
            measured=speed.mean,
            measured_low=speed.low,
            measured_high=speed.high,
            limit=self._limit,
            looks=speed.told,
            confidence=min(user.confidence, 0.95),
            explanation=self._words(speed, user.kind),
        )

    def _words(self, speed: Speed, kind: RoadUserKind) -> str:
        mean, low, high, limit = (v * KMH for v in (speed.mean, speed.low, speed.high, self._limit))
        free = forgiven(self._limit, self.place.zone.tolerance) * KMH
        return (
            f"The {word(kind)} drove {speed.way:.1f} m through {self.place.name} in "
            f"{speed.seconds:.2f} s, seen in {speed.looks} images: {mean:.1f} km/h, between "
            f"{low:.1f} and {high:.1f} at 95 %; {limit:.0f} km/h are allowed, "
            f"{free:.1f} forgiven."
        )
