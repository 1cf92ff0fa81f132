"""From a drawn picture to a camera's: haze, rain, drops on the glass, the sensor's noise.

Everything is chosen by seed and time: equal moments give equal pictures.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bconnect_sim.core.weather import Light

Image = npt.NDArray[np.uint8]
MARGIN = 64  # px a field of noise is larger than the picture
DROPS = 14  # on the glass, in the heaviest rain
DROP_LIFE = 4.0  # s


class Film:
    """Develops pictures (height, width, 3) RGB; sigma: sensor noise by day, of 255."""

    def __init__(self, width: int, height: int, sigma: float, light: Light, seed: int) -> None:
        self._size, self._light, self._seed = (height, width), light, seed
        rng = np.random.default_rng((seed, 1))
        self._noise: list[npt.NDArray[np.int16]] = []
        if sigma * light.grain > 0:
            shape, sigma = (height + MARGIN, width + MARGIN), sigma * light.grain
            for _ in range(3):
                field = rng.normal(0.0, sigma, (*shape, 1)) + rng.normal(
                    0.0, sigma / 2, (*shape, 3)
                )
                self._noise.append(np.round(field).astype(np.int16))
        self._rain = [_streaks(self._size, light, rng) for _ in range(3)] if light.wet else []

    def develop(
        self, image: Image, time: float, haze: npt.NDArray[np.float64], camera: int = 0
    ) -> Image:
        """A camera's picture at ``time`` s; haze: share of it in each row, (height,)."""
        rng = np.random.default_rng((self._seed, camera, round(time * 1000) % (1 << 40)))
        keep = np.round(256 * (1.0 - haze)).astype(np.uint16)[:, None, None]
        air = np.array(self._light.haze) * 255 * 256
        veil = np.round(haze[:, None, None] * air).astype(np.uint16)
        out = (image * keep + veil) >> 8
        if self._rain:
            out += self._cut(self._rain[int(rng.integers(3))], rng)
            _drops(out, self._light.wet, (self._seed, camera), time)
        if not self._noise:
            return np.minimum(out, 255).astype(np.uint8)
        grain = self._cut(self._noise[int(rng.integers(3))], rng)
        return np.clip(out.astype(np.int16) + grain, 0, 255).astype(np.uint8)

    def _cut(self, field: npt.NDArray, rng: np.random.Generator) -> npt.NDArray:
        y, x = int(rng.integers(MARGIN)), int(rng.integers(MARGIN))
        return field[y : y + self._size[0], x : x + self._size[1]]


def haze_rows(height: int, eye: float, pitch: float, field: float, sight: float) -> npt.NDArray:
    """Share of haze per row of a picture: by the distance of the ground that it shows.

    eye: m above ground; pitch: degrees up; field: vertical field of view, degrees.
    """
    across = (np.arange(height) + 0.5) / height - 0.5
    down = np.arctan(across * 2 * math.tan(math.radians(field / 2))) - math.radians(pitch)
    distance = np.where(down > 0, eye / np.maximum(np.sin(down), 1e-3), 1e3)
    share = 1.0 - np.exp(-np.minimum(distance, 250.0) / sight)
    # above the horizon houses are nearer than the hills
    share *= 1.0 - 0.6 * np.clip(-down / math.radians(8.0), 0.0, 1.0)
    return np.minimum(share, 0.8)


def _streaks(size: tuple[int, int], light: Light, rng: np.random.Generator) -> npt.NDArray:
    """Falling rain: faint slanted lines, nearly upright, nearer ones longer."""
    height, width = size[0] + MARGIN, size[1] + MARGIN
    field = np.zeros((height, width))
    scale = size[0] / 720.0
    for _ in range(int(1100 * light.wet * size[1] / 1280)):
        long = int(rng.uniform(10, 46) * scale) + 3
        x, y = float(rng.uniform(0, width)), int(rng.integers(-long, height))
        rows = np.arange(max(0, y), min(height, y + long))
        columns = np.clip((x + (rows - y) * 0.12).astype(int), 0, width - 1)
        field[rows, columns] += rng.uniform(8, 34)
    bright = 0.45 if light.base < 0.5 else 1.0
    return np.minimum(field * bright, 60).astype(np.uint16)[:, :, None]


def _drops(out: npt.NDArray, wet: float, seed: tuple[int, int], time: float) -> None:
    """Drops on the glass: each shows what is behind it small, upside down and blurred."""
    height, width = out.shape[:2]
    rng = np.random.default_rng((*seed, 2, int(time / DROP_LIFE) % (1 << 40)))
    for _ in range(int(DROPS * wet)):
        radius = max(3, int(rng.uniform(0.006, 0.016) * width))
        x, y = (int(rng.integers(radius, n - radius)) for n in (width, height))
        patch = out[y - radius : y + radius, x - radius : x + radius]
        coarse = patch[::-1][::4, ::4].repeat(4, axis=0).repeat(4, axis=1)
        coarse = coarse[: 2 * radius, : 2 * radius]
        soft = (coarse + np.roll(coarse, 2, axis=0) + np.roll(coarse, 2, axis=1)) // 3
        axis = (np.arange(2 * radius) - radius + 0.5) / radius
        inside = np.clip((1.0 - np.hypot(axis[:, None], axis[None])) * 3, 0, 1)[:, :, None]
        patch[:] = (patch * (1 - 0.8 * inside) + 0.8 * inside * soft).astype(out.dtype)
