"""Places and speeds on the ground: what the foot of a box says, and how sure that is.

The foot is the bottom centre of a box, the road user's lower edge nearest to the camera. Its
place is an image point sent through the calibration's homography; its speed comes from the
stamps of the images and nothing else.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core import geometry
from bconnect_detect.core.ground_links import Links
from bconnect_detect.core.memory import Memory
from bconnect_detect.core.types import SECOND, Tracks
from bconnect_site.calibration import Calibration

Vector = NDArray[np.float64]

_KEPT = 32  # looks of one road user
_BORDER = 0.04  # of a box's side: nearer to the image's border it counts as cut


@dataclass(frozen=True, slots=True)
class GroundSettings:
    """How well a foot is seen and how a speed is made of places.

    jitter is new in every image, drift keeps for about ``lasting``.
    """

    jitter: float = 0.020  # of the box's height (across: width), standard deviation
    drift: float = 0.015
    least: float = 0.4  # px of jitter at least
    window: float = 1.0  # s of way a velocity is made of
    gap: float = 0.6  # s unseen: the way begins anew
    min_looks: int = 4
    min_seconds: float = 0.25
    lasting: float = 1.0  # s
    wild: float = 2.5  # standard deviations a look may lie off before it counts less


DEFAULT = GroundSettings()


@dataclass(frozen=True, slots=True)
class Feet:
    """Feet of n boxes on the ground. NaN: clipped, or outside what was calibrated."""

    places: Vector  # (n, 2) m
    slopes: Vector  # (n, 2, 2) m per pixel
    jitter: Vector  # (n, 2) px, across and down
    drift: Vector  # (n, 2) px

    def spread(self, direction: Vector) -> tuple[Vector, Vector]:
        """m of (jitter, drift) along a direction, one (2,) or one each (n, 2)."""
        along = np.einsum("ni,nij->nj", np.broadcast_to(direction, self.places.shape), self.slopes)
        return np.hypot(*(along * self.jitter).T), np.hypot(*(along * self.drift).T)


def feet_on_ground(
    calibration: Calibration,
    boxes: NDArray[np.floating],
    size: tuple[int, int],
    settings: GroundSettings = DEFAULT,
) -> Feet:
    """Where the feet of boxes (n, 4) px in an image of ``size`` stand."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    scale = np.array(size, np.float64)
    fractions = geometry.feet(boxes) / scale
    places = calibration.to_ground(fractions)
    places[_clipped(boxes, scale)] = np.nan
    sides = np.abs(boxes[:, 2:] - boxes[:, :2])
    # The foot's x is the mean of two edges, its y is one edge.
    jitter = np.maximum(settings.jitter * sides, settings.least) * (0.7071, 1.0)
    drift = settings.drift * sides * (0.7071, 1.0)
    return Feet(places, calibration.jacobian(fractions) / scale, jitter, drift)


