"""Looks at a vehicle that must not be measured by: a foot that is covered, or somebody so near
that one could be taken for the other."""

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.types import Tracks

Mask = NDArray[np.bool_]

_COVERED = 0.6  # share of the lower edge behind somebody nearer to the camera
_EDGE = 0.1  # of its width, at each side of a box, where it seldom touches the road
_SLACK = 0.08  # of its height: a covered box ends about where the cover begins
_NEAR = 2.5  # m on the ground
_TOUCH = 0.1  # of the smaller box in the other
_SPEEDS = 2.0  # m/s between two that could be told apart by nothing else


def covered(tracks: Tracks) -> Mask:
    """Which rows' (n,) lower edges are hidden by road users nearer to the camera."""
    boxes = tracks.boxes.astype(np.float64)
    if len(boxes) < 2:
        return np.zeros(len(boxes), np.bool_)
    x0, y0, x1, y1 = boxes.T
    slack, edge = _SLACK * (y1 - y0), _EDGE * (x1 - x0)
    nearer = (y1[None, :] > (y1 + slack)[:, None]) & (y0[None, :] < (y1 + slack)[:, None])
    low = np.maximum(x0[None, :], (x0 + edge)[:, None])
    high = np.minimum(x1[None, :], (x1 - edge)[:, None])
    hidden = np.where(nearer, np.clip(high - low, 0.0, None), 0.0).sum(axis=1)
    return np.asarray(hidden > _COVERED * np.maximum(x1 - x0 - 2 * edge, 1e-6), np.bool_)


def confusable(tracks: Tracks) -> Mask:
    """Which rows (n,) have somebody at another speed within reach, their boxes touching.

    Needs positions and velocities; nobody without them is confusable.
    """
    n = len(tracks)
    if n < 2 or tracks.position is None or tracks.velocity is None:
        return np.zeros(n, np.bool_)
    boxes = tracks.boxes.astype(np.float64)
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.clip(high - low, 0.0, None).prod(axis=2)
    areas = np.clip(boxes[:, 2:] - boxes[:, :2], 0.0, None).prod(axis=1)
    touch = shared > _TOUCH * np.minimum(areas[:, None], areas[None, :])
    with np.errstate(invalid="ignore"):
        near = _apart(tracks.position) < _NEAR
        other = _apart(tracks.velocity) > _SPEEDS
    found = touch & near & other
    np.fill_diagonal(found, False)
    return np.asarray(found.any(axis=1), np.bool_)


def _apart(values: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(values[:, None, :] - values[None, :, :], axis=2), np.float64)
