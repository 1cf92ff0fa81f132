"""player: a bag into the running graph, and its time on /clock.

Gives what the graph does not make itself while cameras and speakers are off: the detections,
or the pictures where the detector is to look again; camera states, signals, plates at gates.
"""

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bconnect_msgs.msg import SiteInfo
from rosgraph_msgs.msg import Clock
from std_srvs.srv import SetBool, Trigger

from bconnect_node import qos, stamps
from bconnect_node.base import BconnectNode
from bconnect_node.frames import Frame, FramePublisher
from bconnect_node.health import OK
from bconnect_node.parameters import field
from bconnect_node.run import run
from bconnect_replay.adapters.bag import BagReader
from bconnect_replay.adapters.bag_types import VIDEO
from bconnect_replay.album import Pictures, given_topics, picture_topic, shot_of
from bconnect_replay.answering import Answers
from bconnect_replay.core.schedule import Pace
from bconnect_replay.inputs import bag_folder, recorded_as
from bconnect_replay.playlist import Way, ways_of
from bconnect_site import names
from bconnect_site.errors import ConfigError
from bconnect_site.frozen import load_frozen
from bconnect_site.names import camera_ns

CLOCK_PERIOD = 10_000_000  # ns of bag time between two ticks of /clock
STEP = 100_000_000  # ns of bag time that one step lets pass
STAMP = slice(4, 12)  # of CDR, where a message begins with its header
LONGEST_SLEEP = 0.05  # s

Send = Callable[[bytes, int], None]  # CDR as the bag has it, shift of its stamps in ns


@dataclass(frozen=True)
class PlayerParams:
    """What to play and how."""

    site_file: str = field(description="the site that judges")
    bag: str = field(description="folder of the bag")
    images: bool = field(False, "pictures instead of detections: the detector looks again")
    image_topics: list[str] = dataclasses.field(
        default_factory=list,
        metadata={"description": 'for other bags: "camera=/their/image_topic"'},
    )
    rate: float = field(1.0, "times real time", minimum=0.01, maximum=100.0)
    loop: bool = field(False, "begin again at the end; stamps go on rising")
    start: float = field(0.0, "s into the bag", minimum=0.0)
    paused: bool = field(False, "wait for ~/pause false or ~/step")
    evidence_dir: str = field("", "where pictures asked for are kept, or empty")
    wait_for_readers: float = field(10.0, "s to wait for somebody to listen", minimum=0.0)


