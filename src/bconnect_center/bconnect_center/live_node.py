"""Listens to one live site for the command centre, and is the centre's hand there.

/<site>/...  ──▶ states, feed, traffic (the centre's database), and its ledger
pages ──HTTP on loopback──▶ pictures while watched, signed orders, recordings ──▶ /<site>/...
"""

import os
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bconnect_msgs import msg as messages
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import NavSatFix
from std_msgs.msg import UInt8MultiArray

from bconnect_center import convert
from bconnect_center.adapters.database import Database
from bconnect_center.adapters.filing import Filing
from bconnect_center.adapters.gate import Gate, Rooms
from bconnect_center.adapters.live_store import LiveStore
from bconnect_center.adapters.pictures import Gallery
from bconnect_center.adapters.sitetext import site_of
from bconnect_center.adapters.token import token_of
from bconnect_center.adapters.writing import Writing
from bconnect_center.core.live import Happening, State
from bconnect_center.core.sites import told_of
from bconnect_center.far import Far, switchboard
from bconnect_center.ordering import Ordering
from bconnect_center.settings import load
from bconnect_enforce import convert as records
from bconnect_enforce.adapters.ledger import Ledger, LedgerError
from bconnect_node import qos
from bconnect_node.base import BconnectNode
from bconnect_node.frames import Frame, FrameSubscription
from bconnect_node.parameters import field
from bconnect_node.run import refused, run_nodes
from bconnect_site import names
from bconnect_site.errors import ConfigError

BEAT = 2.0  # s between two signs of life
FORGET = 600.0  # s between two looks for what is old
FEED_DAYS, STATE_DAYS = 7, 30
DAY = 86_400 * 10**9
MOST_CAMERAS = 500


@dataclass(frozen=True)
class LiveParams:
    """Whose file, and which site of it. No secrets: parameters can be read by anybody."""

    center: str = field(description="the centre's file")
    site: str = field(description="the site that is heard")


