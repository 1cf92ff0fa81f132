"""The citations ledger: violations and measures in, citations out, officers decide."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as field_of
from pathlib import Path
from typing import Any

from bconnect_msgs import msg as messages
from bconnect_msgs.srv import ReviewCitation
from rclpy.node import Node
from rclpy.task import Future

from bconnect_enforce import convert
from bconnect_enforce.adapters import evidence_store
from bconnect_enforce.adapters.ledger import Ledger, LedgerBusy, LedgerError
from bconnect_enforce.building import make_zone
from bconnect_enforce.core.backlog import Backlog
from bconnect_enforce.core.citation import Decision, Refused
from bconnect_enforce.core.records import Citation, Violation
from bconnect_node.base import BconnectNode
from bconnect_node.parameters import field
from bconnect_node.qos import RECORD
from bconnect_node.run import run, services_may_await
from bconnect_site import names
from bconnect_site.errors import ConfigError

Job = Callable[[], list[Citation]]

RETRY = 1.0  # s between two attempts while the database cannot be written
REVIEW_POLL = 0.02  # s; see on_review
REVIEW_IN_TURN = 2.0  # s the same, where waiting holds the executor
REVIEW_PATIENCE = 5.0  # s an officer waits for a database that is locked


@dataclass(frozen=True)
class CitationParams:
    """Where the ledger and the evidence are."""

    site: str = field(description="name of the site")
    database: str = field(description="URL of the ledger, sqlite:///path")
    evidence_dir: str = field("", "the evidence store; empty: nothing to reconcile with")
    timezone: str = field("Asia/Makassar", "decides in which year a violation is numbered")


@dataclass(frozen=True)
class _Review:
    """An officer's decision on its way. What was given up is never written afterwards."""

    decision: Decision
    answer: Future
    lock: threading.Lock = field_of(default_factory=threading.Lock)

    def give_up(self) -> None:
        if not self.lock.acquire(blocking=False):
            return
        try:
            if not self.answer.done():
                self.answer.set_result(
                    f"{self.decision.number}: not written, the ledger is locked or its disk full; "
                    "decide again later"
                )
        finally:
            self.lock.release()


def _answered(response: ReviewCitation.Response, result: Citation | str) -> ReviewCitation.Response:
    if isinstance(result, Citation):
        response.success = True
        response.message = f"{result.number}: {result.status.name.lower()}"
        response.citation = convert.citation_to(result)
    else:
        response.message = result
    return response


