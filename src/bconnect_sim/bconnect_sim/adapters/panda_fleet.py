"""The road users of a picture: bodies, people, plates, lamps and shadows as panda3d nodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import cos, hypot, radians, sin
from pathlib import Path
from typing import Any

import numpy as np

from bconnect_sim.adapters.panda_parts import Parts, quad
from bconnect_sim.core import look
from bconnect_sim.core.meshes import Colour, Point
from bconnect_sim.core.plates import plate
from bconnect_sim.core.shapes import Array, Indices, Shape, flat, polygon, solid
from bconnect_sim.core.weather import Lamplight, Light
from bconnect_sim.core.world import Moment, VehicleState

SHADOWS, BEAMS, CONTACTS, MIRRORS = 20, 22, 24, 26  # drawing order over the ground
VISIBLE = 170.0  # m from the camera within which road users are drawn
BEAM = (15.0, 5.0)  # m, length and width of a headlight's light on the road
NEARER = 0.5  # m a lamp's glow hangs before it, out of the body around it
Key = tuple[bool, int, int, str]


@dataclass(slots=True)
class Body:
    """A model in one paint, and what is measured on its mesh."""

    node: Any
    length: float
    corners: Array  # the points that throw its shadow
    position: Array
    triangle: Indices


@dataclass(slots=True)
class Dressed:
    """One road user in the scene. fore, aft: lamps that shine ahead and back; glows: those of
    them that hang a bit before their place, toward whoever looks."""

    key: Key
    node: Any
    solid: Any
    body: Body
    fore: list[Any] = field(default_factory=list)
    aft: list[Any] = field(default_factory=list)
    glows: list[tuple[Any, Point]] = field(default_factory=list)
    beacon: Any = None
    shadow: Any = None
    cast_at: float = 1e9  # degrees, heading its shadow was made for


class Fleet:
    """Keeps a node per road user of the current moment."""

    def __init__(self, parts: Parts, models: Path, light: Light, lamplight: Lamplight) -> None:
        self._parts, self._light, self._lamplight = parts, light, lamplight
        self._models = np.load(models)
        self._bodies: dict[tuple[str, Colour], Body] = {}
        self._dressed: dict[str, Dressed] = {}

    def show(self, moment: Moment, eye: tuple[float, float, float]) -> None:
        """Brings the scene to a moment, as seen from ``eye``."""
        present = {v.id for v in moment.vehicles}
        for name in [n for n in self._dressed if n not in present]:
            self._dressed.pop(name).node.removeNode()
        for vehicle in moment.vehicles:
            near = (vehicle.x - eye[0]) ** 2 + (vehicle.y - eye[1]) ** 2 < VISIBLE**2
            if near:
                self._place(self._of(vehicle), vehicle, moment.time, eye)
            elif vehicle.id in self._dressed:
                self._dressed[vehicle.id].node.hide()

    def close(self) -> None:
        self._dressed.clear()
        self._bodies.clear()

    def _of(self, vehicle: VehicleState) -> Dressed:
        key = (vehicle.emergency, vehicle.riders, vehicle.helmets, vehicle.plate)
        known = self._dressed.get(vehicle.id)
        if known is None or known.key != key:
            if known is not None:
                known.node.removeNode()
            known = self._dressed[vehicle.id] = self._dress(vehicle, key)
        return known

    def _place(self, drawn: Dressed, vehicle: VehicleState, time: float,
               eye: tuple[float, float, float]) -> None:  # fmt: skip
        drawn.node.show()
        drawn.node.setPos(vehicle.x, vehicle.y, 0)
        drawn.node.setH(vehicle.heading)
        if self._light.base < 1.0:
            share = float(self._lamplight.at(np.array([(vehicle.x, vehicle.y)]))[0])
            drawn.solid.setColorScale(share, share, share, 1)
        turn, dx, dy = radians(vehicle.heading), eye[0] - vehicle.x, eye[1] - vehicle.y
        looker = (dx * cos(turn) + dy * sin(turn), dy * cos(turn) - dx * sin(turn), eye[2])
        for lamps, shines in ((drawn.fore, looker[0] > 0), (drawn.aft, looker[0] < 0)):
            for lamp in lamps:
                (lamp.show if shines else lamp.hide)()
        for node, at in drawn.glows:
            node.setPos(*_before(at, looker))
        self._blink(drawn, vehicle, time, looker)
        if self._light.shadow > 0 and abs(drawn.cast_at - vehicle.heading) > 0.5:
            self._cast(drawn, vehicle)

    # -- dressing --------------------------------------------------------------------------

    def _dress(self, vehicle: VehicleState, key: Key) -> Dressed:
        node = self._parts.root.attachNewNode("road user")
        whole = node.attachNewNode("solid")
        body = self._body(vehicle)
        drawn = Dressed(key, node, whole, body)
        mesh = whole.attachNewNode("body")
        body.node.copyTo(mesh)
        mesh.setSx(vehicle.length / body.length)
        for extra in look.extras(vehicle):
            self._parts.add(whole, solid(extra))
        if vehicle.plate:
            self._plates(drawn, vehicle)
        self._contact(node, vehicle)
        self._lamps(drawn, vehicle)
        return drawn

    def _body(self, vehicle: VehicleState) -> Body:
        key = (vehicle.model, look.paint(vehicle))
        if key not in self._bodies:
            self._bodies[key] = self._load(*key)
        return self._bodies[key]

    def _load(self, model: str, paint: Colour) -> Body:
        part = {k: self._models[f"{model}.{k}"] for k in
                ("position", "normal", "colour", "uv", "paint", "triangle", "texture")}  # fmt: skip
        colour = part["colour"] / 255.0
        colour[part["paint"] == 1] = paint
        position = part["position"] / 1000.0
        plain = part["uv"][:, 0] < 0
        whole = self._parts.p.NodePath(model)
        textured = ~plain[part["triangle"]].any(axis=1)
        for select in (textured, ~textured):
            if not select.any():
                continue
            used, index = np.unique(part["triangle"][select], return_inverse=True)
            shape = Shape(position[used], part["normal"][used] / 127.0, colour[used],
                          index.reshape(-1, 3), part["uv"][used] / 1000.0)  # fmt: skip
            node = self._parts.add(whole, shape)
            if select is textured:
                # stored as panda3d takes it: lower row first, blue first
                node.setTexture(self._parts.texture(part["texture"][::-1, :, ::-1]))
        return Body(
            whole, float(np.ptp(position[:, 0])), look.silhouette(position), position,
            part["triangle"].astype(int),
        )  # fmt: skip

    def _plates(self, drawn: Dressed, vehicle: VehicleState) -> None:
        texture = self._parts.texture(plate(vehicle.plate), repeat=False)
        for spot in look.plate_spots(vehicle, drawn.body.position, drawn.body.triangle):
            node = self._parts.add(drawn.solid, quad(spot, (1.0, 1.0, 1.0)))
            node.setTexture(texture)
            node.setLightOff(1)

    def _contact(self, node: Any, vehicle: VehicleState) -> None:
        """A soft dark place below, without which everything seems to float."""
        half, side = vehicle.length / 2 + 0.35, vehicle.width / 2 + 0.3
        corners = np.array([(-half, -side, 0), (half, -side, 0), (half, side, 0), (-half, side, 0)])
        shade = self._parts.add(node, quad(corners, (0.0, 0.0, 0.0), "blob", CONTACTS))
        self._parts.veil(shade, "blob")

    def _cast(self, drawn: Dressed, vehicle: VehicleState) -> None:
        if drawn.shadow is not None:
            drawn.shadow.removeNode()
        turn, (x, y, z) = radians(-vehicle.heading), self._light.toward
        toward = (x * cos(turn) - y * sin(turn), x * sin(turn) + y * cos(turn), z)
        points = drawn.body.corners
        if vehicle.riders:  # people throw one too
            head = [(-0.1, side, 1.55) for side in (-0.25, 0.25)]
            points = np.concatenate([points, head])
        outline = look.outline(points, toward)
        drawn.shadow = self._parts.shade(drawn.node, flat(outline, polygon(outline), SHADOWS),
                                         self._light.shadow)  # fmt: skip
        drawn.cast_at = vehicle.heading

    # -- lamps -----------------------------------------------------------------------------

    def _lamps(self, drawn: Dressed, vehicle: VehicleState) -> None:
        glow = self._light.glow
        for lamp in look.lamps(vehicle):
            if glow <= 0 and not (lamp.ahead and vehicle.kind == "motorcycle"):
                continue  # motorcycles have their lamp on by day too, as Art. 107 (2) asks
            strength, size = (glow, lamp.size * (1 + 1.6 * glow)) if glow > 0 else (0.9, 0.3)
            lit = self._parts.sprite(drawn.node, lamp.at, size, lamp.colour, strength)
            (drawn.fore if lamp.ahead else drawn.aft).append(lit)
            drawn.glows.append((lit, lamp.at))
            if glow > 0 and self._light.wet > 0:
                mirrored = self._mirror(drawn.node, lamp.at, size, lamp.colour)
                (drawn.fore if lamp.ahead else drawn.aft).append(mirrored)
        if glow > 0.5:
            x, (long, wide) = vehicle.length / 2, BEAM
            corners = np.array([(x, -wide / 2, 0), (x + long, -wide / 2, 0),
                                (x + long, wide / 2, 0), (x, wide / 2, 0)])  # fmt: skip
            lit = self._parts.add(drawn.node, quad(corners, (1.0, 0.95, 0.82), "beam", BEAMS))
            self._parts.veil(lit, "beam")

    def _mirror(self, parent: Any, at: tuple[float, float, float], size: float,
                colour: Colour) -> Any:  # fmt: skip
        """A lamp's long reflection in the wet road."""
        strength = 0.45 * self._light.wet
        node = self._parts.sprite(parent, (at[0], at[1], -at[2]), size, colour, strength)
        node.setSz(3.0)
        self._parts.flatten(node, MIRRORS)
        return node

    def _blink(self, drawn: Dressed, vehicle: VehicleState, time: float, looker: Point) -> None:
        if drawn.beacon is not None:
            drawn.beacon.removeNode()
            drawn.beacon = None
        if vehicle.emergency:
            lamp = look.beacon(vehicle, time)
            size = lamp.size * (1 + 2.0 * self._light.glow)
            at = _before(lamp.at, looker)
            drawn.beacon = self._parts.sprite(drawn.node, at, size, lamp.colour, 1.0)


def _before(at: Point, looker: Point) -> Point:
    """A place NEARER m from another toward whoever looks."""
    x, y, z = (b - a for a, b in zip(at, looker, strict=True))
    share = NEARER / max(hypot(x, y, z), NEARER)
    return at[0] + share * x, at[1] + share * y, at[2] + share * z
