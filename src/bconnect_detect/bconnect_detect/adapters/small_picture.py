"""A picture small and grey, for the gate (OpenCV)."""

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

WIDTH = 320  # px


def small(image: Image) -> Image:
    """A BGR image (h, w, 3) as a grey one no wider than ``WIDTH``; noise is averaged."""
    height, width = image.shape[:2]
    if width > WIDTH:
        size = WIDTH, max(1, round(height * WIDTH / width))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
