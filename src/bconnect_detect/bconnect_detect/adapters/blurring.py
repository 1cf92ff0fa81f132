"""Makes parts of pictures illegible, for good: coarse blocks of mean colour. OpenCV."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.bystanders import Seen, Veil
from bconnect_detect.core.detector import Detector
from bconnect_detect.core.types import Box
from bconnect_site.kinds import RoadUserKind

Image = NDArray[np.uint8]  # (h, w, 3) BGR

OVERLAP = 0.2  # of a tile
TILED = 900  # px; a wider picture is looked at whole and in quarters


def cover(image: Image, veil: Veil) -> Image:
    """A copy with the veil over it.

    Blocks, not a soft blur: a blurred plate can be calculated back, a mean of a whole letter
    cannot.
    """
    made = image.copy()
    for spot in sorted(veil.blur, key=lambda spot: spot.block):  # where two meet: the coarser
        x0, y0, x1, y1 = _pixels(spot.box, image)
        if x1 - x0 < 1 or y1 - y0 < 1:
            continue
        size = max(int((x1 - x0) / spot.block), 1), max(int((y1 - y0) / spot.block), 1)
        small = cv2.resize(image[y0:y1, x0:x1], size, interpolation=cv2.INTER_AREA)
        made[y0:y1, x0:x1] = cv2.resize(small, (x1 - x0, y1 - y0), interpolation=cv2.INTER_NEAREST)
    for box in veil.keep:
        x0, y0, x1, y1 = _pixels(box, image)
        made[y0:y1, x0:x1] = image[y0:y1, x0:x1]
    return made


def find(detector: Detector, image: Image) -> list[Seen]:
    """Everybody in a picture: looked at as a whole and, where it is large, in quarters too."""
    found = []
    for x, y, part in _tiles(image):
        seen = detector.detect(part)
        for kind, box in zip(seen.kind, seen.boxes, strict=True):
            x0, y0, x1, y1 = (float(v) for v in box)
            found.append(Seen(RoadUserKind(int(kind)), (x0 + x, y0 + y, x1 + x, y1 + y)))
    return found


def scaled(box: Box, image: Image) -> Box:
    """A box in fractions as pixels of a picture."""
    height, width = image.shape[:2]
    return box[0] * width, box[1] * height, box[2] * width, box[3] * height


def _tiles(image: Image) -> Iterator[tuple[int, int, Image]]:
    height, width = image.shape[:2]
    yield 0, 0, image
    if width < TILED:
        return
    wide, high = round(width * (1 + OVERLAP) / 2), round(height * (1 + OVERLAP) / 2)
    for y in (0, height - high):
        for x in (0, width - wide):
            yield x, y, np.ascontiguousarray(image[y : y + high, x : x + wide])


def _pixels(box: Sequence[float], image: Image) -> tuple[int, int, int, int]:
    """Whole pixels that cover a box, inside the picture."""
    height, width = image.shape[:2]
    x0, y0 = int(np.floor(box[0])), int(np.floor(box[1]))
    x1, y1 = int(np.ceil(box[2])), int(np.ceil(box[3]))
    x0, x1 = (min(max(v, 0), width) for v in (x0, x1))
    y0, y1 = (min(max(v, 0), height) for v in (y0, y1))
    return x0, y0, x1, y1