class LiveNode(BconnectNode):
    """The callbacks hand over; one worker writes, one files cases, one encodes pictures."""

    params: LiveParams

    def __init__(self, wire: Any = None, **kw: Any) -> None:
        """wire: to a site that is elsewhere; none: it is heard over DDS."""
        super().__init__("live", LiveParams, **kw)
        self.site = self.params.site
        loaded = load(Path(self.params.center))
        self._heard = 0  # ns: when the site was heard last
        self._cameras: dict[str, list[Any]] = {}
        self._states: dict[str, int] = {}  # camera to its last state
        try:
            zone = ZoneInfo(loaded.file.timezone)
            database = Database(loaded.database, zone)
            self.at_close(database.close)
            ledger = Ledger(loaded.ledger, zone, sole=False)
            self.at_close(ledger.close)
        except LedgerError as error:
            raise ConfigError(str(error)) from error
        self._store = LiveStore(database)
        self._writing = Writing(self._store, self.site, socket.gethostname()[:96], self.wall)
        self._filing = Filing(ledger, self.wall)
        self._far = Far(self, self.site, wire) if wire is not None else None
        self._gallery = Gallery(self._far.watch if self._far else self._subscribe)
        follow = self._far.follow if self._far else Ordering(self, self.site).follow
        self._recordings = None if self._far else self.create_publisher(
            UInt8MultiArray, self._topic(names.RECORDINGS), qos.EVENT
        )  # fmt: skip
        rooms = Rooms(self._gallery, lambda: sorted(self._cameras), follow, self._record)
        url = loaded.file.live[self.site].url if self.site in loaded.file.live else None
        self.gate = Gate(token_of(loaded.root), rooms, port=_port_of(url))
        self.at_close(self.gate.close)
        self._listen_all()
        self.worker("writer", lambda stop: self._writing.run(stop, self.health.error))
        self.worker("files", lambda stop: self._filing.run(stop, self.health.error))
        self.worker("encoder", self._gallery.encode_all)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(BEAT, self._beat, clock=steady)
        self.create_timer(FORGET, self._forget, clock=steady)
        self._beat()

    def wall(self) -> int:
        """ns since 1970 UTC, whatever time the site plays."""
        return int(self._system.now().nanoseconds)

    @property
    def _system(self) -> Clock:
        return Clock(clock_type=ClockType.SYSTEM_TIME)

    def _topic(self, name: str) -> str:
        return f"{names.site_ns(self.site)}/{name}"

    def _listen_all(self) -> None:
        site, add = self.site, self._add
        hear = self._hear
        hear(messages.SiteInfo, names.SITE_INFO, self.on_site_info, qos.STATE)
        # RECORD, not STATE: with a depth of one an end is overtaken by the next beginning.
        hear(messages.SpeakerState, names.SPEAKER_STATE, self.on_speaker, qos.RECORD)
        hear(messages.Finding, names.FINDINGS, lambda m: add(convert.finding(m)), qos.EVENT)
        hear(messages.Announcement, names.ANNOUNCEMENTS,
             lambda m: add(convert.announcement(site, m)), qos.EVENT)  # fmt: skip
        hear(messages.Violation, names.VIOLATIONS, self.on_violation, qos.RECORD)
        hear(messages.Measure, names.MEASURES, self.on_measure, qos.RECORD)
        hear(messages.Compliance, names.COMPLIANCE, self.on_compliance, qos.RECORD)
        hear(messages.Citation, names.CITATIONS, self.on_citation, qos.RECORD)
        hear(messages.TowJob, names.TOW_JOBS, self.on_tow, qos.RECORD)
        hear(messages.StickerTask, names.STICKER_TASKS, self.on_sticker, qos.RECORD)
        hear(messages.RuleTrust, names.RULE_TRUST,
             lambda m: self._say(convert.trust_state(m)), qos.RECORD)  # fmt: skip
        hear(messages.SignalState, names.SIGNALS,
             lambda m: self._say(convert.signal_state(site, m)), qos.STREAM)  # fmt: skip
        hear(NavSatFix, names.FIX, lambda m: self._say(convert.vehicle_state(site, m)), qos.STREAM)
        # Of all sites of the domain: whether it is ours is seen in the callback.
        if self._far is not None:
            self._far.hear(DiagnosticArray, "diagnostics", self.on_diagnostics)
            self._far.begin()
        else:
            self.create_subscription(DiagnosticArray, "/diagnostics", self.on_diagnostics, 10)

    def _hear(self, kind: Any, topic: str, each: Callable[[Any], None], profile: Any) -> Any:
        def heard(m: Any) -> None:
            self._heard = self.wall()
            self.health.tick(topic.rpartition("/")[2])
            if getattr(m, "site", self.site) != self.site:
                self.health.drop("other site")
                return
            each(m)

        if self._far is not None:
            return self._far.hear(kind, topic, heard)
        held = self.create_subscription(kind, self._topic(topic), heard, profile)
        return partial(self.destroy_subscription, held)

    def on_site_info(self, m: messages.SiteInfo) -> None:
        state = convert.site_state(m)
        site = site_of(m.site_yaml) if m.site_yaml else None
        if site is not None:
            state = State(state.site, state.kind, state.name, state.stamp,
                          {**state.told, **told_of(site)})  # fmt: skip
        self._say(state)
        self._follow_cameras([c for c in m.cameras if names.is_name(c)][:MOST_CAMERAS])

    def _follow_cameras(self, cameras: Sequence[str]) -> None:
        for camera in set(self._cameras) - set(cameras):
            for end in self._cameras.pop(camera):
                end()
            self._states.pop(camera, None)
        for camera in cameras:
            if camera not in self._cameras:
                self._cameras[camera] = [
                    self._hear(messages.CameraStatus,
                               names.camera_topic(camera, names.CAMERA_STATUS),
                               self.on_camera, qos.STATE),
                    self._hear(messages.RoadUserArray, names.camera_topic(camera, names.TRACKS),
                               partial(self.on_tracks, camera), qos.STREAM),
                ]  # fmt: skip

    def on_camera(self, m: messages.CameraStatus) -> None:
        state = convert.camera_state(self.site, m)
        self._say(state, steady=("rate", "clock_offset"))
        before = self._states.get(state.name)
        self._states[state.name] = m.state
        if before is not None and before != m.state:
            self._add(convert.camera_change(state))

    def on_tracks(self, camera: str, m: messages.RoadUserArray) -> None:
        self._writing.passed(camera, records.ns(m.header.stamp), m.track_id, m.kind)

    def on_speaker(self, m: messages.SpeakerState) -> None:
        self._say(convert.speaker_state(self.site, m))
        began = convert.spoken(self.site, m)
        if began is not None:
            self._add(began)

    def on_diagnostics(self, m: DiagnosticArray) -> None:
        for state in convert.node_states(self.site, m):
            self._heard = self.wall()
            self._writing.clock(state.stamp, self._heard)
            self._say(state)

    def on_violation(self, m: messages.Violation) -> None:
        if m.finding.site != self.site:
            return self.health.drop("other site")
        self._add(convert.violation(m))
        return self._filing.put(records.violation_from(m))

    def on_measure(self, m: messages.Measure) -> None:
        self._add(convert.measure(m))
        self._filing.put(records.measure_from(m))

    def on_compliance(self, m: messages.Compliance) -> None:
        self._add(convert.compliance(m))
        self._filing.put(records.compliance_from(m))

    def on_citation(self, m: messages.Citation) -> None:
        self._add(convert.citation(m))
        self._writing.cited(convert.site_citation(m))

    def on_tow(self, m: messages.TowJob) -> None:
        self._add(convert.job("tow", m))
        self._filing.put(records.tow_from(m))

    def on_sticker(self, m: messages.StickerTask) -> None:
        self._add(convert.job("sticker", m))
        self._filing.put(records.sticker_from(m))

    def _say(self, state: State, steady: tuple[str, ...] = ()) -> None:
        self._writing.say(state, steady)

    def _add(self, happening: Happening) -> None:
        if not self._writing.add(happening):
            self.health.drop("feed full")

    def _subscribe(self, camera: str, deliver: Callable[[int, Any], None]) -> Callable[[], None]:
        def each(frame: Frame) -> None:
            deliver(frame.stamp, frame.image)

        topic = self._topic(names.camera_topic(camera, names.IMAGE_RAW))
        return FrameSubscription(self, topic, each).close

    def _record(self, data: bytes) -> None:
        m = UInt8MultiArray()
        m._data = memoryview(data)  # the setter walks through it byte by byte
        if self._far is not None:
            self._far.record(m)
        else:
            self.send(self._recordings, m)

    def _beat(self) -> None:
        url = f"http://127.0.0.1:{self.gate.port}"
        self._writing.beat(self._heard, {"url": url, "pid": os.getpid(), "state": "listening"})
        self.health.set("watched", len(self._gallery.watched()))

    def _forget(self) -> None:
        now = self.wall()
        self._writing.later(
            lambda: self._store.forget(now - FEED_DAYS * DAY, now - STATE_DAYS * DAY)
        )