class CitationNode(BconnectNode):
    """The callbacks fill the backlog; one worker writes, in order, until it is written."""

    params: CitationParams

    def __init__(self, **kw: Any) -> None:
        super().__init__("citation", CitationParams, **kw)
        zone = make_zone(self.params.timezone)
        try:
            self._ledger = Ledger(self.params.database, zone)
        except LedgerError as error:
            raise ConfigError(str(error)) from error
        self.at_close(self._ledger.close)
        self._backlog: Backlog[Job] = Backlog()
        self._citations = self.create_publisher(messages.Citation, names.CITATIONS, RECORD)
        self._backlog.put(self._ledger.current)
        self._backlog.put(self._reconcile)
        self.create_subscription(messages.Violation, names.VIOLATIONS, self.on_violation, RECORD)
        self.create_subscription(messages.Measure, names.MEASURES, self.on_measure, RECORD)
        # Past the base class: its guard does not await.
        answer = self.on_review if services_may_await() else self.on_review_in_turn
        Node.create_service(self, ReviewCitation, names.REVIEW_CITATION, answer)
        self.worker("ledger", self._write_all)

    def on_violation(self, m: messages.Violation) -> None:
        self.health.tick(names.VIOLATIONS)
        try:
            violation = convert.violation_from(m)
        except ValueError as error:
            self.health.error(f"violation {m.finding.id}: {error}; was it sent by another version?")
            return
        if self._is_ours(violation):
            self._put(lambda: self._ledger.store_violation(violation, self.now()))

    def on_measure(self, m: messages.Measure) -> None:
        self.health.tick(names.MEASURES)
        try:
            measure = convert.measure_from(m)
        except ValueError as error:
            self.health.error(f"measure {m.id}: {error}; was it sent by another version?")
            return
        self._put(lambda: self._ledger.store_measure(measure, self.now()))

    async def on_review(
        self, request: ReviewCitation.Request, response: ReviewCitation.Response
    ) -> ReviewCitation.Response:
        """Waits for the worker without holding the executor."""
        review = self._begin(request, response, Future(executor=self.executor))
        if review is None:
            return response
        deadline = self.now() + int(REVIEW_PATIENCE * 1e9)
        # A future that another thread fulfils is looked at again only after some event.
        poll = self.create_timer(
            REVIEW_POLL, lambda: review.give_up() if self.now() > deadline else None
        )
        try:
            result = await review.answer
        finally:
            self.destroy_timer(poll)
        return _answered(response, result)

    def on_review_in_turn(
        self, request: ReviewCitation.Request, response: ReviewCitation.Response
    ) -> ReviewCitation.Response:
        """As on_review where callbacks cannot wait: holds this process's other nodes meanwhile."""
        written = threading.Event()
        answer = Future()
        answer.add_done_callback(lambda _: written.set())
        review = self._begin(request, response, answer)
        if review is None:
            return response
        if not written.wait(REVIEW_IN_TURN):
            review.give_up()
            written.wait(REVIEW_IN_TURN)
        late = f"{review.decision.number}: still being written; look again before deciding anew"
        return _answered(response, answer.result() if answer.done() else late)

    def _begin(
        self, request: ReviewCitation.Request, response: ReviewCitation.Response, answer: Future
    ) -> _Review | None:
        """Hands a decision to the worker; None, and said in the response, when it cannot."""
        review = _Review(convert.decision_from(request), answer)
        if self._backlog.put(lambda: self._review(review)):
            return review
        response.message = "too much waits to be written; decide again later"
        return None

    def close(self) -> None:
        self._backlog.close()
        super().close()

    def _is_ours(self, violation: Violation) -> bool:
        site = violation.offence.site
        if site == self.params.site:
            return True
        self.health.drop("other site")
        self.health.error(
            f"violation {violation.id}: site: found {site}, allowed: {self.params.site}"
        )
        return False

    def _put(self, job: Job) -> None:
        if not self._backlog.put(job):
            self.health.drop("backlog full")
            self.health.error("too much waits to be written; the evidence store keeps the rest")

    def _write_all(self, stop: threading.Event) -> None:
        """Tries the oldest job until it is done; on the way out only what works at once."""
        while not stop.is_set() or len(self._backlog):
            job = self._backlog.head(0.5)
            if job is None:
                continue
            try:
                lines = job()
            except LedgerBusy as error:
                self._say_waiting(str(error))
                if stop.wait(RETRY):
                    return
                continue
            except Exception as error:
                # What cannot be written at all must not hold up what can.
                self.health.error(f"set aside: {error}")
                self.health.drop("cannot be written")
                lines = []
            self._backlog.done()
            self._publish(lines)

    def _publish(self, lines: list[Citation]) -> None:
        for line in lines:
            self.send(self._citations, convert.citation_to(line))
            self.health.tick(names.CITATIONS)
        self.health.set("waiting", len(self._backlog))

    def _say_waiting(self, sentence: str) -> None:
        self.health.error(f"{sentence} ({len(self._backlog)} waiting, nothing is lost)")
        self.health.set("waiting", len(self._backlog))

    def _review(self, review: _Review) -> list[Citation]:
        with review.lock:
            if review.answer.done():
                return []
            try:
                line = self._ledger.review(review.decision, self.now())
            except Refused as error:
                review.answer.set_result(str(error))
                return []
            review.answer.set_result(line)
            return [line]

    def _reconcile(self) -> list[Citation]:
        """Takes in what was sealed but never reached the ledger."""
        root = Path(self.params.evidence_dir)
        if not self.params.evidence_dir or not root.is_dir():
            return []
        known = self._ledger.manifests()
        lines: list[Citation] = []
        found = bad = 0
        for manifest in evidence_store.sealed(root):
            if manifest in known:
                continue
            try:
                violation = evidence_store.read(root, manifest)
            except evidence_store.BadManifest as error:
                self.health.error(str(error))
                bad += 1
                continue
            if self._is_ours(violation):
                lines += self._ledger.store_violation(violation, self.now())
                found += 1
        self.health.set("reconciled", found)
        self.health.set("bad_manifests", bad)
        if found or bad:
            self.get_logger().info(f"evidence store: {found} taken in, {bad} not believed")
        return lines


def main() -> int:
    return run(CitationNode)
