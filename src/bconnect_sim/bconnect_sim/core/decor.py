"""What stands upright in a simulated street: houses, trees, lamp posts, poles.

Nothing of it, save the corridor's own poles, stands between a camera and the road.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bconnect_sim.core.ground import PAVEMENT
from bconnect_sim.core.meshes import Colour, Mesh, Point, ball, box, join, limb
from bconnect_sim.core.roadnet import RoadMap, RoadNet
from bconnect_sim.core.shapes import (
    Array,
    Shape,
    aside,
    is_left,
    resample,
    solid,
    tangents,
    upright,
)
from bconnect_sim.core.weather import Light
from bconnect_sim.core.world import CameraView, Corridor, Pole

GREY: Colour = (0.45, 0.46, 0.48)
CONCRETE: Colour = (0.62, 0.61, 0.58)
LAMP_HEIGHT = 8.0  # m
FACADES, TREES = 6, 8  # different ones
BACKDROP = -5  # drawn before all else
SIGHT, POSTS = 120.0, 70.0  # m a camera's sight of the road is kept free: of all, of posts


@dataclass(slots=True)
class Decor:
    """shapes; shadows: outlines' points (n, 3) of what throws one; lights: lamps over the road."""

    shapes: list[Shape] = field(default_factory=list)
    shadows: list[Array] = field(default_factory=list)
    lights: list[Point] = field(default_factory=list)


class _Sight:
    """Whether something would stand between a camera and the road."""

    def __init__(self, cameras: Sequence[CameraView], roads: RoadMap) -> None:
        self._rays = []
        outlines = [resample(np.concatenate([s, s[:1]]), 2.0) for s in roads.surfaces]
        road = np.concatenate([roads.points, *outlines])
        for view in cameras:
            eye = np.array(view.position, float)
            ahead = np.array(view.look_at, float)[:2] - eye[:2]
            to = road - eye[:2]
            far = np.linalg.norm(to, axis=1)
            cosine = to @ ahead / np.maximum(far * np.linalg.norm(ahead), 1e-9)
            seen = (far < SIGHT) & (cosine > math.cos(math.radians(view.field_of_view / 2 + 6)))
            self._rays.append((eye, to[seen], np.maximum(far[seen], 1e-6)))

    def free(self, at: Array, radius: float, height: float, reach: float = SIGHT) -> bool:
        """False for a round thing that hides road nearer than ``reach``, or holds a camera."""
        for eye, to, far in self._rays:
            offset = at - eye[:2]
            away = float(np.linalg.norm(offset))
            if away < radius + 1.0:
                return False
            if away > reach + radius:
                continue
            along = to @ offset / far
            beside = np.abs(to[:, 0] * offset[1] - to[:, 1] * offset[0]) / far
            low = eye[2] * (1 - (along + radius) / far)  # height of the ray where it leaves
            behind = (along > 0) & (along < far) & (far < reach)
            if bool((behind & (beside < radius) & (low < height)).any()):
                return False
        return True


def decor(net: RoadNet, corridor: Corridor, seed: int) -> Decor:
    """Houses, trees and street lamps along the roads, and the corridor's own poles."""
    roads, made = RoadMap(net, corridor.surfaces), Decor()
    sight, rng = _Sight(corridor.cameras, roads), np.random.default_rng(seed + 7)
    taken: list[tuple[Array, float]] = []
    trees = [_tree(rng) for _ in range(TREES)]
    for road in net.roads:
        if not road.marked:
            continue
        edge = resample(aside(resample(net.edge(road), 4.0), net.kerb * corridor.shoulder), 1.0)
        _houses(made, edge, net.kerb, roads, sight, taken, rng)
        _trees(made, edge, net.kerb, roads, sight, trees, rng)
        _lamps(made, edge, net.kerb, roads, sight)
    for pole in corridor.poles:
        made.shapes.append(solid(_pole(pole)))
        made.shadows.append(_ring((pole.x, pole.y), pole.radius, pole.height))
    return made


def _ring(at: Sequence[float], radius: float, height: float, low: float = 0.0) -> Array:
    angle = np.linspace(0.0, 2 * np.pi, 9)[:-1]
    ring = np.array(at[:2]) + radius * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.concatenate([np.column_stack([ring, np.full(8, z)]) for z in (low, height)])


def _pole(pole: Pole) -> Mesh:
    foot, top = (pole.x, pole.y, 0.0), (pole.x, pole.y, pole.height)
    plinth = (pole.x, pole.y, 0.5)
    return join(
        limb(foot, top, pole.radius, CONCRETE, 14), limb(foot, plinth, pole.radius * 1.05, GREY, 14)
    )


def _houses(made: Decor, edge: Array, side: int, roads: RoadMap, sight: _Sight,
            taken: list[tuple[Array, float]], rng: np.random.Generator) -> None:  # fmt: skip
    at, ways = 2.0, tangents(edge)
    while at < len(edge) - 4:
        wide, deep = float(rng.uniform(7.0, 14.0)), float(rng.uniform(7.0, 11.0))
        tall, back = float(rng.choice((4.2, 7.2, 10.2))), float(rng.uniform(1.0, 4.5))
        look = int(rng.integers(FACADES))
        i = min(len(edge) - 1, int(at + wide / 2))
        along, out = ways[i], side * np.array([-ways[i][1], ways[i][0]])
        front = edge[i] + (0.3 + PAVEMENT + back) * out
        corners = np.array([front + a * along + b * out
                            for a, b in ((-wide / 2, 0), (wide / 2, 0), (wide / 2, deep),
                                         (-wide / 2, deep))])  # fmt: skip
        grid = np.concatenate([corners, (corners + np.roll(corners, -1, axis=0)) / 2])
        middle, reach = corners.mean(axis=0), float(np.hypot(wide, deep)) / 2
        clear = roads.gap(grid).min() > PAVEMENT - 0.2 and not roads.holds(grid).any()
        apart = all(math.dist(middle, p) > 0.72 * (reach + r) for p, r in taken)
        if clear and apart and sight.free(middle, reach, tall):
            made.shapes += _house(corners, tall, look, wide, deep)
            made.shadows.append(np.concatenate(
                [np.column_stack([corners, np.full(4, z)]) for z in (0.0, tall)]))  # fmt: skip
            taken.append((middle, reach))
        at += wide + float(rng.choice((0.3, 0.5, 3.0)))


