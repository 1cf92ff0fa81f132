"""A camera in the graph: pictures, state, and the evidence cut from its encoded stream."""

from __future__ import annotations

import math
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from bconnect_msgs.msg import CameraStatus, Capture, CaptureRequest
from sensor_msgs.msg import CameraInfo

from bconnect_node.frames import Frame, FramePublisher
from bconnect_node.health import ERROR, OK, WARN
from bconnect_node.managed import ManagedNode
from bconnect_node.parameters import field
from bconnect_node.qos import EVENT, SENSOR, STATE
from bconnect_node.run import run
from bconnect_site import names, switched
from bconnect_site.environment import expand_env
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import CameraState

from . import convert, sources
from .adapters import calibration
from .core.address import Address, parse
from .core.backoff import Backoff
from .core.captures import CaptureDesk, CaptureJob
from .core.cuts import Cut
from .core.feed import Feed, LinkState
from .core.pacing import Decimator
from .core.ring import EncodedRing
from .core.status import RateMeter, Verdict, judge, switched_off
from .core.types import Packet, Picture, SourceError
from .cutting import cut
from .video_out import VideoOut
from .watching import Watch

STATUS_PERIOD = 0.25  # s between looks at the state; published on change and once a second
LEVELS = {
    CameraState.OK: OK,
    CameraState.UNKNOWN: OK,
    CameraState.ENDED: OK,
    CameraState.OFF: OK,
    CameraState.STALE: ERROR,
}
UNASKED = (
    "switched off over the graph, not by `bconnect camera`; if nobody of yours did it, somebody "
    "else is on this domain"
)
DESK_PERIOD = 0.2  # s between looks at waiting captures


@dataclass(frozen=True)
class CameraParams:
    camera: str = field("", "name of the camera in its site")
    frame_id: str = field("", "optical frame of its images")
    source: str = field("", "URL of the stream; ${NAME} is taken from the environment")
    loop: bool = field(False, "play a file again and again")
    width: int = field(640, "px, of the published image", minimum=16, maximum=7680)
    height: int = field(360, "px, of the published image", minimum=16, maximum=4320)
    rate: float = field(10.0, "Hz of published images; 0: every one", minimum=0, maximum=240)
    ring_seconds: float = field(20.0, "s of encoded stream kept", minimum=1, maximum=600)
    evidence_dir: str = field("", "the evidence store")
    calibration: str = field("", "calibration file, or empty")
    view_file: str = field("", "where the known view is kept; empty: it is not guarded")
    switch_file: str = field("", "is there while an operator has it switched off")
    importance: int = field(1, "what a scheduler goes by", minimum=0)
    hardware: bool = field(True, "try hardware decoders first")


