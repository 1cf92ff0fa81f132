"""relay: what the site says, to the command centre as it happens; the centre's orders back.

<topics of the site> ──(CDR)──▶ wire ──TLS──▶ centre
pictures, while somebody watches ──JPEG──▶
announcements, recordings, services of the desk ◀── what the centre asks

DDS stays on this host. What is sealed goes by the spool; here a lost line is a lost line.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rclpy.serialization import deserialize_message, serialize_message

from bconnect_node import qos
from bconnect_node.base import BconnectNode
from bconnect_node.frames import Frame, FrameSubscription
from bconnect_node.health import OK, WARN
from bconnect_node.mailbox import LatestMailbox
from bconnect_node.run import run
from bconnect_site import names
from bconnect_site.errors import ConfigError
from bconnect_spool import relayed
from bconnect_spool.adapters.jpeg import jpeg
from bconnect_spool.adapters.zenoh_link import LinkDown, Papers, SiteEnd, is_local, missing
from bconnect_spool.core import wire

MOST_WAITING = 5000  # messages; the oldest go first
FASTEST = 0.2  # s between two pictures of a camera
PATIENCE = 6.0  # s a service has to answer
PAUSE, LONGEST_PAUSE = 1.0, 30.0  # s between attempts to reach the centre
LOOK = 0.5  # s


@dataclass(frozen=True)
class RelayParams:
    """Whom to tell."""

    site: str = field(metadata={"description": "the site, as the centre knows it"})
    endpoint: str = field(metadata={"description": "the centre's end, tls/host:port"})
    cameras: list[str] = field(default_factory=list, metadata={"description": "whose pictures"})
    ca: str = field(default="", metadata={"description": "certificate to trust (PEM)"})
    certificate: str = field(default="", metadata={"description": "the site's own (PEM)"})
    certificate_key: str = field(default="", metadata={"description": "its private key (PEM)"})


class Relay(BconnectNode):
    """Callbacks hand over; one worker sends, one encodes pictures, one does what is asked."""

    params: RelayParams

    def __init__(self, **kw: Any) -> None:
        super().__init__("relay", RelayParams, **kw)
        self._papers = self._checked()
        self._lock = threading.Condition()
        self._waiting: deque[tuple[str, bytes, bool]] = deque(maxlen=MOST_WAITING)
        self._kept = wire.Kept(relayed.DEPTHS)
        self._asked: deque[tuple[str, bytes, Callable[[bytes], None]]] = deque(maxlen=64)
        self._pictures: LatestMailbox[Frame] = LatestMailbox()
        self._watched: dict[str, FrameSubscription] = {}
        self._shown: dict[str, float] = {}  # camera to when [s, monotonic]; as many as cameras
        self._line: SiteEnd | None = None
        for topic, kind, profile in relayed.topics(self.params.cameras):
            self.create_subscription(kind, topic, partial(self._hear, topic), profile, raw=True)
        self._says = {
            name: self.create_publisher(kind, name, qos.EVENT)
            for name, kind in relayed.SAYS.items()
        }
        self._calls = {name: self.create_client(kind, name) for name, kind in relayed.CALLS.items()}
        self.health.state(WARN, "not joined yet")
        self.worker("wire", self._send_all)
        self.worker("pictures", self._show_all)
        self.worker("asked", self._do_all)

    def close(self) -> None:
        """Wakes the workers and waits for them."""
        self._pictures.close()
        with self._lock:
            self._lock.notify_all()
        super().close()

    def _checked(self) -> Papers | None:
        p = self.params
        if is_local(p.endpoint):
            return None
        papers = Papers(p.ca, p.certificate, p.certificate_key)
        if not p.endpoint.startswith("tls/"):
            raise ConfigError(f"centre.bridge: found {p.endpoint}; needs tls/host:port")
        if wrong := missing(papers):
            raise ConfigError(
                f"centre.bridge: {wrong}; ca, certificate and certificate_key must be"
            )
        return papers

    # -- what is said ----------------------------------------------------------------------

    def _hear(self, topic: str, data: bytes) -> None:
        topic = topic.lstrip("/")
        self.health.tick(topic.rpartition("/")[2])
        with self._lock:
            self._kept.keep(topic, data)
            if self._line is None:
                return  # who is away hears what is kept, later
            if len(self._waiting) == MOST_WAITING:
                self.health.drop("the way is full")
            self._waiting.append((topic, data, topic.endswith(relayed.MAY_DROP)))
            self._lock.notify_all()

    def _send_all(self, stop: threading.Event) -> None:
        pause = PAUSE
        while not stop.is_set():
            try:
                end = SiteEnd(self.params.endpoint, self.params.site, self._papers)
            except LinkDown as error:
                self.health.state(WARN, f"not joined: {error}")
                stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            pause = PAUSE
            try:
                self._joined(end, stop)
            finally:
                self._parted(end)

    def _joined(self, end: SiteEnd, stop: threading.Event) -> None:
        with self._lock:
            self._line = end
        end.watch(self.params.cameras, self._on_watched)
        end.serve(self._all_kept, self._on_asked)
        while not stop.is_set():
            with self._lock:
                self._lock.wait_for(lambda: self._waiting or stop.is_set(), LOOK)
                batch = list(self._waiting)
                self._waiting.clear()
            there = end.joined()
            self.health.state(OK if there else WARN, "joined" if there else "the line is broken")
            for topic, data, may_drop in batch if there else ():
                end.say(topic, data, may_drop=may_drop)

    def _parted(self, end: SiteEnd) -> None:
        with self._lock:
            self._line = None
            self._waiting.clear()
        for camera in list(self._watched):
            self._on_watched(camera, False)
        end.close()

    def _all_kept(self) -> list[tuple[str, bytes]]:
        with self._lock:
            return self._kept.all()

    # -- pictures --------------------------------------------------------------------------

    def _on_watched(self, camera: str, watched: bool) -> None:
        with self._lock:
            if watched and camera not in self._watched and not self.closing:
                topic = names.camera_topic(camera, names.IMAGE_RAW)
                self._watched[camera] = FrameSubscription(self, topic, partial(self._take, camera))
            elif not watched and camera in self._watched:
                self._watched.pop(camera).close()
            self.health.set("watched", len(self._watched))

    def _take(self, camera: str, frame: Frame) -> None:
        self._pictures.put(camera, frame)

    def _show_all(self, stop: threading.Event) -> None:
        while not stop.is_set():
            taken = self._pictures.take(timeout=LOOK)
            if taken is None:
                continue
            camera, frame = taken
            end, now = self._line, time.monotonic()
            if end is not None and now - self._shown.get(camera, float("-inf")) >= FASTEST:
                self._shown[camera] = now
                end.show(camera, frame.stamp, jpeg(frame.image))
                self.health.tick("pictures")

    # -- what is asked ---------------------------------------------------------------------

    def _on_asked(self, what: str, data: bytes, answer: Callable[[bytes], None]) -> None:
        with self._lock:
            self._asked.append((what, data, answer))
            self._lock.notify_all()

    def _do_all(self, stop: threading.Event) -> None:
        while not stop.is_set():
            with self._lock:
                self._lock.wait_for(lambda: self._asked or stop.is_set(), LOOK)
                todo = self._asked.popleft() if self._asked else None
            if todo is not None:
                what, data, answer = todo
                try:
                    answer(wire.DONE + self._do(what, data))
                except Exception as error:  # a sentence for whoever asked
                    answer(wire.NOT_NOW + str(error).encode())

    def _do(self, what: str, data: bytes) -> bytes:
        self.health.tick("asked")
        if what in self._says:
            return self._say(what, data)
        if what not in self._calls:
            raise LinkDown(f"{what[:64]} is nothing this site does")
        client = self._calls[what]
        if not client.service_is_ready():
            raise LinkDown("the site does not answer")
        request = deserialize_message(data, relayed.CALLS[what].Request)
        future, answered = client.call_async(request), threading.Event()
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(PATIENCE) or future.result() is None:
            client.remove_pending_request(future)
            raise LinkDown(f"the site did not answer within {PATIENCE:g} s")
        return bytes(serialize_message(future.result()))

    def _say(self, what: str, data: bytes) -> bytes:
        # we hear announcements ourselves, to relay them
        own = 1 if any(topic == what for topic, _, _ in relayed.topics([])) else 0
        if self._says[what].get_subscription_count() <= own:
            raise LinkDown("no loudspeaker of the site listens")
        self.send(self._says[what], data)
        return b""


def main() -> int:
    """Entry point of the executable."""
    return run(Relay)
