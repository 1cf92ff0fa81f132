"""What a driver does behind the windscreen, agreed on by many images: the watch that
no_seat_belt and phone_use share."""

from collections import deque
from dataclasses import dataclass, field
from math import isfinite
from typing import ClassVar

import numpy as np

from bconnect_detect.core import geometry
from bconnect_detect.core.cabin import CABINS
from bconnect_detect.core.crossing import no_foot, real
from bconnect_detect.core.memory import Memory
from bconnect_detect.core.rule import Context, Place, feet_inside, trail_of
from bconnect_detect.core.types import SECOND, Box, Finding, Pair, RoadUser, Tracks
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import ViolationType, ZoneKind, word

_KINDS = frozenset(CABINS)


@dataclass(frozen=True, slots=True)
class CabinWatchSettings:
    """When what was seen behind a windscreen is believed."""

    height: float = 80.0  # px of the vehicle's box, below which nothing is believed
    looks: int = 8  # images in which it was seen
    seconds: float = 1.0  # between the first and the last of them
    share: float = 0.85  # of them that accuse
    sure: float = 0.75  # mean certainty of those that accuse
    own: float = 0.5  # certainty from which one image accuses
    way: float = 1.0  # box sizes it drove meanwhile: who is parked does not drive
    gap: float = 1.0  # s between two looks at most
    forget: float = 5.0  # s


@dataclass(slots=True)
class _Drive:
    stamp: int = 0
    box: Box = (0.0, 0.0, 0.0, 0.0)
    origin: Pair = (0.0, 0.0)  # where it was first seen, carried with the camera's own motion
    looks: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=300))
    trail: deque[Pair] = field(default_factory=lambda: deque(maxlen=300))
    inside: bool = False
    reported: bool = False


class CabinWatch:
    """Base of a rule on a driver; needs no fixed view, but a model that sees windscreens."""

    type: ClassVar[ViolationType]
    zone_kinds: ClassVar[frozenset[ZoneKind]] = frozenset({ZoneKind.ROAD})
    fixed_view: ClassVar[bool] = False
    seen: ClassVar[str]  # what a model must find
    words: ClassVar[str]  # what the driver did

    def __init__(self, place: Place, settings: CabinWatchSettings | None = None) -> None:
        if place.zone.region is None:
            raise ConfigError(f"{place.key}.region: is missing; a zone of kind road has an area")
        self.place, self.settings = place, settings or CabinWatchSettings()
        self._region = place.zone.region
        self._told = False
        self._drives: Memory[_Drive] = Memory(_Drive, int(self.settings.forget * SECOND))

    @property
    def silence(self) -> str:
        """Why it cannot judge yet; empty once a model saw what it asks for."""
        if self._told:
            return ""
        return (
            f"nothing sees {self.seen} behind a windscreen: the detector needs a model with "
            "classes for the windscreen and for that"
        )

    def guilt(self, user: RoadUser) -> float:
        """How surely the driver does it, [0, 1]; NaN: not to be seen."""
        raise NotImplementedError

    def check(self, tracks: Tracks, context: Context) -> list[Finding]:
        """See ``Rule.check``."""
        self._drives.expire(tracks.stamp)
        if not self.place.zone.is_active(self.place.local(tracks.stamp)):
            self._drives.clear()
            return []
        found: list[Finding] = []
        inside = set(feet_inside(tracks, self._region, self.place.kinds & _KINDS))
        rows = np.flatnonzero(np.isin(tracks.kind, CABINS) & real(tracks))
        for row in rows.tolist():
            user = tracks[row]
            drive = self._drives.touch(user.track_id, tracks.stamp)
            self._step(drive, user, tracks)
            guilt = self.guilt(user)
            if isfinite(guilt):
                self._told = True
                if user.height >= self.settings.height:
                    drive.looks.append((tracks.stamp, guilt))
            drive.inside |= row in inside and not no_foot(user, tracks)
            if drive.inside and not drive.reported and self._sure(drive):
                drive.reported = True
                found.append(self._finding(drive, user, tracks))
        return found

    def reset(self, forget_places: bool = True) -> None:
        """See ``Rule.reset``."""
        self._drives.clear()

    def __len__(self) -> int:
        return len(self._drives)

    def _step(self, drive: _Drive, user: RoadUser, tracks: Tracks) -> None:
        if drive.stamp and tracks.stamp - drive.stamp > self.settings.gap * SECOND:
            drive.looks.clear()
            drive.trail.clear()
            drive.inside, drive.stamp = False, 0
        drive.origin = _carried(drive.origin, tracks, drive.stamp) if drive.stamp else user.foot
        drive.stamp, drive.box = tracks.stamp, user.box
        drive.trail.append(user.foot)

    def _sure(self, drive: _Drive) -> bool:
        s = self.settings
        foot = (drive.box[0] + drive.box[2]) / 2, drive.box[3]
        drove = geometry.distance(drive.origin, foot) >= s.way * geometry.size(drive.box)
        if len(drive.looks) < s.looks or not drove:
            return False
        if drive.looks[-1][0] - drive.looks[0][0] < s.seconds * SECOND:
            return False
        guilty = [guilt for _, guilt in drive.looks if guilt >= s.own]
        if len(guilty) < s.share * len(drive.looks):
            return False
        return float(np.mean(guilty)) >= s.sure

    def _finding(self, drive: _Drive, user: RoadUser, tracks: Tracks) -> Finding:
        guilty = [guilt for _, guilt in drive.looks if guilt >= self.settings.own]
        seconds = (drive.looks[-1][0] - drive.looks[0][0]) / SECOND
        return self.place.find(
            self.type,
            user,
            tracks,
            drive.looks[0][0],
            trail=trail_of(list(drive.trail), tracks),
            confidence=min(user.confidence, float(np.mean(guilty))),
            explanation=(
                f"{self.words} in {len(guilty)} of {len(drive.looks)} images over {seconds:.1f} s "
                f"behind the {word(user.kind)}'s windscreen, {np.mean(guilty):.2f} sure on "
                "average, while it drove."
            ),
        )


def _carried(foot: Pair, tracks: Tracks, since: int) -> Pair:
    """Where what stands would be now, seen by a camera that moved."""
    warp = tracks.warp
    if warp is None or warp.since != since:
        return foot
    a, b, x, c, d, y = warp.matrix
    return a * foot[0] + b * foot[1] + x, c * foot[0] + d * foot[1] + y