def _port_of(url: str | None) -> int:
    """The port under which the centre's file looks for this listener; 0: any."""
    tail = (url or "").rstrip("/").rpartition(":")[2]
    return int(tail) if tail.isdigit() else 0


def main(argv: Sequence[str] | None = None) -> int:
    """`python -m bconnect_center.live_node FILE SITE...`. Returns the exit code.

    Several sites in one process only where they come over the bridge.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        path, sites = _words(argv)
        loaded = load(path)
        for site in sites:
            if site not in loaded.file.live:
                raise ConfigError(f'{path}: live: has no site called "{site}"')
        given = loaded.file.live[sites[0]]
        if len(sites) > 1 and not all(loaded.file.live[site].bridge for site in sites):
            raise ConfigError("live: several sites in one process must all come over the bridge")
        board = switchboard(loaded) if given.bridge else None
    except ConfigError as error:
        return refused(error)
    if given.domain is not None:
        os.environ["ROS_DOMAIN_ID"] = str(given.domain)
    makes = [
        partial(LiveNode, board.site(site) if board else None, node_name=f"live_{site}",
                namespace="/bconnect_center",
                parameter_overrides={"center": str(loaded.path), "site": site})
        for site in sites
    ]  # fmt: skip
    try:
        return run_nodes(makes, ["live"])
    finally:
        if board is not None:
            board.close()


def _words(argv: Sequence[str]) -> tuple[Path, list[str]]:
    if len(argv) < 2:
        raise ConfigError(f"live: found {len(argv)} words, needs the file and a site")
    return Path(argv[0]), list(argv[1:])


if __name__ == "__main__":
    sys.exit(main())
