"""What lies flat in a simulated street: earth, asphalt, pavement, kerbs and all paint."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bconnect_sim.core.meshes import Colour
from bconnect_sim.core.roadnet import Road, RoadMap, RoadNet
from bconnect_sim.core.shapes import (
    Array,
    Shape,
    aside,
    flat,
    inside,
    is_left,
    length,
    polygon,
    resample,
    ribbon,
    stretch,
    strip,
    tangents,
)
from bconnect_sim.core.world import Corridor, Place

PAINT: Colour = (0.90, 0.90, 0.86)
YELLOW: Colour = (0.88, 0.70, 0.20)
BLACK: Colour = (0.16, 0.16, 0.16)
GRASS: Colour = (0.92, 1.0, 0.88)

EARTH, PAVING, GREEN, ASPHALT, PATCHES, KERBS, MARKS, SIGNS = 0, 1, 2, 3, 4, 5, 10, 11
PAVEMENT = 3.0  # m wide
STOP_LINE = 0.4  # m thick
ZEBRA = (1.2, 4.2)  # m past the stop line
DASH, SPACE = 3.0, 4.5  # m
BEYOND = 320.0  # m of earth around the roads


def ground(net: RoadNet, corridor: Corridor, seed: int) -> list[Shape]:
    """Everything flat, in no particular order: each shape knows its layer."""
    roads = RoadMap(net, corridor.surfaces)
    shapes = [_earth(roads)]
    for area in (*net.crossings, *roads.surfaces):
        shapes.append(_asphalt(area))
        outline = area if is_left(area) else area[::-1]
        shapes += _border(np.concatenate([outline, outline[:1]]), -1, roads)
    for road in net.roads:
        shapes += _road(net, road, roads)
    shapes += _patches(net, seed)
    for place in corridor.places:
        shapes += _paint(place, corridor, roads)
    return shapes


def _earth(roads: RoadMap) -> Shape:
    low, high = roads.points.min(axis=0) - BEYOND, roads.points.max(axis=0) + BEYOND
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
    return flat(corners, np.array([(0, 1, 2), (0, 2, 3)]), EARTH, texture="earth", tile=9.0)


def _asphalt(area: Array) -> Shape:
    """An area of asphalt; of a long one with four corners, a band in short pieces."""
    if len(area) == 4:
        sides = [area[[i, (i + 1) % 4]] for i in range(4)]
        long = int(np.argmax([length(side) for side in sides]))
        left, right = sides[long], sides[(long + 2) % 4][::-1]
        count = max(2, int(max(length(left), length(right)) / 8.0) + 1)
        return flat(*strip(_as_many(left, count), _as_many(right, count)), ASPHALT,
                    texture="asphalt")  # fmt: skip
    return flat(area, polygon(area), ASPHALT, texture="asphalt")


def _border(line: Array, side: int, roads: RoadMap) -> Iterator[Shape]:
    """Kerb, black and white by the metre, and pavement where asphalt ends at a line."""
    line = np.concatenate(
        [resample(line[i : i + 2], 1.0)[:-1] for i in range(len(line) - 1)] + [line[-1:]]
    )
    way = np.diff(line, axis=0)
    out = side * np.column_stack([-way[:, 1], way[:, 0]])
    out /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
    free = ~roads.holds((line[:-1] + line[1:]) / 2 + 0.2 * out)
    odd = np.arange(len(out)) % 2 == 1
    for rows, near, far, layer, colour, texture in (
        (free, 0.3, 0.3 + PAVEMENT, PAVING, (1.0, 1.0, 1.0), "paving"),
        (free & odd, 0.0, 0.3, KERBS, PAINT, ""),
        (free & ~odd, 0.0, 0.3, KERBS, BLACK, ""),
    ):
        if rows.any():
            a, b, o = line[:-1][rows], line[1:][rows], out[rows]
            yield _quads(
                a + near * o, b + near * o, b + far * o, a + far * o, layer, colour, texture
            )


def _quads(a: Array, b: Array, c: Array, d: Array, layer: int, colour: Colour,
           texture: str) -> Shape:  # fmt: skip
    i, j, k, m = (np.arange(len(a)) + n * len(a) for n in range(4))
    triangle = np.concatenate([np.column_stack([i, j, k]), np.column_stack([i, k, m])])
    return flat(np.concatenate([a, b, c, d]), triangle, layer, colour, texture, 3.0)


def _road(net: RoadNet, road: Road, roads: RoadMap) -> Iterator[Shape]:
    side, other = net.kerb, net.opposite(road)
    for lane in road.lanes:
        line, half = resample(lane.line, 8.0), lane.width / 2
        yield ribbon(line, half + 0.02, -half - 0.02, ASPHALT, texture="asphalt")
    edge = resample(net.edge(road), 4.0)
    if road.marked or other is not None:
        yield from _border(edge, side, roads)
    if not road.marked:
        return
    yield _line(edge, -side * 0.30, PAINT)
    for lane in road.lanes[:-1]:
        between = aside(lane.line, -side * lane.width / 2)
        for at in np.arange(1.0, length(between) - DASH, DASH + SPACE):
            yield ribbon(resample(stretch(between, at, at + DASH), 3.0), 0.06, -0.06, MARKS, PAINT)
    yield from _median(net, road, other, roads)


def _median(net: RoadNet, road: Road, other: Road | None, roads: RoadMap) -> Iterator[Shape]:
    """What parts the two directions: a double line, or a strip with kerbs."""
    side, middle = net.kerb, resample(net.middle(road), 4.0)
    gap = np.inf
    if other is not None:
        across = resample(net.middle(other), 4.0)[::-1]
        apart = np.linalg.norm(middle[:, None] - across[None], axis=2).min(axis=1)
        gap = float(np.median(apart))
    if gap >= 0.6:
        yield _line(middle, side * 0.30, PAINT)
        yield from _border(middle, -side, roads)
    elif other is not None and other.marked:
        yield _line(middle, side * 0.10, YELLOW)
    if other is not None and gap >= 0.6 and road.name < other.name:  # one strip for both
        count = max(len(middle), len(across))
        left, right = (_as_many(line, count) for line in (middle, across))
        yield flat(*strip(left, right), GREEN, GRASS, "earth", 3.0)


def _as_many(line: Array, count: int) -> Array:
    at, have = np.linspace(0.0, 1.0, count), np.linspace(0.0, 1.0, len(line))
    return np.column_stack([np.interp(at, have, line[:, k]) for k in range(2)])


def _line(line: Array, left: float, colour: Colour, half: float = 0.06) -> Shape:
    return ribbon(line, left + half, left - half, MARKS, colour)


def _patches(net: RoadNet, seed: int) -> Iterator[Shape]:
    """Repairs, darker or lighter than the road around them."""
    rng = np.random.default_rng(seed + 11)
    for road in net.roads:
        for lane in road.lanes:
            line, whole = lane.line, length(lane.line)
            for _ in range(int(whole / 45.0)):
                begin = float(rng.uniform(0.0, max(0.1, whole - 6.0)))
                piece = resample(stretch(line, begin, begin + float(rng.uniform(1.0, 5.0))), 3.0)
                middle, half = rng.uniform(-0.8, 0.8), rng.uniform(0.3, 0.9)
                grey = float(rng.choice((0.78, 0.86, 1.08)))
                yield ribbon(
                    piece, middle + half, middle - half, PATCHES, (grey,) * 3, "asphalt", 6.0
                )


def _paint(place: Place, corridor: Corridor, roads: RoadMap) -> Iterator[Shape]:
    """What the law wants to see of a place."""
    if place.kind == "stop_line" and len(place.line) > 1:
        line = np.array(place.line, float)
        ahead = _across(line, roads)
        yield flat(*strip(line, line + STOP_LINE * ahead), SIGNS, PAINT)
        yield from _zebra(line, ahead, corridor, roads)
    elif place.kind == "lane_marking" and len(place.line) > 1:
        yield ribbon(np.array(place.line, float), 0.08, -0.08, SIGNS, PAINT)
    elif place.kind == "direction" and len(place.direction) > 1:
        yield _arrow(np.array(place.direction, float))
    elif place.kind in ("no_parking", "no_stopping") and len(place.region) > 2:
        yield from _yellow_kerb(np.array(place.region, float), roads)


def _across(line: Array, roads: RoadMap) -> Array:
    """Unit vector square to a line, in the direction of the traffic that meets it."""
    along = (line[-1] - line[0]) / np.linalg.norm(line[-1] - line[0])
    square = np.array([-along[1], along[0]])
    return square if square @ roads.way(line.mean(axis=0)) > 0 else -square


def _zebra(line: Array, ahead: Array, corridor: Corridor, roads: RoadMap) -> Iterator[Shape]:
    """A crossing past the stop line over the whole road, where the junction leaves it room."""
    near, far = ZEBRA
    middle = line.mean(axis=0)
    junctions = [np.array(p.region) for p in corridor.places if p.kind == "junction"]
    if any(inside((middle + (far - 0.5) * ahead)[None], j)[0] for j in junctions):
        return
    along = (line[-1] - line[0]) / np.linalg.norm(line[-1] - line[0])
    steps = np.arange(-30.0, 30.0, 0.25)
    centre = middle + (near + far) / 2 * ahead
    road = roads.holds(centre + steps[:, None] * along)
    zero = int(np.abs(steps).argmin())
    if not road[zero]:
        return
    begin, end = zero, zero
    while begin > 0 and (road[begin - 1] or road[max(0, begin - 12)]):
        begin -= 1
    while end < len(steps) - 1 and (road[end + 1] or road[min(len(steps) - 1, end + 12)]):
        end += 1
    for at in np.arange(steps[begin] + 0.3, steps[end] - 0.6, 1.0):
        corner = middle + at * along
        edge = np.array([corner, corner + 0.5 * along])
        yield flat(*strip(edge + near * ahead, edge + far * ahead), SIGNS, PAINT)


def _arrow(direction: Array) -> Shape:
    """An arrow of travel, 4 m long, in the middle of the place's own."""
    begin, end = direction[0], direction[-1]
    way = (end - begin) / max(float(np.linalg.norm(end - begin)), 1e-9)
    side = np.array([-way[1], way[0]])
    outline = (
        (0, 0.08),
        (2.4, 0.08),
        (2.4, 0.32),
        (4.0, 0),
        (2.4, -0.32),
        (2.4, -0.08),
        (0, -0.08),
    )
    start = (begin + end) / 2 - 2.0 * way
    points = np.array([start + a * way + b * side for a, b in outline])
    return flat(points, polygon(points), SIGNS, PAINT)


def _yellow_kerb(region: Array, roads: RoadMap) -> Iterator[Shape]:
    """A yellow line inside the region along its long side that is nearest to the kerb."""
    closed = np.concatenate([region, region[:1]])
    sides = [closed[i : i + 2] for i in range(len(region))]
    long = [s for s in sides if length(s) > 0.3 * max(length(t) for t in sides)]
    kerb = max(long, key=lambda s: float(roads.gap(s.mean(axis=0)[None])[0]))
    inward = region.mean(axis=0) - kerb.mean(axis=0)
    left = np.array([-tangents(kerb)[0][1], tangents(kerb)[0][0]])
    side = 1.0 if inward @ left > 0 else -1.0
    steps = np.arange(0.15, 3.0, 0.05)
    road = roads.holds(kerb.mean(axis=0) + side * (steps[:, None] - 0.1) * left)
    if road.any():  # a region may reach over the kerb
        yield _line(kerb, side * float(steps[road.argmax()]), YELLOW, 0.08)
