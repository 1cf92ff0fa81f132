"""What a video source gives: encoded packets and decoded pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

SECOND = 1_000_000_000  # ns


class SourceError(Exception):
    """A source that cannot go on; str() is one sentence without any password.

    ``refuse``: it cannot work later either (no such file, not a video): a node ends at start.
    ``wait``: seconds at least until the next attempt makes sense.
    """

    def __init__(self, sentence: str, *, refuse: bool = False, wait: float = 0.0) -> None:
        super().__init__(sentence)
        self.refuse, self.wait = refuse, wait


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One uninterrupted encoded stream: the packets of one session can be cut together.

    ``header`` is whatever the adapter needs to write the packets into a file again (opaque here).
    """

    session: int
    codec: str
    width: int  # px
    height: int  # px
    time_base: Fraction  # s per tick
    extradata: bytes
    decoder: str  # "h264 in software", "h264 on cuda"
    header: bytes = b""


@dataclass(frozen=True, slots=True)
class Packet:
    """One encoded picture. ``stamp`` is its capture time [ns], ``pts``/``dts`` in stream ticks."""

    info: StreamInfo
    stamp: int
    pts: int
    dts: int
    keyframe: bool
    data: bytes


class Picture(Protocol):
    """One decoded picture, converted only when asked."""

    @property
    def stamp(self) -> int: ...

    def bgr(self, width: int, height: int) -> Pixels:
        """(height, width, 3) uint8, own memory."""

    def grey(self, width: int, height: int) -> Pixels:
        """(height, width) uint8, own memory."""


class Source(Protocol):
    """A camera, a file, a simulation: opened, read to its end or failure, closed.

    Not thread-safe: one thread opens, reads and closes.
    """

    @property
    def live(self) -> bool:
        """True when the end of the stream is an outage and not the end of a file."""

    @property
    def clock_source(self) -> str:
        """Where stamps come from: "arrival" or "file"."""

    @property
    def clock_offset(self) -> float:
        """Camera clock minus ours [s]; NaN when unknown."""

    @property
    def broken(self) -> int:
        """Packets and pictures dropped as undecodable since the source was made."""

    def open(self) -> str:
        """Connects; one sentence about what was opened. Raises SourceError."""

    def read(self) -> Iterator[Packet | Picture]:
        """Packets in decoding order, pictures in capture order. Raises SourceError."""

    def close(self) -> None:
        """Releases everything; may be called twice."""
