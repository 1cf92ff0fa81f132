"""Looks at a vehicle that must not be measured by: a foot that is covered, a box that is cut, or
somebody so near that one could be taken for the other."""

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core import shapes
from bconnect_detect.core.types import Tracks

Mask = NDArray[np.bool_]
Vector = NDArray[np.float64]

_COVERED = 0.6  # share of the lower edge behind somebody nearer to the camera
_EDGE = 0.1  # of its width, at each side of a box, where it seldom touches the road
_SLACK = 0.08  # of its height: a covered box ends about where the cover begins
_NEAR = 2.5  # m on the ground
_TOUCH = 0.1  # of the smaller box in the other
_CUT = 0.14  # by which a side may differ from its vehicle's usual
_GROWTH, _TRIED = 0.6, 30  # 1/s, by which a side may seem to grow; looks that are compared
_SPEEDS = 2.0  # m/s between two that could be told apart by nothing else


def covered(tracks: Tracks) -> Mask:
    """Which rows' (n,) lower edges are hidden by road users nearer to the camera."""
    return shapes.covered(tracks.boxes.astype(np.float64), _COVERED, _EDGE, _SLACK)


def uncut(times: Vector, boxes: Vector, metres: Vector) -> Mask:
    """Which looks (n,) of one vehicle show all of it: who is half hidden looks too small.

    times s, boxes (n, 4) px, metres (n,) a pixel spans where it stands.
    """
    good = np.ones(len(times), np.bool_)
    for side in (boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]):
        with np.errstate(all="ignore"):
            size = np.log(side * metres)
        if not np.isfinite(size).all():
            return np.zeros(len(times), np.bool_)
        good &= np.abs(size - _usual(times, size)) <= _CUT
    return good


def confusable(tracks: Tracks) -> Mask:
    """Which rows (n,) have somebody at another speed within reach, their boxes touching.

    Needs positions and velocities; nobody without them is confusable.
    """
    n = len(tracks)
    if n < 2 or tracks.position is None or tracks.velocity is None:
        return np.zeros(n, np.bool_)
    boxes = tracks.boxes.astype(np.float64)
    return shapes.confusable(boxes, tracks.position, tracks.velocity, _TOUCH, _NEAR, _SPEEDS)


def _usual(times: Vector, size: Vector) -> Vector:
    """A slow curve (n,) through the sizes that most looks agree on, be it barely more than half."""
    few = np.unique(np.linspace(0, len(times) - 1, _TRIED).astype(int))
    one, other = (few[index] for index in np.triu_indices(len(few), 1))
    span = times[other] - times[one]
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.append((size[other] - size[one]) / span, 0.0)
    bases = np.append(size[one] - slopes[:-1] * times[one], np.median(size))
    kept = (np.append(span, times[-1]) >= 0.25 * times[-1]) & (np.abs(slopes) <= _GROWTH)
    lines = slopes[kept, None] * times + bases[kept, None]
    line = lines[np.median(np.abs(size - lines), axis=1).argmin()]
    near = np.abs(size - line) <= _CUT
    if near.sum() < 6:
        return np.asarray(line, np.float64)
    return np.asarray(np.polyval(np.polyfit(times[near], size[near], 2), times), np.float64)
