"""Procedural surfaces, each an (n, n, 3) uint8 picture; equal seeds give equal pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]


def grainy(size: int, colour: tuple[int, int, int], fine: float, coarse: float, seed: int) -> Image:
    """A noisy surface (asphalt, concrete, grass): fine grain and wide stains, as deviations."""
    rng = np.random.default_rng(seed)
    grain = rng.normal(0.0, fine, (size, size))
    stains = np.zeros((size, size))
    for cells in (4, 8, 16):
        patch = rng.normal(0.0, coarse * 4 / cells, (cells, cells))
        # repeats without a seam: interpolated around the edge
        at = np.arange(size) * cells / size
        low, part = at.astype(int), (at % 1.0)
        soft = part * part * (3 - 2 * part)
        rows = patch[low] * (1 - soft)[:, None] + patch[(low + 1) % cells] * soft[:, None]
        stains += rows[:, low] * (1 - soft) + rows[:, (low + 1) % cells] * soft
    shade = (grain + stains)[:, :, None] + np.array(colour, float)
    return np.clip(shade, 0, 255).astype(np.uint8)


def facade(size: int, wall: tuple[int, int, int], seed: int) -> Image:
    """A house wall with rows of windows over a shop front."""
    image = grainy(size, wall, 5.0, 8.0, seed)
    rng = np.random.default_rng(seed)
    cell = size // 4
    for row in range(3):
        for column in range(4):
            top, left = row * cell + cell // 4, column * cell + cell // 5
            glass = rng.integers(35, 95) + np.array([0, 6, 14])
            image[top : top + cell // 2, left : left + 3 * cell // 5] = glass
            image[top + cell // 2 : top + cell // 2 + 3, left - 3 : left + 3 * cell // 5 + 3] = 200
    shop = rng.integers(90, 200, 3)
    image[3 * cell : 3 * cell + cell // 4] = shop
    image[3 * cell + cell // 4 :, :] = (image[3 * cell + cell // 4 :, :] * 0.35).astype(np.uint8)
    image[3 * cell + cell // 4 :, :: size // 4] = 120
    return image


def blob(size: int) -> npt.NDArray[np.uint8]:
    """A soft round shadow, (size, size, 4) RGBA."""
    axis = np.linspace(-1, 1, size)
    distance = (axis[None, :] ** 4 + axis[:, None] ** 4) ** 0.25
    image = np.zeros((size, size, 4), np.uint8)
    image[:, :, 3] = np.clip((1.0 - distance) / 0.45, 0, 1) * 165
    return image
