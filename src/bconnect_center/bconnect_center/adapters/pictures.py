"""The newest picture of each camera that somebody watches, encoded once for all who do."""

import struct
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bconnect_spool.adapters.jpeg import jpeg

FASTEST = 0.2  # s between two pictures of a camera
LINGER = 2.0  # s a camera stays subscribed after the last watcher went: pages are loaded again
HEAD = struct.Struct(">HQI")  # number of the camera in the request, stamp (ns), bytes that follow
NOBODY = 0xFFFF  # the number of a sign of life

Picture = tuple[int, int, bytes]  # sequence, stamp, JPEG


def encoded(image: NDArray[np.uint8] | bytes) -> bytes:
    """(h, w, 3) BGR as JPEG; what came as JPEG already, from a site elsewhere, stays as it is."""
    return image if isinstance(image, bytes) else jpeg(image)


@dataclass(slots=True)
class _Camera:
    watchers: int = 0
    left: float = 0.0  # monotonic, s: when the last watcher went
    close: Callable[[], None] | None = None
    waiting: tuple[int, Any] | None = None  # stamp, image: not encoded yet
    encoded: float = 0.0  # monotonic, s
    newest: Picture | None = None
    count: int = 0


@dataclass(slots=True)
class Gallery:
    """`subscribe(camera, deliver)` begins to hear a camera and returns how to end it.

    `deliver(stamp, image)` may be called by any thread; `encode_all(stop)` runs in one.
    """

    subscribe: Callable[[str, Callable[[int, Any], None]], Callable[[], None]]
    most: int = 64  # cameras at once
    _cameras: dict[str, _Camera] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def watching(self, camera: str) -> Iterator[Callable[[int, float], Picture | None]]:
        """Gives `newer(sequence, seconds)`: the newest picture after that one, if one comes.

        Raises KeyError where too many cameras are watched.
        """
        with self._changed:
            if camera not in self._cameras and len(self._cameras) >= self.most:
                raise KeyError(camera)
            held = self._cameras.setdefault(camera, _Camera())
            held.watchers += 1
            if held.close is None:
                held.close = self.subscribe(
                    camera, lambda stamp, image: self._deliver(camera, stamp, image)
                )
        try:
            yield lambda sequence, seconds: self._newer(held, sequence, seconds)
        finally:
            with self._changed:
                held.watchers -= 1
                held.left = time.monotonic()
                self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Until something came, at most so long."""
        with self._changed:
            self._changed.wait(seconds)

    def watched(self) -> list[str]:
        """The cameras that are subscribed to now."""
        with self._changed:
            return sorted(self._cameras)

    def encode_all(self, stop: threading.Event) -> None:
        """Encodes what waits, and lets go of cameras nobody watches, until `stop`."""
        while not stop.is_set():
            with self._changed:
                due = self._due()
                if due is None:
                    self._changed.wait(0.05 if self._any_waiting() else 0.5)
                self._let_go()
            if due is not None:
                held, stamp, image = due
                data = encoded(image)
                with self._changed:
                    held.count += 1
                    held.newest = (held.count, stamp, data)
                    self._changed.notify_all()
        with self._changed:
            for camera in list(self._cameras):
                self._end(camera)

    def _deliver(self, camera: str, stamp: int, image: Any) -> None:
        with self._changed:
            held = self._cameras.get(camera)
            if held is not None:
                held.waiting = (stamp, image)
                self._changed.notify_all()

    def _newer(self, held: _Camera, sequence: int, seconds: float) -> Picture | None:
        with self._changed:
            self._changed.wait_for(
                lambda: held.newest is not None and held.newest[0] > sequence, seconds
            )
            newest = held.newest
        return newest if newest is not None and newest[0] > sequence else None

    def _any_waiting(self) -> bool:
        return any(held.waiting for held in self._cameras.values())

    def _due(self) -> tuple[_Camera, int, Any] | None:
        now = time.monotonic()
        for held in self._cameras.values():
            if held.waiting is not None and now - held.encoded >= FASTEST:
                stamp, image = held.waiting
                held.waiting, held.encoded = None, now
                return held, stamp, image
        return None

    def _let_go(self) -> None:
        now = time.monotonic()
        for camera, held in list(self._cameras.items()):
            if held.watchers == 0 and now - held.left > LINGER:
                self._end(camera)

    def _end(self, camera: str) -> None:
        held = self._cameras.pop(camera)
        if held.close is not None:
            held.close()


def interleaved(
    gallery: Gallery, cameras: Sequence[str], known: Collection[str], alive: float = 3.0
) -> Iterator[bytes]:
    """All these cameras in one stream of HEAD and JPEG; without news a sign of life.

    What is not `known` keeps its number, and sends nothing.
    """
    with ExitStack() as stack:
        newer = {
            number: stack.enter_context(gallery.watching(camera))
            for number, camera in enumerate(cameras)
            if camera in known
        }
        seen, told = dict.fromkeys(newer, 0), time.monotonic()
        while True:
            fresh = False
            for number, look in newer.items():
                picture = look(seen[number], 0.0)
                if picture is not None:
                    seen[number], fresh, told = picture[0], True, time.monotonic()
                    yield HEAD.pack(number, picture[1], len(picture[2])) + picture[2]
            if not fresh:
                gallery.wait(0.25)
                if time.monotonic() - told > alive:
                    told = time.monotonic()
                    yield HEAD.pack(NOBODY, 0, 0)
