"""Racing on the road: a group far faster than the limit, together.

UU 22/2009 Art. 297 with 115 b.

        zone: road, limit          [m] ->   [m] ->      each faster than 1.4 times the limit,
        _____________________________[c] ->_______      within 40 m of one another, same way

A finding for each of them, naming how many they were. Each is measured by itself as for
speeding (see there), over ``seconds`` at least: the lower end of its 95 % interval, and the mean
of either half of its way, must be above ``times`` the limit. With whom it races needs less: a
lower end above that over ``brief``. Refuses when
- the camera has no calibration of the ground or the zone no limit (rule off);
- there is only one: that is speeding;
- they were seen together too briefly, or were ever further apart than ``reach``;
- one way is not the other's: more than ``turn`` between them;
- one drives with warning lights (and who drives beside it is judged without it).
"""

from collections import deque
from dataclasses import dataclass, field
from math import cos, radians
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core import geometry
from bconnect_detect.core.ground import feet_on_ground
from bconnect_detect.core.memory import Memory
from bconnect_detect.core.rule import Context, Place, RuleOff, feet_of, of_kinds, trail_of
from bconnect_detect.core.speed import KMH, Speed, Speedometer, SpeedSettings
from bconnect_detect.core.speed_doubts import covered
from bconnect_detect.core.speed_needs import ground_of
from bconnect_detect.core.types import SECOND, Finding, RoadUser, Tracks
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import ViolationType, ZoneKind, word

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RacingSettings:
    """When a group races."""

    times: float = 1.4  # of the limit
    seconds: float = 2.0  # s each is measured over; what was not seen is never added
    brief: float = 1.0  # s the others are measured over
    reach: float = 40.0  # m between two of a group
    together: float = 0.5  # s both were in sight
    min_together: int = 4  # images
    turn: float = radians(30.0)
    again: float = 0.3  # s between two measurements of one vehicle
    emergency: float = 0.5
    forget: float = 3.0  # s
    speed: SpeedSettings = field(
        default_factory=lambda: SpeedSettings(widest=10.0 / KMH, min_looks=10, min_way=25.0)
    )
    half: SpeedSettings = field(
        default_factory=lambda: SpeedSettings(widest=40.0 / KMH, min_looks=5, min_way=10.0)
    )


@dataclass(slots=True)
class _Runner:
    """One vehicle's looks. Times in ns."""

    looks: deque[tuple[int, RoadUser]] = field(default_factory=lambda: deque(maxlen=90))
    inside: bool = False  # its foot was in the zone
    emergency: bool = False
    tried: int = 0
    brisk: bool = False  # above, over a short time
    speed: Speed | None = None  # certain to be above
    measured: list[tuple[int, RoadUser]] = field(default_factory=list)  # the looks it came of
    places: dict[int, Vector] = field(default_factory=dict)  # m by stamp
    reported: bool = False


