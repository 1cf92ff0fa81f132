"""Boxes and points one by one, without an array operation for each. Compiled, by shapes.pxd."""

from collections.abc import Sequence

import numpy as np
from cython.cimports.libc.math import hypot, sqrt
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
Pair = tuple[float, float]
Points = NDArray[np.float64]  # (n, 2)

_LOW = np.linspace(0.2, 0.8, 5)  # of a box's width


def distance(a: Pair, b: Pair) -> float:
    """Pixels between two points."""
    ax, ay = a
    bx, by = b
    return hypot(bx - ax, by - ay)


def area(box: Box) -> float:
    """Square pixels; 0 for a box turned inside out."""
    x0, y0, x1, y1 = box
    wide, high = x1 - x0, y1 - y0
    return (wide if wide > 0.0 else 0.0) * (high if high > 0.0 else 0.0)


def size(box: Box) -> float:
    """Side of the square of a box's area: the yardstick for "how far" in its part of the image."""
    return area(box) ** 0.5


def intersection(a: Box, b: Box) -> float:
    """Area two boxes share, square pixels."""
    ax0, ay0, ax1, ay1 = a
    bx0, by0, bx1, by1 = b
    wide, high = min(ax1, bx1) - max(ax0, bx0), min(ay1, by1) - max(ay0, by0)
    return wide * high if wide > 0 and high > 0 else 0.0


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes; 0 where either has no area."""
    overlap = intersection(a, b)
    if not overlap:
        return 0.0
    return overlap / (area(a) + area(b) - overlap)


def clipped(box: Box, width: float, height: float, margin: float = 2.0) -> bool:
    """Whether a box ends at the image's border: its foot point is then not a foot."""
    x0, y0, x1, y1 = box
    return x0 <= margin or y0 <= margin or x1 >= width - margin or y1 >= height - margin


def inside(points: Points, polygon: Points) -> NDArray[np.bool_]:
    """Which of n points lie in a simple polygon of m corners (even-odd rule)."""
    made = np.empty(points.shape[0], np.bool_)
    flags = made.view(np.uint8)
    for i in range(points.shape[0]):
        flags[i] = _holds(polygon, points[i, 0], points[i, 1])
    return made


def _holds(polygon: Points, x: float, y: float) -> bool:
    odd = False
    n = polygon.shape[0]
    for k in range(n):
        ax, ay = polygon[k, 0], polygon[k, 1]
        other = k + 1 if k + 1 < n else 0
        bx, by = polygon[other, 0], polygon[other, 1]
        if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * (bx - ax):
            odd = not odd
    return odd


def base_shares(boxes: NDArray[np.float32], polygon: Points) -> NDArray[np.float64]:
    """Share [0, 1] of each box's (n, 4) lower edge that stands in a polygon.

    Five points along the middle of the edge: the outer fifths of a box seldom touch
    the road where the road user does.
    """
    made = np.empty(boxes.shape[0])
    out, steps = made, _LOW
    tenth = np.float32(0.05)
    for i in range(boxes.shape[0]):
        width, height = boxes[i, 2] - boxes[i, 0], boxes[i, 3] - boxes[i, 1]
        down = tenth * height
        y = boxes[i, 3] - down
        hits = 0
        for k in range(5):
            hits += _holds(polygon, boxes[i, 0] + width * steps[k], y)
        out[i] = hits / 5.0
    return made


def covered(
    boxes: NDArray[np.float64], share: float, edge: float, slack: float
) -> NDArray[np.bool_]:
    """Boxes (n, 4) more than ``share`` of whose lower edge, without ``edge`` at either side, lies
    behind boxes that end more than ``slack`` of its height further down."""
    n = boxes.shape[0]
    made = np.zeros(n, np.bool_)
    flags = made.view(np.uint8)
    hidden = np.empty(n)
    for i in range(n):
        left, top, right, bottom = boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3]
        down, aside = bottom + slack * (bottom - top), edge * (right - left)
        some = False
        for k in range(n):
            hidden[k] = 0.0
            if boxes[k, 3] > down and boxes[k, 1] < down:
                wide = min(boxes[k, 2], right - aside) - max(boxes[k, 0], left + aside)
                if wide > 0.0:
                    hidden[k] = wide
                    some = True
        if some:
            flags[i] = _total(hidden, 0, n) > share * max(right - left - 2 * aside, 1e-6)
    return made


