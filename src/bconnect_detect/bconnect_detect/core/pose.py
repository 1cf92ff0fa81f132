"""Where the vehicle stands and which way its front looks, on the map; or why that is not known.

            N
            |   x (front)          The place is the antenna's by GNSS, or as stated. The heading is
            |  /                   the way it drives, at 3 m/s or more; below that the last one,
       y \\  | /  heading           less sure with each metre it may have turned on, and none once
           \\|/                     GNSS was silent. A heading or place that is stated (surveyed)
            o----------- E         holds while it is parked and GNSS does not contradict it. Two
                                   antennas that tell the heading go before all of that.

Angles are rad from east, counter-clockwise (REP-103, ENU). A parked vehicle keeps one place, so
that what stands around it stands still on the map.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import dataclass, replace
from math import atan2, cos, degrees, hypot, inf, isfinite, nan, pi, radians, sin, sqrt

from bconnect_detect.core.ego import Ego, EgoPlace, Heading, Motion, Velocity
from bconnect_detect.core.types import SECOND, Pair
from bconnect_site.mapzones import MapSettings
from bconnect_site.wgs84 import Degrees, moved, offset

KEPT = 256
SWAPPED = 0.5  # share of its doubt from which another fix takes the place of the one it stands on


@dataclass(frozen=True, slots=True)
class HeadingSettings:
    """What a way says of a heading."""

    fast: float = 3.0  # m/s from which it drives the way it looks, not backwards
    slip: float = radians(1.0)  # rad between way and front, standard deviation
    still: float = 0.2  # m/s below which nothing turns
    circle: float = 5.0  # m, radius of the tightest turn
    late: float = 0.3  # s after its moment that what antennas say may arrive


@dataclass(frozen=True, slots=True)
class Pose:
    """base_link on the map at a moment. ``why``: it is not known, or not well enough."""

    place: Degrees = (nan, nan)
    heading: float = nan  # rad from east, counter-clockwise
    stddev: float = nan  # m, east or north
    heading_stddev: float = nan  # rad
    speed: float = 0.0  # m/s
    speed_stddev: float = 0.0  # m/s
    parked: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Heading:
    stamp: int
    angle: float = nan
    known: float = inf  # rad, of the way itself
    turned: float = 0.0  # rad it may have turned since, at most

    @property
    def stddev(self) -> float:
        """rad; what it may have turned counts as equally likely all over."""
        return hypot(self.known, self.turned / sqrt(3.0))


class Poses:
    """Poses of one vehicle, from what its ``Ego`` heard."""

    def __init__(
        self,
        ego: Ego,
        settings: MapSettings,
        antenna: Pair = (0.0, 0.0),
        heading: HeadingSettings | None = None,
    ) -> None:
        self._ego, self._settings, self._antenna = ego, settings, antenna
        self._how = heading or HeadingSettings()
        self._velocities: deque[Velocity] = deque(maxlen=KEPT)
        self._headings: deque[_Heading] = deque(maxlen=KEPT)
        self._measured: deque[Heading] = deque(maxlen=KEPT)
        self._stands: Pose | None = None

    def on_heading(self, heading: Heading) -> None:
        """What a receiver with two antennas measured, in order."""
        if self._measured and heading.stamp <= self._measured[-1].stamp:
            if heading.stamp == self._measured[-1].stamp:
                return
            self._measured.clear()
        if heading.known:
            self._measured.append(heading)

    def on_velocity(self, velocity: Velocity) -> None:
        """A velocity, in order; one that is not known makes the heading unknown too."""
        last = self._headings[-1] if self._headings else None
        if last is not None and velocity.stamp <= last.stamp:
            if velocity.stamp == last.stamp:
                return
            self._headings.clear()
            self._velocities.clear()
            last, self._stands = None, None
        self._velocities.append(velocity)
        self._headings.append(self._next(last, velocity))

    def _next(self, last: _Heading | None, v: Velocity) -> _Heading:
        how, blank = self._how, _Heading(v.stamp)
        if not (isfinite(v.speed) and isfinite(v.stddev)):
            return blank
        if v.speed - 2.0 * v.stddev >= how.fast:
            return _Heading(v.stamp, atan2(v.north, v.east), hypot(v.stddev / v.speed, how.slip))
        if last is None or v.stamp - last.stamp > self._ego.settings.max_age * SECOND:
            return blank
        before = self._velocities[-2].speed
        speed = max(v.speed, before)
        way = speed * (v.stamp - last.stamp) / SECOND if speed > how.still else 0.0
        return replace(last, stamp=v.stamp, turned=last.turned + way / how.circle)

    def settled(self, stamp: int) -> bool:
        """Whether what is said of a moment will not change any more."""
        return self._ego.confirmed(stamp) and self._ego.fixed(stamp)

    def at(self, stamp: int) -> Pose:
        """The pose at a moment, as far as is known now."""
        motion, why = self._ego.motion(stamp)
        if motion == Motion.UNKNOWN:
            self._stands = None
            return Pose(why=why)
        if motion == Motion.PARKED:
            return self._parked(stamp)
        self._stands = None
        return self._moving(stamp)

    def _parked(self, stamp: int) -> Pose:
        seen = self._ego.place(stamp)
        if seen.why:
            self._stands = None
            return Pose(why=f"where the vehicle stands is not known: {seen.why}")
        angle, stddev = self._parked_heading(stamp)
        made = self._checked(seen, angle, stddev, replace(_STANDING, parked=True))
        if made.why:
            self._stands = None
            return made
        kept = self._stands
        if kept is not None and not self._contradicts(kept.place, kept.stddev, made):
            fresher = made.stddev < SWAPPED * kept.stddev
            doubt = hypot(kept.heading_stddev, made.heading_stddev)
            turned = abs(_between(kept.heading, made.heading)) > self._settings.sigmas * doubt
            if not fresher and not turned:
                return kept
        self._stands = made
        return made

    def _parked_heading(self, stamp: int) -> Pair:
        stated = self._settings.parked
        angle, stddev = self._antennas(stamp)
        if isfinite(angle):
            if stated is None:
                return angle, stddev
            said, sure = radians(90.0 - stated.heading), radians(stated.heading_stddev)
            apart = abs(_between(angle, said))
            return (angle, stddev) if apart <= 4.0 * hypot(stddev, sure) else (nan, inf)
        if stated is not None:
            return radians(90.0 - stated.heading), radians(stated.heading_stddev)
        at = bisect_right([h.stamp for h in self._headings], stamp) - 1
        found = self._headings[at] if at >= 0 else _Heading(0)
        return found.angle, found.stddev

    def _antennas(self, stamp: int) -> Pair:
        """What two antennas told around a moment; turning makes it less sure."""
        all_ = list(self._measured)
        at = bisect_left([h.stamp for h in all_], stamp)
        near = [h for h in all_[max(0, at - 1) : at + 1] if abs(h.stamp - stamp) <= SECOND]
        if not near:
            return nan, inf
        a, b = near[0], near[-1]
        seconds = (b.stamp - a.stamp) / SECOND
        turn = _between(a.angle, b.angle)
        share = (stamp - a.stamp) / SECOND / seconds if seconds else 0.0
        rate = turn / seconds if seconds else 0.0
        late = self._how.late * rate
        return a.angle + share * turn, hypot(max(a.stddev, b.stddev), turn / 4, late)

    def _contradicts(self, place: Degrees, stddev: float, seen: Pose) -> bool:
        apart = hypot(*offset(place, seen.place))
        return apart > self._settings.sigmas * hypot(stddev, seen.stddev) + 1.0

    def _moving(self, stamp: int) -> Pose:
        stamps = [v.stamp for v in self._velocities]
        after = bisect_left(stamps, stamp)
        around = list(self._velocities)[max(0, after - 1) : after + 1]
        speed = max((v.speed for v in around), default=nan)
        if not isfinite(speed):
            return Pose(why="how the vehicle moves is not known")
        if speed > self._settings.max_speed:
            return Pose(
                why=f"the vehicle drives {speed:.1f} m/s, and {self._settings.max_speed:g} m/s "
                "are allowed"
            )
        angle, stddev = self._way(stamp, after)
        seen = self._ego.place(stamp)
        if seen.why:
            return Pose(why=f"where the vehicle is is not known: {seen.why}")
        doubt = max(v.stddev for v in around)
        return self._checked(seen, angle, stddev, Pose(speed=speed, speed_stddev=doubt))

    def _way(self, stamp: int, after: int) -> Pair:
        """The heading between two velocities; a bend in between makes it less sure."""
        measured = self._antennas(stamp)
        if isfinite(measured[0]):
            return measured
        all_ = list(self._headings)
        if not all_ or after >= len(all_) or (after == 0 and all_[0].stamp != stamp):
            return nan, inf
        b = all_[after]
        a = all_[after - 1] if after else b
        share = (stamp - a.stamp) / (b.stamp - a.stamp) if b.stamp > a.stamp else 0.0
        turn = _between(a.angle, b.angle)
        return a.angle + share * turn, hypot(max(a.stddev, b.stddev), turn / 4)

    def _checked(self, seen: EgoPlace, angle: float, stddev: float, made: Pose) -> Pose:
        s = self._settings
        if not isfinite(angle) or not isfinite(stddev):
            return replace(
                made,
                why="which way the vehicle looks is not known: it has not driven "
                f"{self._how.fast:g} m/s since it was last lost, and no heading is stated",
            )
        if stddev > radians(s.max_heading_stddev):
            return replace(
                made,
                why=f"its heading is known to {degrees(stddev):.0f} degrees only, and "
                f"{s.max_heading_stddev:g} are asked for",
            )
        ahead, left = self._antenna
        c, d = cos(angle), sin(angle)
        place = moved((seen.latitude, seen.longitude), -c * ahead + d * left, -d * ahead - c * left)
        made = replace(made, place=place, heading=angle, stddev=seen.stddev, heading_stddev=stddev)
        stated = s.parked
        if made.parked and stated is not None and (there := stated.place) is not None:
            if self._contradicts(there, stated.stddev, made):
                apart = hypot(*offset(there, made.place))
                return replace(made, why=f"GNSS sees it {apart:.0f} m from where it is stated")
            made = replace(made, place=there, stddev=stated.stddev)
        if not made.stddev <= s.max_stddev:
            return replace(
                made,
                why=f"its place is known to {made.stddev:.1f} m only, and {s.max_stddev:g} m are "
                "asked for",
            )
        return made


_STANDING = Pose()


def _between(a: float, b: float) -> float:
    """rad from one heading to another, the short way."""
    return (b - a + pi) % (2 * pi) - pi
