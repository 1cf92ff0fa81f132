"""A picture's structure: where its edges lie and which way they run, in blocks of frequencies.

Edge directions (as doubled angles) do not change with light, contrast or its sign, so a street
at night still looks like itself. See view_match for how two views are compared.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from .health import HEIGHT, WIDTH
from .types import Pixels

Field = NDArray[np.complex64]  # (HEIGHT, WIDTH), direction of the edge there, 0 <= |z| <= 1

COLUMNS, ROWS = 10, 5
BLOCKS = COLUMNS * ROWS
WIDE, HIGH = WIDTH // COLUMNS, HEIGHT // ROWS  # px, a block
BAND = 10  # frequencies kept on either side
EMPTY = 0.004  # mean |z|^2 below which a block holds nothing
FIRM = 0.1  # above which it holds more than noise: noise alone has 0.03 to 0.08

Waves = NDArray[np.complex64]


def field_of(grey: Pixels) -> Field:
    """The edge directions of a (HEIGHT, WIDTH) uint8 picture."""
    g = grey.astype(np.float32)
    s = g[:, :-2] + 2 * g[:, 1:-1] + g[:, 2:]
    s = s[:-2] + 2 * s[1:-1] + s[2:]
    z = np.empty((HEIGHT - 4, WIDTH - 4), np.complex64)
    z.real = s[1:-1, 2:] - s[1:-1, :-2]
    z.imag = s[2:, 1:-1] - s[:-2, 1:-1]
    power = z.real**2 + z.imag**2
    noise = 4.0 * float(np.median(power[::4, ::4])) + 1024.0  # in sums of 16: 2 grey levels
    z *= z
    z /= power + np.float32(noise)
    made = np.zeros((HEIGHT, WIDTH), np.complex64)
    made[2:-2, 2:-2] = z
    return made


class View:
    """One field, or the mean of several, ready to be compared."""

    def __init__(self, field: Field) -> None:
        self.field = field
        across, down, taper = _transform()
        blocks = np.empty((ROWS, COLUMNS, HIGH, WIDE), np.complex64)
        np.multiply(field.reshape(ROWS, HIGH, COLUMNS, WIDE).swapaxes(1, 2), taper, out=blocks)
        flat = blocks.reshape(BLOCKS, -1).view(np.float32)
        energy = np.einsum("bk,bk->b", flat, flat) / float((taper**2).sum())
        self.held: NDArray[np.bool_] = energy > EMPTY
        self.firm = int((energy > FIRM).sum())  # blocks
        # small products: on large ones BLAS starts threads, which costs more than it gives
        made = np.asarray(down @ (blocks @ across), np.complex64)
        self.waves: Waves = made.reshape(BLOCKS, 2 * BAND + 1, 2 * BAND + 1)
        flat = self.waves.view(np.float32).reshape(BLOCKS, -1)
        self.norm = np.sqrt(np.einsum("bk,bk->b", flat, flat) + np.float32(1e-9))


@cache
def _transform() -> tuple[Waves, Waves, NDArray[np.float32]]:
    """Fourier matrices of a block's rows and columns, and the taper of its edges."""
    k = np.arange(-BAND, BAND + 1)
    across = np.exp(-2j * np.pi * np.outer(np.arange(WIDE), k) / WIDE)
    down = np.exp(-2j * np.pi * np.outer(k, np.arange(HIGH)) / HIGH)
    taper = _taper(HIGH)[:, None] * _taper(WIDE)
    return across.astype(np.complex64), down.astype(np.complex64), taper.astype(np.float32)


def _taper(n: int) -> NDArray[np.float64]:
    k = n // 6
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(k) + 0.5) / k)
    return np.concatenate((rise, np.ones(n - 2 * k), rise[::-1]))
