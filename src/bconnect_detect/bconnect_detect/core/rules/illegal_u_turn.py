"""Turning back where it is forbidden.

UU 22/2009 Art. 287(1) with 106(4)a where a sign (S-4 and the like) forbids it, or b where a
marking does. The site file states which (basis).

             . . . region no_u_turn . . .
             .        .--<--o--<--o      .       out: its way runs back
        -----.-------/------------------ . ---- median
             .      |                    .
             .       \\_                  .
         o-->--o-->--o                   .       in: its way before the turn

Refuses when
- the way turned by no more than 120 degrees, its doubt included: into a side street one may
  turn; 150 degrees where the camera is not calibrated, since an image bends angles;
- the turn was not made inside the region, or took longer than ``longest``;
- it went back along the way it came (reversing), or its place only jitters: a turn leads aside;
- nobody saw it turn (an id that changed to oncoming traffic leaps), or lost it for a while;
- the box was cut by the image's border, or it drives with warning lights.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import acos, cos, isfinite, pi, radians
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core import geometry
from bconnect_detect.core.crossing import no_foot, real
from bconnect_detect.core.emergency import SURE
from bconnect_detect.core.footprint import GroundView
from bconnect_detect.core.memory import Memory
from bconnect_detect.core.rule import (
    Context,
    Place,
    feet_of,
    inside_region,
    of_kinds,
    trail_of,
)
from bconnect_detect.core.types import SECOND, Finding, Pair, RoadUser, Tracks
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import ViolationType, ZoneKind, word

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class UTurnSettings:
    """When a way has turned back. Lengths are m where calibrated, else box sizes."""

    limit: float = radians(120.0)
    limit_image: float = radians(150.0)
    chord: float = 4.0  # m of way that give a heading
    chord_image: float = 1.0
    noise: float = 0.3  # m, standard deviation of a place
    noise_image: float = 0.05
    aside: float = 2.5  # m it must have come aside of where it turned from
    aside_image: float = 0.6
    turning: int = 3  # images of it half way aside
    detour: float = 3.0  # m to a look and back that no vehicle drives from one to the next
    steady: int = 3  # images in a row with its way before the turn
    inside: float = 0.8  # share of the turn inside the region
    shortest: float = 1.5  # s; a motorcycle needs that to turn and drive a chord of way
    longest: float = 20.0  # s
    push: float = 14.0  # m/s2 aside, doubt included; harder turns nobody
    leap: float = 1.5  # box sizes between two looks at most
    gap: float = 0.8  # s between two looks at most
    forget: float = 10.0  # s


@dataclass(frozen=True, slots=True)
class _Look:
    stamp: int  # ns
    place: Vector
    heading: Vector | None  # unit vector of the last chord of its way
    chord: int  # stamp the chord began at
    inside: bool
    foot: Pair


_KEPT = 256  # looks of one vehicle
_SLACK = 1e-9  # what is nearer to a bound than that is computed again, exactly


@dataclass(slots=True)
class _Way:
    looks: deque[_Look] = field(default_factory=lambda: deque(maxlen=_KEPT))
    done: bool = False  # reported, or exempt
    # Places and headings of the last looks and of some before them, in a ring.
    _places: Vector = field(default_factory=lambda: np.full((_KEPT, 2), np.nan))
    _headings: Vector = field(default_factory=lambda: np.full((_KEPT, 2), np.nan))
    _count: int = 0

    def put(self, look: _Look) -> None:
        """One more look."""
        at = self._count % _KEPT
        self._places[at] = look.place
        self._headings[at] = np.nan if look.heading is None else look.heading
        self._count += 1
        self.looks.append(look)

    def pop(self) -> None:
        """The last look was none."""
        self.looks.pop()
        self._count -= 1

    def chord(self, place: Vector, length: float) -> tuple[_Look, Vector, float] | None:
        """The last look at least so far from a place, the way from there and its length."""
        for look in self._far(place, length):
            way = place - look.place
            if (made := float(np.hypot(*way))) >= length:
                return look, way, made
        return None

    def _far(self, place: Vector, length: float) -> Iterator[_Look]:
        """Looks that may be so far from a place, the last one first."""
        x, y = (place - self._places).T
        with np.errstate(invalid="ignore"):
            far = np.flatnonzero(x * x + y * y >= length * length * (1.0 - _SLACK))
        for back in np.sort((self._count - 1 - far) % _KEPT).tolist():
            if back < len(self.looks):
                yield self.looks[-1 - back]

    def ever_against(self, heading: Vector, cosine: float) -> bool:
        """Whether it may have headed so far off a heading; False is sure."""
        with np.errstate(invalid="ignore"):
            return bool((self._headings @ heading <= cosine + _SLACK).any())


class IllegalUTurn:
    """A way that turns back inside a no_u_turn region."""

    type: ClassVar[ViolationType] = ViolationType.ILLEGAL_U_TURN
    zone_kinds: ClassVar[frozenset[ZoneKind]] = frozenset({ZoneKind.NO_U_TURN})
    fixed_view: ClassVar[bool] = True

    def __init__(self, place: Place, settings: UTurnSettings | None = None) -> None:
        if place.zone.region is None:
            raise ConfigError(f"{place.key}.region: is missing; illegal_u_turn needs an area")
        self.place = place
        self.settings = settings or UTurnSettings()
        self._region = place.zone.region
        self._view, self._size = GroundView(None, (1, 1)), (0, 0)
        self._ways: Memory[_Way] = Memory(_Way, int(self.settings.forget * SECOND))

    def check(self, tracks: Tracks, context: Context) -> list[Finding]:
        """See ``Rule.check``."""
        self._ways.expire(tracks.stamp)
        if not self.place.zone.is_active(self.place.local(tracks.stamp)):
            self._ways.clear()
            return []
        self._look_at(tracks)
        findings = []
        for user, place, inside in self._places(tracks):
            way = self._ways.touch(user.track_id, tracks.stamp)
            way.done |= user.emergency >= SURE
            self._step(way, user, place, inside, tracks.stamp)
            if way.done or user.kind not in self.place.kinds:
                continue
            if found := self._judge(way, user, tracks):
                way.done = True
                findings.append(found)
        return findings

    def reset(self, forget_places: bool = True) -> None:
        """See ``Rule.reset``."""
        self._ways.clear()

    def __len__(self) -> int:
        return len(self._ways)

    def _look_at(self, tracks: Tracks) -> None:
        if self._size != (size := (tracks.width, tracks.height)):
            self._size, self._view = size, GroundView(self.place.calibration, size)
            self._ways.clear()

    def _places(self, tracks: Tracks) -> list[tuple[RoadUser, Vector, bool]]:
        """Vehicles with a foot, where they are (m, or pixels), and whether in the region."""
        if not len(tracks):
            return []
        rows = np.flatnonzero(of_kinds(tracks, self.place.followed) & real(tracks))
        feet, inside = feet_of(tracks)[rows], inside_region(tracks, self._region)[rows]
        places = self._view.places(feet) if self._view else feet
        return [
            (user, place, bool(within))
            for row, place, within in zip(rows, places, inside, strict=True)
            if isfinite(place[0] + place[1]) and not no_foot(user := tracks[int(row)], tracks)
        ]

    def _step(self, way: _Way, user: RoadUser, place: Vector, inside: bool, stamp: int) -> None:
        s, looks = self.settings, way.looks
        if looks:
            lost = stamp - looks[-1].stamp > s.gap * SECOND
            leapt = geometry.distance(looks[-1].foot, user.foot) > s.leap * geometry.size(user.box)
            if lost or leapt:
                looks.clear()
        if self._view and len(looks) >= 2 and self._wild(looks[-2].place, looks[-1].place, place):
            way.pop()
        chord = s.chord if self._view else s.chord_image * geometry.size(user.box)
        heading, began = None, stamp
        if (found := way.chord(place, chord)) is not None:
            look, way_there, length = found
            heading, began = way_there / length, look.stamp
        way.put(_Look(stamp, place, heading, began, inside, user.foot))
        while stamp - looks[0].stamp > s.longest * SECOND:
            looks.popleft()

    def _wild(self, before: Vector, there: Vector, now: Vector) -> bool:
        """Whether one look lies beside the way on either side of it: a box on two vehicles."""
        legs = np.hypot(*(there - before)) + np.hypot(*(now - there))
        return bool(legs - np.hypot(*(now - before)) > self.settings.detour)

    def _judge(self, way: _Way, user: RoadUser, tracks: Tracks) -> Finding | None:
        s, now = self.settings, way.looks[-1]
        if now.heading is None:
            return None
        limit = s.limit if self._view else s.limit_image
        noise = s.noise / s.chord if self._view else s.noise_image / s.chord_image
        margin = 1.96 * 2**0.5 * noise
        needed = cos(min(pi, limit + margin))
        if not way.ever_against(now.heading, needed):
            return None
        if not any(look.inside for look in way.looks):
            return None
        run: list[_Look] = []  # in a row heading the other way: one, or their common start, errs
        for index in range(len(way.looks) - 1, -1, -1):
            look = way.looks[index]
            back = look.heading is not None and float(look.heading @ now.heading) <= needed
            run = [*run, look] if back else []
            if len(run) < s.steady or len({other.chord for other in run[-s.steady :]}) < 2:
                continue
            index, look = index + len(run) - 1, run[0]
            assert look.heading is not None
            turn = [t for t in list(way.looks)[index:] if t.stamp <= now.chord]
            too_quick = tracks.stamp - look.stamp < s.shortest * SECOND
            if too_quick or not self._turned(turn, look, now, geometry.size(user.box)):
                return None
            angle = acos(float(np.clip(look.heading @ now.heading, -1.0, 1.0)))
            return self._finding(way, user, tracks, look.stamp, (angle, margin, limit))
        return None

    def _turned(self, turn: list[_Look], first: _Look, last: _Look, size: float) -> bool:
        """Whether a stretch of way is a turn inside the region, and not a way back."""
        s, heading = self.settings, first.heading
        if not turn or heading is None:
            return False
        if sum(look.inside for look in turn) < s.inside * len(turn):
            return False
        off = np.array([look.place - first.place for look in (*turn, last)])
        aside = np.abs(heading[0] * off[:, 1] - heading[1] * off[:, 0])
        needed = s.aside if self._view else s.aside_image * size
        if self._view and self._thrown(turn, first, last):
            return False
        half_way = (aside >= 0.25 * aside[-1]) & (aside <= 0.75 * aside[-1])
        return bool(aside[-1] >= needed and half_way.sum() >= s.turning)

    def _thrown(self, turn: list[_Look], first: _Look, last: _Look) -> bool:
        """Whether it turned harder than a vehicle can: two vehicles, one of which lost its id."""
        if first.heading is None or last.heading is None:
            return True
        ahead = [t for t in turn if t.heading is not None and t.stamp >= first.stamp]
        seconds = (last.chord - first.stamp) / SECOND
        if len(ahead) < 2 or seconds <= 0.0:
            return True
        steps = np.diff([look.place for look in ahead], axis=0)
        way = float(np.hypot(*steps.T).sum())
        angle = acos(float(np.clip(first.heading @ last.heading, -1.0, 1.0)))
        return way / seconds * angle / seconds > self.settings.push

    def _finding(
        self,
        way: _Way,
        user: RoadUser,
        tracks: Tracks,
        started: int,
        turned: tuple[float, float, float],
    ) -> Finding:
        angle, margin, limit = turned
        seconds = (tracks.stamp - started) / SECOND
        return self.place.find(
            self.type,
            user,
            tracks,
            started,
            trail=trail_of([look.foot for look in way.looks], tracks),
            measured=angle,
            measured_low=angle - margin,
            measured_high=min(pi, angle + margin),
            limit=limit,
            confidence=user.confidence,
            explanation=(
                f"The way of the {word(user.kind)} turned by {np.degrees(angle):.0f} degrees in "
                f"{self.place.name} within {seconds:.1f} s; up to {np.degrees(limit):.0f} is no "
                "turning back."
            ),
        )
