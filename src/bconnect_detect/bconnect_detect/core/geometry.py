"""Points, boxes and polygons in pixels. Functions of numbers only."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.types import Box, Pair

Points = NDArray[np.float64]  # (n, 2)


def to_pixels(points: Sequence[Pair], width: int, height: int) -> Points:
    """Fractions of the image (n points) as pixels, (n, 2)."""
    return np.asarray(points, np.float64).reshape(-1, 2) * (width, height)


def inside(points: Points, polygon: Points) -> NDArray[np.bool_]:
    """Which of n points lie in a simple polygon of m corners (even-odd rule)."""
    x, y = points[:, 0:1], points[:, 1:2]
    a, b = polygon, np.concatenate((polygon[1:], polygon[:1]))
    spans = (a[:, 1] > y) != (b[:, 1] > y)
    rise = np.where(b[:, 1] == a[:, 1], 1.0, b[:, 1] - a[:, 1])
    crossing_x = a[:, 0] + (y - a[:, 1]) / rise * (b[:, 0] - a[:, 0])
    odd: NDArray[np.bool_] = (spans & (x < crossing_x)).sum(axis=1) % 2 == 1
    return odd


def base_shares(boxes: NDArray[np.floating], polygon: Points) -> NDArray[np.float64]:
    """Share [0, 1] of each box's (n, 4) lower edge that stands in a polygon.

    Five points along the middle of the edge: the outer fifths of a box seldom touch
    the road where the road user does.
    """
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    xs = boxes[:, 0, None] + width[:, None] * np.linspace(0.2, 0.8, 5)
    ys = np.repeat((boxes[:, 3] - 0.05 * height)[:, None], 5, axis=1)
    hits = inside(np.column_stack((xs.ravel(), ys.ravel())).astype(np.float64), polygon)
    return np.asarray(hits.reshape(-1, 5).mean(axis=1), np.float64)


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes; 0 where either has no area."""
    overlap = intersection(a, b)
    if not overlap:
        return 0.0
    union = area(a) + area(b) - overlap
    return overlap / union


def iou_matrix(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """IoU of every box of a (n, 4) with every box of b (m, 4)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.clip(high - low, 0, None).prod(axis=2)
    areas = [np.clip(c[:, 2:] - c[:, :2], 0, None).prod(axis=1) for c in (a, b)]
    union = areas[0][:, None] + areas[1][None, :] - overlap
    return np.asarray(overlap / np.where(union > 0, union, 1.0), np.float64)


def intersection(a: Box, b: Box) -> float:
    """Area two boxes share, square pixels."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0.0


def area(box: Box) -> float:
    """Square pixels; 0 for a box turned inside out."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def size(box: Box) -> float:
    """Side of the square of a box's area: the yardstick for "how far" in its part of the image."""
    return area(box) ** 0.5


def clipped(box: Box, width: int, height: int, margin: float = 2.0) -> bool:
    """Whether a box ends at the image's border: its foot point is then not a foot."""
    return (
        box[0] <= margin
        or box[1] <= margin
        or box[2] >= width - margin
        or box[3] >= height - margin
    )


def cosine(a: Pair, b: Pair) -> float:
    """Cosine of the angle between two vectors; 0 where either has no length."""
    norm = float(np.hypot(*a) * np.hypot(*b))
    return (a[0] * b[0] + a[1] * b[1]) / norm if norm > 0 else 0.0


def distance(a: Pair, b: Pair) -> float:
    """Pixels between two points."""
    return float(np.hypot(b[0] - a[0], b[1] - a[1]))


def feet(boxes: NDArray[np.floating]) -> Points:
    """Bottom centres of boxes (n, 4), as (n, 2)."""
    return np.column_stack(((boxes[:, 0] + boxes[:, 2]) / 2.0, boxes[:, 3])).astype(np.float64)
