"""Draws a corridor's moments with panda3d's software renderer (no display, no GPU)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import atan, degrees, radians, tan
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bconnect_sim.adapters.panda_fleet import MIRRORS, SHADOWS, Fleet
from bconnect_sim.adapters.panda_parts import Image, Parts
from bconnect_sim.core import look
from bconnect_sim.core.aiming import aim
from bconnect_sim.core.decor import decor, skyline
from bconnect_sim.core.film import Film, haze_rows
from bconnect_sim.core.ground import EARTH, ground
from bconnect_sim.core.heads import LAMPS, Head, signal_head
from bconnect_sim.core.roadnet import read_net
from bconnect_sim.core.shapes import Array, Shape, finer, flat, merge, polygon
from bconnect_sim.core.surfaces import surfaces
from bconnect_sim.core.traffic import SimError
from bconnect_sim.core.weather import Lamplight, light
from bconnect_sim.core.world import CameraView, Corridor, Moment, Move, Picture, Weather

MODELS = Path(__file__).parent.parent / "models" / "vehicles.npz"
HORIZON = 260.0  # m; beyond it only the skyline is drawn
FINE, COARSE = 8.0, 30.0  # m, sides of triangles that lamps shine on: streets, other ground


class Described(Protocol):
    """What a scenario tells about its pictures."""

    @property
    def picture(self) -> Picture: ...
    @property
    def weather(self) -> Weather: ...
    @property
    def moves(self) -> Iterable[Move]: ...


class Staged(Protocol):
    """A scenario in its corridor; ``folder`` holds the road network."""

    @property
    def scenario(self) -> Described: ...
    @property
    def corridor(self) -> Corridor: ...
    @property
    def folder(self) -> Path: ...


@dataclass(slots=True)
class Hung:
    """One camera in the scene."""

    view: CameraView
    node: Any
    number: int
    upright: float  # vertical field of view, degrees
    far: list[Any]  # pieces of the street it does not draw


class Renderer:
    """The cameras of a corridor; ``draw`` gives what one of them sees, noise included.

    One display serves all cameras: ``draw(moment, camera)`` switches between them. Raises
    SimError when panda3d is missing, or the corridor has no such camera or no such network.
    """

    def __init__(self, stage: Staged, camera: str | None = None, seed: int = 0) -> None:
        scenario, corridor = stage.scenario, stage.corridor
        self._picture, self._moves = scenario.picture, tuple(scenario.moves)
        names = [view.name for view in corridor.cameras]
        self._camera = camera or names[0]
        if self._camera not in names:
            raise SimError(f'camera: no camera is called "{camera}", there are {", ".join(names)}')
        net = _read(stage.folder / corridor.network)
        self._light = light(scenario.weather)
        self._parts = Parts(self._picture.width, self._picture.height)
        self._parts.background(self._light.sky)
        self._parts.lights(self._light.ambient, self._light.sun, self._light.toward)
        for name, image in surfaces(self._light, seed).items():
            self._parts.textures[name] = self._parts.texture(image)
        scenery = decor(net, corridor, seed)
        self._lamplight = Lamplight(self._light, scenery.lights)
        self._pieces: list[tuple[Any, Array, Array]] = []
        self._build([*ground(net, corridor, seed), *scenery.shapes])
        self._shadows(scenery.shadows)
        self._glows(scenery.lights)
        self._heads = {s.name: self._head(signal_head(s)) for s in corridor.signals}
        self._skyline = self._parts.add(self._parts.root, skyline(self._light, seed))
        self._skyline.setLightOff(1)
        self._fleet = Fleet(self._parts, MODELS, self._light, self._lamplight)
        size = self._picture.width, self._picture.height
        self._film = Film(*size, self._picture.noise, self._light, seed)
        self._active: Hung | None = None
        self._hung = {v.name: self._hang(v, i) for i, v in enumerate(corridor.cameras)}

    def draw(self, moment: Moment, camera: str | None = None) -> Image:
        """The picture of a moment, (h, w, 3) RGB. Equal moments give equal pictures."""
        hung = self._switch(self._hung[camera or self._camera])
        heading, pitch = aim(hung.view, self._moves, moment.time)
        hung.node.setHpr(heading - 90.0, pitch, 0)
        self._skyline.setPos(hung.view.position[0], hung.view.position[1], 0)
        self._fleet.show(moment, hung.view.position)
        for name, lamps in self._heads.items():
            for aspect, (lit, dark) in lamps.items():
                on = aspect == moment.aspects.get(name)
                (lit.show if on else lit.hide)()
                (dark.hide if on else dark.show)()
        high = hung.view.position[2]
        rows = haze_rows(self._picture.height, high, pitch, hung.upright, self._light.sight)
        return self._film.develop(self._parts.shoot(hung.node), moment.time, rows, hung.number)

    def _switch(self, hung: Hung) -> Hung:
        """Makes a camera the one that draws: what is far from it is left out."""
        if hung is not self._active:
            for node in self._active.far if self._active else ():
                node.show()
            for node in hung.far:
                node.hide()
            self._active = hung
        return hung

    def close(self) -> None:
        """Gives the display back."""
        self._fleet.close()
        self._parts.close()

    # -- building --------------------------------------------------------------------------

    def _build(self, shapes: Iterable[Shape]) -> None:
        fine = [finer(s, COARSE if s.layer == EARTH else FINE) if s.layer is not None
                and self._light.lamps else finer(s, 60.0) for s in shapes]  # fmt: skip
        for shape in merge(fine):
            self._keep(self._parts.add(self._parts.root, self._lit(shape)), shape)

    def _keep(self, node: Any, shape: Shape) -> None:
        """Remembers where a piece of the street is."""
        places = shape.position[:, :2]
        self._pieces.append((node, places.min(axis=0), places.max(axis=0)))

    def _lit(self, shape: Shape) -> Shape:
        """With the light of street lamps in its colours."""
        if self._light.base >= 1.0:
            return shape
        share = self._lamplight.at(shape.position[:, :2])
        return replace(shape, colour=shape.colour * share[:, None])

    def _shadows(self, casters: Iterable[Array]) -> None:
        if self._light.shadow <= 0:
            return
        outlines = [look.outline(points, self._light.toward) for points in casters]
        for shape in merge(flat(o, polygon(o), SHADOWS) for o in outlines):
            self._keep(self._parts.shade(self._parts.root, shape, self._light.shadow), shape)

    def _glows(self, lamps: Iterable[tuple[float, float, float]]) -> None:
        if not self._light.lamps:
            return
        for x, y, z in lamps:
            self._parts.sprite(self._parts.root, (x, y, z - 0.1), 1.8, (1.0, 0.86, 0.6), 0.9)

    def _head(self, head: Head) -> dict[str, tuple[Any, Any]]:
        root, lamps = self._parts.root.attachNewNode("head"), {}
        self._keep(root, head.housing)
        self._parts.add(root, self._lit(head.housing))
        for aspect in LAMPS:
            lit = root.attachNewNode("lit")
            self._parts.add(lit, head.lit[aspect]).setLightOff(1)
            colour = LAMPS[aspect][0]
            if self._light.lamps:
                at = head.at[aspect]
                self._parts.sprite(lit, at, 1.1, colour, 0.35 * self._light.glow)
                if self._light.wet > 0:
                    below = (at[0], at[1], -at[2])
                    mirror = self._parts.sprite(lit, below, 0.9, colour, 0.35 * self._light.wet)
                    mirror.setSz(3.0)
                    self._parts.flatten(mirror, MIRRORS)
            lamps[aspect] = (lit, self._parts.add(root, self._lit(head.dark[aspect])))
        return lamps

    def _hang(self, view: CameraView, number: int) -> Hung:
        node = self._parts.camera(view.field_of_view)
        node.setPos(*view.position)
        half = tan(radians(view.field_of_view / 2)) * self._picture.height / self._picture.width
        eye = np.array(view.position[:2])
        far = [
            piece for piece, low, high in self._pieces
            if np.linalg.norm(np.clip(eye, low, high) - eye) > HORIZON
        ]  # fmt: skip
        return Hung(view, node, number, 2 * degrees(atan(half)), far)


def _read(path: Path) -> Any:
    try:
        return read_net(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SimError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SimError(f"{path}: {error}") from None
