"""Number plates as small pictures, in a font of our own of 5 x 7 dots."""

from __future__ import annotations

import numpy as np

from bconnect_sim.core.texture import Image

# seven rows of five dots each, as numbers from 0 to 31
FONT = {
    "0": (14, 17, 19, 21, 25, 17, 14), "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 6, 8, 16, 31), "3": (30, 1, 1, 14, 1, 1, 30),
    "4": (2, 6, 10, 18, 31, 2, 2), "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14), "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14), "9": (14, 17, 17, 15, 1, 2, 12),
    "A": (14, 17, 17, 31, 17, 17, 17), "B": (30, 17, 17, 30, 17, 17, 30),
    "C": (14, 17, 16, 16, 16, 17, 14), "D": (28, 18, 17, 17, 17, 18, 28),
    "E": (31, 16, 16, 30, 16, 16, 31), "F": (31, 16, 16, 30, 16, 16, 16),
    "G": (14, 17, 16, 23, 17, 17, 15), "H": (17, 17, 17, 31, 17, 17, 17),
    "I": (14, 4, 4, 4, 4, 4, 14), "J": (7, 2, 2, 2, 2, 18, 12),
    "K": (17, 18, 20, 24, 20, 18, 17), "L": (16, 16, 16, 16, 16, 16, 31),
    "M": (17, 27, 21, 21, 17, 17, 17), "N": (17, 25, 21, 19, 17, 17, 17),
    "O": (14, 17, 17, 17, 17, 17, 14), "P": (30, 17, 17, 30, 16, 16, 16),
    "Q": (14, 17, 17, 17, 21, 18, 13), "R": (30, 17, 17, 30, 20, 18, 17),
    "S": (15, 16, 16, 14, 1, 1, 30), "T": (31, 4, 4, 4, 4, 4, 4),
    "U": (17, 17, 17, 17, 17, 17, 14), "V": (17, 17, 17, 17, 17, 10, 4),
    "W": (17, 17, 17, 21, 21, 21, 10), "X": (17, 17, 10, 4, 10, 17, 17),
    "Y": (17, 17, 10, 4, 4, 4, 4), "Z": (31, 1, 2, 4, 8, 16, 31),
}  # fmt: skip
HEIGHT, WIDTH = 32, 128  # px
PAPER, INK = (238, 238, 234), (22, 22, 24)


def plate(text: str) -> Image:
    """A white plate with black letters, (32, 128, 3) RGB; what does not fit is left out."""
    image = np.full((HEIGHT, WIDTH, 3), PAPER, np.uint8)
    image[:2], image[-2:], image[:, :2], image[:, -2:] = INK, INK, INK, INK
    columns = [_columns(letter) for letter in text.upper()]
    dots = np.concatenate([*columns, np.zeros((7, 0), bool)], axis=1)[:, :-1]
    tall = 3
    wide = max(1, min(3, (WIDTH - 8) // max(1, dots.shape[1])))
    dots = np.kron(dots, np.ones((tall, wide), bool)).astype(bool)[:, : WIDTH - 8]
    top, left = (HEIGHT - dots.shape[0]) // 2, (WIDTH - dots.shape[1]) // 2
    image[top : top + dots.shape[0], left : left + dots.shape[1]][dots] = INK
    return image


def _columns(letter: str) -> np.ndarray:
    rows = FONT.get(letter)
    if rows is None:
        return np.zeros((7, 3), bool)
    dots = [[bool(row >> (4 - k) & 1) for k in range(5)] + [False] for row in rows]
    return np.array(dots, bool)
