"""JPEG files through OpenCV."""

from __future__ import annotations

import cv2

from ..core.types import Pixels

QUALITY = 95


def encode(bgr: Pixels, quality: int = QUALITY) -> bytes:
    """(h, w, 3) uint8 BGR as JPEG bytes. Raises ValueError when it cannot be encoded."""
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of shape {bgr.shape} cannot be written as JPEG")
    return data.tobytes()
