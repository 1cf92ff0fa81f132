"""H.264 through PyAV: MP4 files with a constant frame rate, and streams as they happen."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import av
import numpy as np
import numpy.typing as npt

QUALITY = 25  # x264's CRF
TICK = Fraction(1, 1000)  # s, of a live stream's stamps


class Mp4Writer:
    """Writes (h, w, 3) uint8 RGB frames; use as a context manager. Sizes must be even.

    quality: x264's CRF; the higher, the smaller the file and the more the pictures suffer.
    """

    def __init__(
        self, path: Path, width: int, height: int, rate: float, quality: int = QUALITY
    ) -> None:
        self._container: Any = av.open(str(path), "w", format="mp4")
        self._stream: Any = self._container.add_stream("libx264", rate=Fraction(rate))
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = "yuv420p"
        self._stream.gop_size = max(1, round(rate))
        # one thread and no scene cuts: equal pictures give equal bytes
        self._stream.options = {
            "crf": str(quality), "preset": "veryfast", "threads": "1", "sc_threshold": "0",
        }  # fmt: skip

    def __enter__(self) -> Mp4Writer:
        return self

    def write(self, image: npt.NDArray[np.uint8]) -> None:
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                for packet in self._stream.encode():
                    self._container.mux(packet)
        finally:
            self._container.close()


class LiveWriter:
    """Writes frames as NUT into a pipe, each as soon as it is encoded.

    Raises OSError when nobody reads any more.
    """

    def __init__(
        self, file: BinaryIO, width: int, height: int, rate: float, quality: int = QUALITY
    ) -> None:
        options = {"flush_packets": "1", "write_index": "0"}
        self._container: Any = av.open(file, "w", format="nut", options=options)
        self._stream: Any = self._container.add_stream("libx264", rate=Fraction(rate))
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = self._stream.codec_context.time_base = TICK
        self._stream.gop_size = max(1, round(rate))
        self._stream.options = {
            "crf": str(quality), "preset": "veryfast", "tune": "zerolatency", "threads": "1",
        }  # fmt: skip

    def write(self, image: npt.NDArray[np.uint8], time: float) -> None:
        """time: s since the stream's start, never twice the same."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts, frame.time_base = round(time / TICK), TICK
        for packet in self._stream.encode(frame):
            self._container.mux(packet)