def _total(values: NDArray[np.float64], begin: int, n: int) -> float:
    """Sum of n values, added up in numpy's order."""
    if n > 128:
        half = n // 2
        half -= half % 8
        return _total(values, begin, half) + _total(values, begin + half, n - half)
    if n < 8:
        total = 0.0
        for k in range(n):
            total += values[begin + k]
        return total
    whole = n - n % 8
    a = values[begin]
    b, c, d = values[begin + 1], values[begin + 2], values[begin + 3]
    e, f, g, h = values[begin + 4], values[begin + 5], values[begin + 6], values[begin + 7]
    for k in range(8, whole, 8):
        a += values[begin + k]
        b += values[begin + k + 1]
        c += values[begin + k + 2]
        d += values[begin + k + 3]
        e += values[begin + k + 4]
        f += values[begin + k + 5]
        g += values[begin + k + 6]
        h += values[begin + k + 7]
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for k in range(whole, n):
        total += values[begin + k]
    return total


def confusable(
    boxes: NDArray[np.float64],
    places: NDArray[np.float32],
    speeds: NDArray[np.float32],
    touch: float,
    near: float,
    other: float,
) -> NDArray[np.bool_]:
    """Boxes (n, 4) with another one that shares more than ``touch`` of the smaller with it, is
    less than ``near`` off by its place and more than ``other`` by its speed."""
    n = boxes.shape[0]
    made = np.zeros(n, np.bool_)
    flags = made.view(np.uint8)
    for i in range(n):
        for k in range(i):
            wide = min(boxes[i, 2], boxes[k, 2]) - max(boxes[i, 0], boxes[k, 0])
            high = min(boxes[i, 3], boxes[k, 3]) - max(boxes[i, 1], boxes[k, 1])
            if not (wide > 0.0 and high > 0.0):
                continue
            one = (boxes[i, 2] - boxes[i, 0]) * (boxes[i, 3] - boxes[i, 1])
            two = (boxes[k, 2] - boxes[k, 0]) * (boxes[k, 3] - boxes[k, 1])
            if (
                wide * high > touch * min(one, two)
                and _apart(places, i, k) < near
                and _apart(speeds, i, k) > other
            ):
                flags[i] = flags[k] = True
    return made


def _apart(values: NDArray[np.float32], i: int, k: int) -> float:
    """In single precision, as they are given."""
    x, y = values[i, 0] - values[k, 0], values[i, 1] - values[k, 1]
    square = x * x
    square = square + y * y
    return sqrt(square)  # then single again


def around(
    boxes: NDArray[np.float32], low: Pair, high: Pair, times: float, least: Pair
) -> NDArray[np.bool_]:
    """Boxes (n, 4) whose foot is no further from a rectangle than ``times`` their sides, across
    and down, and ``least`` beside."""
    made = np.empty(boxes.shape[0], np.bool_)
    flags = made.view(np.uint8)
    x_low, y_low = low
    x_high, y_high = high
    x_least, y_least = least
    for i in range(boxes.shape[0]):
        aside = x_least + times * (boxes[i, 2] - boxes[i, 0])
        down = y_least + times * (boxes[i, 3] - boxes[i, 1])
        x, y = (boxes[i, 0] + boxes[i, 2]) / 2, boxes[i, 3]
        flags[i] = x_low - aside <= x <= x_high + aside and y_low - down <= y <= y_high + down
    return made


def near(boxes: NDArray[np.float32], low: Pair, high: Pair) -> NDArray[np.bool_]:
    """Boxes (n, 4) whose foot is no further from a rectangle than their longer side."""
    made = np.empty(boxes.shape[0], np.bool_)
    flags = made.view(np.uint8)
    x_low, y_low = low
    x_high, y_high = high
    for i in range(boxes.shape[0]):
        reach = max(boxes[i, 2] - boxes[i, 0], boxes[i, 3] - boxes[i, 1])
        x, y = (boxes[i, 0] + boxes[i, 2]) / 2, boxes[i, 3]
        inside = x_low - reach <= x <= x_high + reach
        flags[i] = inside and y_low - reach <= y <= y_high + reach
    return made


def overlaps(boxes: Sequence[Box], anchors: Sequence[Box]) -> NDArray[np.float64]:
    """IoU (n, m) of every box with every anchor."""
    made = np.zeros((len(boxes), len(anchors)))
    out = made
    for i in range(len(boxes)):
        ax0, ay0, ax1, ay1 = boxes[i]
        for k in range(len(anchors)):
            bx0, by0, bx1, by1 = anchors[k]
            wide, high = min(ax1, bx1) - max(ax0, bx0), min(ay1, by1) - max(ay0, by0)
            if wide > 0.0 and high > 0.0:
                both = wide * high
                out[i, k] = both / ((ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - both)
    return made