def _house(corners: Array, tall: float, look: int, wide: float, deep: float) -> Iterator[Shape]:
    name, storeys = f"facade{look}", tall / 10.2
    turned = corners if is_left(corners) else corners[[1, 0, 3, 2]]
    for i, span in enumerate((wide, deep, wide, deep)):
        repeat = (max(1.0, round(span / 6.0)), storeys)
        yield upright(turned[i], turned[(i + 1) % 4], 0.0, tall, name, repeat)
    points = np.column_stack([turned, np.full(4, tall)])
    roof = Shape(points, np.tile((0.0, 0.0, 1.0), (4, 1)), np.tile((0.5, 0.42, 0.38), (4, 1)),
                 np.array([(0, 1, 2), (0, 2, 3)]), np.zeros((4, 2)))  # fmt: skip
    yield roof


def _trees(made: Decor, edge: Array, side: int, roads: RoadMap, sight: _Sight,
           trees: list[Shape], rng: np.random.Generator) -> None:  # fmt: skip
    line = aside(edge, side * (0.3 + PAVEMENT - 0.7))
    for at in np.arange(6.0, len(edge) - 3, 13.0):
        place = line[int(at + rng.uniform(-3.0, 3.0))]
        size, kind = float(rng.uniform(0.8, 1.25)), int(rng.integers(len(trees)))
        asphalt = roads.gap(place[None])[0] < 1.5 or roads.holds(place[None])[0]
        if asphalt or not sight.free(place, 1.9 * size, 6.0 * size):
            continue
        position = trees[kind].position * size + (*place, 0.0)
        made.shapes.append(replace(trees[kind], position=position))
        made.shadows.append(_ring(place, 1.5 * size, 4.6 * size, 2.4 * size))


def _tree(rng: np.random.Generator) -> Shape:
    """One at (0, 0), of leaves in heaps."""
    parts = [limb((0.0, 0.0, 0.0), (0.0, 0.0, 3.0), 0.15, (0.30, 0.22, 0.15))]
    for _ in range(9):
        dx, dy, dz = rng.normal(0.0, (0.75, 0.75, 0.5))
        green = (float(rng.uniform(0.18, 0.30)), float(rng.uniform(0.36, 0.52)), 0.16)
        parts.append(ball((dx, dy, 3.6 + dz), 0.85, green, 5))
    shape = solid(join(*parts))
    spotted = shape.colour * rng.uniform(0.65, 1.25, (len(shape.colour), 1))
    return replace(shape, colour=np.clip(spotted, 0.0, 1.0))


def _lamps(made: Decor, edge: Array, side: int, roads: RoadMap, sight: _Sight) -> None:
    """Posts every 26 m from the junction on; where one would hide the road only its light is."""
    ways = tangents(edge)
    for i in range(len(edge) - 3, 2, -26):
        out = side * np.array([-ways[i][1], ways[i][0]])
        foot, tip = edge[i] + 0.9 * out, edge[i] - 1.4 * out
        made.lights.append((float(tip[0]), float(tip[1]), LAMP_HEIGHT))
        if not roads.holds(foot[None])[0] and sight.free(foot, 0.6, LAMP_HEIGHT, POSTS):
            x, y, tx, ty = *map(float, foot), *map(float, tip)
            made.shapes.append(solid(join(
                limb((x, y, 0.0), (x, y, LAMP_HEIGHT), 0.08, GREY),
                limb((x, y, LAMP_HEIGHT - 0.1), (tx, ty, LAMP_HEIGHT), 0.05, GREY),
                box((tx, ty, LAMP_HEIGHT), (0.6, 0.3, 0.12), (0.8, 0.8, 0.78)),
            )))  # fmt: skip
            made.shadows.append(_ring(foot, 0.1, LAMP_HEIGHT))


def skyline(light: Light, seed: int) -> Shape:
    """Hills and roofs around the horizon, 300 m from whoever looks."""
    rng, count = np.random.default_rng(seed + 5), 72
    angle = 2 * np.pi * np.arange(count + 1) / count
    tall = (
        7.0 + 4.0 * np.sin(2 * angle + 1) + 2.0 * np.sin(5 * angle) + rng.uniform(0, 3, count + 1)
    )
    tall[-1] = tall[0]
    ring = 300.0 * np.column_stack([np.cos(angle), np.sin(angle)])
    low = np.column_stack([ring, np.full(count + 1, -8.0)])
    high = np.column_stack([ring, np.maximum(tall, 2.0)])
    first = np.arange(count)
    a, b, c, d = first, first + 1, first + count + 1, first + count + 2
    triangle = np.concatenate([np.column_stack([a, b, d]), np.column_stack([a, d, c])])
    green = np.array((0.42, 0.48, 0.42)) * light.base * (1.0 if light.base >= 1 else 0.5)
    position = np.concatenate([low, high])
    colour = np.tile(green, (len(position), 1))
    normal = np.tile((0.0, 0.0, 1.0), (len(position), 1))
    return Shape(position, normal, colour, triangle, np.zeros((len(position), 2)), "", BACKDROP)
