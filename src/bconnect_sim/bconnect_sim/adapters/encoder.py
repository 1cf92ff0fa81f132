"""H.264 in MP4 through PyAV, constant frame rate, key frame each second."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
import numpy.typing as npt


class Mp4Writer:
    """Writes (h, w, 3) uint8 RGB frames; use as a context manager. Sizes must be even."""

    def __init__(self, path: Path, width: int, height: int, rate: float) -> None:
        self._container: Any = av.open(str(path), "w", format="mp4")
        self._stream: Any = self._container.add_stream("libx264", rate=Fraction(rate))
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = "yuv420p"
        self._stream.gop_size = max(1, round(rate))
        # one thread and no scene cuts: equal pictures give equal bytes
        self._stream.options = {
            "crf": "25", "preset": "veryfast", "threads": "1", "sc_threshold": "0",
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
