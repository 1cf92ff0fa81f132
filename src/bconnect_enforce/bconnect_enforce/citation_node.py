"""The citations ledger: violations and measures in, citations out, officers decide."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bconnect_msgs import msg as messages
from bconnect_msgs.srv import ReviewCitation
from rclpy.node import Node
from rclpy.task import Future

from bconnect_enforce import bookkeeping, convert
from bconnect_enforce.adapters.evidence_eraser import eraser
from bconnect_enforce.adapters.ledger import Ledger, LedgerBusy, LedgerError
from bconnect_enforce.core.backlog import Backlog
from bconnect_enforce.core.records import Citation, Violation
from bconnect_enforce.core.trust import Marks
from bconnect_enforce.doorway import Doorway, SealDoor
from bconnect_enforce.reviewing import Review, answered
from bconnect_node.base import BconnectNode
from bconnect_node.parameters import field
from bconnect_node.qos import RECORD
from bconnect_node.run import run, services_may_await
from bconnect_site import names
from bconnect_site.errors import ConfigError
from bconnect_site.frozen import load_frozen
from bconnect_site.orders import MEASURE, REVIEW

Job = Callable[[], list[Citation]]

RETRY = 1.0  # s between two attempts while the database cannot be written
REVIEW_POLL = 0.02  # s; see on_review
REVIEW_IN_TURN = 2.0  # s the same, where waiting holds the executor
REVIEW_PATIENCE = 5.0  # s an officer waits for a database that is locked
TRUST_EVERY = 60.0  # s; decisions and rearmings may come past this node
FOLLOW_EVERY = 2.0  # s; a command centre writes its officers' decisions beside this node
RETAIN_EVERY = 86_400.0  # s
RETAIN_AT_ONCE = 100  # violations, about a second; what comes meanwhile is written in between


@dataclass(frozen=True)
class CitationParams:
    """Where the ledger and the evidence are."""

    site: str = field(description="name of the site")
    database: str = field(description="sqlite:///path or postgresql://...; may hold ${NAME}")
    orders_dir: str = field(description="the site's orders: whose to follow, what was followed")
    evidence_dir: str = field("", "the evidence store; empty: nothing to reconcile with")
    timezone: str = field("Asia/Makassar", "decides in which year a violation is numbered")
    site_file: str = field("", "the frozen site; empty: nothing is erased, usual marks of trust")
    keys_dir: str = field("", "the site's signing keys; empty: erasures are not signed")


class CitationNode(BconnectNode):
    """The callbacks fill the backlog; one worker writes, in order, until it is written."""

    params: CitationParams

    def __init__(self, **kw: Any) -> None:
        super().__init__("citation", CitationParams, **kw)
        site = load_frozen(self.params.site_file).site if self.params.site_file else None
        self._days = site.evidence.retention_days if site else 0
        marks = bookkeeping.marks_of(site.ledger.trust) if site else Marks()
        self._trust = bookkeeping.TrustWatch(marks)
        self._centre = site.centre if site else None
        self._zone = bookkeeping.zone_of(self.params.timezone)
        self._weighing = False
        self._others = bookkeeping.LineWatch()
        orders = self.params.orders_dir
        self._door = Doorway(orders, self.params.site, "citation", self.health, self.now)
        self._seals = SealDoor(orders, self.params.keys_dir, self.health, self.now)
        self._ledger = self._open()
        self.at_close(self._ledger.close)
        self._backlog: Backlog[Job] = Backlog()
        self._citations = self.create_publisher(messages.Citation, names.CITATIONS, RECORD)
        self._trusts = self.create_publisher(messages.RuleTrust, names.RULE_TRUST, RECORD)
        for job in (self._current, self._reconcile, self._weigh, self._retain):
            self._backlog.put(job)
        self.create_subscription(messages.Violation, names.VIOLATIONS, self.on_violation, RECORD)
        self.create_subscription(messages.Measure, names.MEASURES, self.on_measure, RECORD)
        self.create_subscription(messages.Compliance, names.COMPLIANCE, self.on_compliance, RECORD)
        self.create_timer(TRUST_EVERY, self._weigh_soon)
        self.create_timer(FOLLOW_EVERY, self._follow_soon)
        self.create_timer(RETAIN_EVERY, lambda: self._put(self._retain))
        # Past the base class: its guard does not await.
        answer = self.on_review if services_may_await() else self.on_review_in_turn
        Node.create_service(self, ReviewCitation, names.REVIEW_CITATION, answer)
        self.worker("ledger", self._write_all)

    def _open(self) -> Ledger:
        url = bookkeeping.database_of(self.params.database)
        try:
            return Ledger(url, self._zone, self.params.site, patient=True)
        except LedgerError as error:
            raise ConfigError(str(error)) from error

    def on_violation(self, m: messages.Violation) -> None:
        self.health.tick(names.VIOLATIONS)
        if not self._seals.believes(m):
            return
        try:
            violation = convert.violation_from(m)
        except ValueError as error:
            self.health.error(f"violation {m.finding.id}: {error}; was it sent by another version?")
            return
        if self._is_ours(violation):
            self._put(lambda: self._ledger.store_violation(violation, self.now()))

    def on_measure(self, m: messages.Measure) -> None:
        self.health.tick(names.MEASURES)
        order = self._door.claim(MEASURE, m)
        if order is None:
            return
        try:
            measure = convert.measure_from(m)
        except ValueError as error:
            self.health.error(f"measure {m.id}: {error}; was it sent by another version?")
            return

        def store() -> list[Citation]:
            lines = self._ledger.store_measure(measure, self.now())
            self._door.keep(order)
            return lines

        self._put(store)

    def on_compliance(self, m: messages.Compliance) -> None:
        self.health.tick(names.COMPLIANCE)
        try:
            record = convert.compliance_from(m)
        except ValueError as error:
            self.health.error(f"compliance {m.id}: {error}; was it sent by another version?")
            return

        def store() -> list[Citation]:
            self._ledger.store_compliance(record, self.now())
            return []

        self._put(store)

    async def on_review(
        self, request: ReviewCitation.Request, response: ReviewCitation.Response
    ) -> ReviewCitation.Response:
        """Waits for the worker without holding the executor."""
        review = self._begin(request, response, Future(executor=self.executor))
        if review is None:
            return response
        deadline = self.steady() + int(REVIEW_PATIENCE * 1e9)
        # A future that another thread fulfils is looked at again only after some event.
        poll = self.create_timer(
            REVIEW_POLL, lambda: review.give_up() if self.steady() > deadline else None
        )
        try:
            result = await review.answer
        finally:
            self.destroy_timer(poll)
        return answered(response, result)

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
        return answered(response, answer.result() if answer.done() else late)

    def _begin(
        self, request: ReviewCitation.Request, response: ReviewCitation.Response, answer: Future
    ) -> Review | None:
        """Hands a decision to the worker; None, and said in the response, when it cannot."""
        if refusal := self._door.refusal(REVIEW, request):
            response.message = refusal
            return None
        review = Review(convert.decision_from(request), self.now(), answer)
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

    def _current(self) -> list[Citation]:
        """What is there, once more for those who start with us; others' lines from here on."""
        self._others.begin(self._ledger)
        if self._centre is not None:
            site = self.params.site
            if why := bookkeeping.decided_here(self._ledger, site, self._centre, self._zone):
                self.health.error(why)
        return self._ledger.current()

    def _follow_soon(self) -> None:
        if not len(self._backlog):  # else the next look comes soon enough
            self._put(self._follow)

    def _follow(self) -> list[Citation]:
        lines = self._others.news(self._ledger)
        if lines:
            self._weigh_soon()
        return lines

    def _publish(self, lines: list[Citation]) -> None:
        self._others.said(lines)
        for line in lines:
            self.send(self._citations, convert.citation_to(line))
            self.health.tick(names.CITATIONS)
        self.health.set("waiting", len(self._backlog))

    def _say_waiting(self, sentence: str) -> None:
        self.health.error(f"{sentence} ({len(self._backlog)} waiting, nothing is lost)")
        self.health.set("waiting", len(self._backlog))

    def _review(self, review: Review) -> list[Citation]:
        if self._centre is not None:
            decision = review.decision
            case = self._ledger.case(decision.number)
            if why := bookkeeping.handed_over(decision, case, self._centre, self._zone):
                review.refuse(why)
                return []
        lines = review.write(self._ledger)
        if lines:
            self._weigh_soon()
        return lines

    def _weigh_soon(self) -> None:
        """Once is enough, however long the database has been away."""
        if not self._weighing:
            self._weighing = True
            self._put(self._weigh)

    def _weigh(self) -> list[Citation]:
        """Says what officers make of each rule, and which one falls back to observe only."""
        changed, fell = self._trust.news(self._ledger, self.now())
        self._weighing = False
        for trust in changed:
            self.send(self._trusts, convert.trust_to(trust))
        for trust in fell:
            self.get_logger().warning(
                f"{trust.camera}: {trust.type.name.lower()}: {trust.detail}; rearm by "
                f"`bconnect trust {trust.site} --rearm`"
            )
        return []

    def _retain(self) -> list[Citation]:
        """Erases what may be kept no longer."""
        if self._days and self.params.evidence_dir:
            erase = eraser(Path(self.params.evidence_dir), self.params.keys_dir)
            done = bookkeeping.retain(
                self._ledger, erase, self._days, self.now(), "retention", RETAIN_AT_ONCE
            )
            if done.more:
                self._put(self._retain)
            for sentence in done.failed:
                self.health.error(sentence)
            if done.erased:
                self.get_logger().info(f"retention: {len(done.erased)} violations erased")
        return []

    def _reconcile(self) -> list[Citation]:
        """Takes in what was sealed but never reached the ledger."""
        root = Path(self.params.evidence_dir)
        if not self.params.evidence_dir or not root.is_dir():
            return []
        done = bookkeeping.reconcile(self._ledger, root, self._is_ours, self.now)
        for sentence in done.bad:
            self.health.error(sentence)
        self.health.set("reconciled", done.found)
        self.health.set("bad_manifests", len(done.bad))
        if done.found or done.bad:
            self.get_logger().info(
                f"evidence store: {done.found} taken in, {len(done.bad)} not believed"
            )
        return done.lines


def main() -> int:
    return run(CitationNode)
