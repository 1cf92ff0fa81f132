"""The life of a source: open, read, lose, wait, open again; and what to say about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from .backoff import Backoff
from .types import SECOND, Packet, Picture, Source, SourceError

LASTED = 10 * SECOND  # a connection that held this long was good: the next delay is short again


class LinkState(Enum):
    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Link:
    """Where the source stands. ``since`` in ns, ``retry_in`` in s, ``opened`` says how."""

    state: LinkState
    since: int
    reason: str = ""
    retry_in: float = 0.0
    reconnects: int = 0
    opened: str = ""


class Feed:
    """Runs a source in the caller's thread until it ends or ``wait`` says stop.

    ``clock`` gives ns; ``wait(seconds)`` returns True when everything is to stop. ``link`` is
    replaced as a whole and may be read from any thread. A fresh source is made for each attempt,
    so nothing can pile up while a camera is away.
    """

    def __init__(
        self,
        make: Callable[[], Source],
        on_packet: Callable[[Packet], None],
        on_picture: Callable[[Picture], None],
        *,
        clock: Callable[[], int],
        wait: Callable[[float], bool],
        backoff: Backoff,
    ) -> None:
        self._make, self._on_packet, self._on_picture = make, on_packet, on_picture
        self._clock, self._wait, self._backoff = clock, wait, backoff
        self._ups = 0
        self.source: Source | None = None
        self.link = Link(LinkState.CONNECTING, clock())

    def run(self) -> None:
        while not self._wait(0.0):
            lost = self._session()
            if lost is None:
                return
            self._down(str(lost), lost.wait)
            if self._wait(self.link.retry_in):
                return

    def _session(self) -> SourceError | None:
        """One connection; why it was lost, or None when a file came to its end or we stop."""
        source = self.source = self._make()
        try:
            self._read(source, source.open())
        except SourceError as error:
            return error
        finally:
            source.close()
        if self._wait(0.0):
            return None
        if source.live:
            return SourceError("the camera ended the stream")
        self.link = Link(
            LinkState.ENDED,
            self._clock(),
            "the file came to its end",
            reconnects=self.link.reconnects,
        )
        return None

    def _read(self, source: Source, opened: str) -> None:
        up = False
        for item in source.read():
            if not up:
                up = True
                self._up(opened)
            if isinstance(item, Packet):
                self._on_packet(item)
            else:
                self._on_picture(item)
            if self._wait(0.0):
                return

    def _up(self, opened: str) -> None:
        self._ups += 1
        self.link = Link(LinkState.UP, self._clock(), reconnects=self._ups - 1, opened=opened)

    def _down(self, reason: str, at_least: float) -> None:
        now, old = self._clock(), self.link
        if old.state is LinkState.UP and now - old.since > LASTED:
            self._backoff.reset()
        since = old.since if old.state is LinkState.DOWN else now
        self.link = Link(
            LinkState.DOWN, since, reason, max(at_least, self._backoff.next()), old.reconnects
        )
