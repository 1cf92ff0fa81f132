"""Rendered vehicles to put plates on: each from the front or the back, in its street, close up.

The plate that the simulation draws is left blank and drawn over by tests/detect/plate_pictures.py.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass, replace
from math import atan, cos, degrees, radians, sin
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
for _folder in ("tests/detect", "tests/sim"):
    sys.path.insert(0, str(ROOT / _folder))

import render_street as town  # noqa: E402

from bconnect_sim.adapters.render import Renderer  # noqa: E402
from bconnect_sim.core import look  # noqa: E402
from bconnect_sim.core.optics import Optics  # noqa: E402
from bconnect_sim.core.world import CameraView, Moment, Picture, VehicleState, Weather  # noqa: E402
from bconnect_site.kinds import RoadUserKind  # noqa: E402

WIDTH, HEIGHT = 1920, 1080
# kind, model, length, width, height in m, pixels per metre; models with a plate of their own on
# them are left out
MODELS = (
    ("car", "hatchback", 4.2, 1.75, 1.48, 350.0),
    ("car", "suv", 4.63, 1.85, 1.72, 350.0),
    ("car", "mpv", 4.26, 1.69, 1.7, 350.0),
    ("truck", "box_truck", 6.3, 2.2, 2.9, 300.0),
    ("motorcycle", "scooter", 1.95, 0.72, 1.65, 480.0),
    ("motorcycle", "sport_bike", 2.0, 0.75, 1.65, 480.0),
)
SPOT = (-30.0, 5.2)  # m, where the vehicle stands
AWAY, HIGH = 22.0, 5.5  # m, from the camera
TURNS = (0.0, 20.0, 35.0)  # degrees the vehicle is seen from the side


@dataclass(frozen=True)
class Backdrop:
    """One vehicle with the corners of its plate, pixels of ``image``."""

    image: NDArray[np.uint8]  # BGR
    corners: NDArray[np.float64]  # (4, 2) from the upper left, clockwise
    box: tuple[float, float, float, float]  # of the vehicle
    kind: RoadUserKind
    model: str
    turn: float  # degrees
    night: bool

    @property
    def plate_height(self) -> float:
        """Pixels."""
        c = self.corners
        return float(np.linalg.norm(c[3] - c[0]) + np.linalg.norm(c[2] - c[1])) / 2


def backdrops(seed: int = 1, night: bool = False) -> list[Backdrop]:
    """Every model from both ends and all turns of its plate that can be seen."""
    made = []
    picture = Picture(width=WIDTH, height=HEIGHT, noise=0.0)
    weather = Weather("night" if night else "day")
    with tempfile.TemporaryDirectory() as folder:
        town.write_net(Path(folder))
        for number, model in enumerate(MODELS):
            views = tuple(
                _view(f"v{i}", model, rear, turn)
                for i, (rear, turn) in enumerate((r, t) for r in (False, True) for t in TURNS)
            )
            stage = town.Stage(
                Path(folder), town.Described(picture=picture, weather=weather),
                town.street(cameras=views),
            )  # fmt: skip
            renderer = Renderer(stage, views[0].name, seed)
            for i, view in enumerate(views):
                rear, turn = i >= len(TURNS), TURNS[i % len(TURNS)]
                vehicle = _vehicle(model, (0.13 + 0.29 * number + 0.17 * i) % 1.0)
                image = renderer.draw(Moment(0.0, (vehicle,), {}), view.name)[..., ::-1]
                body = renderer._fleet._body(vehicle)
                made.append(_backdrop(image, view, vehicle, body, rear, turn, night))
            renderer.close()
    return [b for b in made if b is not None]


def _vehicle(model: tuple[str, str, float, float, float, float], paint: float) -> VehicleState:
    kind, name, long, wide, high, _ = model
    riders = 1 if kind == "motorcycle" else 0
    return VehicleState(
        "v", kind, name, *SPOT, 0.0, 0.0, long, wide, high, paint=paint, riders=riders,
        helmets=riders,
    )  # fmt: skip


def _view(
    name: str, model: tuple[str, str, float, float, float, float], rear: bool, turn: float
) -> CameraView:
    """A camera before or behind the vehicle, to its side by ``turn``, close enough."""
    angle = radians((180.0 if rear else 0.0) + turn)
    end = (model[2] / 2) * (-1 if rear else 1)
    aim = (SPOT[0] + end, SPOT[1], 0.45 * model[4])
    eye = (aim[0] + AWAY * cos(angle), aim[1] + AWAY * sin(angle), HIGH)
    field = 2 * degrees(atan(WIDTH / model[5] / 2 / AWAY))
    return CameraView(name, eye, aim, field)


def _backdrop(
    image: NDArray[np.uint8], view: CameraView, vehicle: VehicleState, body: object,
    rear: bool, turn: float, night: bool,
) -> Backdrop | None:  # fmt: skip
    position = np.array(body.position, float)  # type: ignore[attr-defined]
    spots = look.plate_spots(vehicle, position, body.triangle)  # type: ignore[attr-defined]
    spot = spots[1 if rear else 0] + np.array((vehicle.x, vehicle.y, 0.0))
    optics = Optics.of(view, WIDTH / HEIGHT)
    # from the lower left round to the upper left; seen from outside left and right as written
    corners = optics.project(spot)[:, :2] * (WIDTH, HEIGHT)
    corners = corners[[3, 2, 1, 0]]
    if corners[1, 0] < corners[0, 0]:
        corners = corners[[1, 0, 3, 2]]
    scaled = position * (vehicle.length / np.ptp(position[:, 0]), 1.0, 1.0)
    here = scaled + np.array((vehicle.x, vehicle.y, 0.0))
    points = optics.project(here)[:, :2] * (WIDTH, HEIGHT)
    low, high = points.min(axis=0), points.max(axis=0)
    box = (
        float(max(low[0], 0)), float(max(low[1], 0)),
        float(min(high[0], WIDTH)), float(min(high[1], HEIGHT)),
    )  # fmt: skip
    kind = RoadUserKind[vehicle.kind.upper()]
    return Backdrop(np.ascontiguousarray(image), corners, box, kind, vehicle.model, turn, night)


def scaled(backdrop: Backdrop, image: NDArray[np.uint8], factor: float) -> Backdrop:
    """The backdrop with another picture of another size."""
    box = tuple(v * factor for v in backdrop.box)
    return replace(
        backdrop, image=image, corners=backdrop.corners * factor,
        box=(box[0], box[1], box[2], box[3]),
    )  # fmt: skip
