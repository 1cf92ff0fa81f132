"""Driving faster than allowed between two gates, by the time it took.

UU 22/2009 Art. 287(5) with 106(4)g; limits by sign or by PP 79/2013 Art. 23(4).

        gate in (camera 1)                                   gate out (camera 2)
             |  plate digest, t1            length             |  the same digest, t2
        -----|--------------------------------------------------|----->
                        mean speed = length / (t2 - t1)

Plates come as salted digests: they find the same vehicle again and nothing else. A finding only
when the lower end of the 95 % interval (of both stamps, the clocks and the surveyed length) is
above the limit and what is forgiven. Refuses when
- the digest passed the gate in twice before it came out: two vehicles could be confused
  (twice within ``same`` s is one vehicle, counted from its first look);
- either plate was read with little confidence, or the digest is empty;
- stamps do not rise, their doubt is unknown, or no vehicle could have been so fast;
- the entry is older than ``longest`` (forgotten).
It stands on a section of the site, not on a zone of one camera, and is no ``Rule``.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import date
from math import hypot, isfinite
from typing import ClassVar
from zoneinfo import ZoneInfo

import numpy as np

from bconnect_detect.core import geometry
from bconnect_detect.core.rule import Law, Place
from bconnect_detect.core.speed import KMH, forgiven
from bconnect_detect.core.types import SECOND, Box, Finding, PlateSighting, RoadUser, Tracks
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import RoadUserKind, ViolationType
from bconnect_site.model import Section, Site


@dataclass(frozen=True, slots=True)
class SectionSettings:
    """When two sightings are one vehicle."""

    confidence: float = 0.5  # of each plate, at least
    same: float = 3.0  # s within which one gate sees one vehicle once
    clocks: float = 0.05  # s, standard deviation between the two cameras' clocks
    stamp: float = 0.04  # s, standard deviation of a crossing at least
    max_speed: float = 70.0  # m/s
    late: float = 2.0  # s a sighting may come after later ones
    near: float = 1.5  # box sizes from the gate's line to be who crossed it
    capacity: int = 4096  # digests
    quantile: float = 1.96


@dataclass(slots=True)
class _Entry:
    first: PlateSighting
    last: int  # ns
    doubtful: bool = False  # seen again too late to be the same passage
    left: int = 0  # ns it passed the exit; 0: not yet


class SectionSpeed:
    """Mean speed over one section."""

    kind: ClassVar[ViolationType] = ViolationType.SECTION_SPEED

    def __init__(
        self, name: str, section: Section, place: Place, settings: SectionSettings | None = None
    ) -> None:
        """place: the exit gate; findings stand there."""
        self.name, self.section, self.place = name, section, place
        self.settings = settings or SectionSettings()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._now = 0

    def on_sighting(self, seen: PlateSighting, tracks: Tracks | None = None) -> list[Finding]:
        """Findings that became certain with this plate; tracks: newest of the exit's camera."""
        gate = f"{seen.camera}/{seen.zone}"
        if gate not in (self.section.entry, self.section.exit) or not self._good(seen):
            return []
        if seen.stamp < self._now - self.settings.late * SECOND:
            self._entries.clear()  # time runs backwards: another world
        self._now = seen.stamp if not self._entries else max(self._now, seen.stamp)
        self._expire()
        if gate == self.section.entry:
            self._enter(seen)
            return []
        return self._leave(seen, tracks)

    def reset(self) -> None:
        """Forget who is under way."""
        self._entries.clear()

    def __len__(self) -> int:
        """How many digests are remembered."""
        return len(self._entries)

    def _good(self, seen: PlateSighting) -> bool:
        sure = seen.confidence >= self.settings.confidence
        return sure and bool(seen.digest) and isfinite(seen.stamp_stddev)

    def _expire(self) -> None:
        longest = self.section.longest * SECOND
        while self._entries:
            digest, entry = next(iter(self._entries.items()))
            if self._now - entry.last <= longest:
                break
            del self._entries[digest]

    def _enter(self, seen: PlateSighting) -> None:
        entry = self._entries.pop(seen.digest, None)
        if entry is None or 0 < entry.left < seen.stamp:
            entry = _Entry(seen, seen.stamp)
        elif abs(seen.stamp - entry.first.stamp) > self.settings.same * SECOND:
            entry.doubtful = True
        elif seen.stamp < entry.first.stamp:
            entry.first = seen
        entry.last = max(entry.last, seen.stamp)
        self._entries[seen.digest] = entry
        if len(self._entries) > self.settings.capacity:
            self._entries.popitem(last=False)

    def _leave(self, seen: PlateSighting, tracks: Tracks | None) -> list[Finding]:
        entry = self._entries.get(seen.digest)
        if entry is None or entry.doubtful or entry.left:
            return []
        entry.left = seen.stamp
        seconds = (seen.stamp - entry.first.stamp) / SECOND
        if not 0.0 < seconds <= self.section.longest:
            return []
        speed, half = self._speed(seconds, entry.first, seen)
        limit = self.section.limit
        if speed > self.settings.max_speed:
            return []
        if speed - half <= limit + forgiven(limit, self.section.tolerance):
            return []
        return [self._finding(entry.first, seen, seconds, speed, half, tracks)]

    def _speed(
        self, seconds: float, first: PlateSighting, last: PlateSighting
    ) -> tuple[float, float]:
        """m/s, and half its 95 % interval."""
        s = self.settings
        speed = self.section.length / seconds
        doubts = (max(s.stamp, first.stamp_stddev), max(s.stamp, last.stamp_stddev), s.clocks)
        share = hypot(self.section.length_stddev / self.section.length, hypot(*doubts) / seconds)
        return speed, s.quantile * share * speed

    def _finding(
        self,
        first: PlateSighting,
        last: PlateSighting,
        seconds: float,
        speed: float,
        half: float,
        tracks: Tracks | None,
    ) -> Finding:
        size = (tracks.width, tracks.height) if tracks else self.place.size or (0, 0)
        user = self._who(last, tracks, size)
        decided = Tracks.of(last.stamp, last.camera, size, [user])
        free = forgiven(self.section.limit, self.section.tolerance)
        return self.place.find(
            self.kind,
            user,
            decided,
            first.stamp,
            trail=(),
            measured=speed,
            measured_low=speed - half,
            measured_high=speed + half,
            limit=self.section.limit,
            confidence=min(first.confidence, last.confidence),
            explanation=(
                f"The same plate passed {self.section.entry} and {seconds:.2f} s later "
                f"{self.section.exit}, {self.section.length:.1f} m on: {speed * KMH:.1f} km/h, "
                f"between {(speed - half) * KMH:.1f} and {(speed + half) * KMH:.1f} at 95 %; "
                f"{self.section.limit * KMH:.0f} km/h are allowed in {self.name}, "
                f"{free * KMH:.1f} forgiven."
            ),
        )

    def _who(self, seen: PlateSighting, tracks: Tracks | None, size: tuple[int, int]) -> RoadUser:
        """The track that crossed the gate; where that is not plain, somebody at the gate."""
        nobody = RoadUser(RoadUserKind.UNKNOWN, seen.track_id, seen.confidence, self._gate(size))
        if tracks is None or abs(tracks.stamp - seen.stamp) > SECOND:
            return nobody
        if seen.track_id > 0:
            same = np.flatnonzero(tracks.track_id == seen.track_id)
            return tracks[int(same[0])] if len(same) else nobody
        near = [u for u in tracks if self._off(u, tracks) <= self.settings.near]
        return near[0] if len(near) == 1 else nobody

    def _gate(self, size: tuple[int, int]) -> Box:
        """A box that stands on the gate, pixels."""
        line = geometry.to_pixels(self.place.zone.points, *size)
        low, high = line.min(axis=0), line.max(axis=0)
        middle, tall = (low[1] + high[1]) / 2, 0.4 * (high[0] - low[0])
        return float(low[0]), float(max(0.0, middle - tall)), float(high[0]), float(middle)

    def _off(self, user: RoadUser, tracks: Tracks) -> float:
        """Box sizes from a foot to the gate's line."""
        line = self.place.zone.line
        size = geometry.size(user.box)
        if line is None or size <= 0:
            return float("inf")
        a, b = geometry.to_pixels(line, tracks.width, tracks.height)
        along = b - a
        share = float(np.clip((user.foot - a) @ along / (along @ along), 0.0, 1.0))
        nearest = a + share * along
        return geometry.distance(user.foot, (float(nearest[0]), float(nearest[1]))) / size


def build_sections(site: Site, law: Law | None, today: date | None = None) -> list[SectionSpeed]:
    """The sections a site file describes.

    Raises ConfigError when the law has no article for one ``today``.
    """
    made, wrong = [], []
    for name, section in site.sections.items():
        camera, _, gate = section.exit.partition("/")
        where, detect = site.location_of(camera), site.cameras[camera].detect
        zone = site.cameras[camera].zones[gate]
        place = Place(
            site=site.site,
            camera=camera,
            name=gate,
            zone=zone.model_copy(update={"basis": section.basis}),
            timezone=ZoneInfo(site.timezone),
            latitude=where.latitude if where else float("nan"),
            longitude=where.longitude if where else float("nan"),
            law=law,
            size=(detect.width, detect.height),
        )
        try:
            if law is not None and today is not None:
                law.article(SectionSpeed.kind, place.zone.basis_kind, today)
        except ConfigError as error:
            wrong.append(f"sections.{name}.basis: {error}")
        made.append(SectionSpeed(name, section, place))
    if wrong:
        raise ConfigError(*wrong)
    return made
