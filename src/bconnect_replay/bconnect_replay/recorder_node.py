"""recorder: everything a site says into a bag, pictures as JPEG or as the camera encodes them.

The callbacks fill a bounded queue; one worker encodes and writes. What cannot be written in
time is dropped and counted, pictures first.
"""

import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.qos import QoSProfile
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage

from bconnect_camera.core.annexb import begins
from bconnect_node import qos, stamps
from bconnect_node.base import BconnectNode
from bconnect_node.frames import Frame, FrameSubscription
from bconnect_node.health import ERROR, OK
from bconnect_node.parameters import field
from bconnect_node.run import run
from bconnect_replay.adapters import jpeg
from bconnect_replay.adapters.bag import BagError
from bconnect_replay.adapters.bag_file import BagRecording, TopicInfo
from bconnect_replay.adapters.bag_types import VIDEO, encoded
from bconnect_replay.core.splitting import Split
from bconnect_replay.topics import TopicOf, image_topic, jpeg_topic, topics_of, video_topic
from bconnect_site import names
from bconnect_site.frozen import load_frozen
from bconnect_site.model import Site

MOST_WAITING = 4000  # messages; pictures only while half as many wait
MOST_UNREAD = 200  # messages of one topic
FLUSH_PERIOD = 2.0  # s
PATIENCE = 5.0  # s to wait after the disk failed
FOR_VIDEO = 15.0  # s without encoded pictures until it is said
FOR_SITE_INFO = 8.0  # s to wait for it, so that it goes first
SECOND = 1_000_000_000


@dataclass
class RecorderParams:
    """What to record and where."""

    site_file: str = field(description="the site")
    folder: str = field(description="folder of the new bag")
    images: str = field(
        "", "pictures; empty: as the site says", choices=("", "jpeg", "encoded", "none")
    )
    image_rate: float = field(0.0, "Hz a camera at most; 0: every picture", minimum=0.0)
    quality: int = field(85, "of the JPEG", minimum=1, maximum=100)
    split_bytes: int = field(1 << 30, "a file at most; 0: no limit", minimum=0)
    split_seconds: float = field(600.0, "s a file at most; 0: no limit", minimum=0.0)


Waiting = tuple[TopicInfo, Any, int]  # CDR bytes, a Frame or an encoded packet (CompressedImage)


