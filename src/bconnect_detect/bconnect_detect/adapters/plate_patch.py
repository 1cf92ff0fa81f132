"""Finds a piece of one still again in another: the same vehicle a moment later, a little larger.

Normalised correlation of grey values over a few scales; no model, a few milliseconds.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.types import Box, Pair

SIDE = 96  # pixels the piece is reduced to while it is looked for
SCALES = (0.80, 0.87, 0.93, 1.0, 1.07, 1.15, 1.25)
RIVAL = 0.5  # of the piece's size: a peak further off than this is another place
CLEARER = 0.08  # by which the best place must lead over another


@dataclass(frozen=True, slots=True)
class Moved:
    """How a piece moved: a point p of the one still is ``origin + scale * (p - start)``."""

    score: float  # correlation, at most 1
    scale: float
    start: Pair
    origin: Pair

    def box(self, box: Box) -> Box:
        """Where a box of the one still is in the other."""
        (x, y), (u, v) = self.start, self.origin
        s = self.scale
        return (
            u + s * (box[0] - x), v + s * (box[1] - y), u + s * (box[2] - x), v + s * (box[3] - y),
        )  # fmt: skip

    def points(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Where points (n, 2) are."""
        made = np.array(self.origin) + self.scale * (points - np.array(self.start))
        return np.asarray(made, np.float32)


class Patch:
    """A piece of a still."""

    def __init__(self, image: NDArray[np.uint8], box: Box) -> None:
        """The part of ``box`` that lies in the picture; may be empty, is then never found."""
        self._box, self._grey = _cut(image, box)
        self._shrink = min(1.0, SIDE / max(*self._grey.shape, 1))

    def find(self, image: NDArray[np.uint8], move: Pair, reach: float) -> Moved | None:
        """The one place within ``reach`` pixels of where ``move`` takes it; None: none, or two."""
        x_min, y_min, x_max, y_max = self._box
        if min(self._grey.shape) < 8:
            return None
        there = (
            x_min + move[0] - reach, y_min + move[1] - reach,
            x_max + move[0] + reach, y_max + move[1] + reach,
        )  # fmt: skip
        place, field = _cut(image, there)
        best = None
        for scale in SCALES:
            found = self._at(field, place, scale)
            if found is not None and (best is None or found.score > best.score):
                best = found
        return best

    def _at(self, field: NDArray[np.uint8], place: Box, scale: float) -> Moved | None:
        shrink = self._shrink
        piece = _resized(self._grey, shrink * scale)
        small = _resized(field, shrink)
        high, wide = piece.shape
        if min(high, wide) < 6 or high > small.shape[0] or wide > small.shape[1]:
            return None
        marks = cv2.matchTemplate(small, piece, cv2.TM_CCOEFF_NORMED)
        _, score, _, (x, y) = cv2.minMaxLoc(marks)
        if not np.isfinite(score):
            return None
        rest = marks.copy()
        far = int(RIVAL * wide), int(RIVAL * high)
        rest[max(y - far[1], 0) : y + far[1] + 1, max(x - far[0], 0) : x + far[0] + 1] = -1
        if score - float(rest.max()) < CLEARER:
            return None
        x_fine, y_fine = x + _vertex(marks[y], x), y + _vertex(marks[:, x], y)
        origin = place[0] + x_fine / shrink, place[1] + y_fine / shrink
        return Moved(float(score), scale, (self._box[0], self._box[1]), origin)


def _vertex(row: NDArray[np.float32], at: int) -> float:
    """How far the top of a curve lies beside its highest sample."""
    if not 0 < at < len(row) - 1:
        return 0.0
    left, middle, right = (float(v) for v in row[at - 1 : at + 2])
    bend = left - 2 * middle + right
    return 0.5 * (left - right) / bend if bend < 0 else 0.0


def _cut(image: NDArray[np.uint8], box: Box) -> tuple[Box, NDArray[np.uint8]]:
    """The part of a box inside the picture, whole pixels, and its grey values."""
    height, width = image.shape[:2]
    left, top = int(np.clip(box[0], 0, width)), int(np.clip(box[1], 0, height))
    right, bottom = int(np.clip(box[2], 0, width)), int(np.clip(box[3], 0, height))
    part = image[top : max(bottom, top), left : max(right, left)]
    grey = np.zeros((0, 0), np.uint8)
    if part.size:
        grey = np.asarray(cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_BGR2GRAY), np.uint8)
    return (float(left), float(top), float(right), float(bottom)), grey


def _resized(grey: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    if factor == 1.0:
        return grey
    size = max(round(grey.shape[1] * factor), 1), max(round(grey.shape[0] * factor), 1)
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, size, interpolation=way), np.uint8)
