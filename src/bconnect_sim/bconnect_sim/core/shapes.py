"""Drawable shapes as plain arrays, and the flat geometry that roads are made of.

Metres, x east, y north, z up. Lines are (n, 2) arrays; left of a line is left of its direction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bconnect_sim.core.meshes import Colour, Mesh

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
WHITE: Colour = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Shape:
    """Triangles. ``texture``: a name, "" for none. ``layer``: drawing order of what lies flat on
    the ground; None: upright, depth-tested."""

    position: Array  # (n, 3)
    normal: Array  # (n, 3)
    colour: Array  # (n, 3), 0..1
    triangle: Indices  # (m, 3)
    uv: Array  # (n, 2)
    texture: str = ""
    layer: int | None = None


def solid(mesh: Mesh) -> Shape:
    """An upright shape of a plain mesh."""
    return Shape(
        mesh.position.astype(float), mesh.normal.astype(float), mesh.colour.astype(float),
        mesh.triangle.astype(int), np.zeros((len(mesh.position), 2)),
    )  # fmt: skip


def flat(points: Array, triangle: Indices, layer: int, colour: Colour = WHITE,
         texture: str = "", tile: float = 8.0) -> Shape:  # fmt: skip
    """A shape on the ground; its texture repeats every ``tile`` m, aligned with the map."""
    points = np.asarray(points, float)
    count = len(points)
    return Shape(
        np.column_stack([points, np.zeros(count)]), np.tile((0.0, 0.0, 1.0), (count, 1)),
        np.tile(np.array(colour, float), (count, 1)), np.asarray(triangle, int).reshape(-1, 3),
        points / tile, texture, layer,
    )  # fmt: skip


def upright(a: Sequence[float], b: Sequence[float], low: float, high: float, texture: str,
            repeat: tuple[float, float], colour: Colour = WHITE) -> Shape:  # fmt: skip
    """A wall from a to b."""
    position = np.array([(*a[:2], low), (*b[:2], low), (*b[:2], high), (*a[:2], high)], float)
    side = np.cross(position[1] - position[0], (0.0, 0.0, 1.0))
    normal = np.tile(side / max(float(np.linalg.norm(side)), 1e-9), (4, 1))
    uv = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float) * repeat
    return Shape(
        position, normal, np.tile(colour, (4, 1)), np.array([(0, 1, 2), (0, 2, 3)]), uv, texture
    )


def merge(shapes: Iterable[Shape], tile: float = 80.0) -> list[Shape]:
    """Fewer, larger shapes: one per texture, layer and square of the map, in drawing order."""
    groups: dict[tuple[int, str, int, int], list[Shape]] = {}
    for shape in shapes:
        layer = 1000 if shape.layer is None else shape.layer
        for square, part in _squares(shape, tile):
            groups.setdefault((layer, shape.texture, *square), []).append(part)
    return [_near_zero(_join(groups[key])) for key in sorted(groups)]


def _squares(shape: Shape, tile: float) -> Iterator[tuple[tuple[int, int], Shape]]:
    """A shape, or the parts of a large one, with the square of the map where each lies."""
    middles = shape.position[shape.triangle][:, :, :2].mean(axis=1)
    at = np.floor(middles / tile).astype(int)
    if (np.ptp(shape.position[:, :2], axis=0) < tile).all():
        yield (int(at[0, 0]), int(at[0, 1])), shape
        return
    for square in np.unique(at, axis=0):
        used, triangle = np.unique(shape.triangle[(at == square).all(axis=1)], return_inverse=True)
        rows: dict[str, Any] = {
            k: getattr(shape, k)[used] for k in ("position", "normal", "colour", "uv")
        }
        part = replace(shape, triangle=triangle.reshape(-1, 3), **rows)
        yield (int(square[0]), int(square[1])), part


def _near_zero(shape: Shape) -> Shape:
    """Texture coordinates near zero: the renderer counts them in fixed point."""
    return replace(shape, uv=shape.uv - np.floor(shape.uv.min(axis=0)))


def _join(shapes: list[Shape]) -> Shape:
    starts = np.cumsum([0] + [len(s.position) for s in shapes[:-1]])
    return replace(
        shapes[0],
        position=np.concatenate([s.position for s in shapes]),
        normal=np.concatenate([s.normal for s in shapes]),
        colour=np.concatenate([s.colour for s in shapes]),
        uv=np.concatenate([s.uv for s in shapes]),
        triangle=np.concatenate([s.triangle + n for s, n in zip(shapes, starts, strict=True)]),
    )


def finer(shape: Shape, edge: float) -> Shape:
    """The same shape with no triangle's side longer than about ``edge`` m."""
    for _ in range(24):
        corners = shape.position[shape.triangle]
        sides = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2)
        longest = sides.argmax(axis=1)
        split = sides.max(axis=1) > edge
        if not split.any():
            break
        shape = _halve(shape, split, longest)
    return shape