class Recorder(BconnectNode):
    """One bag of one site."""

    params: RecorderParams

    def __init__(self, **kw: Any) -> None:
        super().__init__("recorder", RecorderParams, **kw)
        p = self.params
        site = load_frozen(p.site_file).site
        self._split = Split(p.split_bytes, int(p.split_seconds * SECOND))
        self._folder, self._bags = Path(p.folder), 0
        self._bag: BagRecording | None = self._new_bag()
        self._queue: deque[Waiting] = deque()
        self._wake = threading.Condition()
        self._newest: dict[str, int] = {}  # stamp of each camera's last picture
        self._info = f"{names.site_ns(site.site)}/{names.SITE_INFO}"
        for topic in topics_of(site):
            info = _info_of(topic)
            self.create_subscription(
                topic.message,
                topic.name,
                partial(self._on_message, info),
                _deep(topic.profile),
                raw=True,
            )
        self._silent: dict[str, str] = {}  # topics of encoded pictures not yet heard: camera
        for name, camera in site.cameras.items():
            self._take_pictures(site, name, p.images or camera.record)
        self._begun = self.now()
        self.worker("writer", self._write_all)

    def _take_pictures(self, site: Site, camera: str, how: str) -> None:
        if how == "jpeg":
            info = _info_of(jpeg_topic(site, camera))
            FrameSubscription(self, image_topic(site, camera).name, partial(self._on_frame, info))
        elif how == "encoded":
            topic = video_topic(site, camera)
            self._silent[topic.name] = camera
            self.create_subscription(
                topic.message,
                topic.name,
                partial(self._on_video, TopicInfo(topic.name, VIDEO, grouped=True)),
                _deep(topic.profile),
            )

    # -- callbacks -------------------------------------------------------------------------

    def _on_message(self, topic: TopicInfo, data: bytes) -> None:
        self._hand_over((topic, bytes(data), self.now()), MOST_WAITING)

    def _on_frame(self, topic: TopicInfo, frame: Frame) -> None:
        last = self._newest.get(topic.name)
        rate = self.params.image_rate
        if last is not None and rate and 0 <= frame.stamp - last < 0.9 * SECOND / rate:
            return
        self._newest[topic.name] = frame.stamp
        self._hand_over((topic, frame, self.now()), MOST_WAITING // 2)

    def _on_video(self, topic: TopicInfo, message: CompressedImage) -> None:
        self._silent.pop(topic.name, None)
        self.health.tick("video")
        self._hand_over((topic, message, self.now()), MOST_WAITING // 2)

    def _hand_over(self, what: Waiting, most: int) -> None:
        with self._wake:
            if len(self._queue) < most:
                self._queue.append(what)
                self._wake.notify()
                return
        self.health.drop("disk too slow")

    # -- the writer ------------------------------------------------------------------------

    def _write_all(self, stop: threading.Event) -> None:
        self._wait_for_site_info(stop)
        flushed = self.now()
        while not stop.is_set() or self._queue:
            with self._wake:
                self._wake.wait_for(lambda: self._queue or stop.is_set(), timeout=0.5)
                waiting = self._queue.popleft() if self._queue else None
            try:
                if waiting is not None:
                    self._write(*waiting)
                if self._bag and self.now() - flushed > FLUSH_PERIOD * SECOND:
                    flushed = self.now()
                    self._bag.flush()
                    self.health.set("messages", self._bag.messages)
                    self.health.set("files", self._bag.files)
                    self._miss_video()
            except BagError as error:
                self._give_up(error, stop)

    def _wait_for_site_info(self, stop: threading.Event) -> None:
        """What the site is goes first; without it after a while."""
        since = self.now()
        while not stop.is_set() and self.now() - since < FOR_SITE_INFO * SECOND:
            with self._wake:
                first = next((w for w in self._queue if w[0].name == self._info), None)
                if first is not None:
                    begun = self._queue[0][2]
                    self._queue.remove(first)
                    self._queue.appendleft((first[0], first[1], begun))
                    return
                self._wake.wait(0.2)
        self.health.error("no site_info was heard: the bag does not say what recorded it")

    def _miss_video(self) -> None:
        if self._silent and self.now() - self._begun > FOR_VIDEO * SECOND:
            missed = ", ".join(sorted(self._silent.values()))
            self.health.error(
                f"no encoded pictures were heard of {missed}: is the camera up, and its stream "
                "H.264 or H.265? Others are recorded as jpeg"
            )

    def _write(self, topic: TopicInfo, what: Any, stamp: int) -> None:
        if self._bag is None:
            self._bag = self._new_bag()
            self.health.state(OK, "recording again")
        data, alone = self._cdr(what)
        if self._bag.write(topic, data, stamp, alone):
            self.health.tick("messages")

    def _cdr(self, what: Any) -> tuple[bytes, bool]:
        """A message as the bag keeps it, and whether an encoded picture begins a group."""
        if isinstance(what, bytes):
            return what, False
        if isinstance(what, Frame):
            return self._jpeg(what), False
        data, header = bytes(what.data), what.header
        stamp = stamps.to_ns(header.stamp)
        return encoded(stamp, header.frame_id, data, what.format), begins(data, what.format)

    def _jpeg(self, frame: Frame) -> bytes:
        message = CompressedImage()
        message.header.stamp = stamps.to_msg(frame.stamp)
        message.header.frame_id = frame.frame_id
        message.format = "jpeg"
        message._data = memoryview(jpeg.encode(frame.image, self.params.quality))
        return bytes(serialize_message(message))

    def _new_bag(self) -> BagRecording:
        self._bags += 1
        suffix = "" if self._bags == 1 else f"_part{self._bags}"
        bag = BagRecording(self._folder.with_name(self._folder.name + suffix), self._split)
        self.get_logger().info(f"recording into {bag.folder}")
        return bag

    def _give_up(self, error: BagError, stop: threading.Event) -> None:
        """The disk cannot take it: what was written stays readable, a new bag follows later."""
        self.health.error(str(error))
        self.health.state(ERROR, str(error))
        if self._bag is not None:
            with suppress(BagError):  # its last chunk may still find room
                self._bag.close()
        self._bag = None
        stop.wait(PATIENCE)

    def close(self) -> None:
        with self._wake:
            self._wake.notify()
        super().close()
        if self._bag is not None:
            try:
                self._bag.close()
            except BagError as error:
                self.get_logger().error(str(error))


def _deep(profile: QoSProfile) -> QoSProfile:
    """The same, with room for what comes while the disk is slow."""
    return QoSProfile(
        history=profile.history,
        depth=max(profile.depth, MOST_UNREAD),
        reliability=profile.reliability,
        durability=profile.durability,
    )


def _info_of(topic: TopicOf) -> TopicInfo:
    latched = topic.profile.durability == qos.STATE.durability
    repeat = latched and topic.profile.depth == qos.STATE.depth
    return TopicInfo(topic.name, topic.type, latched, repeat)


def main() -> int:
    """Entry point of the executable."""
    return run(Recorder)
