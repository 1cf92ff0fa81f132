"""The encoded stream on a topic: packets as the camera sends them, while somebody listens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sensor_msgs.msg import CompressedImage

from bconnect_node.qos import EVENT
from bconnect_site import names

from . import convert
from .adapters.annexb import AnnexB
from .core.relay import Relay
from .core.types import Packet


class VideoOut:
    """Belongs to one camera node. ``offer`` is called by the thread that reads the stream.

    Reliable: a packet lost spoils all that follow up to the next key frame.
    """

    def __init__(self, node: Any, frame_id: str) -> None:
        self._node, self._frame_id = node, frame_id
        self._publisher = node.create_publisher(CompressedImage, names.VIDEO, EVENT)
        self._relay = Relay()
        self._writer: AnnexB | None = None
        self._refused: object = None  # the stream that cannot be sent

    def offer(self, packet: Packet, group: Callable[[], Sequence[Packet]]) -> None:
        """A packet has come; ``group``: those from the last key frame on."""
        for one in self._relay.take(packet, self._listened(), group):
            writer = self._writer_of(one)
            data = writer.convert(one) if writer else b""
            if data and writer:
                msg = convert.video_to_msg(data, writer.form, one.stamp, self._frame_id)
                self._node.send(self._publisher, msg)
                self._node.health.tick("video")

    def _listened(self) -> bool:
        try:
            return int(self._publisher.get_subscription_count()) > 0
        except Exception:
            if self._node.closing:
                return False
            raise

    def _writer_of(self, packet: Packet) -> AnnexB | None:
        if self._writer is not None and self._writer.info is packet.info:
            return self._writer
        if self._refused is packet.info:
            return None
        try:
            self._writer = AnnexB(packet.info)
        except ValueError as error:
            self._writer, self._refused = None, packet.info
            self._node.health.error(f"{names.VIDEO}: {error}: it is not sent encoded")
        return self._writer
