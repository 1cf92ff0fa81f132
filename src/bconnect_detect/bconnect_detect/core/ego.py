"""The ETLE vehicle itself: where it is, and whether it stands. What is not sure is not known.

fixes       o--------o--------o - - ?     between two fixes the place is interpolated, after
images          x         x       x       the last one it goes on with the velocity, less sure
"""

import itertools
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import atan2, cos, hypot, isfinite, nan, radians, sqrt

from bconnect_detect.core.types import SECOND

RADIUS = 6_371_008.8  # m, mean of the earth
KEPT = 256  # fixes and velocities


class Motion(Enum):
    """Whether the vehicle stands."""

    UNKNOWN = 0
    PARKED = 1
    MOVING = 2


@dataclass(frozen=True, slots=True)
class Fix:
    """Where the vehicle was. NaN: no fix, or not told."""

    stamp: int  # ns
    latitude: float = nan  # degrees, WGS 84
    longitude: float = nan
    stddev: float = nan  # m, the larger of east and north

    @classmethod
    def told(
        cls, stamp: int, status: int, place: tuple[float, float], covariance: Sequence[float]
    ) -> "Fix":
        """Of a NavSatFix' numbers; ``covariance`` [m²] is empty where its type is unknown."""
        latitude, longitude = place
        if status < 0 or not (abs(latitude) <= 90.0 and abs(longitude) <= 180.0):
            return cls(stamp)
        variances = (covariance[0], covariance[4]) if len(covariance) == 9 else (nan, nan)
        known = all(isfinite(v) and v >= 0.0 for v in variances)
        return cls(stamp, latitude, longitude, sqrt(max(variances)) if known else nan)

    @property
    def known(self) -> bool:
        """Whether it names a place."""
        return isfinite(self.latitude) and isfinite(self.longitude)


@dataclass(frozen=True, slots=True)
class Velocity:
    """How the vehicle moved over ground. NaN: not known."""

    stamp: int  # ns
    east: float = nan  # m/s
    north: float = nan
    stddev: float = nan  # m/s, of each

    @property
    def speed(self) -> float:
        """m/s."""
        return hypot(self.east, self.north)


@dataclass(frozen=True, slots=True)
class Heading:
    """Which way the vehicle's front looked, as a receiver with two antennas measured it."""

    stamp: int  # ns
    angle: float = nan  # rad from east, counter-clockwise
    stddev: float = nan  # rad

    @classmethod
    def told(cls, stamp: int, z: float, w: float, covariance: Sequence[float]) -> "Heading":
        """Of an Imu's numbers; unknown where they are no turn about the vertical."""
        length, variance = hypot(z, w), covariance[8] if len(covariance) == 9 else -1.0
        if not (abs(length - 1.0) < 0.01 and isfinite(variance) and variance > 0.0):
            return cls(stamp)
        return cls(stamp, 2.0 * atan2(z, w), sqrt(variance))

    @property
    def known(self) -> bool:
        """Whether it tells anything."""
        return isfinite(self.angle) and isfinite(self.stddev)


@dataclass(frozen=True, slots=True)
class EgoPlace:
    """Where the vehicle was at a moment; NaN: not known, and ``why``."""

    latitude: float = nan
    longitude: float = nan
    stddev: float = nan  # m
    why: str = ""

    @property
    def sentence(self) -> str:
        """For people."""
        if self.why:
            return f"Where the ETLE vehicle was is not known: {self.why}."
        return (
            f"Seen from {self.latitude:.6f}, {self.longitude:.6f}, "
            f"known to {self.stddev:.1f} m (one standard deviation)."
        )


@dataclass(frozen=True, slots=True)
class EgoSettings:
    """What counts as standing, and how far a fix carries."""

    max_age: float = 2.0  # s
    max_stddev: float = 10.0  # m
    slow: float = 0.5  # m/s below which it may stand
    stand: float = 3.0  # s it must have been so slow
    sure: float = 0.5  # m/s of standard deviation up to which a speed says anything
    acceleration: float = 3.0  # m/s² a road vehicle may change its speed by
    fastest: float = 70.0  # m/s


