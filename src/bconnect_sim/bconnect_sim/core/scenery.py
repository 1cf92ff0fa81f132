"""What stands in the simulated street: ground, markings, walls, signal head, riders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bconnect_sim.core.meshes import (
    CLOTHES,
    HELMETS,
    Colour,
    Mesh,
    Point,
    ball,
    box,
    join,
    limb,
    rider,
)
from bconnect_sim.core.street import Judged
from bconnect_sim.core.texture import Image, facade, grainy
from bconnect_sim.core.traffic import VehicleState

WHITE: Colour = (0.92, 0.92, 0.88)
YELLOW: Colour = (0.90, 0.72, 0.20)
CARS: tuple[Colour, ...] = (
    (0.90, 0.90, 0.90), (0.12, 0.12, 0.13), (0.62, 0.64, 0.66), (0.55, 0.06, 0.07),
    (0.10, 0.18, 0.40), (0.36, 0.33, 0.30), (0.80, 0.80, 0.76), (0.30, 0.34, 0.36),
)  # fmt: skip
PAINTS: dict[str, tuple[Colour, ...]] = {
    "car": CARS,
    "minibus": ((0.10, 0.35, 0.65), (0.15, 0.50, 0.25), (0.88, 0.88, 0.86), (0.75, 0.55, 0.10)),
    "bus": ((0.88, 0.88, 0.90), (0.15, 0.45, 0.60), (0.70, 0.15, 0.12)),
    "truck": ((0.65, 0.10, 0.08), (0.12, 0.30, 0.55), (0.80, 0.60, 0.10)),
    "motorcycle": ((0.70, 0.08, 0.08), (0.10, 0.12, 0.14), (0.12, 0.25, 0.60), (0.8, 0.8, 0.8)),
}
HALF_WIDTH = {"motorcycle": 0.38, "car": 0.9, "minibus": 1.0, "bus": 1.2, "truck": 1.25}
WEST, EAST = -70.0, 150.0  # how far the picture's street reaches [m]


@dataclass(frozen=True, slots=True)
class Surface:
    """A quadrilateral. layer: drawing order of what lies flat; None: upright, depth-tested."""

    corners: tuple[Point, Point, Point, Point]
    colour: Colour
    texture: Image | None = None
    repeat: tuple[float, float] = (1.0, 1.0)
    layer: int | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A signal head; per aspect the lamp when lit and when dark."""

    housing: list[Mesh]
    lit: dict[str, Mesh]
    dark: dict[str, Mesh]


def _flat(x0: float, x1: float, y0: float, y1: float, colour: Colour, layer: int,
          texture: Image | None = None, tile: float = 4.0) -> Surface:  # fmt: skip
    corners = ((x0, y0, 0.0), (x1, y0, 0.0), (x1, y1, 0.0), (x0, y1, 0.0))
    repeat = ((x1 - x0) / tile, (y1 - y0) / tile)
    return Surface(corners, colour, texture, repeat, layer)


def _wall(a: tuple[float, float], b: tuple[float, float], height: float, image: Image) -> Surface:
    length = float(np.hypot(b[0] - a[0], b[1] - a[1]))
    corners = ((a[0], a[1], 0.0), (b[0], b[1], 0.0), (b[0], b[1], height), (a[0], a[1], height))
    return Surface(corners, (0.92, 0.92, 0.92), image, (max(1.0, round(length / 9.0)), 1.0))


def surfaces(judged: Judged, seed: int) -> list[Surface]:
    """Everything made of one quadrilateral, back to front."""
    white = (1.0, 1.0, 1.0)
    asphalt = grainy(128, (96, 97, 100), 7.0, 5.0, seed + 1)
    concrete = grainy(128, (158, 152, 142), 6.0, 8.0, seed + 2)
    earth = grainy(128, (112, 116, 84), 9.0, 10.0, seed + 3)
    begin, end = judged.junction
    edge = judged.carriageway[1]
    found = [_flat(WEST, EAST, -90.0, 90.0, white, 0, earth, 6.0)]
    for x0, x1 in ((WEST, begin), (end, EAST)):
        for y0, y1 in ((edge, edge + 4.5), (-edge - 4.5, -edge)):
            found.append(_flat(x0, x1, y0, y1, white, 1, concrete, 3.0))
    middle = (begin + end) / 2
    found.append(_flat(middle - 3.5, middle + 3.5, -90.0, 90.0, white, 2, asphalt))
    found.append(_flat(begin, end, -edge - 4.5, edge + 4.5, white, 2, asphalt))
    found.append(_flat(WEST, EAST, -edge, edge, white, 2, asphalt))
    return found + _markings(judged) + _houses(judged, seed)


def _markings(judged: Judged) -> list[Surface]:
    begin, end = judged.junction
    edge, line = judged.carriageway[1], judged.stop_line
    mirror = begin + end  # x of the far side = mirror - x
    found = []

    def mark(x0: float, x1: float, y0: float, y1: float, colour: Colour = WHITE) -> None:
        found.append(_flat(x0, x1, y0, y1, colour, 10))

    mark(line, line + 0.45, 0.25, edge - 0.15)
    mark(mirror - line - 0.45, mirror - line, -edge + 0.15, -0.25)
    for stripe in np.arange(-edge + 0.25, edge - 0.4, 1.0):
        mark(line + 2.5, line + 5.5, stripe, stripe + 0.5)
        mark(mirror - line - 5.5, mirror - line - 2.5, stripe, stripe + 0.5)
    for y in (-0.2, 0.08):
        mark(WEST, line, y, y + 0.12, YELLOW)
        mark(mirror - line, EAST, y, y + 0.12, YELLOW)
    for y in (edge / 2, -edge / 2):
        for x in np.arange(WEST, line - 12.0, 6.0):
            mark(x, x + 3.0, y - 0.06, y + 0.06)
        mark(line - 12.0, line, y - 0.06, y + 0.06)
        for x in np.arange(end + 6.0, EAST, 6.0):
            mark(x, x + 3.0, y - 0.06, y + 0.06)
    for y in (edge - 0.3, -edge + 0.18):
        mark(WEST, line, y, y + 0.12)
        mark(mirror - line, EAST, y, y + 0.12)
    for x0, x1 in ((WEST, begin), (end, EAST)):  # kerbs, black and white by the metre
        for i, x in enumerate(np.arange(x0, x1, 1.0)):
            colour = WHITE if i % 2 else (0.15, 0.15, 0.15)
            mark(x, min(x + 1.0, x1), edge, edge + 0.3, colour)
            mark(x, min(x + 1.0, x1), -edge - 0.3, -edge, colour)
    return found


