"""Frames between nodes: by reference inside a process, by shared memory between processes of
one host, as image messages elsewhere and for everybody else.

Neither side knows which. A process takes a topic's frames at most once, however many of its
nodes want them, and shared memory and messages are filled only while somebody subscribes.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sensor_msgs.msg import Image

from bconnect_node import qos
from bconnect_node.images import Frame, to_image
from bconnect_node.sharing import Intake, Offer

__all__ = ["Frame", "FramePublisher", "FrameSubscription"]


class FramePublisher:
    """Offers frames on an image topic."""

    def __init__(self, node: Any, topic: str) -> None:
        self._node = node
        self.topic: str = node.resolve_topic_name(topic)
        self._publisher = node.create_publisher(Image, topic, qos.SENSOR)
        self._offer = Offer(node, self.topic)
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
        if self._offer.wanted():
            self._offer.publish(frame)
        if self._messages():
            self._node.send(self._publisher, to_image(frame))

    def outside(self) -> int:
        """How many subscriptions there are beyond this process's own, to either way."""
        return self._offer.wanted() + self._messages()

    def _messages(self) -> int:
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
            self._offer.close()
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
    intake: Intake | None = None  # held by the node of one of the subscriptions

    def settle(self) -> None:
        """Holds one intake exactly when frames can only come from outside."""
        wants = bool(self.subscriptions) and not self.publishers
        intake = self.intake
        if intake and not (wants and any(s.node is intake.node for s in self.subscriptions)):
            intake.close()
            self.intake = None
        if wants and self.intake is None:
            first = self.subscriptions[0]
            self.intake = Intake(first.node, first.topic, self._deliver, self._lost)
        if not self.subscriptions and not self.publishers:
            _meetings.pop(self.key, None)

    def _deliver(self, frame: Frame) -> None:
        for subscription in self.subscriptions:
            subscription._deliver(frame)

    def _lost(self, cause: str, sentence: str) -> None:
        for subscription in self.subscriptions:
            subscription.node.health.drop(cause)
            if sentence:
                subscription.node.health.error(sentence)


_lock = threading.RLock()  # for who is there; never held while a frame is handed over
_meetings: dict[tuple[int, str], _Meeting] = {}


def _meet(node: Any, topic: str) -> _Meeting:
    key = (int(node.context.get_domain_id()), topic)
    return _meetings.setdefault(key, _Meeting(key))
