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

from bconnect_msgs.msg import Capture, CaptureRequest, Finding, SiteInfo, Violation

from bconnect_detect import convert, core
from bconnect_detect.adapters.evidence_store import PARTIAL, EvidenceStore, StoreError
from bconnect_detect.core.backlog import Backlog
from bconnect_detect.core.evidence import Case, CaseBook, CaseSettings, new_case
from bconnect_detect.core.manifest import Facts
from bconnect_detect.core.types import SECOND
from bconnect_detect.sealing import Sealer, zone_shape
from bconnect_node import health
from bconnect_node.base import BconnectNode
from bconnect_node.qos import EVENT, RECORD, STATE
from bconnect_node.run import run
from bconnect_site import names
from bconnect_site.errors import ConfigError
from bconnect_site.frozen import load_frozen
from bconnect_site.loaded import LoadedSite

LOOK_PERIOD = 0.2  # s between looks at deadlines, silent cameras and the backlog
MOST_WAITING = 1000  # findings and answers handed over and not yet looked at


@dataclass
class EvidenceParams:
    site_file: str = field(metadata={"description": "the frozen site"})
    evidence_dir: str = field(metadata={"description": "folder of the evidence store"})
    republish: float = field(default=600.0, metadata={
        "minimum": 0.0, "maximum": 86400.0,
        "description": "s; younger sealed violations are published again at start"})


