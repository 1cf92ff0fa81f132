"""The mean speed of one vehicle on its way through a zone, with its doubt, or a refusal.

Looks at its box become places of its middle on the ground, a curve goes through them by the
stamps of the images, and the mean speed is the curve's length over its time. What is not known
better widens the interval: noise of the box, the block a vehicle is taken for, the survey of the
ground, and how it drove where it was not seen.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core import geometry
from bconnect_detect.core.fit import Fit, fit_way, told_looks
from bconnect_detect.core.ground import DEFAULT, Feet, GroundSettings, feet_on_ground
from bconnect_detect.core.ground_pose import BLOCKS, SPREAD, USUAL_SPREAD, Pose, pose_of
from bconnect_detect.core.speed_doubts import uncut
from bconnect_detect.core.types import SECOND, Look
from bconnect_site.calibration import Calibration
from bconnect_site.kinds import RoadUserKind

Vector = NDArray[np.float64]

KMH = 3.6
_EDGE, _CUT = 0.002, 0.15  # of the image: on its border; an end of a way that goes on beyond it


def forgiven(limit: float, tolerance: float | None) -> float:
    """m/s above a limit [m/s] that count for nothing: the place's own, else 3 km/h or 3 %."""
    return tolerance if tolerance is not None else max(3.0 / KMH, 0.03 * limit)


@dataclass(frozen=True, slots=True)
class SpeedSettings:
    """When a way is long, plain and well seen enough to be measured (OIML R 91)."""

    min_looks: int = 8
    min_way: float = 10.0  # m
    around: float = 1.0  # s before and after the region from which looks help
    gap: float = 1.0  # s between two looks at most
    max_speed: float = 70.0  # m/s, faster is no vehicle
    max_push: float = 12.0  # m/s2, harder is no vehicle
    outliers: float = 0.2  # share of looks far off the way
    uncut: float = 0.6  # share of looks that must show all of it
    unit: float = 1.7  # times wider the looks may scatter than a box usually does
    bend: float = 1.15  # of the chord, the way's length at most
    widest: float = 4.0 / KMH  # m/s, half the interval at most; above 100 km/h that share
    unseen_push: float = 1.2  # m/s2, standard deviation, where it was not seen
    beyond: float = 0.35  # s by which the middle of a way is off where its end is cut away
    block_doubt: float = 0.25  # share of the block's correction that may be wrong
    quantile: float = 2.0  # of a normal distribution 1.96; the spread is estimated too
    ground: GroundSettings = DEFAULT


@dataclass(frozen=True, slots=True)
class Speed:
    """A measured mean speed; m, s."""

    mean: float  # m/s
    stddev: float  # m/s
    low: float  # m/s, interval at 95 %
    high: float
    way: float
    seconds: float
    looks: int  # that helped
    first: int  # the first and the last look in the region, of those given
    last: int
    told: tuple[Look, ...] = ()  # of those that helped, evenly chosen


class Refusal(str):
    """Why a reading is void, in words."""


