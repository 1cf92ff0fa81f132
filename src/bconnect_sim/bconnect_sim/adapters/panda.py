"""Draws moments with panda3d's software renderer (no display, no GPU, no system packages)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bconnect_sim.core import scenery
from bconnect_sim.core.meshes import Mesh
from bconnect_sim.core.scenario import Scenario
from bconnect_sim.core.scenery import PAINTS, Surface
from bconnect_sim.core.street import Street
from bconnect_sim.core.texture import blob
from bconnect_sim.core.traffic import Moment, SimError, VehicleState

LAMPS = ("red", "amber", "green")
GROUND, MARKS, SHADOWS = 0, 10, 20  # drawing order of what lies flat on the ground


class PandaRenderer:
    """One camera over one street; ``draw`` gives (h, w, 3) uint8 RGB.

    Raises SimError when panda3d is missing or cannot open its software display.
    """

    def __init__(self, scenario: Scenario, street: Street, models: Path, seed: int) -> None:
        try:
            from panda3d import core
        except ImportError as error:
            raise SimError(
                f"drawing needs the package panda3d, which cannot be loaded ({error}); "
                "install requirements/sim.txt"
            ) from None
        self._p: Any = core
        self._size = (scenario.picture.width, scenario.picture.height)
        self._models = np.load(models)
        self._shapes: dict[tuple[str, int], Any] = {}
        self._nodes: dict[str, Any] = {}
        self._open_display()
        self._hang_camera(scenario)
        self._light()
        self._shadow = self._textured(blob(64), alpha=True)
        for surface in scenery.surfaces(street.judged, seed):
            self._surface(surface)
        for mesh in scenery.furniture(street.judged):
            self._attach(self._root, mesh)
        self._lamps = self._head(scenery.signal_head(street.judged))

    def draw(self, moment: Moment) -> npt.NDArray[np.uint8]:
        """The picture of a moment."""
        present = {v.id for v in moment.vehicles}
        for name in [n for n in self._nodes if n not in present]:
            self._nodes.pop(name).removeNode()
        for vehicle in moment.vehicles:
            if vehicle.id not in self._nodes:
                self._nodes[vehicle.id] = self._dress(vehicle)
            node = self._nodes[vehicle.id]
            node.setPos(vehicle.x, vehicle.y, 0)
            node.setH(vehicle.heading)
        for aspect, (lit, dark) in self._lamps.items():
            (lit.show if aspect == moment.aspect else lit.hide)()
            (dark.hide if aspect == moment.aspect else dark.show)()
        self._engine.renderFrame()
        width, height = self._size
        raw = np.frombuffer(self._texture.getRamImageAs("RGB"), np.uint8)
        return raw.reshape(height, width, 3)[::-1]

    def close(self) -> None:
        self._nodes.clear()
        self._engine.removeAllWindows()

    def _open_display(self) -> None:
        p = self._p
        p.loadPrcFileData("", "load-display p3tinydisplay\nwindow-type offscreen\n")
        # it tries an X display first and complains where there is none
        p.loadPrcFileData("", "notify-level-x11display fatal\nnotify-level-display fatal\n")
        p.loadPrcFileData("", "framebuffer-hardware 0\nframebuffer-software 1\n")
        pipe = p.GraphicsPipeSelection.getGlobalPtr().makeModulePipe("p3tinydisplay")
        self._engine = p.GraphicsEngine.getGlobalPtr()
        size = p.WindowProperties.size(*self._size)
        flags = p.GraphicsPipe.BFRefuseWindow
        window = pipe and self._engine.makeOutput(
            pipe, "picture", 0, p.FrameBufferProperties.getDefault(), size, flags
        )
        if not window:
            raise SimError("panda3d cannot open its software display (p3tinydisplay)")
        self._window = window
        self._window.setClearColor(p.LVecBase4f(0.66, 0.74, 0.82, 1))
        self._texture = p.Texture()
        self._window.addRenderTexture(self._texture, p.GraphicsOutput.RTMCopyRam)

    def _hang_camera(self, scenario: Scenario) -> None:
        p, view = self._p, scenario.camera
        self._root = p.NodePath("street")
        # as written, not by address in memory: equal scenes give equal pictures
        self._root.setBin("unsorted", 0)
        lens = p.PerspectiveLens()
        lens.setAspectRatio(self._size[0] / self._size[1])
        lens.setFov(view.field_of_view)
        lens.setNearFar(1.0, 250.0)
        camera = self._root.attachNewNode(p.Camera("camera", lens))
        camera.setPos(*view.position)
        camera.lookAt(p.Point3(*view.look_at))
        self._window.makeDisplayRegion().setCamera(camera)

    def _light(self) -> None:
        p = self._p
        sky = p.AmbientLight("sky")
        sky.setColor(p.LVecBase4f(0.50, 0.52, 0.56, 1))
        self._root.setLight(self._root.attachNewNode(sky))
        sun = p.DirectionalLight("sun")
        sun.setColor(p.LVecBase4f(0.66, 0.62, 0.54, 1))
        node = self._root.attachNewNode(sun)
        node.setPos(-30, 40, 60)
        node.lookAt(p.Point3(0, 0, 0))
        self._root.setLight(node)

    def _textured(self, image: npt.NDArray[np.uint8], *, alpha: bool = False) -> Any:
        p = self._p
        texture = p.Texture()
        kind = p.Texture.FRgba if alpha else p.Texture.FRgb
        height, width = image.shape[:2]
        texture.setup2dTexture(width, height, p.Texture.TUnsignedByte, kind)
        flip = image[::-1, :, [2, 1, 0, 3]] if alpha else image[::-1, :, ::-1]
        texture.setRamImage(np.ascontiguousarray(flip).tobytes())
        texture.setMinfilter(p.SamplerState.FTLinearMipmapLinear)
        return texture

    def _geom(
        self,
        position: npt.NDArray[Any],
        normal: npt.NDArray[Any],
        colour: npt.NDArray[Any],
        triangle: npt.NDArray[Any],
        uv: npt.NDArray[Any] | None = None,
    ) -> Any:
        p = self._p
        layout = p.GeomVertexFormat.getV3n3c4t2()
        data = p.GeomVertexData("mesh", layout, p.Geom.UHStatic)
        data.setNumRows(len(position))
        writers = [p.GeomVertexWriter(data, n) for n in ("vertex", "normal", "color", "texcoord")]
        uv = np.zeros((len(position), 2)) if uv is None else uv
        for v, n, c, t in zip(
            position.tolist(), normal.tolist(), colour.tolist(), uv.tolist(), strict=True
        ):
            writers[0].addData3(*v)
            writers[1].addData3(*n)
            writers[2].addData4(*c, 1.0)
            writers[3].addData2(*t)
        triangles = p.GeomTriangles(p.Geom.UHStatic)
        for a, b, c in triangle.tolist():
            triangles.addVertices(a, b, c)
        geom = p.Geom(data)
        geom.addPrimitive(triangles)
        node = p.GeomNode("mesh")
        node.addGeom(geom)
        return node

    def _attach(self, parent: Any, mesh: Mesh) -> Any:
        node = parent.attachNewNode(
            self._geom(mesh.position, mesh.normal, mesh.colour, mesh.triangle)
        )
        node.setTwoSided(True)
        return node

    def _surface(self, surface: Surface) -> None:
        corners = np.array(surface.corners, np.float32)
        colour = np.tile(np.array(surface.colour, np.float32), (4, 1))
        normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
        normal = np.tile(normal / np.linalg.norm(normal), (4, 1))
        triangle = np.array([(0, 1, 2), (0, 2, 3)])
        uv = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float) * surface.repeat
        node = self._root.attachNewNode(self._geom(corners, normal, colour, triangle, uv))
        if surface.texture is not None:
            node.setTexture(self._textured(surface.texture))
        node.setTwoSided(True)
        if surface.layer is not None:
            self._flat(node, surface.layer)

    def _flat(self, node: Any, order: int) -> None:
        node.setBin("background", order)
        node.setDepthWrite(False)
        node.setDepthTest(False)

    def _dress(self, vehicle: VehicleState) -> Any:
        node = self._root.attachNewNode(vehicle.id)
        self._body(vehicle).copyTo(node)
        for mesh in scenery.riders(vehicle):
            self._attach(node, mesh)
        half, side = vehicle.length / 2 + 0.35, scenery.half_width(vehicle) + 0.3
        corners = np.array([(-half, -side, 0), (half, -side, 0), (half, side, 0), (-half, side, 0)])
        up, black = np.tile((0.0, 0.0, 1.0), (4, 1)), np.zeros((4, 3))
        uv = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
        shade = node.attachNewNode(
            self._geom(corners, up, black, np.array([(0, 1, 2), (0, 2, 3)]), uv)
        )
        shade.setTexture(self._shadow)
        shade.setTransparency(self._p.TransparencyAttrib.MAlpha)
        shade.setLightOff()
        self._flat(shade, SHADOWS)
        return node

    def _body(self, vehicle: VehicleState) -> Any:
        choices = PAINTS[vehicle.kind]
        paint = min(int(vehicle.paint * len(choices)), len(choices) - 1)
        key = (vehicle.model, paint)
        if key not in self._shapes:
            self._shapes[key] = self._load(vehicle.model, choices[paint])
        return self._shapes[key]

    def _load(self, model: str, paint: tuple[float, float, float]) -> Any:
        part = {k: self._models[f"{model}.{k}"] for k in
                ("position", "normal", "colour", "uv", "paint", "triangle", "texture")}  # fmt: skip
        colour = part["colour"] / 255.0
        colour[part["paint"] == 1] = paint
        plain = part["uv"][:, 0] < 0
        whole = self._p.NodePath(model)
        # two nodes: the textured triangles and the plain ones
        textured = ~plain[part["triangle"]].any(axis=1)
        for select in (textured, ~textured):
            if not select.any():
                continue
            used, index = np.unique(part["triangle"][select], return_inverse=True)
            node = whole.attachNewNode(
                self._geom(
                    part["position"][used] / 1000.0, part["normal"][used] / 127.0, colour[used],
                    index.reshape(-1, 3), part["uv"][used] / 1000.0,
                )
            )  # fmt: skip
            node.setTwoSided(True)
            if select is textured:
                node.setTexture(self._textured(part["texture"][::-1, :, ::-1]))
        return whole

    def _head(self, head: scenery.Head) -> dict[str, tuple[Any, Any]]:
        for mesh in head.housing:
            self._attach(self._root, mesh)
        lamps: dict[str, tuple[Any, Any]] = {}
        for aspect in LAMPS:
            lit = self._attach(self._root, head.lit[aspect])
            lit.setLightOff()
            lamps[aspect] = (lit, self._attach(self._root, head.dark[aspect]))
        return lamps
