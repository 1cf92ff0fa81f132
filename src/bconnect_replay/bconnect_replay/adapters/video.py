"""A camera's file as pictures at a steady rate, with PyAV; sized with OpenCV."""

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from bconnect_site.errors import ConfigError

Image = NDArray[np.uint8]


def pictures(file: Path, rate: float, size: tuple[int, int]) -> Iterator[tuple[int, Image]]:
    """(ns since its first picture, picture) of a file; BGR, at most ``rate`` Hz.

    size: (width, height) in pixels of the pictures. Raises ConfigError when it is no video.
    """
    try:
        with av.open(str(file)) as container:
            container.streams.video[0].thread_type = "AUTO"
            due, first = 0.0, None
            for frame in container.decode(video=0):
                seconds = float(frame.time or 0.0)
                first = seconds if first is None else first
                seconds -= first
                if seconds + 0.25 / rate < due:
                    continue
                due = max(due + 1.0 / rate, seconds)
                whole = frame.to_ndarray(format="bgr24")
                small = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
                yield round(seconds * 1e9), np.ascontiguousarray(small, np.uint8)
    except (OSError, IndexError, av.FFmpegError) as error:
        why = getattr(error, "strerror", None) or "holds no pictures"
        raise ConfigError(f"{file}: cannot be read as video: {why}") from None
