"""Driving against the direction of a lane.

UU 22/2009 Art. 287(1) with 106(4)a/b where a sign (S-1b "verboden") or a marking gives
the direction, else Art. 287(3) with 106(4)d. The site file states which (basis).

         zone: direction, arrow = lawful travel
        |         ^            |
        |         |            |        o  foot points of one track, oldest at the top
        |   o     | arrow      |        the way from first to last runs against the
        |   o     |            |        arrow: cosine <= -0.7
        |   o     |            |
        |___o_____|____________|

Refuses when
- the way is short (``min_sizes`` box sizes: reversing into a parking space) or young;
- few images saw it, or one leap makes up much of it (an id that changed vehicles);
- part of the way did not run against the arrow (turning, swerving, a U-turn);
- the angle's 95 % interval reaches into what is allowed;
- the box was cut by the image's border: its foot is then no foot;
- it drives with warning lights.
Ways and angles are those on the ground where the camera is calibrated, else those in the image.
"""

from collections import deque
from dataclasses import dataclass, field
from math import acos, cos, hypot, pi
from typing import ClassVar

import numpy as np

from bconnect_detect.core import geometry
from bconnect_detect.core.emergency import SURE
from bconnect_detect.core.footprint import GroundView, Vector
from bconnect_detect.core.memory import Memory
from bconnect_detect.core.rule import Context, Place, feet_inside, trail_of
from bconnect_detect.core.types import SECOND, Finding, Pair, RoadUser, Tracks
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import ViolationType, ZoneKind, word


@dataclass(frozen=True, slots=True)
class WrongWaySettings:
    """When a way is long, steady and contrary enough."""

    limit: float = acos(-0.7)  # rad off the arrow
    min_ground: float = 8.0  # m of way
    min_sizes: float = 2.0  # box sizes of way, where nothing is calibrated
    min_image: float = 0.05  # of the image's diagonal
    min_seconds: float = 1.0
    min_looks: int = 8  # images inside the zone
    against: float = 0.85  # share of the way that ran against the arrow
    leap: float = 0.34  # largest share of the way one step may make up
    gap: float = 1.0  # s unseen inside the zone: the way begins anew
    window: float = 15.0  # s of way looked at
    noise_ground: float = 0.4  # m, standard deviation of a place
    foot_noise: float = 0.05  # box sizes, likewise
    forget: float = 10.0  # s


@dataclass(slots=True)
class _Way:
    looks: deque[tuple[int, Pair, float]] = field(default_factory=lambda: deque(maxlen=160))
    places: deque[Pair] = field(default_factory=lambda: deque(maxlen=160))  # m, about
    done: bool = False  # reported, or exempt