def _clipped(boxes: Vector, scale: Vector) -> NDArray[np.bool_]:
    """A box that ends so near to the border that it may go on beyond it; cut at its top, it
    still stands on its foot."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    aside, below = np.maximum(2.0, _BORDER * width), np.maximum(2.0, _BORDER * height)
    cut = (boxes[:, 0] <= aside) | (boxes[:, 2] >= scale[0] - aside)
    cut |= boxes[:, 3] >= scale[1] - below
    return np.asarray(cut | ~np.isfinite(boxes).all(axis=1), np.bool_)


class _Way:
    """The last places of one road user."""

    __slots__ = ("at", "count", "last", "stamps")

    def __init__(self) -> None:
        self.stamps = np.zeros(_KEPT, np.int64)
        self.at = np.full((_KEPT, 4), np.nan)  # m: x, y and their standard deviations
        self.count, self.last = 0, 0

    def put(self, stamp: int, at: Vector, gap: int) -> None:
        if self.count and not 0 <= stamp - self.last <= gap:
            self.at[:] = np.nan
        place = self.count % _KEPT
        self.stamps[place], self.at[place] = stamp, at
        self.count, self.last = self.count + 1, stamp


class Ground:
    """Adds positions and velocities to the tracks of one camera; ``frame``: <site>/map."""

    def __init__(
        self, calibration: Calibration, frame: str = "map", settings: GroundSettings = DEFAULT
    ) -> None:
        self._calibration, self._frame, self.settings = calibration, frame, settings
        self._ways: Memory[_Way] = Memory(_Way, int(2 * settings.window * SECOND))
        self._links = Links()
        self._last: int | None = None

    def place(self, tracks: Tracks) -> Tracks:
        """The same tracks with position, velocity and their standard deviations; those that
        broke off and were found again on the ground under the id they had.

        Unchanged where they are placed already, and where the calibration was made for another
        aspect ratio or knows no ground. Stamps that run backwards begin anew.
        """
        calibration = self._calibration
        if tracks.ground_frame:
            return tracks
        if not (calibration.has_ground and calibration.fits(tracks.width, tracks.height)):
            return tracks
        if self._last is not None and tracks.stamp < self._last:
            self._ways.clear()
            self._links.clear()
        self._last = tracks.stamp
        self._ways.expire(tracks.stamp)
        size = tracks.width, tracks.height
        feet = feet_on_ground(calibration, tracks.boxes, size, self.settings)
        noise = np.hypot(feet.jitter, feet.drift)
        spread = np.sqrt(((feet.slopes * noise[:, None, :]) ** 2).sum(axis=2))
        spread = np.where(np.isfinite(feet.places), np.hypot(spread, calibration.stddev), np.nan)
        tracks = self._named(tracks, feet)
        velocity, doubt = self._velocities(tracks, feet)
        self._links.learn(tracks.track_id, tracks.stamp, velocity, doubt)
        return tracks.changed(
            position=feet.places.astype(np.float32),
            position_stddev=spread.astype(np.float32),
            velocity=velocity.astype(np.float32),
            velocity_stddev=doubt.astype(np.float32),
            ground_frame=self._frame,
        )

    def __len__(self) -> int:
        """How many road users are remembered."""
        return len(self._ways)

    def _named(self, tracks: Tracks, feet: Feet) -> Tracks:
        """Under the ids their road users had before they were lost."""
        noisy = feet.slopes * np.hypot(feet.jitter, feet.drift)[:, None, :]
        widths = (tracks.boxes[:, 2] - tracks.boxes[:, 0]) * np.hypot(*feet.slopes[:, :, 0].T)
        spread = noisy @ noisy.transpose(0, 2, 1)
        ids = self._links.name(tracks.track_id, tracks.stamp, feet.places, spread, widths)
        return tracks.changed(track_id=ids)

    def _velocities(self, tracks: Tracks, feet: Feet) -> tuple[Vector, Vector]:
        n, s, places = len(tracks), self.settings, feet.places
        made, doubt = np.full((n, 2), np.nan), np.full((n, 2), np.nan)
        jitter = np.sqrt(((feet.slopes * feet.jitter[:, None, :]) ** 2).sum(axis=2))
        drift = np.sqrt(((feet.slopes * feet.drift[:, None, :]) ** 2).sum(axis=2))
        rows = np.flatnonzero((tracks.track_id > 0) & np.isfinite(places).all(axis=1))
        if not len(rows):
            return made, doubt
        ways = [self._ways.touch(i, tracks.stamp) for i in tracks.track_id[rows].tolist()]
        gap = int(s.gap * SECOND)
        for way, look in zip(ways, np.concatenate((places, jitter), axis=1)[rows], strict=True):
            way.put(tracks.stamp, look, gap)
        times = (np.array([w.stamps for w in ways]) - tracks.stamp) / SECOND
        at = np.array([w.at for w in ways])
        known = np.isfinite(at).all(axis=2) & (times >= -s.window) & (times <= 0.0)
        columns = at.transpose(2, 0, 1)  # x, y, and their jitter
        slopes, doubts = _slopes(
            np.tile(times, (2, 1)),
            np.concatenate(columns[:2]),
            np.concatenate(columns[2:]),
            np.tile(known, (2, 1)),
            drift[rows].T.ravel(),
            s,
        )
        made[rows], doubt[rows] = slopes.reshape(2, -1).T, doubts.reshape(2, -1).T
        return made, doubt


def _slopes(
    times: Vector,
    values: Vector,
    spread: Vector,
    known: NDArray[np.bool_],
    drift: Vector,
    s: GroundSettings,
) -> tuple[Vector, Vector]:
    """Weighted slopes of n rows of k looks, once reweighted against wild looks; with stddev."""
    count = known.sum(axis=1)
    half = np.maximum(count - 1, 0)[:, None] // 2
    spread = np.maximum(np.where(known, spread, 1.0), 1e-4)
    plain = np.where(known, spread**-2, 0.0)
    times, values = np.where(known, times, 0.0), np.where(known, values, 0.0)
    weights = plain
    with np.errstate(all="ignore"):
        for _ in range(2):
            total = weights.sum(axis=1, keepdims=True)
            early = times - (weights * times).sum(axis=1, keepdims=True) / total
            off = values - (weights * values).sum(axis=1, keepdims=True) / total
            power = (weights * early**2).sum(axis=1)
            slope = (weights * early * off).sum(axis=1) / power
            z = np.where(known, np.abs(off - slope[:, None] * early) / spread, np.inf)
            median = np.take_along_axis(np.sort(z, axis=1), half, axis=1)
            unit = np.maximum(1.0, 1.5 * median)
            weights = plain * np.minimum(1.0, s.wild * unit / np.maximum(z, 1e-9))
        span = -times.min(axis=1)
        stddev = unit[:, 0] / np.sqrt(power)
        # Two ends of the way, off by a drift that has partly changed between them.
        changed = np.sqrt(2 * (1 - np.exp(-span / s.lasting)))
        stddev = np.hypot(stddev, drift * changed / span)
    enough = (count >= s.min_looks) & (span >= s.min_seconds) & np.isfinite(slope)
    return np.where(enough, slope, np.nan), np.where(enough, stddev, np.nan)