class CameraDriver(ManagedNode):
    """Decodes in a thread of its own, cuts evidence in another; callbacks only hand over.

    Inactive it keeps the encoded ring, so that what was found before can still be sealed, and
    lets go of the camera.
    """

    def __init__(self, **kw: Any) -> None:
        super().__init__("camera", CameraParams, **kw)
        p: CameraParams = self.params
        self._decoder: threading.Thread | None = None
        self._session = threading.Event()  # set when what decodes now is to stop
        self._off: Verdict | None = None
        self._ring = EncodedRing(p.ring_seconds)
        self._pace, self._meter = Decimator(p.rate), RateMeter()
        self._watch = Watch(p.view_file, self.health.error)
        self._last_picture: int | None = None
        self._reconnects = 0
        self._shown: Verdict | None = None
        self._shown_at = 0
        self._counted: dict[str, int] = {}
        self._requests: queue.Queue[CaptureJob] = queue.Queue(maxsize=64)
        self._frames = FramePublisher(self, names.IMAGE_RAW)
        self._info = self.create_publisher(CameraInfo, names.CAMERA_INFO, SENSOR)
        self._status = self.create_publisher(CameraStatus, names.CAMERA_STATUS, STATE)
        self._video = VideoOut(self, p.frame_id)
        self._captures = self.create_publisher(Capture, names.CAPTURES, EVENT)
        self.create_subscription(CaptureRequest, names.CAPTURE_REQUESTS, self._on_request, EVENT)
        self.create_timer(STATUS_PERIOD, self._show)
        try:
            self.start(active=self._switched_off() is None)
        except ConfigError:
            self.destroy_node()
            raise
        self.worker("cut", self._cut)

    # -- its states ------------------------------------------------------------------------

    def configure(self) -> None:
        """Checks the source and reads the calibration. Raises ConfigError."""
        p = self.params
        self._address = self._checked_source()
        self._lens = calibration.load(p.calibration) if p.calibration else None
        self._feed = self._made_feed()
        self._rest()

    def activate(self) -> None:
        """Opens the source, once what decoded before has let go of it."""
        self._session, before = threading.Event(), self._decoder
        self._feed, self._off = self._made_feed(), None
        decode = partial(self._decode, self._feed, before)
        self._decoder = self.worker("decode", decode, self._session)

    def deactivate(self) -> None:
        """Lets go of the source; says at once by whom and why, where that is known."""
        self._rest()
        self._show()

    def _rest(self) -> None:
        self._session.set()
        found = self._switched_off()
        self._off = switched_off(self.now(), found.sentence if found else UNASKED)
        self._asked = found is not None

    def cleanup(self) -> None:
        """Forgets the stream of before."""
        self._ring = EncodedRing(self.params.ring_seconds)

    # -- the source ------------------------------------------------------------------------

    def _checked_source(self) -> Address:
        key = f"cameras.{self.params.camera}.source"
        url = expand_env(self.params.source, os.environ, key)
        try:
            address = parse(url)
            sources.check(address)
        except SourceError as error:
            raise ConfigError(f"{key}: {error}") from None
        return address

    def _switched_off(self) -> switched.SwitchedOff | None:
        file = self.params.switch_file
        return switched.read(file) if file else None

    def _made_feed(self) -> Feed:
        """For one session: what comes late of it is not taken."""
        over = self._session

        def wait(seconds: float) -> bool:
            return over.wait(seconds) if seconds > 0 else over.is_set()

        return Feed(
            lambda: self._made_source(wait),
            lambda packet: None if over.is_set() else self._on_packet(packet),
            lambda picture: None if over.is_set() else self._on_picture(picture),
            clock=self.now,
            wait=wait,
            backoff=Backoff(seed=self.params.frame_id or self.params.camera),
        )

    def _made_source(self, wait: Callable[[float], bool]) -> Any:
        return sources.make(
            self._address,
            clock=self.now,
            steady=time.monotonic,
            wait=wait,
            loop=self.params.loop,
            hardware=self.params.hardware,
            account=sources.account_of(self.params.source),
        )

    def _decode(self, feed: Feed, before: threading.Thread | None, stop: threading.Event) -> None:
        while before is not None and before.is_alive() and not stop.is_set():
            before.join(DESK_PERIOD)
        if before is not None:
            self._watch.forget(self.now())
        feed.run()

    # -- pictures --------------------------------------------------------------------------

    def _on_packet(self, packet: Packet) -> None:
        self._ring.append(packet)
        self._video.offer(packet, self._ring.last)
        self.health.tick("packets")

    def _on_picture(self, picture: Picture) -> None:
        p = self.params
        self._last_picture = self.now()
        self._meter.tick(self._last_picture)
        self.health.tick("pictures")
        if self._feed.link.reconnects != self._reconnects:
            self._reconnects = self._feed.link.reconnects
            self._watch.forget(picture.stamp)
        self._watch.look(picture)
        if self._pace.wants(picture.stamp) and self._frames.wanted():
            image = picture.bgr(p.width, p.height)
            self._frames.publish(Frame(picture.stamp, p.frame_id, image))
            self.send(
                self._info,
                convert.camera_info_to_msg(
                    self._lens, p.width, p.height, picture.stamp, p.frame_id
                ),
            )
            self.health.tick("images")

    # -- state -----------------------------------------------------------------------------

    def _show(self) -> None:
        now = self.now()
        verdict = self._off or judge(
            self._feed.link, self._watch.condition, self._last_picture, now, self._address.shown
        )
        changed = self._shown is None or (verdict.state, verdict.detail) != (
            self._shown.state,
            self._shown.detail,
        )
        if not changed and now - self._shown_at < 1_000_000_000:
            return
        self._shown, self._shown_at = verdict, now
        source = self._feed.source
        clock = (source.clock_source, source.clock_offset) if source else ("", math.nan)
        self.send(
            self._status,
            convert.status_to_msg(
                verdict,
                stamp=now,
                frame_id=self.params.frame_id,
                camera=self.params.camera,
                rate=self._meter.rate(now),
                reconnects=self._feed.link.reconnects,
                clock=clock,
            ),
        )
        hurry = getattr(source, "hurry", None)  # not every source can skip
        self.health.set("decoder", hurry.told or None if hurry else None)
        self._report(verdict, clock[1], source.broken if source else 0)

    def _report(self, verdict: Verdict, offset: float, broken: int) -> None:
        level = LEVELS.get(verdict.state, WARN)
        if verdict is self._off and not self._asked:
            level = WARN
        self.health.state(level, verdict.detail or f"pictures of {self._address.shown}")
        self.health.set("source", self._feed.link.opened or self._address.shown)
        self.health.set("clock_offset", offset)
        self.health.set("broken_pictures", broken)
        self._drop("broken picture", broken)
        self._drop("more than the ring holds", self._ring.lost_groups)
        self.health.set("reconnects", self._feed.link.reconnects)
        self.health.set("ring_bytes", self._ring.size)

    def _drop(self, reason: str, total: int) -> None:
        """Counts what a counter grew by; a counter that begins anew with its source counts on."""
        before = self._counted.get(reason, 0)
        self._counted[reason] = total
        if grown := total - before if total >= before else total:
            self.health.drop(reason, grown)

    # -- captures --------------------------------------------------------------------------

    def _on_request(self, msg: CaptureRequest) -> None:
        job = convert.job_from_msg(msg, self.now())
        try:
            self._requests.put_nowait(job)
        except queue.Full:
            self.health.drop("capture")
            self._answer(job, Cut(missing=["too many captures at once, this one is not taken"]))

    def _cut(self, stop: threading.Event) -> None:
        desk = CaptureDesk()
        while not stop.is_set():
            try:
                job = self._requests.get(timeout=DESK_PERIOD)
                if refused := desk.add(job):
                    self._answer(job, Cut(missing=[refused]))
            except queue.Empty:
                pass
            span = self._ring.span()
            flowing = self._off is None and self._feed.link.state is LinkState.UP
            for job in desk.take(self.now(), span[1] if span else None, flowing):
                self._answer(job, self._cut_one(job))
            self._watch.keep()

    def _cut_one(self, job: CaptureJob) -> Cut:
        if not self.params.evidence_dir:
            return Cut(missing=["evidence_dir: found nothing, a folder is needed to keep files"])
        return cut(job, self._ring.groups(), self.params.evidence_dir)

    def _answer(self, job: CaptureJob, result: Cut) -> None:
        self.health.tick("captures")
        for sentence in result.missing:
            self.health.error(f"capture {job.id}: {sentence}")
        self.send(
            self._captures, convert.capture_to_msg(job.id, result, self.now(), self.params.frame_id)
        )


def main() -> int:
    return run(CameraDriver)
