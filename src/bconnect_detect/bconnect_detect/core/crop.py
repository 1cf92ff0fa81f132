"""Looking at the part of the picture around the zones only.

A part is seen larger by the same model, or as large by a smaller one. Whoever is cut by a border
that is not the picture's own is not told: of half a car nobody knows the foot.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.detector import Detections
from bconnect_detect.core.types import Box

_CUT = 2.0  # px from the part's border: cut by it


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of every picture of a camera: left, top, right, bottom as fractions of it."""

    part: Box

    @classmethod
    def around(cls, boxes: Sequence[Box]) -> "Crop":
        """Of all the boxes together."""
        low, high = np.array(boxes)[:, :2].min(axis=0), np.array(boxes)[:, 2:].max(axis=0)
        left, top, right, bottom = np.clip((*low, *high), 0.0, 1.0).tolist()
        return cls((left, top, right, bottom))

    def size(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom in px of a picture of that size, in steps of 2."""
        size = np.array((width, height))
        left, top = (np.floor(np.array(self.part[:2]) * size / 2).astype(int) * 2).tolist()
        ends = np.ceil(np.round(np.array(self.part[2:]) * size / 2, 6)).astype(int) * 2
        right, bottom = np.minimum(ends, size).tolist()
        return left, top, max(right, left + 2), max(bottom, top + 2)

    def cut(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of an image (h, w, ...)."""
        left, top, right, bottom = self.size(image.shape[1], image.shape[0])
        return np.ascontiguousarray(image[top:bottom, left:right])

    def back(self, found: Detections, width: int, height: int) -> Detections:
        """What was found in the part, in pixels of the whole picture; who is cut is left out."""
        left, top, right, bottom = self.size(width, height)
        low, high = np.array((left, top)), np.array((right, bottom))
        boxes = found.boxes + np.array((left, top, left, top), np.float32)
        before = (boxes[:, :2] <= low + _CUT) & (low > 0)
        beyond = (boxes[:, 2:] >= high - _CUT) & (high < (width, height))
        whole = np.flatnonzero(~(before | beyond).any(axis=1))
        told = (found.riders, found.belted, found.phone)
        moved = Detections(found.kind, found.confidence, boxes.astype(np.float32), *told)
        return moved.select(whole)
