"""Points, boxes and polygons in pixels. Functions of numbers only."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.shapes import (
    area,
    around,
    base_shares,
    clipped,
    distance,
    inside,
    intersection,
    iou,
    near,
    overlaps,
    size,
)
from bconnect_detect.core.types import Pair

__all__ = [
    "area",
    "around",
    "base_shares",
    "clipped",
    "cosine",
    "distance",
    "feet",
    "inside",
    "intersection",
    "iou",
    "iou_matrix",
    "near",
    "overlaps",
    "size",
    "to_pixels",
]

Points = NDArray[np.float64]  # (n, 2)


def to_pixels(points: Sequence[Pair], width: int, height: int) -> Points:
    """Fractions of the image (n points) as pixels, (n, 2)."""
    return np.asarray(points, np.float64).reshape(-1, 2) * (width, height)


def iou_matrix(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """IoU of every box of a (n, 4) with every box of b (m, 4)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.clip(high - low, 0, None).prod(axis=2)
    areas = [np.clip(c[:, 2:] - c[:, :2], 0, None).prod(axis=1) for c in (a, b)]
    union = areas[0][:, None] + areas[1][None, :] - overlap
    return np.asarray(overlap / np.where(union > 0, union, 1.0), np.float64)


def cosine(a: Pair, b: Pair) -> float:
    """Cosine of the angle between two vectors; 0 where either has no length."""
    norm = float(np.hypot(*a) * np.hypot(*b))
    return (a[0] * b[0] + a[1] * b[1]) / norm if norm > 0 else 0.0


def feet(boxes: NDArray[np.floating]) -> Points:
    """Bottom centres of boxes (n, 4), as (n, 2)."""
    return np.column_stack(((boxes[:, 0] + boxes[:, 2]) / 2.0, boxes[:, 3])).astype(np.float64)
