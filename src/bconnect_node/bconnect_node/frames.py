"""Frames between nodes: by reference inside a process, as image messages between processes.

Neither side knows which. A process takes a topic's messages at most once, however many of
its nodes want them, and a message is made only while somebody outside subscribes.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sensor_msgs.msg import Image

from bconnect_node import qos
from bconnect_node.images import Frame, from_image, to_image

__all__ = ["Frame", "FramePublisher", "FrameSubscription"]

BAD_IMAGE = "bad image"


class FramePublisher:
    """Offers frames on an image topic."""

    def __init__(self, node: Any, topic: str) -> None:
        self._node = node
        self.topic: str = node.resolve_topic_name(topic)
        self._publisher = node.create_publisher(Image, topic, qos.SENSOR)
        with _lock:
            self._meeting = _meet(node, self.topic)
            self._meeting.publishers += (self,)
            self._meeting.settle()
        node.at_close(self.close)

    def publish(self, frame: Frame) -> None:
        """Hands a frame to everybody who wants it; from any thread, never waits for a reader."""
        frame.image.flags.writeable = False
        for subscription in self._meeting.subscriptions:
            subscription._deliver(frame)
        if self.outside():
            self._node.send(self._publisher, to_image(frame))

    def outside(self) -> int:
        """How many subscriptions there are beyond this process's own."""
        try:
            return int(self._publisher.get_subscription_count())
        except Exception:
            if self._node.closing:
                return 0
            raise

    def wanted(self) -> bool:
        """Whether anybody takes the frames, here or outside."""
        return bool(self._meeting.subscriptions) or self.outside() > 0

    def close(self) -> None:
        """Ends the offer. Safe to repeat."""
        meeting = self._meeting
        with _lock:
            known = self in meeting.publishers
            meeting.publishers = tuple(p for p in meeting.publishers if p is not self)
            meeting.settle()
        if known:
            self._node.destroy_publisher(self._publisher)


class FrameSubscription:
    """Takes the frames of an image topic. The callback may run in any thread: only hand over."""

    def __init__(self, node: Any, topic: str, callback: Callable[[Frame], None]) -> None:
        self.node = node
        self.topic: str = node.resolve_topic_name(topic)
        self._deliver = node.guard(callback)
        with _lock:
            self._meeting = _meet(node, self.topic)
            self._meeting.subscriptions += (self,)
            self._meeting.settle()
        node.at_close(self.close)

    def close(self) -> None:
        """Ends it. Safe to repeat."""
        meeting = self._meeting
        with _lock:
            meeting.subscriptions = tuple(s for s in meeting.subscriptions if s is not self)
            meeting.settle()


@dataclass(slots=True, eq=False)
class _Meeting:
    """Where the publishers and subscriptions of one topic meet in this process."""

    key: tuple[int, str]  # domain, topic
    publishers: tuple[FramePublisher, ...] = ()
    subscriptions: tuple[FrameSubscription, ...] = ()
    host: Any = None  # the node that holds the ROS subscription
    ros: Any = None

    def settle(self) -> None:
        """Holds one ROS subscription exactly when frames can only come from outside."""
        wants = bool(self.subscriptions) and not self.publishers
        stays = any(s.node is self.host for s in self.subscriptions)
        if self.ros is not None and not (wants and stays):
            self.host.destroy_subscription(self.ros)
            self.ros = self.host = None
        if wants and self.ros is None:
            self.host = self.subscriptions[0].node
            topic = self.subscriptions[0].topic
            self.ros = self.host.create_subscription(Image, topic, self._take, qos.SENSOR)
        if not self.subscriptions and not self.publishers:
            _meetings.pop(self.key, None)

    def _take(self, message: Image) -> None:
        subscriptions = self.subscriptions
        try:
            frame = from_image(message)
        except ValueError as error:
            for subscription in subscriptions:
                subscription.node.health.drop(BAD_IMAGE)
                subscription.node.health.error(f"{subscription.topic}: {error}; dropped")
            return
        for subscription in subscriptions:
            subscription._deliver(frame)


_lock = threading.RLock()  # for who is there; never held while a frame is handed over
_meetings: dict[tuple[int, str], _Meeting] = {}


def _meet(node: Any, topic: str) -> _Meeting:
    key = (int(node.context.get_domain_id()), topic)
    return _meetings.setdefault(key, _Meeting(key))
