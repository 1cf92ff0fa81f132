"""What is drawn with panda3d: its software display, shapes, textures, sprites."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bconnect_sim.core.meshes import Colour
from bconnect_sim.core.shapes import Shape
from bconnect_sim.core.traffic import SimError

Image = npt.NDArray[np.uint8]
VERTEX = np.dtype(
    [("position", "<f4", 3), ("normal", "<f4", 3), ("colour", "u1", 4), ("uv", "<f4", 2)]
)
GLOWS = "glows"
SETTINGS = (
    "load-display p3tinydisplay\nwindow-type offscreen\n"
    # it tries an X display first and complains where there is none
    "notify-level-x11display fatal\nnotify-level-display fatal\n"
    "framebuffer-hardware 0\nframebuffer-software 1\n"
)


class Parts:
    """One offscreen display and everything made for it.

    Raises SimError when panda3d is missing or cannot open its software display.
    """

    def __init__(self, width: int, height: int) -> None:
        try:
            from panda3d import core
        except ImportError as error:
            raise SimError(
                f"drawing needs the package panda3d, which cannot be loaded ({error}); "
                "install requirements/sim.txt"
            ) from None
        self.p: Any = core
        self.size = (width, height)
        self.textures: dict[str, Any] = {}
        self.root = core.NodePath("street")
        # as written, not by address in memory: equal scenes give equal pictures
        self.root.setBin("unsorted", 0)
        bins = core.CullBinManager.getGlobalPtr()
        if bins.findBin(GLOWS) < 0:
            bins.addBin(GLOWS, core.CullBinManager.BTFixed, 60)  # after "unsorted", which is 50
        self._open()

    def _open(self) -> None:
        p = self.p
        p.loadPrcFileData("", SETTINGS)
        pipe = p.GraphicsPipeSelection.getGlobalPtr().makeModulePipe("p3tinydisplay")
        self._engine = p.GraphicsEngine.getGlobalPtr()
        self._window = pipe and self._engine.makeOutput(
            pipe, "picture", 0, p.FrameBufferProperties.getDefault(),
            p.WindowProperties.size(*self.size), p.GraphicsPipe.BFRefuseWindow,
        )  # fmt: skip
        if not self._window:
            raise SimError("panda3d cannot open its software display (p3tinydisplay)")
        self._picture = p.Texture()
        self._window.addRenderTexture(self._picture, p.GraphicsOutput.RTMCopyRam)
        self._region = self._window.makeDisplayRegion()

    def close(self) -> None:
        """Gives the display back."""
        if self._window:
            self._engine.removeWindow(self._window)
            self._window = None
        self.root.removeNode()

    def background(self, colour: Colour) -> None:
        """What is seen where nothing stands."""
        self._window.setClearColor(self.p.LVecBase4f(*colour, 1))

    def camera(self, field: float, near: float = 0.5, far: float = 3000.0) -> Any:
        """A camera with a horizontal field of view in degrees, square pixels."""
        p = self.p
        lens = p.PerspectiveLens()
        lens.setAspectRatio(self.size[0] / self.size[1])
        lens.setFov(field)
        lens.setNearFar(near, far)
        return self.root.attachNewNode(p.Camera("camera", lens))

    def shoot(self, camera: Any) -> Image:
        """The picture of a camera, (h, w, 3) RGB."""
        self._region.setCamera(camera)
        self._engine.renderFrame()
        raw = np.frombuffer(self._picture.getRamImage(), np.uint8)  # blue, green, red, alpha
        return raw.reshape(self.size[1], self.size[0], -1)[::-1, :, 2::-1]

    def lights(self, ambient: Colour, sun: Colour, toward: tuple[float, float, float]) -> None:
        """One light from everywhere, one from a direction."""
        p = self.p
        sky = p.AmbientLight("sky")
        sky.setColor(p.LVecBase4f(*ambient, 1))
        self.root.setLight(self.root.attachNewNode(sky))
        lamp = p.DirectionalLight("sun")
        lamp.setColor(p.LVecBase4f(*sun, 1))
        node = self.root.attachNewNode(lamp)
        node.setPos(*(60 * n for n in toward))
        node.lookAt(p.Point3(0, 0, 0))
        self.root.setLight(node)

    def texture(self, image: Image, *, repeat: bool = True) -> Any:
        """Of an (n, m, 3 or 4) picture; n and m powers of two."""
        p = self.p
        texture = p.Texture()
        height, width, depth = image.shape
        kind = p.Texture.FRgba if depth == 4 else p.Texture.FRgb
        texture.setup2dTexture(width, height, p.Texture.TUnsignedByte, kind)
        order = [2, 1, 0, 3][:depth]
        texture.setRamImage(np.ascontiguousarray(image[::-1][:, :, order]).tobytes())
        texture.setMinfilter(p.SamplerState.FTLinearMipmapLinear)
        if not repeat:
            texture.setWrapU(p.SamplerState.WMClamp)
            texture.setWrapV(p.SamplerState.WMClamp)
        return texture

    def geom(self, shape: Shape) -> Any:
        """A node of a shape's triangles."""
        p = self.p
        rows = np.zeros(len(shape.position), VERTEX)
        rows["position"], rows["normal"], rows["uv"] = shape.position, shape.normal, shape.uv
        rows["colour"][:, :3] = np.round(np.clip(shape.colour, 0, 1) * 255)
        rows["colour"][:, 3] = 255
        data = p.GeomVertexData("shape", p.GeomVertexFormat.getV3n3c4t2(), p.Geom.UHStatic)
        data.uncleanSetNumRows(len(rows))
        data.modifyArrayHandle(0).copyDataFrom(rows.tobytes())
        triangles = p.GeomTriangles(p.Geom.UHStatic)
        triangles.setIndexType(p.Geom.NTUint32)
        index = triangles.modifyVertices()
        index.uncleanSetNumRows(shape.triangle.size)
        index.modifyHandle().copyDataFrom(np.ascontiguousarray(shape.triangle, "<u4").tobytes())
        geom = p.Geom(data)
        geom.addPrimitive(triangles)
        node = p.GeomNode("shape")
        node.addGeom(geom)
        return node

    def add(self, parent: Any, shape: Shape) -> Any:
        """A shape in the scene; what lies flat is drawn by its layer, before all else."""
        node = parent.attachNewNode(self.geom(shape))
        node.setTwoSided(True)
        if shape.texture:
            node.setTexture(self.textures[shape.texture])
        if shape.layer is not None:
            self.flatten(node, shape.layer)
        return node

    def flatten(self, node: Any, layer: int) -> None:
        """Draws a node on the ground, by layer instead of by depth."""
        node.setBin("background", layer)
        node.setDepthWrite(False)
        node.setDepthTest(False)

    def veil(self, node: Any, texture: str = "") -> None:
        """Makes a node see-through by its texture's alpha, and deaf to lights."""
        if texture:
            node.setTexture(self.textures[texture])
        node.setTransparency(self.p.TransparencyAttrib.MAlpha)
        node.setLightOff(1)
        node.setColorScaleOff(1)

    def shade(self, parent: Any, shape: Shape, strength: float) -> Any:
        """A shadow on the ground."""
        node = self.add(parent, shape)
        self.veil(node)
        node.setColorScale(0, 0, 0, strength, 2)
        return node

    def sprite(self, parent: Any, at: tuple[float, float, float], size: float, colour: Colour,
               strength: float) -> Any:  # fmt: skip
        """A glow that faces the camera, ``size`` m wide."""
        half = size / 2
        corners = np.array([(-half, 0, -half), (half, 0, -half), (half, 0, half), (-half, 0, half)])
        node = parent.attachNewNode(self.geom(quad(corners, (1.0, 1.0, 1.0))))
        node.setPos(*at)
        node.setBillboardPointEye()
        self.veil(node, "glow")
        node.setColorScale(*colour, strength, 2)
        node.setDepthWrite(False)
        node.setBin(GLOWS, 0)
        node.setTwoSided(True)
        return node


def quad(corners: npt.NDArray[np.float64], colour: Colour, texture: str = "",
         layer: int | None = None) -> Shape:  # fmt: skip
    """A quadrilateral with its texture once over it; corners from the lower left, leftwards."""
    normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
    normal = np.tile(normal / np.linalg.norm(normal), (4, 1))
    uv = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
    triangle = np.array([(0, 1, 2), (0, 2, 3)])
    return Shape(corners, normal, np.tile(colour, (4, 1)), triangle, uv, texture, layer)
