"""Places of the street as a camera's picture shows them: clipped to it, in fractions of it.

Clipping happens before the division by depth, so a place may reach behind the camera.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bconnect_sim.core.optics import NEAR, Array, Optics, homogeneous
from bconnect_sim.core.world import Point
from bconnect_site import geometry

DIGITS = 5  # of fractions: finer than a hundredth of a pixel
REACH = 110.0  # m from the camera to which its calibration holds
COARSE = 1.6  # m of ground per pixel row at which it ends
_STEPS = 2000  # rows looked at for that
_COLUMNS = 9

# What lies in the picture has all of (u w, v w, w, 1) @ these not negative.
_BOUNDS = np.array(
    [(0, 0, 1, -NEAR), (1, 0, 0, 0), (-1, 0, 1, 0), (0, 1, 0, 0), (0, -1, 1, 0)], float
)


def region(optics: Optics, points: Sequence[Point]) -> tuple[Point, ...]:
    """The part of a region (m) in the picture; empty: none, or less than a site file takes.

    Raises ValueError when the picture's border cuts it to pieces.
    """
    rows = _raised(optics, points)
    for bound in _BOUNDS:
        rows = _kept(rows, bound)
    found = _clean(_flat(rows))
    fault = geometry.region_fault(found)
    if len(found) < 3 or geometry.area(found) < geometry.MIN_AREA:
        return ()
    if fault is not None:
        raise ValueError(f"as the camera sees it, it {fault}; draw it smaller")
    return tuple(found)


def line(optics: Optics, points: Sequence[Point]) -> tuple[Point, ...]:
    """The part of a line of two points (m) in the picture; empty: none, or too short."""
    a, b = _raised(optics, points)
    low, high = 0.0, 1.0
    for bound in _BOUNDS:
        start, end = float(bound @ a), float(bound @ b)
        if start < 0.0 and end < 0.0:
            return ()
        if (start < 0.0) != (end < 0.0):
            share = start / (start - end)
            low, high = (max(low, share), high) if start < 0.0 else (low, min(high, share))
    if low >= high:
        return ()
    first, second = _flat([a + low * (b - a), a + high * (b - a)])
    long_enough = geometry.length(first, second) >= geometry.MIN_LENGTH
    return (first, second) if long_enough else ()


def arrow(
    optics: Optics, points: Sequence[Point], around: Sequence[Point] = ()
) -> tuple[Point, ...]:
    """An arrow (m) in the picture; where too little of it shows, one that is parallel to it on
    the ground, from the middle of ``around`` (fractions). Empty: neither."""
    if found := line(optics, points):
        return found
    if not around:
        return ()
    middle = np.append(np.mean(around, axis=0), 1.0)
    x, y, w = optics.to_ground() @ middle
    step = np.subtract(points[1], points[0])
    step = step / np.hypot(*step)
    for reach in (8.0, 4.0, 2.0, 1.0):
        half = step * reach / 2
        ends = [tuple(np.array((x / w, y / w)) + turn * half) for turn in (-1, 1)]
        if found := line(optics, ends):
            return found
    return ()


def calibrated(optics: Optics, rows: int) -> tuple[Point, ...]:
    """The part of the picture in which its ground is known well: not farther than ``REACH`` and
    not coarser than ``COARSE``. rows: pixels of its height. Empty: it shows no such ground."""
    across = np.linspace(0.0, 1.0, _COLUMNS)
    down = np.linspace(0.0, 1.0, _STEPS + 1)
    pixels = np.stack(np.meshgrid(across, down, indexing="ij"), axis=2)
    ground, known = on_ground(optics, pixels.reshape(-1, 2))
    ground = ground.reshape(_COLUMNS, -1, 2)
    step = np.hypot(*np.moveaxis(np.diff(ground, axis=1), 2, 0)) * _STEPS / rows
    away = np.hypot(*np.moveaxis(ground - optics.eye[:2], 2, 0))
    good = known.reshape(_COLUMNS, -1)[:, :-1] & (step <= COARSE) & (away[:, :-1] <= REACH)
    # The lowest run of good places of each column.
    bad = _STEPS - np.argmax(~good[:, ::-1], axis=1)
    top = np.where(good.all(axis=1), 0, bad) / _STEPS
    edge = [(float(x), round(float(y), DIGITS)) for x, y in zip(across, top, strict=True)]
    found = _clean([(0.0, 1.0), *((x, y) for x, y in edge if y < 1.0), (1.0, 1.0)])
    return tuple(found) if geometry.region_fault(found) is None else ()


def on_ground(optics: Optics, fractions: Array) -> tuple[Array, np.ndarray]:
    """Places (n, 2) of the picture as (n, 2) m on the ground, and which are ground ahead."""
    made = np.column_stack((fractions, np.ones(len(fractions)))) @ optics.to_ground().T
    known = made[:, 2] > 1e-9
    with np.errstate(divide="ignore", invalid="ignore"):
        return made[:, :2] / np.where(known, made[:, 2], np.nan)[:, None], known


def _raised(optics: Optics, points: Sequence[Point]) -> list[Array]:
    flat = np.column_stack((np.asarray(points, float), np.zeros(len(points))))
    made = homogeneous(optics.matrix, flat)
    return list(np.column_stack((made, np.ones(len(made)))))


def _kept(rows: list[Array], bound: Array) -> list[Array]:
    """A polygon clipped by one bound (Sutherland and Hodgman)."""
    made: list[Array] = []
    for i, here in enumerate(rows):
        before = rows[i - 1]
        was, now = float(bound @ before), float(bound @ here)
        if (was < 0.0) != (now < 0.0):
            made.append(before + was / (was - now) * (here - before))
        if now >= 0.0:
            made.append(here)
    return made


def _flat(rows: Sequence[Array]) -> list[Point]:
    return [
        (
            min(1.0, max(0.0, round(float(r[0] / r[2]), DIGITS))),
            min(1.0, max(0.0, round(float(r[1] / r[2]), DIGITS))),
        )
        for r in rows
    ]


def _clean(points: list[Point]) -> list[Point]:
    """Without points that repeat their neighbour or lie on the way between two."""
    changed = True
    while changed and len(points) >= 3:
        changed = False
        for i in range(len(points)):
            a, b, c = points[i - 1], points[i], points[(i + 1) % len(points)]
            turn = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
            if a == b or abs(turn) < 1e-9:
                del points[i]
                changed = True
                break
    return points
