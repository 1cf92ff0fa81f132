"""The encoded stream of the last seconds: evidence is cut from it at full size and rate."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from .types import SECOND, Packet

SET_BACK = 2 * SECOND  # stamps that fall by more are of a clock that was set anew
MAX_BYTES = 64 << 20  # one camera; 20 s at 25 Mbit/s


class EncodedRing:
    """Keeps packets for ``seconds`` and at most ``max_bytes``; always starts at a key frame.

    Forgets whole groups of pictures, so what is kept can be decoded. One group longer than the
    bounds is dropped and counted in ``lost_groups``. Safe to read from another thread.
    """

    def __init__(self, seconds: float, max_bytes: int = MAX_BYTES) -> None:
        if not (seconds > 0 and max_bytes > 0):
            raise ValueError("ring: seconds and bytes must be above 0")
        self._span = round(seconds * SECOND)
        self._max_bytes = max_bytes
        self._groups: deque[list[Packet]] = deque()
        self._sizes: deque[int] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self.lost_groups = 0

    def append(self, packet: Packet) -> None:
        """Adds a packet; packets before the first key frame cannot be decoded and are dropped.

        What a clock stamped that was set back since would be kept too long, and be taken for
        other moments: it goes.
        """
        with self._lock:
            if self._groups and packet.stamp < self._groups[-1][0].stamp - SET_BACK:
                while self._groups:
                    self._drop_oldest()
            fresh = bool(self._groups) and self._groups[-1][-1].info is not packet.info
            if packet.keyframe:
                self._groups.append([packet])
                self._sizes.append(0)
            elif not self._groups or fresh:
                return
            else:
                self._groups[-1].append(packet)
            self._sizes[-1] += len(packet.data)
            self._bytes += len(packet.data)
            self._forget(packet.stamp)

    def _forget(self, now: int) -> None:
        # A group goes when the next one alone still covers the span.
        while len(self._groups) > 1 and (
            self._bytes > self._max_bytes or self._groups[1][0].stamp <= now - self._span
        ):
            self._drop_oldest()
        if self._groups and self._bytes > self._max_bytes:
            self._drop_oldest()
            self.lost_groups += 1

    def _drop_oldest(self) -> None:
        self._groups.popleft()
        self._bytes -= self._sizes.popleft()

    @property
    def size(self) -> int:
        """Encoded bytes kept."""
        return self._bytes

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._groups))

    def span(self) -> tuple[int, int] | None:
        """Stamps [ns] of the first and the latest picture kept; None when empty."""
        with self._lock:
            if not self._groups:
                return None
            return self._groups[0][0].stamp, max(p.stamp for p in self._groups[-1])

    def last(self) -> Sequence[Packet]:
        """The packets from the last key frame on."""
        with self._lock:
            return tuple(self._groups[-1]) if self._groups else ()

    def groups(self) -> list[Sequence[Packet]]:
        """The groups of pictures, oldest first; the last one may still grow elsewhere."""
        with self._lock:
            return [tuple(group) for group in self._groups]
