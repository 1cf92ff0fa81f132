"""How road users look beyond their model's mesh: paint, people, plates, lamps, shadows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bconnect_sim.core.meshes import CLOTHES, HELMETS, Colour, Mesh, Point, box, rider
from bconnect_sim.core.shapes import Array, Indices
from bconnect_sim.core.world import VehicleState

PAINTS: dict[str, tuple[Colour, ...]] = {
    "car": (
        (0.90, 0.90, 0.90), (0.12, 0.12, 0.13), (0.62, 0.64, 0.66), (0.55, 0.06, 0.07),
        (0.10, 0.18, 0.40), (0.36, 0.33, 0.30), (0.80, 0.80, 0.76), (0.30, 0.34, 0.36),
    ),
    "minibus": ((0.10, 0.35, 0.65), (0.15, 0.50, 0.25), (0.88, 0.88, 0.86), (0.75, 0.55, 0.10)),
    "bus": ((0.88, 0.88, 0.90), (0.15, 0.45, 0.60), (0.70, 0.15, 0.12)),
    "truck": ((0.65, 0.10, 0.08), (0.12, 0.30, 0.55), (0.80, 0.60, 0.10)),
    "motorcycle": ((0.70, 0.08, 0.08), (0.10, 0.12, 0.14), (0.12, 0.25, 0.60), (0.8, 0.8, 0.8)),
}  # fmt: skip
AMBULANCE: Colour = (0.93, 0.93, 0.93)
STRIPE: Colour = (0.80, 0.08, 0.08)
BLINK = 0.25  # s each side of a light bar is on
PLATE_RATIO = 0.3  # height of a plate by its width
# plates at front and rear: m above ground, m to the left, m wide; over those of the models
PLATES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "hatchback": ((0.45, 0.0, 0.46), (0.60, 0.0, 0.46)),
    "suv": ((0.57, 0.0, 0.54), (0.87, 0.0, 0.54)),
    "city_car": ((0.42, 0.0, 0.62), (0.89, 0.0, 0.62)),
    "mpv": ((0.52, 0.0, 0.52), (0.60, 0.0, 0.46)),
    "van": ((0.38, 0.0, 0.46), (0.56, 0.38, 0.46)),
    "coach": ((0.45, 0.0, 0.46), (0.47, 0.0, 0.46)),
    "city_bus": ((0.35, 0.0, 0.46), (0.68, 0.0, 0.46)),
    "box_truck": ((0.74, 0.0, 0.78), (0.85, 0.0, 0.78)),
    "scooter": ((0.58, 0.0, 0.28), (0.68, 0.0, 0.28)),
    "sport_bike": ((0.50, 0.0, 0.28), (0.60, 0.0, 0.28)),
}
ANY_PLATES = ((0.45, 0.0, 0.46), (0.60, 0.0, 0.46))


@dataclass(frozen=True, slots=True)
class Lamp:
    """A lamp of a vehicle, in its own axes; ahead: shines forwards, else backwards; size in m."""

    at: Point
    colour: Colour
    ahead: bool
    size: float = 0.5


def paint(vehicle: VehicleState) -> Colour:
    """The colour of its body."""
    if vehicle.emergency:
        return AMBULANCE
    choices = PAINTS[vehicle.kind]
    return choices[min(int(vehicle.paint * len(choices)), len(choices) - 1)]


def plate_spots(vehicle: VehicleState, position: Array, triangle: Indices) -> list[Array]:
    """Corners (4, 3) of the plates at a mesh's front and rear, from the lower left."""
    found = []
    for sign, (up, left, wide) in zip((1.0, -1.0), PLATES.get(vehicle.model, ANY_PLATES),
                                      strict=True):  # fmt: skip
        tall = PLATE_RATIO * wide
        corners = np.array([(-wide, -tall), (wide, -tall), (wide, tall), (-wide, tall)]) / 2
        spots = corners * (sign, 1.0) + (left, up)
        x = max(face(position, triangle, sign, spot) for spot in (*spots, np.array((left, up))))
        found.append(np.column_stack([np.full(4, sign * (x + 0.012)), spots]))
    return found