class EvidenceNode(BconnectNode):
    """One per site."""

    params: EvidenceParams

    def __init__(self, **kw: Any) -> None:
        super().__init__("evidence", EvidenceParams, **kw)
        loaded = load_frozen(self.params.site_file)
        self._site = loaded.site.site
        self._sealer = make_sealer(loaded, Path(self.params.evidence_dir))
        self._check_store()
        self._book = CaseBook(case_settings(loaded))
        self._rings = {n: round(c.ring_seconds * SECOND) for n, c in loaded.site.cameras.items()}
        self._desk: queue.Queue[tuple[str, Any]] = queue.Queue(MOST_WAITING)
        self._closed: queue.Queue[Case] = queue.Queue()  # bounded by the book's open cases
        self._violations = self.create_publisher(Violation, names.VIOLATIONS, RECORD)
        self._requests = {
            camera: self.create_publisher(
                CaptureRequest, names.camera_topic(camera, names.CAPTURE_REQUESTS), EVENT)
            for camera in self._rings
        }
        for camera in self._rings:
            self.create_subscription(
                Capture, names.camera_topic(camera, names.CAPTURES),
                partial(self._hand_over, f"capture {camera}"), EVENT)
        self.create_subscription(
            Finding, names.FINDINGS, partial(self._hand_over, "finding"), EVENT)
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
            self._desk.put_nowait((what, msg))
        except queue.Full:
            self.health.drop("desk full")
            self.health.error(f"{what} thrown away: {MOST_WAITING} are waiting already")

    def _on_site_info(self, msg: SiteInfo) -> None:
        facts = self._sealer.facts
        self._sealer.facts = replace(facts, model=msg.model, model_sha256=msg.model_sha256)

    # -- the desk --------------------------------------------------------------------------

    def _run_desk(self, stop: Event) -> None:
        self._take_up()
        while not stop.is_set():
            with suppress(queue.Empty):
                self._take(*self._desk.get(timeout=LOOK_PERIOD))
            for case in self._book.due(self.now()):
                self._close(case)
            self._ask()
            self.health.set("open_cases", len(self._book))

    def _take(self, what: str, msg: Any) -> None:
        try:
            if what == "finding":
                self._open(convert.finding_from_msg(msg))
            else:
                self._answer(what.partition(" ")[2], convert.capture_from_msg(msg))
        except ValueError as error:
            self.health.drop("unknown kind")
            self.health.error(f"{what} {msg.id[:64]} refused: {error}")

    def _open(self, finding: core.types.Finding) -> None:
        self.health.tick("findings")
        if fault := self._refusal(finding):
            self.health.drop("refused finding")
            return self.health.error(f"finding refused: {fault}")
        try:
            if violation := self._sealer.existing(finding):
                return self._publish(violation)
        except StoreError as error:
            return self.health.error(str(error))
        directory = self._sealer.directory(finding) + PARTIAL
        opened = self._book.open(finding, directory, self._rings[finding.camera], self.now())
        if opened.case and opened.waiting:
            self._begin(finding)
        elif opened.case:
            self._close(opened.case)

    def _refusal(self, finding: core.types.Finding) -> str | None:
        if finding.site != self._site or finding.camera not in self._rings:
            return (f"site and camera: found {finding.site[:64]}/{finding.camera[:64]}, "
                    f"allowed are the cameras of {self._site}")
        return core.violation.path_fault(finding)

    def _begin(self, finding: core.types.Finding) -> None:
        try:
            self._sealer.begin(finding)
        except StoreError as error:
            self._store_failed(error)

    def _ask(self) -> None:
        """Asks cameras that listen; one that does not (yet) is asked when it comes."""
        for request in self._book.to_ask():
            publisher = self._requests[request.camera]
            if publisher.get_subscription_count() > 0:
                self.send(publisher, convert.capture_request_to_msg(request))
                self._book.asked(request.id)

    def _answer(self, camera: str, capture: core.violation.Capture) -> None:
        self.health.tick("captures")
        if case := self._book.answer(camera, capture):
            self._close(case)
        elif directory := self._book.closed(capture.id):
            try:
                sentence = self._sealer.sweep(capture.id, directory)
            except StoreError as error:
                sentence = str(error)
            if sentence:
                self.health.error(sentence)

    def _close(self, case: Case) -> None:
        self._closed.put(case)

    def _take_up(self) -> None:
        """What an earlier run left: open cases, folders, violations perhaps not published."""
        try:
            findings, sentences = self._sealer.left_over(self._site)
            violations, touched = self._sealer.recent(
                self._site, self.now(), self.params.republish)
        except StoreError as error:
            return self._store_failed(error)
        for sentence in (*sentences, *touched):
            self.health.error(sentence)
        for finding in findings:
            directory = self._sealer.directory(finding) + PARTIAL
            ring = self._rings.get(finding.camera, 0)
            case = new_case(finding, directory, ring, self.now(), self._book.settings)
            if ring and self._book.reopen(case):
                self.get_logger().info(f"case {finding.id}: taken up from an earlier run")
            elif not ring:
                self._close(replace(case, missing=(f"camera {finding.camera} is gone",)))
        for violation in violations:
            self._publish(violation)

    # -- the sealer ------------------------------------------------------------------------

    def _run_sealer(self, stop: Event) -> None:
        backlog = Backlog()
        while not stop.is_set():
            with suppress(queue.Empty):
                self._seal(self._closed.get(timeout=LOOK_PERIOD), 0, backlog)
            for waiting in backlog.take(self.now()):
                if stop.is_set():
                    return
                self._seal(waiting.case, waiting.pause, backlog)

    def _seal(self, case: Case, pause: int, backlog: Backlog) -> None:
        try:
            violation = self._sealer.seal(case)
        except Exception as error:  # whatever it is, the case must not be lost
            if lost := backlog.add(case, self.now(), pause):
                self.health.drop("given up")
                self.health.error(f"case {lost.finding.id}: given up, too many wait for the disk")
            self.health.set("waiting_for_disk", len(backlog))
            self._store_failed(error)
        else:
            self.health.set("waiting_for_disk", len(backlog))
            self._publish(violation)
            self.health.state(health.OK, "running")

    def _publish(self, violation: core.violation.Violation) -> None:
        self.health.tick("violations")
        frame = names.optical_frame(self._site, violation.finding.camera)
        self.send(self._violations, convert.violation_to_msg(violation, frame))

    def _store_failed(self, error: Exception) -> None:
        known = isinstance(error, StoreError)
        sentence = str(error) if known else f"sealing failed: {type(error).__name__}: {error}"
        self.health.error(sentence)
        self.health.state(health.ERROR, sentence)


def make_sealer(loaded: LoadedSite, root: Path) -> Sealer:
    """The sealer of a site."""
    site = loaded.site
    zones = {
        (camera, name): zone_shape(name, zone)
        for camera, seen in site.cameras.items()
        for name, zone in seen.zones.items()
    }
    facts = Facts(loaded.software, loaded.sha256, site.title, site.timezone)
    return Sealer(EvidenceStore(root, site.evidence.min_free_bytes), facts, zones)


def case_settings(loaded: LoadedSite) -> CaseSettings:
    """The site's evidence settings in nanoseconds."""
    evidence = loaded.site.evidence
    return CaseSettings(
        before=round(evidence.before * SECOND),
        after=round(evidence.after * SECOND),
        patience=round(evidence.timeout * SECOND),
    )


def main() -> int:
    """Entry point of the executable."""
    return run(EvidenceNode)