class Player(BconnectNode):
    """One bag. Its own time is the machine's; everybody else's is /clock."""

    params: PlayerParams

    def __init__(self, **kw: Any) -> None:
        super().__init__("player", PlayerParams, **kw)
        p = self.params
        self._site = load_frozen(p.site_file).site
        self._bag = BagReader(bag_folder(Path(p.bag)))
        self.at_close(self._bag.close)
        for sentence in self._bag.warnings:
            self.get_logger().warning(sentence)
        try:
            self._ways = ways_of(self._site, self._bag, p.images, p.image_topics)
        except ConfigError:
            self._bag.close()
            raise
        if p.start * 1e9 > self._bag.end - self._bag.start:
            length = (self._bag.end - self._bag.start) / 1e9
            raise ConfigError(f"start: found {p.start:g} s, the bag is {length:.1f} s long")
        self._length = self._bag.end - self._bag.start + CLOCK_PERIOD  # ns, of a turn
        self._ticker = self.create_publisher(Clock, "/clock", qos.STATE)
        self._listened: list[Callable[[], bool]] = []
        self._info = f"{names.site_ns(self._site.site)}/{names.SITE_INFO}"
        self._model = False
        if any(way.camera for way in self._ways.values()):
            self._await_model()
        self._sends = {topic: self._send_of(topic, way) for topic, way in self._ways.items()}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        first = self._bag.start + round(p.start * 1e9)
        self._pace = Pace(first, time.monotonic_ns(), p.rate, paused=True)
        self.ended = threading.Event()
        self._answer_captures()
        self.create_service(SetBool, "~/pause", self.on_pause)
        self.create_service(Trigger, "~/step", self.on_step)
        self.worker("player", self._play_all)

    def on_pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        with self._lock:
            self._pace.pause(request.data, time.monotonic_ns())
        self._wake.set()
        response.success, response.message = True, "paused" if request.data else "plays"
        return response

    def on_step(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._lock:
            self._pace.step(STEP, time.monotonic_ns())
            response.success = self._pace.paused
        self._wake.set()
        response.message = f"{STEP / 1e9:g} s" if response.success else "it plays; pause it first"
        return response

    def _await_model(self) -> None:
        """Pictures are for a detector: it says so once its model is loaded."""

        def heard(_: SiteInfo) -> None:
            self._model = True

        self.create_subscription(SiteInfo, self._info, heard, qos.STATE)
        self._listened.append(lambda: self._model or not self.count_publishers(self._info))

    def _answer_captures(self) -> None:
        """In the cameras' place."""
        site, bag = self._site, self._bag
        recorded = recorded_as(bag, site.site) or site.site
        given = given_topics(site, bag, self.params.image_topics)
        found = {
            c: given.get(c) or picture_topic(bag, camera_ns(recorded, c)) for c in site.cameras
        }
        Answers(
            self,
            site.site,
            list(site.cameras),
            bag.folder,
            {camera: topic for camera, topic in found.items() if topic},
            self.params.evidence_dir,
            now=self._now_in_bag,
            shift_of=self._shift_of,
        )

    def _shift_of(self, stamp: int) -> int:
        """How much later than in the bag a stamp is, ns."""
        turns = max(0, stamp - self._bag.start) // self._length if self.params.loop else 0
        return turns * self._length

    # -- the worker ------------------------------------------------------------------------

    def _play_all(self, stop: threading.Event) -> None:
        self._wait_for_readers(stop)
        with self._lock:
            self._pace.pause(self.params.paused, time.monotonic_ns())
        self.health.state(OK, "paused" if self.params.paused else "playing")
        turn = 0
        while not stop.is_set():
            self._play_once(stop, turn)
            if not self.params.loop:
                break
            turn += 1
        self.ended.set()
        self.health.state(OK, "the bag has ended")
        self._run_on(stop)

    def _run_on(self, stop: threading.Event) -> None:
        """Time goes on after the end, so that nobody in the graph waits forever."""
        tick = self._now_in_bag()
        while not stop.is_set():
            tick += CLOCK_PERIOD
            if self._until(tick, stop):
                self.send(self._ticker, Clock(clock=stamps.to_msg(tick)))

    def _now_in_bag(self) -> int:
        with self._lock:
            return self._pace.at(time.monotonic_ns())

    def _wait_for_readers(self, stop: threading.Event) -> None:
        until = time.monotonic() + self.params.wait_for_readers
        while time.monotonic() < until and not stop.is_set():
            if all(listened() for listened in self._listened):
                return
            self.send(self._ticker, Clock(clock=stamps.to_msg(self._pace.bag)))
            stop.wait(0.05)

    def _play_once(self, stop: threading.Event, turn: int) -> None:
        """From the start to the end; a later turn's stamps follow those of the one before."""
        shift = turn * self._length
        begin = self._bag.start + (round(self.params.start * 1e9) if turn == 0 else 0)
        tick = begin + shift
        for topic, data, stamp in self._messages(begin):
            while tick <= stamp + shift:
                if not self._until(tick, stop):
                    return
                self.send(self._ticker, Clock(clock=stamps.to_msg(tick)))
                tick += CLOCK_PERIOD
            if not self._until(stamp + shift, stop):
                return
            try:
                self._sends[topic](data, shift)
                self.health.tick("messages")
            except ValueError as error:
                self.health.drop("bad message")
                self.health.error(f"{topic}: {error}")

    def _messages(self, begin: int) -> Iterator[tuple[str, bytes, int]]:
        """From ``begin`` on; what was latched before it goes first."""
        latched: dict[str, tuple[str, bytes, int]] = {}
        for topic, data, stamp in self._bag.raw(sorted(self._ways)):
            if stamp < begin:
                if self._ways[topic].latched:
                    latched[topic] = (topic, data, begin)
                continue
            yield from latched.values()
            latched.clear()
            yield topic, data, stamp

    def _until(self, due: int, stop: threading.Event) -> bool:
        """Waits until bag time ``due``; False: it is to stop."""
        while not stop.is_set():
            with self._lock:
                left = self._pace.wait(due, time.monotonic_ns())
            if left <= 0.0:
                return True
            self._wake.clear()
            self._wake.wait(min(left, LONGEST_SLEEP))
        return False

    # -- publishers ------------------------------------------------------------------------

    def _send_of(self, topic: str, way: Way) -> Send:
        if way.camera:
            return self._send_pictures(topic, way)
        publisher = self.create_publisher(way.message, way.to, way.profile)
        self._listened.append(lambda: publisher.get_subscription_count() > 0)

        def send(data: bytes, shift: int) -> None:
            if data[STAMP] == bytes(8):
                raise ValueError("a message carries no stamp; nothing can be judged by it")
            self.send(publisher, way.shifted(self._bag.current(topic, data), shift))

        return send

    def _send_pictures(self, topic: str, way: Way) -> Send:
        frames = FramePublisher(self, way.to)
        self._listened.append(frames.wanted)
        frame_id = names.optical_frame(self._site.site, way.camera)
        settings = self._site.cameras[way.camera].detect
        # The camera itself gives its stream at this size and rate; single pictures had it.
        whole = self._bag.topics[topic].type == VIDEO
        size = (settings.width, settings.height) if whole else None
        pictures = Pictures(size, settings.rate if whole else 0.0)

        def send(data: bytes, shift: int) -> None:
            for stamp, image in pictures.look(shot_of(self._bag, topic, data)):
                frames.publish(Frame(stamp + shift, frame_id, image))

        return send


def main() -> int:
    """Entry point of the executable."""
    return run(Player)