class Racing:
    """Two or more together, each above 1.4 times the limit."""

    type: ClassVar[ViolationType] = ViolationType.RACING
    zone_kinds: ClassVar[frozenset[ZoneKind]] = frozenset({ZoneKind.ROAD})
    fixed_view: ClassVar[bool] = True

    def __init__(self, place: Place, settings: RacingSettings | None = None) -> None:
        if place.zone.region is None:
            raise ConfigError(f"{place.key}.region: is missing; racing needs an area")
        if place.zone.limit is None:
            raise RuleOff("no zone of kind road gives a limit, so nothing is far above it")
        self._calibration = ground_of(place, "racing")
        self.place = place
        self.settings = settings or RacingSettings()
        self._bar = self.settings.times * place.zone.limit
        self._meter = Speedometer(self._calibration, self.settings.speed)
        self._rough = Speedometer(self._calibration, self.settings.half)
        self._region = np.array(place.zone.region, np.float64)
        forget = int(self.settings.forget * SECOND)
        self._runners: Memory[_Runner] = Memory(_Runner, forget, capacity=256)

    def check(self, tracks: Tracks, context: Context) -> list[Finding]:
        """See ``Rule.check``."""
        self._runners.expire(tracks.stamp)
        if not self._calibration.fits(tracks.width, tracks.height):
            return []
        if not self.place.zone.is_active(self.place.local(tracks.stamp)):
            self._runners.clear()
            return []
        if not self._look(tracks):
            return []
        fast = [r for r in self._runners if r.speed is not None and r.inside and not r.reported]
        sure = [r for r in fast if r.measured[-1][1].kind in self.place.kinds]
        brisk = [r for r in self._runners if r.brisk]
        groups = [(r, [o for o in brisk if o is not r and self._together(r, o)]) for r in sure]
        found = []
        for runner, others in groups:
            if others:
                runner.reported = True
                found.append(self._finding(runner, 1 + len(others), tracks))
        return found

    def reset(self, forget_places: bool = True) -> None:
        """See ``Rule.reset``."""
        self._runners.clear()

    def __len__(self) -> int:
        return len(self._runners)

    def _look(self, tracks: Tracks) -> bool:
        """Takes an image in. Whether somebody has become certain to be that fast."""
        if not len(tracks):
            return False
        size = tracks.width, tracks.height
        known = (tracks.track_id > 0) & of_kinds(tracks, self.place.followed)
        if not known.any():
            return False
        places = feet_on_ground(self._calibration, tracks.boxes, size).places
        known &= np.isfinite(places).all(axis=1)
        inside = geometry.inside(feet_of(tracks) / size, self._region)
        news = False
        for row in np.flatnonzero(known & ~covered(tracks)):
            runner = self._runners.touch(int(tracks.track_id[row]), tracks.stamp)
            user = tracks[int(row)]
            runner.inside |= bool(inside[row])
            runner.emergency |= user.emergency >= self.settings.emergency
            self._step(runner, tracks.stamp, user, places[row])
            news |= self._measure(runner, size)
        return news

    def _step(self, runner: _Runner, stamp: int, user: RoadUser, place: Vector) -> None:
        gap = self.settings.speed.gap * SECOND
        if runner.looks and stamp - runner.looks[-1][0] > gap:
            runner.looks.clear()
            runner.places.clear()
            runner.speed, runner.brisk = None, False
        if len(runner.looks) == runner.looks.maxlen:
            runner.places.pop(runner.looks[0][0], None)
        runner.looks.append((stamp, user))
        runner.places[stamp] = place

    def _measure(self, runner: _Runner, size: tuple[int, int]) -> bool:
        """Whether this look made it certain that it, or a group, is that fast."""
        s, looks = self.settings, runner.looks
        first, last = looks[0][0], looks[-1][0]
        seconds = (last - first) / SECOND
        if runner.speed or runner.emergency or last - runner.tried < s.again * SECOND:
            return False
        way = np.hypot(*(runner.places[last] - runner.places[first]))
        if seconds < s.brief or way < self._bar * seconds * 0.95:
            return False
        runner.tried = last
        stamps = np.array([stamp for stamp, _ in looks])
        boxes = np.array([user.box for _, user in looks])
        kind = looks[-1][1].kind
        if not runner.brisk:
            made = self._rough.measure(stamps, boxes, size, kind)
            runner.brisk = isinstance(made, Speed) and made.low > self._bar
        if not runner.brisk or seconds < s.seconds:
            return runner.brisk
        whole = self._meter.measure(stamps, boxes, size, kind)
        if not isinstance(whole, Speed) or whole.low <= self._bar or whole.seconds < s.seconds:
            return True
        middle = stamps <= (first + last) // 2
        for half in (middle, ~middle):
            made = self._rough.measure(stamps[half], boxes[half], size, kind)
            if not isinstance(made, Speed) or made.mean <= self._bar:
                return True
        runner.speed, runner.measured = whole, list(looks)[whole.first : whole.last + 1]
        return True

    def _together(self, one: _Runner, other: _Runner) -> bool:
        s = self.settings
        common = sorted(one.places.keys() & other.places.keys())
        if len(common) < s.min_together or common[-1] - common[0] < s.together * SECOND:
            return False
        a, b = (np.array([r.places[stamp] for stamp in common]) for r in (one, other))
        if np.hypot(*(a - b).T).max() > s.reach:
            return False
        first, second = a[-1] - a[0], b[-1] - b[0]
        turned = geometry.cosine((first[0], first[1]), (second[0], second[1]))
        return bool(turned >= cos(s.turn))

    def _finding(self, runner: _Runner, size: int, tracks: Tracks) -> Finding:
        speed = runner.speed
        assert speed is not None
        limit = self.place.zone.limit or 0.0
        stamp, user = runner.measured[-1]
        decided = Tracks.of(stamp, tracks.camera, (tracks.width, tracks.height), [user])
        return self.place.find(
            self.type,
            user,
            decided,
            runner.measured[0][0],
            trail=trail_of([seen.foot for _, seen in runner.measured], tracks),
            measured=speed.mean,
            measured_low=speed.low,
            measured_high=speed.high,
            limit=limit,
            looks=speed.told,
            confidence=min(user.confidence, 0.95),
            explanation=(
                f"The {word(user.kind)} was one of {size} that drove together in "
                f"{self.place.name}, less than {self.settings.reach:.0f} m apart, each above "
                f"{self.settings.times:g} times the limit: this one {speed.mean * KMH:.1f} km/h "
                f"({speed.low * KMH:.1f} to {speed.high * KMH:.1f} at 95 %) over "
                f"{speed.seconds:.1f} s; {limit * KMH:.0f} km/h are allowed."
            ),
        )