def _halve(shape: Shape, split: npt.NDArray[np.bool_], longest: Indices) -> Shape:
    rows = np.flatnonzero(split)
    at = longest[rows]
    turned = np.stack([shape.triangle[rows, (at + k) % 3] for k in range(3)], axis=1)
    a, b, c = turned.T
    new = len(shape.position) + np.arange(len(rows))
    middle: dict[str, Any] = {
        name: np.concatenate([value, (value[a] + value[b]) / 2])
        for name, value in (("position", shape.position), ("normal", shape.normal),
                            ("colour", shape.colour), ("uv", shape.uv))
    }  # fmt: skip
    halves = [np.column_stack([a, new, c]), np.column_stack([new, b, c])]
    triangle = np.concatenate([shape.triangle[~split], *halves])
    return replace(shape, triangle=triangle, **middle)


def length(line: Array) -> float:
    """Of a polyline [m]."""
    return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())


def resample(line: Array, step: float) -> Array:
    """The line with points about ``step`` m apart, ends kept."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    count = max(2, int(np.ceil(along[-1] / step)) + 1)
    at = np.linspace(0.0, along[-1], count)
    return np.column_stack([np.interp(at, along, line[:, k]) for k in range(2)])


def stretch(line: Array, begin: float, end: float) -> Array:
    """The part of a line from ``begin`` to ``end`` m along it."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    inside = along[(along > begin) & (along < end)]
    at = np.concatenate([[begin], inside, [end]])
    return np.column_stack([np.interp(at, along, line[:, k]) for k in range(2)])


def tangents(line: Array) -> Array:
    """Unit directions at the points of a line."""
    step = np.gradient(line, axis=0)
    return step / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-9)


def aside(line: Array, distance: float) -> Array:
    """A parallel line, ``distance`` m to the left."""
    along = tangents(line)
    return line + distance * np.column_stack([-along[:, 1], along[:, 0]])


def strip(left: Array, right: Array) -> tuple[Array, Indices]:
    """Points and triangles between two lines of as many points."""
    count = len(left)
    first = np.arange(count - 1)
    a, b, c, d = first, first + 1, first + count, first + count + 1
    triangle = np.concatenate([np.column_stack([a, c, d]), np.column_stack([a, d, b])])
    return np.concatenate([left, right]), triangle


def ribbon(line: Array, left: float, right: float, layer: int, colour: Colour = WHITE,
           texture: str = "", tile: float = 8.0) -> Shape:  # fmt: skip
    """A band along a line between two distances to its left."""
    return flat(*strip(aside(line, left), aside(line, right)), layer, colour, texture, tile)


def polygon(points: Array) -> Indices:
    """Triangles of a simple polygon, by clipping its ears."""
    left = list(range(len(points)))
    if _area(points) < 0:
        left.reverse()
    found = []
    while len(left) > 3:
        ear = next((i for i in range(len(left)) if _is_ear(points, left, i)), 0)
        found.append((left[ear - 1], left[ear], left[(ear + 1) % len(left)]))
        del left[ear]
    return np.array([*found, tuple(left)], int).reshape(-1, 3)


def _area(points: Array) -> float:
    x, y = points[:, 0], points[:, 1]
    return float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) / 2)


def _is_ear(points: Array, left: list[int], i: int) -> bool:
    a, b, c = points[left[i - 1]], points[left[i]], points[left[(i + 1) % len(left)]]
    if _turn(a, b, c) <= 1e-12:
        return False
    others = points[[k for k in left if k not in (left[i - 1], left[i], left[(i + 1) % len(left)])]]
    return not bool(((_turn(a, b, others) > 0) & (_turn(b, c, others) > 0)
                     & (_turn(c, a, others) > 0)).any())  # fmt: skip


def _turn(a: Array, b: Array, p: Array) -> npt.NDArray[np.float64]:
    p = np.asarray(p)
    return (b[0] - a[0]) * (p[..., 1] - a[1]) - (b[1] - a[1]) * (p[..., 0] - a[0])  # type: ignore[no-any-return]


def is_left(points: Array) -> bool:
    """Whether a polygon's points run counter-clockwise."""
    return _area(points) > 0


def inside(points: Array, region: Array) -> npt.NDArray[np.bool_]:
    """Which points (n, 2) lie in a polygon."""
    x, y = points[:, 0][:, None], points[:, 1][:, None]
    x0, y0 = region[:, 0], region[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    crosses = (y0 > y) != (y1 > y)
    rise = np.where(y1 == y0, 1.0, y1 - y0)
    return (crosses & (x < (x1 - x0) * (y - y0) / rise + x0)).sum(axis=1) % 2 == 1  # type: ignore[no-any-return]
