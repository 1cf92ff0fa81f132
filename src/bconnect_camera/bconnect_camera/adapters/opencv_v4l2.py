"""Cameras at /dev/video* through OpenCV, where FFmpeg was built without V4L2.

The camera's own JPEG pictures go into the ring as they are; a camera that gives none has its
pictures encoded here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from ..core.address import Address
from ..core.stamps import ArrivalStamps, Forward
from ..core.types import SECOND, Packet, Picture, Pixels, SourceError, StreamInfo

TICKS = Fraction(1, 90_000)
MAX_BROKEN = 50  # reads in a row without a picture
_sessions = itertools.count(-1, -1)  # never those of another adapter


class OpencvPicture:
    """A picture in memory, resized when asked."""

    __slots__ = ("_image", "stamp")

    def __init__(self, image: Pixels, stamp: int) -> None:
        self._image, self.stamp = image, stamp

    def bgr(self, width: int, height: int) -> Pixels:
        return np.asarray(
            cv2.resize(self._image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8
        )

    def grey(self, width: int, height: int) -> Pixels:
        small = self.bgr(width, height)
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


class OpencvV4l2Source:
    """One attempt at one device; see core.types.Source. ``clock`` gives ns."""

    live = True
    clock_source = ArrivalStamps.source
    clock_offset = 0.0  # the picture arrives on this machine's own bus

    def __init__(
        self,
        address: Address,
        *,
        clock: Callable[[], int],
        capture: Callable[..., Any] | None = None,
    ) -> None:
        self._at, self._clock = address, clock
        self._capture_type = capture or cv2.VideoCapture
        self._capture: Any = None
        self._forward = Forward()
        self.broken = 0

    def open(self) -> str:
        capture = self._capture = self._capture_type(self._at.target, cv2.CAP_V4L2)
        if not capture.isOpened():
            self.close()
            raise SourceError(
                f"{self._at.target} cannot be opened: is the camera plugged in, and "
                "may this user read it (group video)?"
            )
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        if size := self._at.settings.get("size"):
            width, height = map(int, size.split("x"))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        if rate := self._at.settings.get("rate"):
            capture.set(cv2.CAP_PROP_FPS, float(rate))
        capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        return f"{self._at.shown}: JPEG through OpenCV"

    def read(self) -> Iterator[Packet | Picture]:
        info: StreamInfo | None = None
        failed = 0
        while failed < MAX_BROKEN:
            done, data = self._capture.read()
            image, jpeg = self._picture(data) if done else (None, b"")
            if image is None:
                failed += 1
                self.broken += 1
                continue
            failed = 0
            height, width = image.shape[:2]
            if info is None or (info.width, info.height) != (width, height):
                info = StreamInfo(
                    next(_sessions), "mjpeg", width, height, TICKS, b"", "mjpeg in software"
                )
            stamp = self._forward(self._clock())
            ticks = stamp * TICKS.denominator // SECOND
            yield Packet(info, stamp, ticks, ticks, True, jpeg)
            yield OpencvPicture(image, stamp)
        raise SourceError(f"{self._at.target} gives no pictures any more")

    def _picture(self, data: Any) -> tuple[Pixels | None, bytes]:
        raw = np.asarray(data, dtype=np.uint8)
        if raw.size > 2 and raw.ravel()[0] == 0xFF and raw.ravel()[1] == 0xD8:
            image = cv2.imdecode(raw.ravel(), cv2.IMREAD_COLOR)
            return (None if image is None else np.asarray(image, dtype=np.uint8)), raw.tobytes()
        if raw.ndim == 3 and raw.shape[2] == 2:
            raw = np.asarray(cv2.cvtColor(raw, cv2.COLOR_YUV2BGR_YUYV), dtype=np.uint8)
        if raw.ndim != 3 or raw.shape[2] != 3:
            return None, b""
        done, jpeg = cv2.imencode(".jpg", raw, [cv2.IMWRITE_JPEG_QUALITY, 90])
        return (raw, jpeg.tobytes()) if done else (None, b"")

    def close(self) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()
