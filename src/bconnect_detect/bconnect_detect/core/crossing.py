"""Who crossed a signal's stop line while it was red: the watch that red_light and stop_line share.

        depth < 0      before the line: seen there ``min_before`` times
        ====== line    its front may be here from the last look at which it surely was not
        depth > 0      past the line: now it is surely here

Guilty is whose front came to the line, at the earliest, when red was older than ``grace``, and
who is seen surely past it with red at every look since.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core import geometry
from bconnect_detect.core.footprint import Extent, Footprint, GroundView
from bconnect_detect.core.memory import Memory
from bconnect_detect.core.rule import Context, Place, feet_of, of_kinds
from bconnect_detect.core.stature import Stature
from bconnect_detect.core.types import SECOND, Finding, Pair, RoadUser, SignalReading, Tracks
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import SignalAspect, ViolationType, ZoneKind, word


@dataclass(frozen=True, slots=True)
class CrossingSettings:
    """When a line was crossed."""

    past: float = 0.1  # box sizes from the line to be clearly before or past it
    past_ground: float = 0.3  # m, likewise where the camera is calibrated
    past_least: float = 0.04  # box sizes: nothing is clearer than that
    strip: float = 0.5  # of the line's length beyond its ends where vehicles are followed
    far: float = 3.0  # box sizes before the line at which nothing of it can be near the line
    beside: float = 0.05  # of the line's length a crossing may lie beyond its ends
    leap: float = 1.5  # box sizes off where it must be by now, at most
    gap: float = 1.0  # s between two looks at most
    bridge: float = 2.2  # s, of one that drives where its place on the ground tells who it is
    driven: float = 4.0  # m driven meanwhile
    min_before: int = 2  # images of its foot before the line, one of its front too
    braking: float = 0.8  # share of the time to the line, at even speed, that is believed
    forget: float = 20.0  # s


@dataclass(slots=True)
class Crossing:
    """How far one track has come. Times in ns."""

    seen: int = 0  # images of its foot clearly before the line
    before: int = 0  # images of all of it clearly before the line
    before_stamp: int = 0
    came_at: int = 0  # when its front was at the line at the earliest; 0: it was not yet
    before_front: Pair = (0.0, 0.0)
    stamp: int = 0
    foot: Pair = (0.0, 0.0)
    pace: Pair = (0.0, 0.0)  # pixels per s, of its foot
    crossed: int = 0  # 0: not, or not guilty
    red: SignalReading | None = None  # at the crossing
    red_for: float = 0.0  # s, at the crossing
    stands_at: Pair | None = None
    since: int = 0  # what the rule waits for (standing, being in the junction) began
    looks: int = 0  # images of it
    reported: bool = False
    trail: tuple[Pair, ...] = ()
    stature: Stature = field(default_factory=Stature)

    def expected(self, stamp: int) -> Pair:
        """Where its foot is by now if it drove on."""
        seconds = (stamp - self.stamp) / SECOND
        return self.foot[0] + seconds * self.pace[0], self.foot[1] + seconds * self.pace[1]

    def moved(self, stamp: int, foot: Pair) -> None:
        """Its foot was seen."""
        seconds = (stamp - self.stamp) / SECOND
        self.pace = (0.0, 0.0)
        if self.stamp and seconds > 0:
            self.pace = (foot[0] - self.foot[0]) / seconds, (foot[1] - self.foot[1]) / seconds
        self.stamp, self.foot = stamp, foot

    def came(self, stamp: int, front: Pair) -> None:
        """It was seen surely before the line."""
        self.before += 1
        self.before_stamp, self.before_front = stamp, front
        self.crossed, self.came_at, self.stands_at = 0, 0, None

    def acquit(self) -> None:
        """Whatever it did, it is not this; it must come from before the line again."""
        self.seen, self.before, self.crossed, self.came_at = 0, 0, 0, 0
        self.stands_at, self.looks = None, 0


class SignalLine:
    """Base of a rule on a stop line with a signal; a rule says what guilty ones must do next."""

    type: ClassVar[ViolationType]
    zone_kinds: ClassVar[frozenset[ZoneKind]] = frozenset({ZoneKind.STOP_LINE})
    fixed_view: ClassVar[bool] = True

    def __init__(self, place: Place, settings: CrossingSettings) -> None:
        zone, name = place.zone, word(self.type)
        if zone.line is None:
            raise ConfigError(f"{place.key}.line: is missing; {name} needs a line")
        if zone.signal is None:
            raise ConfigError(f"{place.key}.signal: is missing; {name} needs its signal's name")
        if zone.direction is None and not place.junctions:
            raise ConfigError(
                f"{place.key}.direction: is missing; {name} needs an arrow of travel "
                "[[x, y], [x, y]] or a zone of kind junction on the same camera"
            )
        self.place = place
        self.common = settings
        self.signal = zone.signal
        self._line = zone.line
        self._drawn: Line | None = None
        self._tracks: Memory[Crossing] = Memory(Crossing, int(settings.forget * SECOND))

    def check(self, tracks: Tracks, context: Context) -> list[Finding]:
        """See ``Rule.check``."""
        self._tracks.expire(tracks.stamp)
        context.emergencies.look(tracks, self.place.calibration)
        if not self.place.zone.is_active(self.place.local(tracks.stamp)):
            self._tracks.clear()
            return []
        line = self._line_in(tracks)
        findings = []
        for row in line.near(tracks, self.place, self.common.strip):
            user = tracks[row]
            if no_foot(user, tracks):
                self._tracks.drop(user.track_id)
                continue
            known = self._tracks.touch(user.track_id, tracks.stamp)
            found = self._follow(known, user, tracks, line, context)
            if found and user.kind in self.place.kinds:
                known.reported = True
                if not self._yields(known, user, tracks, line, context):
                    findings.append(found)
        return findings

    def reset(self, forget_places: bool = True) -> None:
        """See ``Rule.reset``."""
        self._tracks.clear()

    def __len__(self) -> int:
        return len(self._tracks)

    def red(self, context: Context, stamp: int) -> SignalReading | None:
        """The signal's reading where it is surely red."""
        reading = context.signal(self.signal, stamp)
        return reading if reading and reading.aspect == SignalAspect.RED else None

    def judge(
        self,
        known: Crossing,
        user: RoadUser,
        extent: Extent,
        tracks: Tracks,
        line: "Line",
        red: SignalReading,
    ) -> Finding | None:
        """What became of one that crossed in red, which it still is."""
        raise NotImplementedError

    def _yields(
        self, known: Crossing, user: RoadUser, tracks: Tracks, line: "Line", context: Context
    ) -> bool:
        """Whether it may have crossed to make way."""
        place = line.footprint.view.places(np.array((user.foot,)))[0]
        since = min(known.came_at, known.crossed)
        return context.emergencies.near(tracks.camera, place, since, tracks.stamp)

    def _line_in(self, tracks: Tracks) -> "Line":
        size = tracks.width, tracks.height
        if self._drawn is None or self._drawn.size != size:
            self._drawn = Line(self.place, self._line, size)
        return self._drawn

    def _follow(
        self, known: Crossing, user: RoadUser, tracks: Tracks, line: "Line", context: Context
    ) -> Finding | None:
        s, size = self.common, geometry.size(user.box)
        if known.stature.is_cut(user, line.footprint.scale(user)):
            return None
        if known.stamp and self._lost(known, user, tracks.stamp, line):
            known.acquit()
        known.trail = (*known.trail[-31:], user.foot)
        known.moved(tracks.stamp, user.foot)
        depth = line.depth(user.foot)
        known.seen += depth < -s.past * size
        if depth < -s.far * size:
            known.came(tracks.stamp, user.foot)
            return None
        if depth > 0 and not known.crossed and not self._came_from_before(known):
            return None  # from the side, or acquitted
        extent = tracks.once(  # red_light and stop_line ask for the same
            ("extent", self.place.name, self._line, user.track_id),
            lambda: line.footprint.extent(user),
        )
        margin = self._margin(user, line)
        if line.depth(extent.front_most) < -margin:
            known.came(tracks.stamp, extent.front_most)
            return None
        red = self.red(context, tracks.stamp)
        if red is None or (known.red and known.crossed and red.since != known.red.since):
            known.acquit()
            return None
        if known.before and not known.came_at:
            known.came_at = self._arrival(known, extent, tracks.stamp, line)
        if line.depth(extent.front_least) <= margin:
            known.stands_at = None  # nor did it stand past the line up to now
            return None
        if not known.crossed and self._came_from_before(known):
            self._cross(known, extent, tracks.stamp, line, context)
        if not known.crossed or known.reported:
            return None
        return self.judge(known, user, extent, tracks, line, red)

    def _lost(self, known: Crossing, user: RoadUser, stamp: int, line: "Line") -> bool:
        """Whether it was out of sight too long, or is where it cannot be by now."""
        s, unseen, view = self.common, stamp - known.stamp, line.footprint.view
        off = geometry.distance(known.expected(stamp), user.foot)
        if unseen > s.bridge * SECOND or off > s.leap * geometry.size(user.box):
            return True
        if unseen <= s.gap * SECOND:
            return False
        way = geometry.distance(view.place(*known.foot), view.place(*user.foot))
        return not way >= s.driven  # NaN: not known

    def _came_from_before(self, known: Crossing) -> bool:
        return known.before > 0 and known.seen >= self.common.min_before

    def _margin(self, user: RoadUser, line: "Line") -> float:
        """Pixels from the line to be clearly before or past it."""
        s, size = self.common, geometry.size(user.box)
        footprint = line.footprint
        ground = (s.past_ground + footprint.view.stddev) * footprint.pixels_per_metre(user)
        return max(s.past_least * size, min(s.past * size, ground)) if ground > 0 else s.past * size

    def _arrival(self, known: Crossing, extent: Extent, stamp: int, line: "Line") -> int:
        """When its front was at the line at the earliest: between the last look before it and
        this one, and rather early, since it may have been braking."""
        d0, d1 = line.depth(known.before_front), line.depth(extent.front_most)
        share = d0 / (d0 - d1) if d1 > 0 > d0 else 1.0
        return known.before_stamp + int(self.common.braking * share * (stamp - known.before_stamp))

    def _cross(
        self, known: Crossing, extent: Extent, stamp: int, line: "Line", context: Context
    ) -> None:
        known.before = 0
        red = self.red(context, known.came_at)
        if red is None:
            return
        red_for = (known.came_at - red.since) / SECOND
        if red_for > self.place.zone.grace and line.crossed_within(
            known.before_front, extent.front_least, self.common.beside
        ):
            known.crossed, known.red, known.red_for = stamp, red, red_for