class Ego:
    """What GNSS says of one vehicle. ``heard``: whether it has a receiver at all."""

    def __init__(self, settings: EgoSettings | None = None, heard: bool = True) -> None:
        self.settings = settings or EgoSettings()
        self._heard = heard
        self._fixes: deque[Fix] = deque(maxlen=KEPT)
        self._velocities: deque[Velocity] = deque(maxlen=KEPT)

    def on_fix(self, fix: Fix) -> None:
        """A fix, or that there is none, which makes the speed unknown too."""
        if not _in_order(self._fixes, fix.stamp):
            return
        self._fixes.append(fix)
        if not fix.known:
            self.on_velocity(Velocity(fix.stamp))

    def on_velocity(self, velocity: Velocity) -> None:
        """A velocity."""
        if _in_order(self._velocities, velocity.stamp):
            self._velocities.append(velocity)

    def motion(self, stamp: int) -> tuple[Motion, str]:
        """Whether the vehicle stood at a moment, as far as is known now; and why not."""
        if not self._heard:
            return Motion.UNKNOWN, "nothing tells whether the vehicle stands: it has no gnss"
        s, seen = self.settings, self._around(stamp)
        if not seen or stamp - seen[-1].stamp > s.max_age * SECOND:
            return Motion.UNKNOWN, "GNSS does not tell whether the vehicle stands"
        if any(v.speed >= s.slow for v in seen):
            return Motion.MOVING, "the vehicle moves, or did a moment ago"
        if not all(isfinite(v.speed) and v.stddev <= s.sure for v in seen):
            return Motion.UNKNOWN, "GNSS is too poor to tell whether the vehicle stands"
        gaps = [b.stamp - a.stamp for a, b in itertools.pairwise(seen)]
        watched = seen[0].stamp <= stamp - s.stand * SECOND
        if not watched or max(gaps, default=0) > s.max_age * SECOND:
            return Motion.UNKNOWN, f"the vehicle is not known to have stood for {s.stand:g} s"
        return Motion.PARKED, ""

    def confirmed(self, stamp: int) -> bool:
        """Whether a velocity of this moment or later is there: motion() will not change."""
        return bool(self._velocities) and self._velocities[-1].stamp >= stamp

    def fixed(self, stamp: int) -> bool:
        """Whether a fix, or that there was none, of this moment or later is there."""
        return bool(self._fixes) and self._fixes[-1].stamp >= stamp

    def _around(self, stamp: int) -> list[Velocity]:
        """From the last one before the time it must have stood, to the first after the moment."""
        all_ = list(self._velocities)
        stamps = [v.stamp for v in all_]
        first = bisect_right(stamps, stamp - int(self.settings.stand * SECOND)) - 1
        last = bisect_right(stamps, stamp - 1)
        return all_[max(0, first) : last + 1]

    def place(self, stamp: int) -> EgoPlace:
        """Where the vehicle was at a moment."""
        if not self._heard:
            return EgoPlace(why="it has no gnss")
        s, all_ = self.settings, list(self._fixes)
        at = bisect_right([f.stamp for f in all_], stamp)
        before, after = (all_[at - 1] if at else None), (all_[at] if at < len(all_) else None)
        near = [f for f in (before, after) if f and abs(stamp - f.stamp) <= s.max_age * SECOND]
        if not near:
            last = f"the last fix is {(stamp - before.stamp) / SECOND:.1f} s old" if before else ""
            return EgoPlace(why=last or "there was no fix yet")
        good = [f for f in near if f.known]
        if not good or (before in near and before is not None and not before.known):
            return EgoPlace(why="GNSS had no fix")
        made = self._between(*good, stamp=stamp) if len(good) == 2 else self._from(good[0], stamp)
        if made.why or made.stddev <= s.max_stddev:
            return made
        if not isfinite(made.stddev):
            return EgoPlace(why="the receiver does not tell how sure it is")
        return EgoPlace(
            why=f"it is known to {made.stddev:.0f} m only, and {s.max_stddev:g} m are asked for"
        )

    def _between(self, a: Fix, b: Fix, *, stamp: int) -> EgoPlace:
        s, seconds = self.settings, (b.stamp - a.stamp) / SECOND
        share = (stamp - a.stamp) / (b.stamp - a.stamp)
        north = radians(b.latitude - a.latitude) * RADIUS
        east = radians(b.longitude - a.longitude) * RADIUS * cos(radians(a.latitude))
        stddev = max(a.stddev, b.stddev)
        if hypot(east, north) > s.fastest * seconds + 20.0 + 4.0 * (a.stddev + b.stddev):
            return EgoPlace(why="the fixes before and after it contradict each other")
        bow = 0.5 * s.acceleration * share * (1.0 - share) * seconds**2
        return EgoPlace(
            a.latitude + share * (b.latitude - a.latitude),
            a.longitude + share * (b.longitude - a.longitude),
            hypot(stddev, bow),
        )

    def _from(self, fix: Fix, stamp: int) -> EgoPlace:
        s, seconds = self.settings, (stamp - fix.stamp) / SECOND
        if seconds == 0.0:
            return EgoPlace(fix.latitude, fix.longitude, fix.stddev)
        stamps = [v.stamp for v in self._velocities]
        at = max(0, bisect_right(stamps, fix.stamp) - 1)
        velocity = self._velocities[at] if stamps else Velocity(0)
        fresh = abs(velocity.stamp - fix.stamp) <= s.max_age * SECOND
        if not (fresh and isfinite(velocity.speed) and isfinite(velocity.stddev)):
            lost = s.fastest / 2 * abs(seconds)
            return EgoPlace(fix.latitude, fix.longitude, hypot(fix.stddev, lost))
        changed = 0.5 * s.acceleration * seconds**2
        north, east = velocity.north * seconds / RADIUS, velocity.east * seconds / RADIUS
        return EgoPlace(
            fix.latitude + north / radians(1.0),
            fix.longitude + east / cos(radians(fix.latitude)) / radians(1.0),
            hypot(fix.stddev, velocity.stddev * seconds, changed),
        )


def _in_order(kept: deque[Fix] | deque[Velocity], stamp: int) -> bool:
    """Whether a stamp is new. One that runs backwards makes everything before it void."""
    if kept and stamp < kept[-1].stamp:
        kept.clear()
    return not kept or stamp > kept[-1].stamp
