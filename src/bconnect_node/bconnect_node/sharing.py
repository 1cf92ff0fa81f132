"""Frames between processes: by shared memory where both ends can, else as image messages.

``<topic>/shared`` says where each picture lies. A reader asks for both and lets the messages go
once it could look; when the offer ends, or was not for it, it takes the messages again. A
publisher sends each way to whoever subscribes to it, so neither needs to know the other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import Image

from bconnect_node import qos, ring, stamps
from bconnect_node.images import Frame, from_image
from bconnect_site.names import SHARED

if TYPE_CHECKING:
    from bconnect_msgs.msg import FrameReference

BAD_IMAGE = "bad image"
OVERWRITTEN = "overwritten image"
LOOK = 0.5  # s between looks whether somebody still shares
ALL_HELD = "every slot is looked at"


def _reference() -> type[FrameReference]:
    # imported late: who has not built the messages is told so by `interfaces.check_messages`
    from bconnect_msgs.msg import FrameReference

    return FrameReference


class Offer:
    """Frames of a topic in a ring of this process, made once somebody wants them."""

    def __init__(self, node: Any, topic: str) -> None:
        self._node = node
        self._ring: ring.Writer | None = None
        self._lock = threading.Lock()
        self._publisher = None
        self._message = _reference()
        if ring.place():
            self._publisher = node.create_publisher(self._message, f"{topic}/{SHARED}", qos.SENSOR)

    def wanted(self) -> int:
        """How many subscriptions there are; without any the ring is given up."""
        count = self._count()
        if not count and self._ring is not None:
            with self._lock:
                self._drop()
        return count

    def _count(self) -> int:
        publisher = self._publisher
        try:
            return int(publisher.get_subscription_count()) if publisher is not None else 0
        except Exception:
            if self._node.closing or self._publisher is None:
                return 0
            raise

    def publish(self, frame: Frame) -> None:
        """Puts a frame into the ring and says where; never waits for a reader."""
        with self._lock:
            publisher = self._publisher
            if publisher is None:
                return
            try:
                found = self._fitting(frame.image.nbytes).put(frame.image)
            except ring.NoRoom as error:
                self._node.health.error(f"frames go as messages: {error}")
                self._end()  # readers see that, and take messages
                return
        if found is None:
            self._node.health.drop(ALL_HELD)
            return
        message = self._message()
        message.header.stamp = stamps.to_msg(frame.stamp)
        message.header.frame_id = frame.frame_id
        message.place, message.ring = ring.place(), found.ring
        message.slot, message.sequence = found.slot, found.sequence
        message.height, message.width = found.height, found.width
        self._node.send(publisher, message)

    def close(self) -> None:
        """Ends the offer. Safe to repeat."""
        with self._lock:
            self._end()

    def _fitting(self, size: int) -> ring.Writer:
        if self._ring is None or self._ring.capacity < size:
            self._drop()
            self._ring = ring.Writer(size)
        return self._ring

    def _drop(self) -> None:
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def _end(self) -> None:
        self._drop()
        if self._publisher is not None:
            self._node.destroy_publisher(self._publisher)
            self._publisher = None


class Intake:
    """Takes the frames of a topic that come from outside this process."""

    def __init__(
        self,
        node: Any,
        topic: str,
        deliver: Callable[[Frame], None],
        lost: Callable[[str, str], None],
    ) -> None:
        """Both are called in the executor's thread; lost gets a cause and a sentence or ""."""
        self.node, self._topic, self._deliver, self._lost = node, topic, deliver, lost
        self._lock = threading.RLock()
        self._reader = ring.Reader()
        self._last = (-1, False)  # stamp [ns] of the last frame, and whether it was shared
        self._closed = False
        self._images: Any = None
        self._references: Any = None
        self._timer: Any = None
        with self._lock:
            self._take_messages()
            if ring.place():
                self._references = node.create_subscription(
                    _reference(), f"{topic}/{SHARED}", self._on_reference, qos.SENSOR
                )
                # No matched event: the wheels' EventsExecutor makes its tuple without the GIL.
                steady = Clock(clock_type=ClockType.STEADY_TIME)
                self._timer = node.create_timer(LOOK, self._look, clock=steady)

    def close(self) -> None:
        """Takes no more. Safe to repeat."""
        with self._lock:
            self._closed = True
            self._leave_messages()
            self._leave_references()

    def _take_messages(self) -> None:
        if self._images is None and not self._closed:
            self._last = (-1, False)
            self._images = self.node.create_subscription(
                Image, self._topic, self._on_image, qos.SENSOR
            )

    def _leave_messages(self) -> None:
        if self._images is not None:
            self.node.destroy_subscription(self._images)
            self._images = None

    def _leave_references(self) -> None:
        if self._references is not None:
            self.node.destroy_subscription(self._references)
            self._references = None
        if self._timer is not None:
            self.node.destroy_timer(self._timer)
            self._timer = None

    def _look(self) -> None:
        """Takes messages again once nobody shares any more."""
        with self._lock:
            shared = self._references
            if shared is not None and not self.node.count_publishers(shared.topic_name):
                self._take_messages()

    def _on_reference(self, message: FrameReference) -> None:
        if message.place != ring.place():
            return self._not_here()
        where = ring.Reference(
            message.ring, message.slot, message.sequence, message.height, message.width
        )
        try:
            image = self._reader.look(where)
        except ring.NotHere:
            return self._not_here()
        if image is None:
            return self._lost(OVERWRITTEN, "")
        with self._lock:
            self._leave_messages()
        stamp = stamps.to_ns(message.header.stamp)
        return self._hand_on(Frame(stamp, message.header.frame_id, image), shared=True)

    def _not_here(self) -> None:
        with self._lock:
            self._take_messages()
            self._leave_references()

    def _on_image(self, message: Image) -> None:
        try:
            frame = from_image(message)
        except ValueError as error:
            return self._lost(BAD_IMAGE, f"{self._topic}: {error}; dropped")
        return self._hand_on(frame, shared=False)

    def _hand_on(self, frame: Frame, *, shared: bool) -> None:
        # While messages are still coming the same picture comes twice, the message later.
        if shared != self._last[1] and frame.stamp <= self._last[0]:
            return
        self._last = (frame.stamp, shared)
        self._deliver(frame)
