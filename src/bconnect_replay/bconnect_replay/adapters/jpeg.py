"""Pictures as JPEG and back, with OpenCV."""

import cv2
import numpy as np
from numpy.typing import NDArray


def encode(bgr: NDArray[np.uint8], quality: int) -> bytes:
    """(h, w, 3) BGR as JPEG. Raises ValueError when it cannot be."""
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of shape {bgr.shape} cannot be written as JPEG")
    return data.tobytes()


def decode(data: bytes) -> NDArray[np.uint8]:
    """JPEG (or PNG) as (h, w, 3) BGR. Raises ValueError when it is none."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise ValueError(f"{len(data)} bytes are no picture")
    return np.asarray(image, np.uint8)
