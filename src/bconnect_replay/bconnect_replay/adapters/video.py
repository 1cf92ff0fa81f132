"""Video as pictures: a camera's file, or the packets of a bag. PyAV decodes, OpenCV sizes."""

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from bconnect_camera.core.annexb import FORMATS, begins
from bconnect_site.errors import ConfigError

Image = NDArray[np.uint8]
_NS = Fraction(1, 1_000_000_000)


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
                yield round(seconds * 1e9), sized(frame.to_ndarray(format="bgr24"), size)
    except (OSError, IndexError, av.FFmpegError) as error:
        why = getattr(error, "strerror", None) or "holds no pictures"
        raise ConfigError(f"{file}: cannot be read as video: {why}") from None


def sized(image: Image, size: tuple[int, int]) -> Image:
    """A picture as (width, height)."""
    if (image.shape[1], image.shape[0]) == size:
        return image
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small, np.uint8)


class Decoder:
    """Packets of one camera, Annex B in decoding order, into pictures.

    ``feed`` gives what can be shown by now. Packets ahead of the first one that can be decoded,
    and after a damaged one, are left out.
    """

    def __init__(self, form: str) -> None:
        if form not in FORMATS:
            raise ValueError(f'video of format "{form}" is not read: {", ".join(FORMATS)} are')
        self._form = form
        self._context: Any = None

    def feed(self, data: bytes, stamp: int) -> list[tuple[int, Any]]:
        """(stamp [ns], frame) of what a packet completes; ``bgr`` makes pictures of frames."""
        if self._context is None:
            if not begins(data, self._form):
                return []
            self._context = av.CodecContext.create(FORMATS[self._form], "r")
            self._context.thread_count = 1  # the same bytes every time
        packet: Any = av.Packet(data)
        packet.pts = packet.dts = stamp
        packet.time_base = _NS
        return self._decoded(packet)

    def rest(self) -> list[tuple[int, Any]]:
        """What was held back; the next packet must be one to begin with."""
        found = self._decoded(None) if self._context is not None else []
        self._context = None
        return found

    def _decoded(self, packet: Any) -> list[tuple[int, Any]]:
        try:
            frames = self._context.decode(packet)
        except (av.FFmpegError, ValueError):
            self._context = None  # begins again with the next packet that can
            return []
        return [(int(f.pts), f) for f in frames if f.pts is not None and not f.is_corrupt]


def bgr(frame: Any) -> Image:
    """A decoded frame as (h, w, 3) BGR."""
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def describe(form: str, data: bytes) -> tuple[int, int, bytes, bytes]:
    """(width, height, parameter sets, NUT header) of a stream, by a packet to begin with.

    Raises ValueError when it says nothing of the kind.
    """
    try:
        with av.open(io.BytesIO(data), format=FORMATS[form]) as container:
            stream = container.streams.video[0]
            context = stream.codec_context
            buffer = io.BytesIO()
            with av.open(buffer, "w", format="nut") as out:
                template = out.add_stream_from_template(stream)
                first: Any = av.Packet(data)
                first.pts = first.dts = 0
                first.time_base, first.stream, first.is_keyframe = stream.time_base, template, True
                out.mux(first)
            sets = bytes(context.extradata or b"")
            return context.width, context.height, sets, buffer.getvalue()
    except (av.FFmpegError, ValueError, IndexError, KeyError) as error:
        raise ValueError(f"{len(data)} bytes begin no {form} video: {error}") from None