def extras(vehicle: VehicleState) -> list[Mesh]:
    """People on a motorcycle, driver first (helmets likewise); stripes of an ambulance."""
    if vehicle.kind == "motorcycle":
        tail = box((-vehicle.length / 2 + 0.10, 0.0, 0.80), (0.05, 0.20, 0.09), (0.85, 0.10, 0.08))
        return [tail, *(_rider(vehicle, i) for i in range(vehicle.riders))]
    if not vehicle.emergency:
        return []
    long, wide, tall = vehicle.length, vehicle.width, vehicle.height
    bar = box((0.15 * long, 0.0, tall + 0.07), (0.25, 0.7 * wide, 0.14), (0.25, 0.3, 0.6))
    stripes = [box((-0.05 * long, side * (wide / 2 - 0.02), 0.48 * tall),
                   (0.75 * long, 0.05, 0.16), STRIPE) for side in (-1.0, 1.0)]  # fmt: skip
    return [bar, *stripes]


def _rider(vehicle: VehicleState, number: int) -> Mesh:
    clothes = CLOTHES[(int(vehicle.paint * 997) + 3 * number) % len(CLOTHES)]
    helmet = HELMETS[(int(vehicle.paint * 313) + number) % len(HELMETS)]
    bare = number >= vehicle.helmets
    space = 0.42 if vehicle.riders < 3 else 0.34
    first = -0.12 if vehicle.riders < 3 else 0.02
    return rider(clothes, None if bare else helmet, first - space * number, 0.76 + 0.05 * number)


def lamps(vehicle: VehicleState) -> list[Lamp]:
    """Head and tail lamps."""
    half, wide = vehicle.length / 2, vehicle.width
    if vehicle.kind == "motorcycle":
        return [
            Lamp((half - 0.15, 0.0, 0.85), (1.0, 0.96, 0.86), True, 0.45),
            Lamp((-half + 0.05, 0.0, 0.80), (1.0, 0.12, 0.08), False, 0.25),
        ]
    high = 0.75 if vehicle.height < 2.2 else 0.95
    found = []
    for side in (-0.36 * wide, 0.36 * wide):
        found.append(Lamp((half + 0.02, side, high), (1.0, 0.96, 0.86), True, 0.55))
        found.append(Lamp((-half - 0.02, side, high + 0.1), (1.0, 0.12, 0.08), False, 0.35))
    return found


def beacon(vehicle: VehicleState, time: float) -> Lamp:
    """The lit half of an ambulance's light bar at a time [s]."""
    left = int(time / BLINK) % 2 == 0
    side, colour = (0.25, (0.25, 0.4, 1.0)) if left else (-0.25, (1.0, 0.15, 0.12))
    at = (0.15 * vehicle.length, side * vehicle.width, vehicle.height + 0.12)
    return Lamp(at, colour, True, 0.6)


def outline(points: Array, toward: Point) -> Array:
    """The shadow of points (n, 3) on the ground, as a convex polygon (k, 2), leftwards."""
    cast = points[:, :2] - points[:, 2:] * (np.array(toward[:2]) / toward[2])
    order = sorted(map(tuple, cast.tolist()))
    return np.array(_chain(order)[:-1] + _chain(order[::-1])[:-1])


def _chain(points: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    kept: list[tuple[float, ...]] = []
    for p in points:
        while len(kept) > 1:
            (ax, ay), (bx, by) = kept[-2], kept[-1]
            if (bx - ax) * (p[1] - ay) - (by - ay) * (p[0] - ax) > 0:
                break
            kept.pop()
        kept.append(p)
    return kept


def silhouette(position: Array) -> Array:
    """The few points of a mesh (n, 3) that reach farthest in any of 56 directions."""
    found = []
    for up in (-1.5, 0.0, 0.5, 1.2):
        for angle in range(14):
            turn = 2 * math.pi * angle / 14
            way = np.array([math.cos(turn), math.sin(turn), up])
            found.append(int((position @ way).argmax()))
    return np.asarray(position[sorted(set(found))], float)


def face(position: Array, triangle: Indices, sign: float, spot: Array) -> float:
    """How far [m] a mesh reaches ahead (sign 1) or back (-1) at a spot (y, z); 0: not there."""
    corners = position[triangle]
    a, b, c = (corners[:, k, 1:] for k in range(3))
    u, v, w = b - a, c - a, spot - a
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    safe = np.where(np.abs(area) < 1e-12, 1.0, area)
    s = (w[:, 0] * v[:, 1] - w[:, 1] * v[:, 0]) / safe
    t = (u[:, 0] * w[:, 1] - u[:, 1] * w[:, 0]) / safe
    hit = (np.abs(area) > 1e-12) & (s >= 0) & (t >= 0) & (s + t <= 1)
    x = corners[:, :, 0]
    reach = sign * (x[:, 0] + s * (x[:, 1] - x[:, 0]) + t * (x[:, 2] - x[:, 0]))
    return float(reach[hit].max()) if hit.any() else 0.0
