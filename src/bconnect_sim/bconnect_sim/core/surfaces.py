"""The pictures on the surfaces of a simulated street, by name."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bconnect_sim.core.decor import FACADES
from bconnect_sim.core.texture import Image, blob, facade, grainy
from bconnect_sim.core.weather import Light

WALLS = (
    (206, 198, 180), (188, 190, 186), (172, 186, 196), (204, 184, 150), (164, 150, 138),
    (214, 210, 204),
)  # fmt: skip


def surfaces(light: Light, seed: int) -> dict[str, Image]:
    """All of them, (n, n, 3 or 4) RGB."""
    wet = 1.0 - 0.35 * light.wet
    asphalt = tuple(int(c * wet) for c in (98, 99, 102))
    made = {
        "asphalt": grainy(256, asphalt, 7.0, 5.0, seed + 1),  # type: ignore[arg-type]
        "paving": _tiled(grainy(128, (156, 150, 142), 6.0, 8.0, seed + 2)),
        "earth": grainy(256, (112, 118, 84), 9.0, 11.0, seed + 3),
        "blob": blob(64),
        "glow": glow(64),
        "beam": beam(64),
    }
    for i in range(FACADES):
        made[f"facade{i}"] = _windows_lit(facade(128, WALLS[i], seed + 20 + i), light, seed + i)
    return made


def _tiled(image: Image) -> Image:
    image[::32] = (image[::32] * 0.8).astype(np.uint8)
    image[:, ::32] = (image[:, ::32] * 0.8).astype(np.uint8)
    return image


def _windows_lit(image: Image, light: Light, seed: int) -> Image:
    """Some windows are bright when it is dark."""
    if not light.lamps:
        return image
    rng, cell = np.random.default_rng(seed), len(image) // 4
    for row in range(3):
        for column in range(4):
            if rng.random() < 0.3:
                top, left = row * cell + cell // 4, column * cell + cell // 5
                image[top : top + cell // 2, left : left + 3 * cell // 5] = (255, 226, 160)
    return image


def glow(size: int) -> npt.NDArray[np.uint8]:
    """A bright middle with a soft halo, (size, size, 4)."""
    axis = np.linspace(-1, 1, size)
    away = np.hypot(axis[None, :], axis[:, None])
    image = np.full((size, size, 4), 255, np.uint8)
    core = np.clip((0.22 - away) / 0.06, 0, 1)
    halo = 0.55 * np.clip(1.0 - away, 0, 1) ** 2.2
    image[:, :, 3] = 255 * np.maximum(core, halo)
    return image


def beam(size: int) -> npt.NDArray[np.uint8]:
    """A headlight's light on the road, from left to right, (size, size, 4)."""
    u = np.linspace(0, 1, size)[None, :]
    v = np.linspace(-1, 1, size)[:, None]
    spread = 0.35 + 0.65 * u
    across = np.exp(-((v / (0.55 * spread)) ** 2) * 1.4) * np.clip((1 - np.abs(v)) * 4, 0, 1)
    along = np.clip(u * 6, 0, 1) * (1 - u) ** 1.3
    image = np.full((size, size, 4), 255, np.uint8)
    image[:, :, 3] = 150 * across * along
    return image