def _houses(judged: Judged, seed: int) -> list[Surface]:
    rng = np.random.default_rng(seed + 7)
    begin, end = judged.junction
    setback = judged.carriageway[1] + 5.0
    walls = [facade(128, tuple(int(c) for c in rng.integers(120, 215, 3)), seed + i)  # type: ignore[arg-type]
             for i in range(5)]  # fmt: skip
    found = []
    for side in (1.0, -1.0):
        for x0, x1 in ((WEST, begin - 3.0), (end + 3.0, EAST)):
            x = x0
            while x < x1 - 3.0:
                width = min(float(rng.uniform(8.0, 14.0)), x1 - x)
                image = walls[int(rng.integers(len(walls)))]
                height = float(rng.uniform(5.0, 9.0))
                found.append(_wall((x, side * setback), (x + width, side * setback), height, image))
                x += width
        for x in (begin - 3.0, end + 3.0):
            image = walls[int(rng.integers(len(walls)))]
            found.append(_wall((x, side * setback), (x, side * 60.0), 7.0, image))
    return found


def furniture(judged: Judged) -> list[Mesh]:
    """Trees and lamp posts on the pavements."""
    edge = judged.carriageway[1]
    begin, end = judged.junction
    meshes = []
    for i, x in enumerate((end + 6.0, end + 16.0, end + 28.0, begin - 14.0, begin - 34.0)):
        for side in (1.0, -1.0):
            if side > 0 and x < begin:
                continue  # the camera looks along this pavement
            y = side * (edge + 3.2)
            green = (0.16 + 0.02 * (i % 3), 0.34 + 0.03 * (i % 2), 0.12)
            meshes.append(
                join(
                    limb((x, y, 0.0), (x, y, 2.6), 0.16, (0.30, 0.22, 0.15)),
                    ball((x, y, 3.6), 1.4, green),
                    ball((x + 0.8, y + 0.3, 3.2), 0.9, green),
                    ball((x - 0.7, y - 0.4, 4.1), 1.0, green),
                )
            )
    return meshes


def head_place(judged: Judged) -> tuple[Point, float, float]:
    """Middle of the signal head's housing, its height and width [m]."""
    return (judged.stop_line + 0.8, judged.carriageway[1] + 1.2, 2.9), 1.30, 0.50


def signal_head(judged: Judged) -> Head:
    """The judged approach's light on the kerb side pole, facing the approach."""
    (x, y, z), height, width = head_place(judged)
    black, grey = (0.05, 0.05, 0.06), (0.45, 0.46, 0.48)
    housing = [
        limb((x + 0.2, y, 0.0), (x + 0.2, y, z + height / 2), 0.07, grey),
        box((x + 0.02, y, z), (0.02, width + 0.22, height + 0.22), (0.80, 0.80, 0.78)),
        box((x, y, z), (0.03, width + 0.12, height + 0.12), black),
        box((x - 0.06, y, z), (0.16, width, height), (0.10, 0.10, 0.11)),
    ]
    colours: dict[str, tuple[Colour, Colour]] = {
        "red": ((1.0, 0.16, 0.10), (0.22, 0.05, 0.05)),
        "amber": ((1.0, 0.78, 0.12), (0.22, 0.16, 0.04)),
        "green": ((0.16, 1.0, 0.50), (0.04, 0.18, 0.10)),
    }
    lit, dark = {}, {}
    for i, (aspect, (bright, dull)) in enumerate(colours.items()):
        middle = z + height / 3 * (1 - i)
        front, back = (x - 0.17, y, middle), (x - 0.14, y, middle)
        lit[aspect] = limb(front, back, 0.18, bright, 16)
        dark[aspect] = limb(front, back, 0.18, dull, 16)
    return Head(housing, lit, dark)


def half_width(vehicle: VehicleState) -> float:
    """Half the width of a vehicle's footprint [m]."""
    return HALF_WIDTH[vehicle.kind]


def riders(vehicle: VehicleState) -> list[Mesh]:
    """The people on a motorcycle, driver first; helmets go to the driver first; its plate."""
    found = []
    if vehicle.kind == "motorcycle":  # number plate and lamp, as the law wants them at the rear
        back = -vehicle.length / 2
        found.append(box((back + 0.06, 0.0, 0.62), (0.02, 0.26, 0.14), (0.92, 0.92, 0.92)))
        found.append(box((back + 0.10, 0.0, 0.76), (0.05, 0.20, 0.09), (0.85, 0.10, 0.08)))
    for i in range(vehicle.riders):
        clothes = CLOTHES[(int(vehicle.paint * 997) + 3 * i) % len(CLOTHES)]
        helmet = HELMETS[(int(vehicle.paint * 313) + i) % len(HELMETS)]
        place = -0.12 - 0.42 * i
        found.append(
            rider(clothes, helmet if i < vehicle.helmets else None, place, 0.76 + 0.06 * i)
        )
    return found
