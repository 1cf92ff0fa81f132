"""Which encoded packets go out while somebody listens: from a key frame on, and all from there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .types import Packet, StreamInfo

BURST = 60  # packets: a longer group is not sent at once, its end is waited for


class Relay:
    """One stream and all its listeners. One thread only."""

    def __init__(self) -> None:
        self._info: StreamInfo | None = None  # of the stream they are in

    def take(
        self, packet: Packet, listened: bool, group: Callable[[], Sequence[Packet]]
    ) -> Sequence[Packet]:
        """What to send when ``packet`` has come.

        ``group`` gives the packets from the last key frame on, with this one last; who begins to
        listen in the middle gets them at once.
        """
        if not listened:
            self._info = None
            return ()
        if self._info is packet.info:
            return (packet,)
        begun = group()
        if not begun or begun[-1] is not packet or len(begun) > BURST:
            return ()
        self._info = packet.info
        return begun