class WrongWay:
    """Displacement against the arrow of a direction zone."""

    type: ClassVar[ViolationType] = ViolationType.WRONG_WAY
    zone_kinds: ClassVar[frozenset[ZoneKind]] = frozenset({ZoneKind.DIRECTION})
    fixed_view: ClassVar[bool] = True

    def __init__(self, place: Place, settings: WrongWaySettings | None = None) -> None:
        if place.zone.region is None or place.zone.direction is None:
            missing = "region" if place.zone.region is None else "direction"
            raise ConfigError(
                f"{place.key}.{missing}: is missing; wrong_way needs an area and an arrow of "
                "lawful travel [[x, y], [x, y]]"
            )
        self.place = place
        self.settings = settings or WrongWaySettings()
        self._region, self._arrow = place.zone.region, place.zone.direction
        self._view, self._size = GroundView(None, (1, 1)), (0, 0)
        self._ways: Memory[_Way] = Memory(_Way, int(self.settings.forget * SECOND))

    def check(self, tracks: Tracks, context: Context) -> list[Finding]:
        """See ``Rule.check``."""
        self._ways.expire(tracks.stamp)
        if not self.place.zone.is_active(self.place.local(tracks.stamp)):
            self._ways.clear()
            return []
        if self._size != (size := (tracks.width, tracks.height)):
            self._size, self._view = size, GroundView(self.place.calibration, size)
        findings = []
        for row in feet_inside(tracks, self._region, self.place.kinds):
            user = tracks[row]
            if geometry.clipped(user.box, tracks.width, tracks.height):
                continue
            way = self._ways.touch(user.track_id, tracks.stamp)
            way.done |= user.emergency >= SURE
            self._step(way, user, tracks.stamp)
            if not way.done and (found := self._judge(way, user, tracks)):
                way.done = True
                findings.append(found)
        return findings

    def reset(self, forget_places: bool = True) -> None:
        """See ``Rule.reset``."""
        self._ways.clear()

    def __len__(self) -> int:
        return len(self._ways)

    def _step(self, way: _Way, user: RoadUser, stamp: int) -> None:
        if way.looks and stamp - way.looks[-1][0] > self.settings.gap * SECOND:
            way.looks.clear()
            way.places.clear()
        way.looks.append((stamp, user.foot, geometry.size(user.box)))
        way.places.append(self._view.place(*user.foot))
        while stamp - way.looks[0][0] > self.settings.window * SECOND:
            way.looks.popleft()
            way.places.popleft()

    def _short(self, way: _Way) -> bool:
        """Whether it surely came nowhere; in doubt its whole way is looked at."""
        s = self.settings
        (_, (ax, ay), _), (_, (bx, by), _) = way.looks[0], way.looks[-1]
        if hypot(bx - ax, by - ay) >= 0.999 * s.min_image * hypot(*self._size):
            return False
        (ax, ay), (bx, by) = way.places[0], way.places[-1]
        away = hypot(bx - ax, by - ay)  # NaN: not known there, so the image decides
        return not away >= 0.999 * s.min_ground

    def _judge(self, way: _Way, user: RoadUser, tracks: Tracks) -> Finding | None:
        s = self.settings
        started = way.looks[0][0]
        if len(way.looks) < s.min_looks or tracks.stamp - started < s.min_seconds * SECOND:
            return None
        if self._short(way):
            return None
        feet = np.array([foot for _, foot, _ in way.looks])
        sizes = [size for _, _, size in way.looks]
        places, arrow, needed, noise, unit = self._on_ground(feet, sizes, tracks)
        total = places[-1] - places[0]
        length = float(np.hypot(*total))
        if length < needed or not self._steady(np.diff(places, axis=0), arrow, length):
            return None
        angle = acos(float(np.clip(total @ arrow / length, -1.0, 1.0)))
        margin = 1.96 * 2**0.5 * noise / length
        low, high = max(0.0, angle - margin), min(pi, angle + margin)
        if low < s.limit:
            return None
        seconds = (tracks.stamp - started) / SECOND
        return self.place.find(
            self.type,
            user,
            tracks,
            started,
            trail=trail_of([(float(x), float(y)) for x, y in feet], tracks),
            measured=angle,
            measured_low=low,
            measured_high=high,
            limit=s.limit,
            confidence=user.confidence,
            explanation=(
                f"The {word(user.kind)} moved {length / unit[0]:.1f} {unit[1]} in "
                f"{seconds:.1f} s against the arrow of {self.place.name} "
                f"(cosine {cos(angle):.2f}; up to {cos(s.limit):.2f} is not wrong way)."
            ),
        )

    def _on_ground(
        self, feet: Vector, sizes: list[float], tracks: Tracks
    ) -> tuple[Vector, Vector, float, float, tuple[float, str]]:
        """Places, the arrow's unit vector, the way needed, the noise (m, or else pixels) and
        what lengths are told in."""
        s, size = self.settings, (tracks.width, tracks.height)
        arrow = geometry.to_pixels(self._arrow, *size)
        if self._view:
            places, ground = self._view.places(feet), self._view.places(arrow, anywhere=True)
            if np.isfinite(places).all() and np.isfinite(ground).all():
                ahead = _unit(ground[1] - ground[0])
                return places, ahead, s.min_ground, s.noise_ground, (1.0, "m")
        yardstick = float(np.median(sizes))
        needed = max(s.min_sizes * yardstick, s.min_image * float(np.hypot(*size)))
        noise = s.foot_noise * yardstick
        return feet, _unit(arrow[1] - arrow[0]), needed, noise, (yardstick, "of its own sizes")

    def _steady(self, steps: np.ndarray, arrow: np.ndarray, length: float) -> bool:
        lengths = np.hypot(steps[:, 0], steps[:, 1])
        along = steps @ arrow
        against = float(lengths[along < 0].sum())
        return bool(
            lengths.max() <= self.settings.leap * length
            and against >= self.settings.against * lengths.sum()
        )


def _unit(vector: Vector) -> Vector:
    return np.asarray(vector / np.hypot(*vector), np.float64)
