"""Findings in, sealed violations out: asks the cameras, waits for them, seals what they give.

The desk thread owns the book of open cases and asks; the sealer thread draws,
hashes and seals. Callbacks only hand over.
"""

import queue
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from bconnect_msgs.msg import (
    CameraStatus,
    Capture,
    CaptureRequest,
    ClockState,
    Finding,
    SignalState,
    SiteInfo,
    Violation,
)

from bconnect_detect import convert, core
from bconnect_detect.adapters.evidence_store import StoreError
from bconnect_detect.core.backlog import Backlog
from bconnect_detect.core.evidence import Case
from bconnect_detect.core.types import SECOND
from bconnect_detect.desk import Desk, Outlets
from bconnect_detect.sealing_site import case_settings, key_sentences, make_sealer
from bconnect_node import health, witness
from bconnect_node.base import BconnectNode
from bconnect_node.qos import EVENT, RECORD, STATE, STREAM
from bconnect_node.run import run
from bconnect_site import at_rest, names
from bconnect_site.errors import ConfigError
from bconnect_site.frozen import load_frozen

LOOK_PERIOD = 0.2  # s between looks at deadlines, silent cameras and the backlog
MOST_WAITING = 1000  # findings and answers handed over and not yet looked at


@dataclass
class EvidenceParams:
    site_file: str = field(metadata={"description": "the frozen site"})
    evidence_dir: str = field(metadata={"description": "folder of the evidence store"})
    keys_dir: str = field(
        default="", metadata={"description": "the site's keys; empty: beside the evidence store"}
    )
    replay: str = field(
        default="", metadata={"description": "the bag that is played; empty: this is the street"}
    )
    republish: float = field(
        default=600.0,
        metadata={
            "minimum": 0.0,
            "maximum": 86400.0,
            "description": "s; younger sealed violations are published again at start",
        },
    )


