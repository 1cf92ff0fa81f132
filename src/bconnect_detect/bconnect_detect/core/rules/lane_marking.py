"""Crossing a solid lane line.

UU 22/2009 Art. 287(1) with 106(4)b: a solid marking may not be crossed.

          ______________________________   kerb
             o  o  o                          1. its middle is clearly on one side
                     \\
          ============\\=================      2. passes the line between its ends
                        \\
                          o  o  o             3. and is clearly on the other side
          ------------------------------

Refuses when
- it was not seen a few times on each side, clearly beside the line, or all in all came over by
  less than ``swing`` of its width: a wheel on the line, or a swerve, is no crossing;
- the line was passed before its beginning or behind its end, or too near to either to say;
- between two looks it moved sideways faster than vehicles do (an id that changed vehicles),
  or nobody saw it for a second (calibrated: two, if it was beside the line all the while);
- a vehicle with warning lights is, was just or comes there: it may have made room. While one is
  about on the site's roads a verdict waits for ``wait`` s, in which it may come into the picture;
- the box was cut by the image's border, or somebody nearer hides its lower part: its foot is
  then no foot.
Where the camera is calibrated all of this is measured in metres from the vehicle's middle,
elsewhere in box widths from its foot.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite
from typing import ClassVar

import numpy as np

from bconnect_detect.core import geometry
from bconnect_detect.core.crossing import no_foot, real
from bconnect_detect.core.footprint import WIDTHS, GroundView
from bconnect_detect.core.memory import Memory
from bconnect_detect.core.rule import Context, Place, feet_of, of_kinds, trail_of
from bconnect_detect.core.stature import Stature
from bconnect_detect.core.types import SECOND, Finding, Pair, RoadUser, Tracks
from bconnect_site.errors import ConfigError
from bconnect_site.giving_way import AHEAD
from bconnect_site.kinds import ViolationType, ZoneKind, word

_WIDTH = 1.75  # m, of a car
_WAY = 1.5  # m that tell a heading


@dataclass(frozen=True, slots=True)
class LaneMarkingSettings:
    """When a line was crossed."""

    clear: float = 0.4  # widths beside the line to be clearly on the other side
    looks: int = 3  # images of it there
    clear_first: float = 0.25  # likewise on the side it came from, where it may have been
    looks_first: int = 2  # seen for a moment only; nothing calibrated: as on the other
    swing: float = 1.1  # widths it came over
    heading: float = 0.5  # s of its way that tell where it is heading
    end: float = 1.0  # m from the line's ends that are doubtful
    end_image: float = 0.04  # likewise, of the line's length where nothing is calibrated
    reach: float = 4.0  # widths beside the line where vehicles are followed
    jump: float = 0.5  # widths it may move sideways between two looks,
    drift: float = 2.0  # and widths per second between them
    gap: float = 1.0  # s between two looks at most
    bridge: float = 2.0  # s, where its place on the ground tells who it is
    moment: float = 0.5  # s, after longer ones it may have passed anywhere between the two
    wait: float = AHEAD  # s
    waiting: int = 16  # verdicts that wait at most
    forget: float = 10.0  # s


@dataclass(frozen=True, slots=True)
class _Look:
    stamp: int  # ns
    side: float  # widths from the line, positive on one side
    along: float  # 0 and 1 are the line's ends
    foot: Pair


@dataclass(slots=True)
class _Way:
    looks: deque[_Look] = field(default_factory=lambda: deque(maxlen=96))
    stature: Stature = field(default_factory=Stature)
    reported: bool = False


class LaneMarking:
    """From clearly one side to clearly the other of a solid line."""

    type: ClassVar[ViolationType] = ViolationType.LANE_MARKING
    zone_kinds: ClassVar[frozenset[ZoneKind]] = frozenset({ZoneKind.LANE_MARKING})
    fixed_view: ClassVar[bool] = True

    def __init__(self, place: Place, settings: LaneMarkingSettings | None = None) -> None:
        if place.zone.line is None:
            raise ConfigError(f"{place.key}.line: is missing; lane_marking needs a line")
        self.place = place
        self.settings = settings or LaneMarkingSettings()
        self._line = place.zone.line
        self._drawn: _Mark | None = None
        self._ways: Memory[_Way] = Memory(_Way, int(self.settings.forget * SECOND))
        self._waiting: deque[tuple[Finding, np.ndarray]] = deque(maxlen=self.settings.waiting)

    def check(self, tracks: Tracks, context: Context) -> list[Finding]:
        """See ``Rule.check``."""
        self._ways.expire(tracks.stamp)
        context.emergencies.look(tracks, self.place.calibration)
        if not self.place.zone.is_active(self.place.local(tracks.stamp)):
            self.reset()
            return []
        mark = self._mark_in(tracks)
        findings = self._ripe(tracks, context)
        for way, user in self._step(tracks, mark):
            if way.reported or user.kind not in self.place.kinds:
                continue
            if found := self._judge(way, mark, user, tracks):
                way.reported = True
                at = mark.view.places(np.array((user.foot,)))[0]
                if context.emergencies.near(tracks.camera, at, found.started, tracks.stamp):
                    continue
                if context.emergencies.about(tracks.stamp):
                    self._waiting.append((found, at))
                else:
                    findings.append(found)
        return findings

    def _ripe(self, tracks: Tracks, context: Context) -> list[Finding]:
        """Verdicts that waited long enough without an ambulance coming by."""
        ripe = []
        while self._waiting:
            found, at = self._waiting[0]
            if tracks.stamp - found.stamp < self.settings.wait * SECOND:
                break
            self._waiting.popleft()
            if not context.emergencies.near(tracks.camera, at, found.started, tracks.stamp):
                ripe.append(found)
        return ripe

    def reset(self, forget_places: bool = True) -> None:
        """See ``Rule.reset``."""
        self._ways.clear()
        self._waiting.clear()

    def __len__(self) -> int:
        return len(self._ways) + len(self._waiting)

    def _mark_in(self, tracks: Tracks) -> "_Mark":
        size = tracks.width, tracks.height
        if self._drawn is None or self._drawn.size != size:
            self._drawn = _Mark(self.place, self._line, size)
        return self._drawn

    def _beside(self, tracks: Tracks, mark: "_Mark") -> list[RoadUser]:
        """Vehicles whose foot is somewhere beside the line."""
        if not len(tracks):
            return []
        kinds = of_kinds(tracks, self.place.followed)
        along, side = mark.in_image(feet_of(tracks))
        widths = np.maximum(tracks.boxes[:, 2] - tracks.boxes[:, 0], 1.0)
        near = (np.abs(along - 0.5) <= 1.0) & (np.abs(side) <= self.settings.reach * widths)
        return [tracks[int(row)] for row in np.flatnonzero(kinds & near & real(tracks))]

    def _step(self, tracks: Tracks, mark: "_Mark") -> list[tuple[_Way, RoadUser]]:
        """Takes one look at everybody beside the line."""
        s, stamp = self.settings, tracks.stamp
        since, gap = stamp - int(s.heading * SECOND), s.bridge if mark.view else s.gap
        seen: list[tuple[_Way, RoadUser]] = []
        earlier: list[Pair] = []
        for user in self._beside(tracks, mark):
            if no_foot(user, tracks):
                self._ways.drop(user.track_id)
                continue
            way = self._ways.touch(user.track_id, stamp)
            if mark.view and way.stature.is_cut(user, mark.view.scale(user.foot)):
                continue
            seen.append((way, user))
            earlier.append(next((o.foot for o in way.looks if o.stamp >= since), user.foot))
        measured = mark.measure([user for _, user in seen], earlier)
        for (way, user), (side, along) in zip(seen, measured, strict=True):
            if way.looks:
                last = way.looks[-1]
                seconds = (stamp - last.stamp) / SECOND
                drift = s.drift * min(seconds, 1.0)
                if seconds > gap or abs(side - last.side) > s.jump + drift:
                    way.looks.clear()
            way.looks.append(_Look(stamp, side, along, user.foot))
        return seen

    def _judge(self, way: _Way, mark: "_Mark", user: RoadUser, tracks: Tracks) -> Finding | None:
        s, looks = self.settings, list(way.looks)
        clear, needed = (s.clear_first, s.looks_first) if mark.view else (s.clear, s.looks)
        sides = [look.side for look in looks]
        if not (min(sides) <= -clear if sides[-1] > 0 else max(sides) >= clear):
            return None  # it was never clearly on the other side
        side = np.array(sides)
        now = np.sign(side[-1])
        there = np.flatnonzero(side * now >= s.clear)
        before = np.flatnonzero(side * now <= -clear)
        if len(before) < needed or not len(there):
            return None
        past = there[there > before[-1]]
        swing = np.abs(side[before]).max() + np.abs(side[past]).max(initial=0.0)
        if len(past) < s.looks or swing < s.swing:
            return None
        passage = looks[int(before[-1]) : int(past[0]) + 1]
        end = s.end / mark.length if mark.view else s.end_image
        crossings = [p for a, b in pairwise(passage) for p in self._met(a, b)]
        if not crossings or not all(end <= along <= 1 - end for along in crossings):
            return None
        return self._finding(user, tracks, looks, passage, float(np.abs(side[past]).max()))

    def _met(self, a: _Look, b: _Look) -> list[float]:
        """Where along the line the step from a to b may have met it; empty: it did not."""
        if (a.side > 0) == (b.side > 0):
            return []
        if b.stamp - a.stamp > self.settings.moment * SECOND:
            return [a.along, b.along]
        return [a.along + (b.along - a.along) * a.side / (a.side - b.side)]

    def _finding(
        self, user: RoadUser, tracks: Tracks, looks: list[_Look], passage: list[_Look], far: float
    ) -> Finding:
        width = WIDTHS.get(user.kind, _WIDTH)
        seconds = (passage[-1].stamp - passage[0].stamp) / SECOND
        return self.place.find(
            self.type,
            user,
            tracks,
            passage[0].stamp,
            trail=trail_of([look.foot for look in looks], tracks),
            measured=far * width,
            measured_low=self.settings.clear * width,
            measured_high=far * width,
            limit=0.0,
            confidence=user.confidence,
            explanation=(
                f"The {word(user.kind)} passed the solid line {self.place.name} within "
                f"{seconds:.1f} s, from {passage[0].side:+.1f} to {passage[-1].side:+.1f} of its "
                "widths beside it, and was seen clearly on both sides."
            ),
        )


class _Mark:
    """The line in one image size."""

    def __init__(self, place: Place, line: tuple[Pair, ...], size: tuple[int, int]) -> None:
        self.size = size
        self.view = GroundView(place.calibration, size)
        self._image = geometry.to_pixels(line, *size)
        self._ground = self.view.places(self._image, anywhere=True)
        if not np.isfinite(self._ground).all():
            self.view = GroundView(None, size)
        ends = self._ground if self.view else self._image
        self.length = float(np.hypot(*(ends[1] - ends[0])))  # m, or pixels

    def in_image(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (n, 2), pixels: along (0 and 1 are the ends) and beside the line, pixels."""
        return _beside(self._image, points)

    def measure(
        self, users: Sequence[RoadUser], earlier: Sequence[Pair]
    ) -> list[tuple[float, float]]:
        """Widths beside the line, and how far along it, of vehicles' middles; ``earlier``: their
        feet a moment ago."""
        if not users:
            return []
        feet = np.array([user.foot for user in users])
        made = np.full((len(users), 2), np.nan)
        if self.view:
            ahead = self._headings(feet, np.array(earlier))
            made = self.view.middles_of([user.kind for user in users], feet, ahead).mean(axis=1)
        return [self._one(u, m) for u, m in zip(users, made, strict=True)]

    def _one(self, user: RoadUser, middle: np.ndarray) -> tuple[float, float]:
        if isfinite(middle[0]) and isfinite(middle[1]):
            along, side = _beside(self._ground, middle[None])
            return float(side[0]) / WIDTHS.get(user.kind, _WIDTH), float(along[0])
        along, side = self.in_image(np.array((user.foot,)))
        return float(side[0]) / max(user.width, 1.0), float(along[0])

    def _headings(self, feet: np.ndarray, earlier: np.ndarray) -> np.ndarray:
        """Along their ways (n, 2); too short to tell: along the line."""
        ahead = (self._ground[1] - self._ground[0]) / self.length
        off = self.view.anywhere(feet) - self.view.anywhere(earlier)
        way = np.hypot(off[:, :1], off[:, 1:])
        along = np.where((off[:, 0] * ahead[0] + off[:, 1] * ahead[1] < 0)[:, None], -ahead, ahead)
        with np.errstate(all="ignore"):
            return np.where(way > _WAY, off / way, along)


def _beside(line: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    way = line[1] - line[0]
    length = float(np.hypot(*way))
    off = points - line[0]
    return off @ way / length**2, (off[:, 1] * way[0] - off[:, 0] * way[1]) / length
