"""Stopping past the stop line while the signal is red.

UU 22/2009 Art. 287(1) with 106(4)b: the stop line is a marking. (Driving on into the
junction is Art. 287(2), the rule red_light.)

            junction region
        .........................
             [car]                  2. stands here, its foot past the line, for ``hold`` s
        ====== stop line ========
               ^
             [car]                  1. was seen before the line, crossed it in red
               |
             travel

Refuses when
- the signal is unknown, stale or not red, at the crossing or at any look until the verdict;
- red was younger than the zone's ``grace`` when the foot was last seen before the line;
- it already stood past or on the line when red began, or nobody saw it before the line;
- it enters the junction (red_light's business), goes back, or never stands still;
- the crossing is one leap (an id that changed vehicles) or lies beside the line.
The foot is the lower edge of the box: the front of oncoming traffic, the *rear* of
traffic seen from behind, where only a whole vehicle past the line counts.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bconnect_detect.core import geometry
from bconnect_detect.core.memory import Memory
from bconnect_detect.core.rule import Context, Place, trail_of
from bconnect_detect.core.types import SECOND, Finding, Pair, RoadUser, SignalReading, Tracks
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import SignalAspect, ViolationType, ZoneKind, word


@dataclass(frozen=True, slots=True)
class StopLineSettings:
    """When past is past and standing is standing."""

    hold: float = 1.5  # s it must be seen standing past the line
    past: float = 0.1  # box sizes from the line to be clearly before or past it
    still: float = 0.2  # box sizes it may wander while standing
    strip: float = 0.5  # of the line's length beyond its ends where vehicles are followed
    beside: float = 0.05  # of the line's length a crossing may lie beyond its ends
    leap: float = 1.5  # box sizes between two looks at most
    gap: float = 1.0  # s between two looks at most
    min_before: int = 2  # images of it before the line
    min_looks: int = 4  # images of it standing
    forget: float = 20.0  # s


@dataclass(slots=True)
class _Crossing:
    """How far one track has come. Times in ns."""

    before: int = 0  # images clearly before the line
    before_stamp: int = 0
    before_foot: Pair = (0.0, 0.0)
    stamp: int = 0
    foot: Pair = (0.0, 0.0)
    crossed: int = 0  # 0: not, or not guilty
    red_for: float = 0.0  # s, at the crossing
    stands_at: Pair | None = None
    stands_since: int = 0
    looks: int = 0
    reported: bool = False
    trail: tuple[Pair, ...] = ()

    def acquit(self) -> None:
        """Whatever it did, it is not this; it must come from before the line again."""
        self.before, self.crossed, self.stands_at, self.looks = 0, 0, None, 0


class StopLine:
    """Standing between line and junction after crossing in red."""

    type: ClassVar[ViolationType] = ViolationType.STOP_LINE
    zone_kinds: ClassVar[frozenset[ZoneKind]] = frozenset({ZoneKind.STOP_LINE})
    fixed_view: ClassVar[bool] = True

    def __init__(self, place: Place, settings: StopLineSettings | None = None) -> None:
        zone = place.zone
        if zone.line is None:
            raise ConfigError(f"{place.key}.line: is missing; stop_line needs a line")
        if zone.signal is None:
            raise ConfigError(f"{place.key}.signal: is missing; stop_line needs its signal's name")
        if zone.direction is None and not place.junctions:
            raise ConfigError(
                f"{place.key}.direction: is missing; stop_line needs an arrow of travel "
                "[[x, y], [x, y]] or a zone of kind junction on the same camera"
            )
        self.place = place
        self.settings = settings or StopLineSettings()
        self._line, self._signal = zone.line, zone.signal
        self._tracks: Memory[_Crossing] = Memory(_Crossing, int(self.settings.forget * SECOND))

    def check(self, tracks: Tracks, context: Context) -> list[Finding]:
        """See ``Rule.check``."""
        self._tracks.expire(tracks.stamp)
        if not self.place.zone.is_active(self.place.local(tracks.stamp)):
            self._tracks.clear()
            return []
        line = _Line(self.place, self._line, tracks)
        findings = []
        for row in self._approaching(tracks, line):
            user = tracks[row]
            if geometry.clipped(user.box, tracks.width, tracks.height):
                self._tracks.drop(user.track_id)
                continue
            known = self._tracks.touch(user.track_id, tracks.stamp)
            if found := self._follow(known, user, tracks, line, context):
                findings.append(found)
        return findings

    def reset(self, forget_places: bool = True) -> None:
        """See ``Rule.reset``."""
        self._tracks.clear()

    def __len__(self) -> int:
        return len(self._tracks)

    def _approaching(self, tracks: Tracks, line: "_Line") -> list[int]:
        """Rows of tracked vehicles on the road the line crosses."""
        if not len(tracks):
            return []
        kinds = np.isin(tracks.kind, [int(kind) for kind in self.place.kinds])
        along = line.along(geometry.feet(tracks.boxes))
        near = (along >= -self.settings.strip) & (along <= 1 + self.settings.strip)
        return [int(row) for row in np.flatnonzero((tracks.track_id > 0) & kinds & near)]

    def _follow(
        self, known: _Crossing, user: RoadUser, tracks: Tracks, line: "_Line", context: Context
    ) -> Finding | None:
        size, foot = geometry.size(user.box), user.foot
        step = geometry.distance(known.foot, foot)
        if known.stamp and (
            tracks.stamp - known.stamp > self.settings.gap * SECOND
            or step > self.settings.leap * size
        ):
            known.acquit()
        depth, margin = line.depth(foot), self.settings.past * size
        if depth < -margin:
            known.before += 1
            known.before_stamp, known.before_foot = tracks.stamp, foot
            known.crossed, known.stands_at = 0, None
        elif self._red(context, tracks.stamp) is None or line.in_junction(foot):
            known.acquit()
        elif depth > margin and not known.crossed and known.before >= self.settings.min_before:
            self._cross(known, foot, tracks.stamp, line, context)
        known.trail = (*known.trail[-31:], foot)
        known.stamp, known.foot = tracks.stamp, foot
        if depth <= margin or not known.crossed or known.reported:
            return None
        return self._stand(known, user, tracks, context)

    def _cross(
        self, known: _Crossing, foot: Pair, stamp: int, line: "_Line", context: Context
    ) -> None:
        # Judged at the last look before the line: the true moment is later, red was older.
        before, known.before = known.before_stamp, 0
        red = self._red(context, before)
        if red is None:
            return
        red_for = (before - red.since) / SECOND
        if red_for > self.place.zone.grace and line.crossed_within(
            known.before_foot, foot, self.settings.beside
        ):
            known.crossed, known.red_for = stamp, red_for

    def _stand(
        self, known: _Crossing, user: RoadUser, tracks: Tracks, context: Context
    ) -> Finding | None:
        s = self.settings
        red = self._red(context, tracks.stamp)
        if red is None:
            return None
        moved = known.stands_at is None or (
            geometry.distance(known.stands_at, user.foot) > s.still * geometry.size(user.box)
        )
        if moved:
            known.stands_at, known.stands_since, known.looks = user.foot, tracks.stamp, 0
        known.looks += 1
        stood = (tracks.stamp - known.stands_since) / SECOND
        if stood < s.hold or known.looks < s.min_looks:
            return None
        known.reported = True
        return self._finding(known, user, tracks, red, stood)

    def _red(self, context: Context, stamp: int) -> SignalReading | None:
        reading = context.signal(self._signal, stamp)
        return reading if reading and reading.aspect == SignalAspect.RED else None

    def _finding(
        self, known: _Crossing, user: RoadUser, tracks: Tracks, red: SignalReading, stood: float
    ) -> Finding:
        return self.place.find(
            self.type,
            user,
            tracks,
            known.crossed,
            trail=trail_of(known.trail, tracks),
            measured=stood,
            measured_low=stood,
            measured_high=(tracks.stamp - known.crossed) / SECOND,
            limit=0.0,
            signal=red,
            time_into_red=known.red_for,
            confidence=min(user.confidence, red.confidence),
            explanation=(
                f"The {word(user.kind)} crossed {self.place.name} when {self._signal} had been "
                f"red for {known.red_for:.1f} s and was seen standing past the line for "
                f"{stood:.1f} s, still in red."
            ),
        )


class _Line:
    """The stop line of one image size, in pixels, with the side of the junction."""

    def __init__(self, place: Place, line: tuple[Pair, ...], tracks: Tracks) -> None:
        size = tracks.width, tracks.height
        self._a, self._b = geometry.to_pixels(line, *size)
        self._junctions = [geometry.to_pixels(region, *size) for region in place.junctions]
        across = self._b - self._a
        self._length = float(np.hypot(*across))
        self._along = across / self._length
        normal = np.array((-self._along[1], self._along[0]))
        if place.zone.direction is not None:
            ahead = np.diff(geometry.to_pixels(place.zone.direction, *size), axis=0)[0]
        else:
            middle = (self._a + self._b) / 2
            centres = [region.mean(axis=0) - middle for region in self._junctions]
            ahead = min(centres, key=lambda c: float(np.hypot(*c)))
        self._normal = normal if float(normal @ ahead) >= 0 else -normal

    def depth(self, point: Pair) -> float:
        """Pixels past the line in the direction of travel; negative: before it."""
        return float((np.asarray(point) - self._a) @ self._normal)

    def crossed_within(self, before: Pair, after: Pair, beside: float) -> bool:
        """Whether the step from before to after met the line between its ends."""
        d0, d1 = self.depth(before), self.depth(after)
        meets = np.asarray(before) + (np.asarray(after) - before) * (d0 / (d0 - d1))
        along = float(self.along(meets[None])[0])
        return -beside <= along <= 1 + beside

    def along(self, points: np.ndarray) -> np.ndarray:
        """Where points (n, 2) lie along the line: 0 and 1 are its ends."""
        return np.asarray((points - self._a) @ self._along / self._length)

    def in_junction(self, point: Pair) -> bool:
        """Whether a point lies in a junction region of this camera."""
        one = np.array([point])
        return any(bool(geometry.inside(one, region)[0]) for region in self._junctions)