class Speedometer:
    """Measures ways through regions of one camera's image."""

    def __init__(self, calibration: Calibration, settings: SpeedSettings | None = None) -> None:
        self.settings = settings or SpeedSettings()
        self._calibration = calibration
        self._pose: Pose | None = pose_of(calibration)

    def measure(
        self,
        stamps: NDArray[np.int64],
        boxes: Vector,
        size: tuple[int, int],
        kind: RoadUserKind,
        region: Vector | None = None,
    ) -> Speed | Refusal:
        """Of one vehicle's looks: stamps (n,) ns, boxes (n, 4) px in images of ``size``.

        The speed is the mean of its middle through a region (m, 2) in fractions; None:
        from the first look to the last.
        """
        s = self.settings
        known = np.isfinite(feet_on_ground(self._calibration, boxes, size, s.ground).places)
        rows = np.flatnonzero(known.all(axis=1))
        if len(rows) < s.min_looks:
            return Refusal("too few looks")
        stamps, boxes = np.asarray(stamps, np.int64)[rows], np.asarray(boxes)[rows]
        times = (stamps - stamps[0]) / SECOND
        if (np.diff(times) <= 0).any():
            return Refusal("stamps do not rise")
        feet = feet_on_ground(self._calibration, boxes, size, s.ground)
        good = uncut(times, boxes, np.hypot(*feet.slopes[:, :, 0].T))
        if good.mean() < s.uncut:
            return Refusal("its box is cut too often")
        stamps, times, rows = stamps[good], times[good], rows[good]
        feet = Feet(*(column[good] for column in _columns(feet)))
        middles = self._middles(times, feet, kind)
        inside = self._inside(middles, region)
        if not inside.any():
            return Refusal("too few looks")
        bounds = times[inside][0] - s.around, times[inside][-1] + s.around
        used = np.flatnonzero((times >= bounds[0]) & (times <= bounds[1]))
        if len(used) < s.min_looks:
            return Refusal("too few looks")
        feet = Feet(*(column[used] for column in _columns(feet)))
        at = stamps[used], times[used]
        return self._judge(at, feet, middles[used], kind, region, rows[used])

    def _judge(
        self,
        at: tuple[NDArray[np.int64], Vector],
        feet: Feet,
        middles: Vector,
        kind: RoadUserKind,
        region: Vector | None,
        rows: NDArray[np.intp],
    ) -> Speed | Refusal:
        s, (stamps, times) = self.settings, at
        if np.diff(times).max() > s.gap:
            return Refusal("it was out of sight too long")
        chord = _chord(times, middles)
        if chord is None:
            return Refusal("it does not move")
        across = np.array((-chord[1], chord[0]))
        fit = self._along(times, middles @ chord, feet, chord)
        side = self._along(times, middles @ across, feet, across)
        if fit is None or side is None:
            return Refusal("too few looks")
        if why := self._doubt(fit, side):
            return why
        grid = np.linspace(times[0], times[-1], max(2, int((times[-1] - times[0]) / 0.02)))
        places = fit.value(grid)[:, None] * chord + side.value(grid)[:, None] * across
        held = grid[self._inside(places, region)]
        if len(held) < 2:
            return Refusal("too short a way")
        begin, end = float(held[0]), float(held[-1])
        speed, noise = fit.mean_slope(begin, end)
        bend, seconds = _bend(fit, side, begin, end), end - begin
        way = speed * seconds * bend
        if way < s.min_way:
            return Refusal("too short a way")
        if speed * bend > s.max_speed:
            return Refusal("faster than any vehicle")
        doubts = (
            noise,
            self._block_doubt(times, feet, chord, kind, speed),
            np.sqrt(2) * self._calibration.stddev / seconds,
            self._unseen_doubt(places, chord, speed, region),
            self._border_doubt(fit, places, region),
        )
        stddev = float(np.linalg.norm(doubts)) * bend
        counted = rows[(times >= begin - 0.01) & (times <= end + 0.01)]
        if not len(counted):
            return Refusal("too few looks")
        along, stated = middles @ chord, np.hypot(*feet.spread(chord))
        told = told_looks(stamps, times, along, stated, fit)
        return self._answer(speed * bend, stddev, (way, seconds), counted, len(rows), told)

    def _answer(
        self,
        speed: float,
        stddev: float,
        went: tuple[float, float],
        rows: NDArray[np.intp],
        looks: int,
        told: tuple[Look, ...],
    ) -> Speed | Refusal:
        s = self.settings
        half = s.quantile * stddev
        if not half <= s.widest * max(1.0, speed * KMH / 100.0):
            return Refusal("its speed is too uncertain")
        bounds = speed - half, speed + half
        return Speed(speed, stddev, *bounds, *went, looks, int(rows[0]), int(rows[-1]), told)

    def _doubt(self, fit: Fit, side: Fit) -> Refusal | None:
        s = self.settings
        if fit.outliers > s.outliers or side.outliers > s.outliers or fit.unit > s.unit:
            return Refusal("its way is broken")
        ends = np.array((fit.start, fit.end))
        if np.abs(np.diff(fit.slope(ends))).max() > s.max_push * (fit.end - fit.start):
            return Refusal("harder pushed than any vehicle")
        if not _bend(fit, side, fit.start, fit.end) <= s.bend:
            return Refusal("its way bends too much")
        return None

    def _along(self, times: Vector, values: Vector, feet: Feet, direction: Vector) -> Fit | None:
        jitter, drift = feet.spread(direction)
        degree = 2 if times[-1] - times[0] < 4.0 else 3
        return fit_way(times, values, jitter, drift, self.settings.ground.lasting, degree)

    def _middles(self, times: Vector, feet: Feet, kind: RoadUserKind, scale: float = 1.0) -> Vector:
        """Middles of the vehicle, (n, 2) m; its feet where the camera's pose is not known."""
        if self._pose is None:
            return feet.places
        headings = self._headings(times, feet)
        if headings is None:
            return feet.places
        return feet.places - self._offsets(feet.places, headings, kind, scale)

    def _offsets(
        self, places: Vector, headings: Vector, kind: RoadUserKind, scale: float = 1.0
    ) -> Vector:
        assert self._pose is not None
        length, width, height = BLOCKS.get(kind, BLOCKS[RoadUserKind.CAR])
        block = (length * scale, width * scale, height * scale)
        offsets = np.zeros_like(places)
        for _ in range(4):
            made = self._pose.foot_offset(places - offsets, headings, block)
            offsets = np.where(np.isfinite(made), made, offsets)
        return offsets

    def _headings(self, times: Vector, feet: Feet) -> Vector | None:
        """Unit vectors (n, 2) of a plain curve through the feet; None: it stands."""
        rates = []
        for axis, unit in enumerate(((1.0, 0.0), (0.0, 1.0))):
            jitter, drift = feet.spread(np.array(unit))
            places = feet.places[:, axis]
            fit = fit_way(times, places, jitter, drift, self.settings.ground.lasting, 2)
            if fit is None:
                return None
            rates.append(fit.slope(times))
        made = np.column_stack(rates)
        lengths = np.hypot(made[:, 0], made[:, 1])
        return made / lengths[:, None] if (lengths > 0.5).all() else None

    def _inside(self, middles: Vector, region: Vector | None) -> NDArray[np.bool_]:
        if region is None:
            return np.ones(len(middles), np.bool_)
        image = self._calibration.to_image(middles)
        held = np.asarray(np.isfinite(image).all(axis=1), np.bool_)
        return held & geometry.inside(np.where(held[:, None], image, -1.0), np.asarray(region))

    def _block_doubt(
        self, times: Vector, feet: Feet, chord: Vector, kind: RoadUserKind, speed: float
    ) -> float:
        """m/s, standard deviation by which another block, or none, would change the speed."""
        if self._pose is None:
            return 0.03 * speed
        headings = np.tile(chord, (len(times), 1))
        spread = SPREAD.get(kind, USUAL_SPREAD)
        seconds = times[-1] - times[0]
        offsets = [
            self._offsets(feet.places, headings, kind, scale) @ chord
            for scale in (1.0 - spread, 1.0, 1.0 + spread)
        ]
        small, usual, large = (_rise(times, o) / seconds for o in offsets)
        return float(np.hypot((large - small) / 2, self.settings.block_doubt * usual))

    def _unseen_doubt(
        self, places: Vector, chord: Vector, speed: float, region: Vector | None
    ) -> float:
        """m/s: it may have been pushed in the part of the region where it was not seen."""
        if region is None:
            return 0.0
        steps = np.arange(0.5, 60.0, 0.5)[:, None] * chord
        before, after = (
            _run(self._inside(at, region)) if self._inside(at[:1] - step, region)[0] else 0
            for at, step in ((places[0] - steps, -steps[:1]), (places[-1] + steps, steps[:1]))
        )
        return self.settings.unseen_push * 0.5 * max(before, after) * 0.5 / max(speed, 1.0)

    def _border_doubt(self, fit: Fit, places: Vector, region: Vector | None) -> float:
        """m/s: a region cut by the image's border goes on, nobody knows how far."""
        if region is None or not ((region <= _EDGE) | (region >= 1 - _EDGE)).any():
            return 0.0
        at = self._calibration.to_image(places[[0, -1]])
        cut = (at <= _CUT) | (at >= 1 - _CUT) | ~np.isfinite(at)
        if not cut.any():
            return 0.0
        ends = fit.slope(np.array((fit.start, fit.end)))
        push = abs(float(ends[1] - ends[0])) / (fit.end - fit.start)
        return self.settings.beyond * (push + self.settings.unseen_push / 2)


def _columns(feet: Feet) -> tuple[Vector, ...]:
    return feet.places, feet.slopes, feet.jitter, feet.drift


def _run(inside: NDArray[np.bool_]) -> int:
    """How many of the first ones in a row are inside."""
    return len(inside) if inside.all() else int(np.argmin(inside))


def _rise(times: Vector, values: Vector) -> float:
    """By how much values rise from first to last, by a straight line through them."""
    early = times - times.mean()
    slope = float(early @ values) / float(early @ early)
    return slope * float(times[-1] - times[0])


def _chord(times: Vector, places: Vector) -> Vector | None:
    """Unit vector of travel; None: it goes nowhere."""
    early = times - times.mean()
    way = early @ places
    length = float(np.hypot(*way))
    if not length > 0.5 * float(early @ early):
        return None
    return np.asarray(way / length, np.float64)


def _bend(fit: Fit, side: Fit, begin: float, end: float) -> float:
    """Length of the curve between two times over that of its projection on the chord."""
    times = np.linspace(begin, end, 25)
    ahead, aside = np.diff(fit.value(times)), np.diff(side.value(times))
    reach = float(ahead.sum())
    return float(np.hypot(ahead, aside).sum()) / reach if reach > 0 else np.inf
