"""Small procedural meshes: boxes, cylinders, balls, and riders built of them.

A mesh is (positions (n, 3) float32 [m], normals (n, 3), colours (n, 3) 0..1, triangles (m, 3)).
x forward, y left, z up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Point = tuple[float, float, float]
Colour = tuple[float, float, float]

SKIN: Colour = (0.55, 0.38, 0.27)
HAIR: Colour = (0.06, 0.05, 0.05)
CLOTHES: tuple[Colour, ...] = (
    (0.75, 0.15, 0.12), (0.15, 0.28, 0.62), (0.85, 0.82, 0.78), (0.12, 0.45, 0.22),
    (0.90, 0.62, 0.10), (0.35, 0.20, 0.45), (0.10, 0.10, 0.12), (0.10, 0.55, 0.55),
)  # fmt: skip
HELMETS: tuple[Colour, ...] = ((0.08, 0.08, 0.09), (0.9, 0.9, 0.9), (0.75, 0.1, 0.1))


@dataclass(frozen=True, slots=True)
class Mesh:
    position: Floats
    normal: Floats
    colour: Floats
    triangle: npt.NDArray[np.uint16]


def join(*meshes: Mesh) -> Mesh:
    """One mesh of several."""
    starts = np.cumsum([0] + [len(m.position) for m in meshes[:-1]])
    return Mesh(
        np.concatenate([m.position for m in meshes]),
        np.concatenate([m.normal for m in meshes]),
        np.concatenate([m.colour for m in meshes]),
        np.concatenate([m.triangle + s for m, s in zip(meshes, starts, strict=True)]).astype(
            np.uint16
        ),
    )


def box(centre: Point, size: Point, colour: Colour) -> Mesh:
    """An axis-aligned box."""
    corners: list[list[float]] = []
    normals: list[list[float]] = []
    triangles: list[tuple[int, int, int]] = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            u, v = (axis + 1) % 3, (axis + 2) % 3
            start = len(corners)
            for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                p = [0.0, 0.0, 0.0]
                p[axis], p[u], p[v] = sign, a * sign, float(b)
                corners.append([centre[i] + p[i] * size[i] / 2 for i in range(3)])
                n = [0.0, 0.0, 0.0]
                n[axis] = sign
                normals.append(n)
            triangles += [(start, start + 1, start + 2), (start, start + 2, start + 3)]
    return _mesh(corners, normals, colour, triangles)


def limb(a: Point, b: Point, radius: float, colour: Colour, sides: int = 8) -> Mesh:
    """A cylinder from a to b."""
    start, end = np.array(a), np.array(b)
    axis = (end - start) / np.linalg.norm(end - start)
    side = np.cross(axis, (0.0, 0.0, 1.0) if abs(axis[2]) < 0.9 else (1.0, 0.0, 0.0))
    side /= np.linalg.norm(side)
    other = np.cross(axis, side)
    corners, normals, triangles = [], [], []
    for i in range(sides):
        angle = 2 * math.pi * i / sides
        n = side * math.cos(angle) + other * math.sin(angle)
        corners += [start + n * radius, end + n * radius]
        normals += [n, n]
        p, q = 2 * i, 2 * ((i + 1) % sides)
        triangles += [(p, q, q + 1), (p, q + 1, p + 1)]
    first = len(corners)
    corners += [start, end]
    normals += [-axis, axis]
    for i in range(sides):
        p, q = 2 * i, 2 * ((i + 1) % sides)
        triangles += [(first, q, p), (first + 1, p + 1, q + 1)]
    return _mesh(corners, normals, colour, triangles)


def ball(centre: Point, radius: float, colour: Colour, rings: int = 7) -> Mesh:
    """A sphere."""
    corners, normals, triangles = [], [], []
    sides = rings * 2
    for i in range(rings + 1):
        for j in range(sides):
            up, round_ = math.pi * i / rings, 2 * math.pi * j / sides
            n = (math.sin(up) * math.cos(round_), math.sin(up) * math.sin(round_), math.cos(up))
            corners.append([centre[k] + n[k] * radius for k in range(3)])
            normals.append(n)
            if i < rings:
                p, q = i * sides + j, i * sides + (j + 1) % sides
                triangles += [(p, p + sides, q + sides), (p, q + sides, q)]
    return _mesh(corners, normals, colour, triangles)


def rider(clothes: Colour, helmet: Colour | None, x: float, seat: float) -> Mesh:
    """A person sitting astride at ``x`` on a seat ``seat`` m high; helmet None: bare head."""
    trousers = (0.24, 0.29, 0.40)
    hip, chest = (x, 0.0, seat + 0.08), (x + 0.10, 0.0, seat + 0.52)
    parts = [
        limb(hip, chest, 0.17, clothes, 10),
        ball((x + 0.10, 0.0, seat + 0.50), 0.19, clothes),
        limb(chest, (x + 0.12, 0.0, seat + 0.68), 0.06, SKIN),
    ]
    head = (x + 0.14, 0.0, seat + 0.76)
    if helmet is None:
        parts += [ball(head, 0.11, SKIN), ball((head[0] - 0.03, 0.0, head[2] + 0.03), 0.115, HAIR)]
    else:
        visor = (0.10, 0.12, 0.14)
        parts += [ball(head, 0.145, helmet), ball((head[0] + 0.05, 0.0, head[2]), 0.115, visor)]
    for side in (-1.0, 1.0):
        shoulder = (x + 0.10, side * 0.19, seat + 0.54)
        elbow = (x + 0.28, side * 0.27, seat + 0.33)
        knee = (x + 0.38, side * 0.17, seat + 0.06)
        foot = (x + 0.30, side * 0.15, seat - 0.42)
        parts += [
            limb(shoulder, elbow, 0.055, clothes),
            limb(elbow, (x + 0.55, side * 0.28, seat + 0.30), 0.045, SKIN),
            limb((x, side * 0.10, seat + 0.06), knee, 0.085, trousers),
            limb(knee, foot, 0.065, trousers),
            box((foot[0] + 0.06, foot[1], foot[2] - 0.02), (0.26, 0.10, 0.09), HAIR),
        ]
    return join(*parts)


def _mesh(corners: list, normals: list, colour: Colour, triangles: list) -> Mesh:
    return Mesh(
        np.array(corners, np.float32),
        np.array(normals, np.float32),
        np.tile(np.array(colour, np.float32), (len(corners), 1)),
        np.array(triangles, np.uint16),
    )
