"""Signal heads as shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bconnect_sim.core.meshes import Colour, Mesh, Point, box, join, limb
from bconnect_sim.core.shapes import Shape, solid
from bconnect_sim.core.world import SignalHead

GREY: Colour = (0.45, 0.46, 0.48)
HEAD_HEIGHT, HEAD_WIDTH = 1.30, 0.50  # m, of a head's housing
LAMPS: dict[str, tuple[Colour, Colour]] = {  # lit, dark; from the top
    "red": ((1.0, 0.16, 0.10), (0.22, 0.05, 0.05)),
    "amber": ((1.0, 0.78, 0.12), (0.22, 0.16, 0.04)),
    "green": ((0.16, 1.0, 0.50), (0.04, 0.18, 0.10)),
}


@dataclass(frozen=True, slots=True)
class Head:
    """A drawn signal head; per aspect the lamp lit and dark, and where it shines."""

    housing: Shape
    lit: dict[str, Shape]
    dark: dict[str, Shape]
    at: dict[str, Point]


def signal_head(signal: SignalHead) -> Head:
    """A head on its pole; ``position`` is the middle of its housing."""
    x, y, z = signal.position
    turn = math.radians(signal.heading)
    ahead, left = (math.cos(turn), math.sin(turn)), (-math.sin(turn), math.cos(turn))

    def at(forward: float, side: float, up: float) -> Point:
        return (x + forward * ahead[0] + side * left[0], y + forward * ahead[1] + side * left[1],
                z + up)  # fmt: skip

    def turned(mesh: Mesh) -> Mesh:
        spin = np.array([[ahead[0], ahead[1], 0], [left[0], left[1], 0], [0, 0, 1]], np.float32)
        position = mesh.position @ spin + np.array((x, y, z), np.float32)
        return Mesh(position, mesh.normal @ spin, mesh.colour, mesh.triangle)

    tall, wide = HEAD_HEIGHT, HEAD_WIDTH
    foot, top = at(-0.22, 0, -z), at(-0.22, 0, tall / 2)
    housing = join(
        limb(foot, top, 0.08, GREY),
        turned(box((-0.10, 0, 0), (0.02, wide + 0.22, tall + 0.22), (0.80, 0.80, 0.78))),
        turned(box((-0.08, 0, 0), (0.03, wide + 0.12, tall + 0.12), (0.05, 0.05, 0.06))),
        turned(box((0, 0, 0), (0.16, wide, tall), (0.10, 0.10, 0.11))),
    )
    head = Head(solid(housing), {}, {}, {})
    for i, (aspect, (bright, dull)) in enumerate(LAMPS.items()):
        up = tall / 3 * (1 - i)
        for shapes, colour in ((head.lit, bright), (head.dark, dull)):
            shapes[aspect] = solid(limb(at(0.06, 0, up), at(0.12, 0, up), 0.18, colour, 16))
        head.at[aspect] = at(0.5, 0, up)  # before the housing
    return head