class Line:
    """A line of one image size, in pixels, with the side that traffic travels to."""

    def __init__(self, place: Place, line: tuple[Pair, ...], size: tuple[int, int]) -> None:
        self.size = size
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
        self._from, self._way = self._a.tolist(), self._normal.tolist()
        ends = np.array((self._a, self._b))
        self.footprint = Footprint(ends, self._normal, GroundView(place.calibration, size))

    @property
    def has_junction(self) -> bool:
        """Whether the camera's junction is drawn."""
        return bool(self._junctions)

    def near(self, tracks: Tracks, place: Place, strip: float) -> list[int]:
        """Rows of tracked vehicles on the road the line crosses."""
        if not len(tracks):
            return []
        along = self.along(feet_of(tracks))
        near = (along >= -strip) & (along <= 1 + strip)
        return np.flatnonzero(of_kinds(tracks, place.followed) & near & real(tracks)).tolist()

    def depth(self, point: Pair) -> float:
        """Pixels past the line in the direction of travel; negative: before it."""
        (x, y), (ax, ay), (nx, ny) = point, self._from, self._way
        return (x - ax) * nx + (y - ay) * ny

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


def real(tracks: Tracks) -> NDArray[np.bool_]:
    """Rows that are tracked and whose box has an area."""
    return tracks.once("real", lambda: _real(tracks))


def _real(tracks: Tracks) -> NDArray[np.bool_]:
    has_area = (tracks.boxes[:, 2:] > tracks.boxes[:, :2]).all(axis=1)
    return np.asarray(has_area & (tracks.track_id > 0), np.bool_)


def no_foot(user: RoadUser, tracks: Tracks, margin: float = 2.0) -> bool:
    """Whether the image's border hides where a road user stands."""
    x_min, _, x_max, y_max = user.box
    return x_min <= margin or x_max >= tracks.width - margin or y_max >= tracks.height - margin
