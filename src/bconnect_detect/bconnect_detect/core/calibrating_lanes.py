"""The ground from parallel lane lines a known distance apart.

Two lines meet in the image at a vanishing point, which says where the camera looks once its
focal length is known; their distance apart says how high it hangs. The focal length comes from
its field of view, or from a length along the road that was measured (a dash and its gap).

         \\        |        /        lines: offsets 0, 3.5, 7.0 m
          \\    | |     /           along: these two marks are 8.0 m apart
           \\    | |    /
Assumed: square pixels, the principal point in the middle, an upright camera (no roll), a straight
and level road. None of that is needed for surveyed points, which are better.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.calibrating import apply, marking
from bconnect_site.errors import ConfigError

Vector = NDArray[np.float64]

_FOCAL = (0.3, 12.0)  # image widths that are tried
_VIEW_DOUBT = 0.03  # share by which a stated field of view is off
_STEPS = 400


@dataclass(frozen=True, slots=True)
class Lanes:
    """Marked lane lines: ends (n, 2, 2) in fractions; offsets (n,) m, to the left of travel.

    along: marks (k, 2, 2) in fractions and the lengths (k,) m between them. focal: image
    widths, None: from along. tall: image height over width.
    """

    ends: Vector
    offsets: Vector
    tall: float
    along: Vector
    lengths: Vector
    focal: float | None = None


@dataclass(frozen=True, slots=True)
class FittedLanes:
    """A homography to metres (along the road, to its left) and how good it is."""

    homography: Vector
    ground: Vector  # (2n, 2) m, the ends of the lines where they must lie
    residuals: Vector  # (2n,) m, from there to where the fit puts them
    stddev: float
    focal: float


def fit_lanes(lanes: Lanes) -> FittedLanes:
    """The ground plane. Raises ConfigError: what is marked leaves it undecided."""
    if len(lanes.ends) < 2 or len(np.unique(lanes.offsets)) < 2:
        raise ConfigError("lanes.lines: needs at least two lines at different offsets")
    vanishing = _vanishing(lanes)
    focal = lanes.focal
    if focal is None:
        if not len(lanes.lengths):
            raise ConfigError(
                "lanes: needs field_of_view, or a measured length under along: the distance "
                "apart of lines says nothing about lengths along them"
            )
        focal = _focal(lanes, vanishing)
    matrix = _matrix(lanes, vanishing, focal)
    marks = lanes.ends.reshape(-1, 2)
    placed = apply(matrix, marks)
    if not np.isfinite(placed).all():
        raise ConfigError("lanes.lines: reach to the horizon or above it; mark nearer ends")
    offsets = np.repeat(lanes.offsets, 2)
    ground = np.column_stack((placed[:, 0], offsets))
    residuals = np.abs(placed[:, 1] - offsets)
    return FittedLanes(matrix, ground, residuals, _stddev(lanes, matrix, residuals), focal)


def _image(lanes: Lanes, fractions: Vector) -> Vector:
    """Fractions as image widths from the middle, y down."""
    return np.asarray((fractions - 0.5) * (1.0, lanes.tall), np.float64)


def _vanishing(lanes: Lanes) -> Vector:
    """Where the lines meet, image widths from the middle."""
    ends = _image(lanes, lanes.ends.reshape(-1, 2)).reshape(-1, 2, 2)
    normals = np.column_stack((ends[:, 1, 1] - ends[:, 0, 1], ends[:, 0, 0] - ends[:, 1, 0]))
    lengths = np.linalg.norm(normals, axis=1)
    if (lengths < 0.02).any():
        raise ConfigError(f"lanes.lines[{int(lengths.argmin())}]: is too short to have a direction")
    normals = normals / lengths[:, None]
    for one, other in combinations(range(len(normals)), 2):
        turned = abs(normals[one, 0] * normals[other, 1] - normals[one, 1] * normals[other, 0])
        if lanes.offsets[one] != lanes.offsets[other] and turned < 0.02:
            raise ConfigError(
                f"lanes.lines[{one}] and lanes.lines[{other}]: do not converge in the image; "
                "mark lines that do, or survey points"
            )
    made = np.linalg.lstsq(normals, (normals * ends[:, 0]).sum(axis=1), rcond=None)[0]
    if made[1] >= ends[:, :, 1].min():
        raise ConfigError("lanes.lines: meet below where they are marked; are their ends swapped?")
    return np.asarray(made, np.float64)


def _matrix(lanes: Lanes, vanishing: Vector, focal: float) -> Vector:
    """Fractions to (m along, m to the left), the first mark of the first line at (0, offset)."""
    ahead = np.array((*vanishing, focal))
    ahead = ahead / np.linalg.norm(ahead)
    down = np.array((0.0, ahead[2], -ahead[1]))
    down = down / np.linalg.norm(down)
    left = np.cross(ahead, down)  # x right, y down, z forward
    to_rays = np.array(((1.0, 0.0, -0.5), (0.0, lanes.tall, -lanes.tall / 2), (0.0, 0.0, focal)))
    plane = np.vstack((ahead, left, down)) @ to_rays  # at a height of 1 m
    aside = apply(plane, lanes.ends.reshape(-1, 2))[:, 1]
    offsets = np.repeat(lanes.offsets, 2)
    height, shift = np.linalg.lstsq(
        np.column_stack((aside, np.ones(len(aside)))), offsets, rcond=None
    )[0]
    if height <= 0:
        raise ConfigError(
            "lanes.lines: their offsets run the wrong way; they count to the left of travel, "
            "which is away from the camera"
        )
    scaled = np.diag((height, height, 1.0))
    scaled[1, 2] = shift
    matrix = scaled @ plane
    start = apply(matrix, lanes.ends[:1, 0])[0, 0]
    move = np.eye(3)
    move[0, 2] = -start
    return np.asarray(move @ matrix / np.abs(matrix).max(), np.float64)


def _focal(lanes: Lanes, vanishing: Vector) -> float:
    """Image widths at which what was measured along the road has its length."""

    def miss(focal: float) -> float:
        matrix = _matrix(lanes, vanishing, focal)
        ends = apply(matrix, lanes.along.reshape(-1, 2)).reshape(-1, 2, 2)
        return float(np.log(np.hypot(*(ends[:, 1] - ends[:, 0]).T) / lanes.lengths).mean())

    tried = np.geomspace(*_FOCAL, _STEPS)
    misses = np.array([miss(focal) for focal in tried])
    crossings = np.flatnonzero(np.isfinite(misses[1:]) & (misses[:-1] * misses[1:] <= 0))
    if not len(crossings):
        raise ConfigError(
            "lanes.along: no lens shows these lines and this length together; check the "
            "length, the offsets and the marks"
        )
    low, high = tried[crossings[0]], tried[crossings[0] + 1]
    for _ in range(60):
        middle = (low + high) / 2
        if miss(low) * miss(middle) <= 0:
            high = middle
        else:
            low = middle
    return float((low + high) / 2)


def _stddev(lanes: Lanes, matrix: Vector, residuals: Vector) -> float:
    """m: of a place, with what an error of scale makes over the marked stretch."""
    marks = lanes.ends.reshape(-1, 2)
    placed = apply(matrix, marks)
    stretch = float(np.ptp(placed[:, 0]))
    share = _VIEW_DOUBT
    if lanes.focal is None:
        doubt = marking(matrix, lanes.along.reshape(-1, 2)).reshape(-1, 2)
        share = float(np.sqrt((doubt**2).sum(axis=1).mean() / len(lanes.lengths))) / float(
            lanes.lengths.mean()
        )
    fitted = float(np.sqrt((residuals**2).mean()))
    return max(fitted, float(np.median(marking(matrix, marks))), share * stretch / 2)
