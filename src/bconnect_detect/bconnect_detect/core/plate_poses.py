"""Number plates on one road as a camera sees them: what a guess of both explains, and the best.

The state of a guess: tilt [rad, down], the camera's height [m], log of the focal length, log of the
plates' size, then per plate: m ahead, m to the left, how it is turned [rad], how high it hangs [m].
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bconnect_site.errors import ConfigError

Vector = NDArray[np.float64]

SHARED = 4  # numbers of the state before those of each plate
MARK = 1.0 / 1280  # image widths, how well a corner is marked
HEIGHT_DOUBT = 0.05  # m, of the camera's measured height
_HANGS_DOUBT = 0.12  # m
_SIZE_DOUBT, _MEASURED = 0.05, 0.01  # shares
_VIEW_DOUBT = 0.03  # share of the focal length
_TURNED = 0.6  # rad, plates are turned off the camera's axis by so much, at random


@dataclass(frozen=True, slots=True)
class Plate:
    """corners: (4, 2) fractions, clockwise from the upper left; size [m]: length, height."""

    corners: Vector
    size: tuple[float, float]
    hangs: float  # m, its middle above the road


@dataclass(frozen=True, slots=True)
class Plates:
    """focal: image widths; tall: image height over width; height: m, of the camera if measured;
    measured: sizes were, too."""

    plates: tuple[Plate, ...]
    focal: float
    tall: float
    height: float | None = None
    measured: bool = False


IN_THE_SKY = (
    "plates: do not stand on one road below the camera; is one of them in the sky, are corners or "
    "kinds mistaken, or is the field of view another one?"
)


def start(given: Plates, seen: Vector, side: int) -> Vector:
    """A first guess from the plates' lengths (side 0) or heights (1) in the image."""
    rays = np.column_stack((seen.mean(axis=1), np.full(len(seen), given.focal)))
    places = rays * distances(given.plates, seen)[:, side, None]
    hangs = np.array([p.hangs for p in given.plates])
    best, found = np.inf, np.zeros(2)
    for tilt in np.radians(np.linspace(-5.0, 60.0, 131)):
        heights = places @ axes(tilt)[2] + hangs
        height = float(heights.mean()) if given.height is None else given.height
        miss = float(((heights - height) ** 2).sum())
        if height > 1.0 and miss < best:
            best, found = miss, np.array((tilt, height))
    if not np.isfinite(best):
        raise ConfigError(IN_THE_SKY)
    local = places @ axes(found[0]).T
    own = np.column_stack((local[:, :2], np.zeros(len(local)), hangs))
    return np.concatenate((found, (np.log(given.focal), 0.0), own.ravel()))


def distances(plates: tuple[Plate, ...], seen: Vector) -> Vector:
    """How far away plates look by their lengths and heights, (n, 2), in m per image width."""
    upper, lower = seen[:, 1] - seen[:, 0], seen[:, 2] - seen[:, 3]
    left, right = seen[:, 3] - seen[:, 0], seen[:, 2] - seen[:, 1]
    sides = np.stack([np.linalg.norm(upper + lower, axis=1), np.linalg.norm(left + right, axis=1)])
    return np.asarray(np.array([p.size for p in plates]) / np.maximum(sides.T / 2, MARK))


def axes(tilt: float) -> Vector:
    """Rows ahead, left, down in the camera's x right, y down, z forward."""
    c, s = np.cos(tilt), np.sin(tilt)
    return np.array(((0.0, -s, c), (-1.0, 0.0, 0.0), (0.0, c, s)))


def seen_by(given: Plates, state: Vector) -> Vector:
    """Where corners should be, (n, 4, 2) image widths from the middle."""
    tilt, height, focal, scale = state[:SHARED]
    own = state[SHARED:].reshape(-1, 4)
    half = np.exp(scale) / 2 * np.array([p.size for p in given.plates])
    right = np.column_stack((np.sin(own[:, 2]), -np.cos(own[:, 2])))  # ahead, left
    signs = np.array(((-1, -1), (1, -1), (1, 1), (-1, 1)), np.float64)  # right, down
    local = np.empty((len(own), 4, 3))
    local[:, :, :2] = own[:, None, :2] + signs[None, :, :1] * (half[:, :1] * right)[:, None, :]
    local[:, :, 2] = (height - own[:, 3])[:, None] + signs[None, :, 1] * half[:, 1:]
    at = local @ axes(float(tilt))
    depth = np.maximum(at[:, :, 2:], 0.1)
    return np.asarray(np.exp(focal) * at[:, :, :2] / depth)


def misses(given: Plates, seen: Vector, state: Vector, free: int | None = None) -> Vector:
    """Everything that should be 0, in its own standard deviations; ``free``: this plate may hang
    anywhere."""
    own = state[SHARED:].reshape(-1, 4)
    hangs = (own[:, 3] - [p.hangs for p in given.plates]) / _HANGS_DOUBT
    if free is not None:
        hangs[free] *= 1e-3
    height = 0.0 if given.height is None else (state[1] - given.height) / HEIGHT_DOUBT
    size = state[3] / (_MEASURED if given.measured else _SIZE_DOUBT)
    view = (state[2] - np.log(given.focal)) / _VIEW_DOUBT
    marks = (seen_by(given, state) - seen).ravel() / MARK
    return np.concatenate((marks, hangs, own[:, 2] / _TURNED, (height, size, view)))


def slopes_of(given: Plates, seen: Vector, state: Vector, free: int | None = None) -> Vector:
    steps = 1e-5 * np.eye(len(state))
    columns = [
        (misses(given, seen, state + s, free) - misses(given, seen, state - s, free)) / 2e-5
        for s in steps
    ]
    return np.column_stack(columns)


def _solve(
    given: Plates, seen: Vector, state: Vector, free: int | None = None
) -> tuple[Vector, Vector]:
    """Least squares (Levenberg-Marquardt): the state and its covariance."""
    damp, miss = 1e-2, misses(given, seen, state, free)
    for _ in range(100):
        slopes = slopes_of(given, seen, state, free)
        square = slopes.T @ slopes
        step = np.linalg.solve(square + damp * np.diag(np.diag(square)), slopes.T @ miss)
        tried = state - step
        left = misses(given, seen, tried, free)
        if np.isfinite(left).all() and left @ left <= miss @ miss:
            done = damp < 1e-3 and miss @ miss - left @ left < 1e-6
            state, miss, damp = tried, left, damp / 5
            if done:
                break
        else:
            damp *= 5
    slopes = slopes_of(given, seen, state, free)
    return state, np.asarray(np.linalg.pinv(slopes.T @ slopes))


def best(given: Plates, seen: Vector) -> tuple[Vector, Vector]:
    """The better of two searches."""
    tries = [_solve(given, seen, start(given, seen, side)) for side in (0, 1)]
    return min(tries, key=lambda t: float((misses(given, seen, t[0]) ** 2).sum()))