class EvidenceNode(BconnectNode):
    """One per site."""

    params: EvidenceParams

    def __init__(self, **kw: Any) -> None:
        super().__init__("evidence", EvidenceParams, **kw)
        loaded = load_frozen(self.params.site_file)
        self._site = loaded.site.site
        store = Path(self.params.evidence_dir)
        if loaded.site.evidence.at_rest == "encrypted" and not self.params.replay:
            at_rest.check(store, f"{loaded.shown}: evidence.at_rest")
        keys = Path(self.params.keys_dir or store.parent / "keys")
        self._sealer, self._around = make_sealer(loaded, store, keys)
        self._sealer.facts = replace(self._sealer.facts, replay=self.params.replay)
        self._check_store()
        for sentence in key_sentences(self._sealer, self._site):
            self._complain(sentence)
        rings = {n: round(c.ring_seconds * SECOND) for n, c in loaded.site.cameras.items()}
        outlets = Outlets(self._ask, self._publish, self._close, self._complain, self._store_failed)
        self._desk = Desk(self._site, rings, self._sealer, case_settings(loaded), outlets)
        self._inbox: queue.Queue[tuple[str, Any]] = queue.Queue(MOST_WAITING)
        self._closed: queue.Queue[Case] = queue.Queue(MOST_WAITING)
        self._violations = self.create_publisher(Violation, names.VIOLATIONS, RECORD)
        self._requests = {}
        self.create_subscription(SignalState, names.SIGNALS, self._on_signal, STREAM)
        for camera in rings:
            status = names.camera_topic(camera, names.CAMERA_STATUS)
            self.create_subscription(
                CameraStatus, status, partial(self._on_camera_status, camera), STATE
            )
            asks = names.camera_topic(camera, names.CAPTURE_REQUESTS)
            answers = names.camera_topic(camera, names.CAPTURES)
            self._requests[camera] = self.create_publisher(CaptureRequest, asks, EVENT)
            self.create_subscription(
                Capture, answers, partial(self._hand_over, f"capture {camera}"), EVENT
            )
        self.create_subscription(
            Finding, names.FINDINGS, partial(self._hand_over, "finding"), EVENT
        )
        if loaded.site.gnss is not None:
            self.create_subscription(ClockState, names.CLOCK_STATE, self._on_clock, STATE)
        self.create_subscription(SiteInfo, names.SITE_INFO, self._on_site_info, STATE)
        self.worker("desk", self._run_desk)
        self.worker("sealer", self._run_sealer)

    def _check_store(self) -> None:
        try:
            self._sealer.store.check()
        except StoreError as error:
            if error.lasting:
                raise ConfigError(f"evidence_dir: {error}") from None
            self._store_failed(error)

    # -- callbacks -------------------------------------------------------------------------

    def _hand_over(self, what: str, msg: Any) -> None:
        try:
            self._inbox.put_nowait((what, msg))
        except queue.Full:
            self.health.drop("desk full")
            self.health.error(f"{what} thrown away: {MOST_WAITING} are waiting already")

    def _on_site_info(self, msg: SiteInfo) -> None:
        facts = self._sealer.facts
        self._sealer.facts = replace(facts, model=msg.model, model_sha256=msg.model_sha256)

    def _on_signal(self, msg: SignalState) -> None:
        with suppress(ValueError):  # an aspect of another version is no witness
            self._around.signal(convert.signal_from_msg(msg))

    def _on_camera_status(self, camera: str, msg: CameraStatus) -> None:
        with suppress(ValueError):
            self._around.camera(camera, convert.camera_look_from_msg(msg))

    def _on_clock(self, msg: ClockState) -> None:
        self._around.clock(convert.clock_from_msg(msg))

    # -- the desk --------------------------------------------------------------------------

    def _run_desk(self, stop: Event) -> None:
        self._desk.take_up(self.now(), self.params.republish)
        while not stop.is_set():
            with suppress(queue.Empty):
                self._take(*self._inbox.get(timeout=LOOK_PERIOD))
            self._desk.look(self.now())
            self.health.set("open_cases", len(self._desk))

    def _take(self, what: str, msg: Any) -> None:
        try:
            if what == "finding":
                self.health.tick("findings")
                self._desk.find(convert.finding_from_msg(msg), self.now())
            else:
                self.health.tick("captures")
                self._desk.answer(what.partition(" ")[2], convert.capture_from_msg(msg))
        except ValueError as error:
            self._complain(f"{what} {msg.id[:64]} refused: {error}")

    def _ask(self, request: core.violation.CaptureRequest) -> bool:
        publisher = self._requests[request.camera]
        listened: bool = publisher.get_subscription_count() > 0
        return listened and self.send(publisher, convert.capture_request_to_msg(request))

    def _close(self, case: Case) -> None:
        try:
            self._closed.put_nowait(case)
        except queue.Full:  # it stays on disk, the next start takes it up
            self.health.drop("sealer full")
            self.health.error(f"case {case.finding.id}: left for the next start, the disk hangs")

    # -- the sealer ------------------------------------------------------------------------

    def _run_sealer(self, stop: Event) -> None:
        backlog = Backlog()
        while not stop.is_set():
            with suppress(queue.Empty):
                self._seal(self._closed.get(timeout=LOOK_PERIOD), 0, backlog)
            for waiting in backlog.take(self.now()):
                if stop.is_set():
                    return  # what is left lies on disk for the next start
                self._seal(waiting.case, waiting.pause, backlog)

    def _seal(self, case: Case, pause: int, backlog: Backlog) -> None:
        try:
            violation = self._sealer.seal(case, self.now())
        except Exception as error:  # whatever it is, the case must not be lost
            if lost := backlog.add(case, self.now(), pause):
                self._complain(f"case {lost.finding.id}: given up, too many wait for the disk")
            self.health.set("waiting_for_disk", len(backlog))
            self._store_failed(error)
        else:
            for note in self._sealer.store.notes():
                self._complain(note)
            self.health.set("waiting_for_disk", len(backlog))
            self._publish(violation)
            self.health.state(health.OK, "running")

    def _publish(self, violation: core.violation.Violation) -> None:
        self.health.tick("violations")
        frame = names.optical_frame(self._site, violation.finding.camera)
        m = convert.violation_to_msg(violation, frame)
        if self._sealer.store.ring is not None:
            witness.sign(m, self._sealer.store.ring)
        self.send(self._violations, m)

    def _complain(self, sentence: str) -> None:
        self.health.drop("refused")
        self.health.error(sentence)

    def _store_failed(self, error: Exception) -> None:
        known = isinstance(error, (StoreError, ConfigError))
        sentence = str(error) if known else f"sealing failed: {type(error).__name__}: {error}"
        self.health.error(sentence)
        self.health.state(health.ERROR, sentence)


def main() -> int:
    """Entry point of the executable."""
    return run(EvidenceNode)
