"""Pictures as JPEG."""

import cv2
import numpy as np

QUALITY = 75
WIDEST = 960  # px


def jpeg(bgr: np.ndarray) -> bytes:
    """(h, w, 3) BGR as JPEG, at most 960 px wide. Raises ValueError when it cannot be."""
    height, width = bgr.shape[:2]
    if width > WIDEST:
        size = (WIDEST, max(1, round(height * WIDEST / width)))
        bgr = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise ValueError(f"a picture of shape {bgr.shape} cannot be written as JPEG")
    return data.tobytes()
