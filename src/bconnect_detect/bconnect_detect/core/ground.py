"""Places and speeds on the ground: what the foot of a box says, and how sure that is.

The foot is the bottom centre of a box, the road user's lower edge nearest to the camera. Its
place is an image point sent through the calibration's homography; its speed comes from the
stamps of the images and nothing else.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core import geometry
from bconnect_detect.core.ground_links import Links
from bconnect_detect.core.ground_way import Lay, Slopes, Way, doubts
from bconnect_detect.core.memory import Memory
from bconnect_detect.core.types import SECOND, Tracks
from bconnect_site.calibration import Calibration

Vector = NDArray[np.float64]

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
    boxes = np.ascontiguousarray(boxes, np.float64).reshape(-1, 4)
    if calibration.has_ground and not calibration.has_distortion:
        n = len(boxes)
        made = Feet(np.empty((n, 2)), np.empty((n, 2, 2)), np.empty((n, 2)), np.empty((n, 2)))
        lay = _lay(calibration, size, settings)
        lay.feet(boxes, made.places, made.slopes, made.jitter, made.drift)
        return made
    scale = np.array(size, np.float64)
    fractions = geometry.feet(boxes) / scale
    places = calibration.to_ground(fractions)
    places[_clipped(boxes, scale)] = np.nan
    sides = np.abs(boxes[:, 2:] - boxes[:, :2])
    # The foot's x is the mean of two edges, its y is one edge.
    jitter = np.maximum(settings.jitter * sides, settings.least) * (0.7071, 1.0)
    drift = settings.drift * sides * (0.7071, 1.0)
    return Feet(places, calibration.jacobian(fractions) / scale, jitter, drift)


@lru_cache(maxsize=256)
def _lay(calibration: Calibration, size: tuple[int, int], settings: GroundSettings) -> Lay:
    return Lay(calibration, size, (settings.jitter, settings.drift, settings.least))


def _clipped(boxes: Vector, scale: Vector) -> NDArray[np.bool_]:
    """A box that ends so near to the border that it may go on beyond it; cut at its top, it
    still stands on its foot."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    aside, below = np.maximum(2.0, _BORDER * width), np.maximum(2.0, _BORDER * height)
    cut = (boxes[:, 0] <= aside) | (boxes[:, 2] >= scale[0] - aside)
    cut |= boxes[:, 3] >= scale[1] - below
    return np.asarray(cut | ~np.isfinite(boxes).all(axis=1), np.bool_)


class Ground:
    """Adds positions and velocities to the tracks of one camera; ``frame``: <site>/map."""

    def __init__(
        self, calibration: Calibration, frame: str = "map", settings: GroundSettings = DEFAULT
    ) -> None:
        self._calibration, self._frame, self.settings = calibration, frame, settings
        self._ways: Memory[Way] = Memory(Way, int(2 * settings.window * SECOND))
        self._slopes = Slopes(
            settings.window,
            settings.min_looks,
            settings.min_seconds,
            settings.lasting,
            settings.wild,
        )
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
        n = len(tracks)
        spread, shape, near = np.empty((n, 2)), np.empty((n, 2, 2)), np.empty((n, 4))
        doubts(feet.slopes, feet.jitter, feet.drift, spread, shape, near)
        spread = np.hypot(spread, calibration.stddev + 0.0 * feet.places)  # NaN stays NaN
        widths = (tracks.boxes[:, 2] - tracks.boxes[:, 0]) * np.hypot(*feet.slopes[:, :, 0].T)
        ids = self._links.name(tracks.track_id, tracks.stamp, feet.places, shape, widths)
        velocity, doubt = np.full((n, 2), np.nan), np.full((n, 2), np.nan)
        self._velocities(ids, tracks.stamp, feet.places, near, velocity, doubt)
        self._links.learn(ids, tracks.stamp, velocity, doubt)
        return tracks.changed(
            track_id=ids,
            position=feet.places.astype(np.float32),
            position_stddev=spread.astype(np.float32),
            velocity=velocity.astype(np.float32),
            velocity_stddev=doubt.astype(np.float32),
            ground_frame=self._frame,
        )

    def __len__(self) -> int:
        """How many road users are remembered."""
        return len(self._ways)

    def _velocities(
        self,
        ids: NDArray[np.int64],
        stamp: int,
        places: Vector,
        near: Vector,
        velocity: Vector,
        doubt: Vector,
    ) -> None:
        """Fills velocity and doubt (n, 2), m/s, where a way is known."""
        gap = int(self.settings.gap * SECOND)
        rows = zip(ids.tolist(), places.tolist(), near.tolist(), strict=True)
        for row, (id_, (x, y), (jitter_x, jitter_y, drift_x, drift_y)) in enumerate(rows):
            if id_ > 0 and x == x and y == y:
                way = self._ways.touch(id_, stamp)
                way.put(stamp, x, y, jitter_x, jitter_y, gap)
                self._slopes.of(way, stamp, drift_x, drift_y, velocity, doubt, row)
