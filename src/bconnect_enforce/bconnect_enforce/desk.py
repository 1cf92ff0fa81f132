"""What the tow and the sticker node share: measures in, people's changes in, states out.

The callbacks fill a backlog; one worker writes, in order, until it is written, and publishes
what was. So neither a locked database nor an officer in a hurry holds up the loudspeakers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from bconnect_msgs import msg as messages
from rclpy.node import Node
from rclpy.task import Future

from bconnect_enforce import convert
from bconnect_enforce.adapters.ledger import LedgerBusy, LedgerError, Outdated
from bconnect_enforce.adapters.ledger.fieldwork import Fieldwork
from bconnect_enforce.bookkeeping import database_of
from bconnect_enforce.core.backlog import Backlog
from bconnect_enforce.core.citation import Refused
from bconnect_enforce.core.memory import Memory
from bconnect_enforce.core.records import Measure, StickerTask, TowJob
from bconnect_enforce.doorway import Doorway
from bconnect_node.base import BconnectNode
from bconnect_node.qos import RECORD
from bconnect_node.run import services_may_await
from bconnect_site import names
from bconnect_site.errors import ConfigError
from bconnect_site.frozen import load_frozen
from bconnect_site.kinds import CitationStatus, Outcome, Step
from bconnect_site.orders import MEASURE, SignedOrder

R = TypeVar("R", bound=StickerTask | TowJob)

RETRY = 1.0  # s between two attempts while the database cannot be written
LOOK = 5.0  # s between two looks for what is overdue
POLL = 0.02  # s; a future that another thread fulfils is looked at again only after some event
PATIENCE = 5.0  # s an officer waits for a database that is locked
IN_TURN = 1.5  # s the same, where waiting holds the executor
REMEMBER = 24 * 3600 * 10**9  # ns it is known that a vehicle left, before anybody asks for a job
OLDEST = 26 * 3600 * 10**9  # ns after an offence; a dwell may be a day


class Asked(Generic[R]):
    """A change on its way to the database. What was given up is never written afterwards."""

    def __init__(self, answer: Future) -> None:
        self.answer = answer
        self._lock = threading.Lock()

    def write(self, change: Callable[[], R | None]) -> list[R]:
        with self._lock:
            if self.answer.done():
                return []
            try:
                made = change()
            except (Refused, Outdated) as error:
                self.answer.set_result(str(error))
                return []
            self.answer.set_result(made)
            return [made] if made is not None else []

    def give_up(self) -> None:
        if not self._lock.acquire(blocking=False):
            return
        try:
            if not self.answer.done():
                self.answer.set_result(
                    "not known to be written: the ledger is locked or away; look again before "
                    "trying anew"
                )
        finally:
            self._lock.release()


class Desk(BconnectNode, Generic[R]):
    """Jobs of one kind. A node gives the decisions, which are cores', and the messages."""

    kind: type[R]
    step: Step
    topic: str
    right: str  # what a key needs to change a job
    patience: int  # ns after which what the ladder asked for is not begun any more

    def __init__(self, name: str, params_type: type, message: Any, **kw: Any) -> None:
        super().__init__(name, params_type, **kw)
        self.loaded = load_frozen(self.params.site_file)
        site = self.loaded.site.site
        self._door = Doorway(self.params.orders_dir, site, name, self.health, self.now)
        try:
            self.database = database_of(self.params.database)
            self.fieldwork: Fieldwork[R] = Fieldwork(self.database, site, self.kind)
        except LedgerError as error:
            raise ConfigError(str(error)) from error
        self.at_close(self.fieldwork.close)
        self._backlog: Backlog[Callable[[], list[R]]] = Backlog()
        self._over: Memory[str, str] = Memory(REMEMBER)
        self._open_jobs: dict[str, R] = {}  # the worker's; an ended one leaves
        self._states = self.create_publisher(message, self.topic, RECORD)

    def begin(self, service: Any, name: str) -> None:
        """Listens, answers and writes from now on."""
        self._put(self._current)
        self._put(self._missed)
        self.create_subscription(messages.Measure, names.MEASURES, self.on_measure, RECORD)
        self.create_subscription(messages.Compliance, names.COMPLIANCE, self.on_compliance, RECORD)
        self.create_subscription(messages.Citation, names.CITATIONS, self.on_citation, RECORD)
        # Past the base class: its guard does not await.
        answer = self.on_update if services_may_await() else self.on_update_in_turn
        Node.create_service(self, service, name, answer)
        self.create_timer(LOOK, lambda: self._put(self._overdue) if not self._backlog else None)
        self.worker("store", self._write_all)

    # What a node decides, by its core.

    def opened(self, measure: Measure, now: int) -> R:
        """The first state a measure asks for. Raises Refused."""
        raise NotImplementedError

    def changed(self, request: Any, current: R, now: int) -> R:
        """What somebody makes of a job. Raises Refused."""
        raise NotImplementedError

    def ended(self, history: Sequence[R], why: str, now: int) -> R | None:
        """What follows where the reason for the job is gone."""
        raise NotImplementedError

    def expired(self, job: R, now: int) -> R | None:
        """What follows where nobody did anything for too long."""
        raise NotImplementedError

    def is_open(self, job: R) -> bool:
        """Whether anything may still happen to it."""
        raise NotImplementedError

    def to_message(self, job: R) -> Any:
        """A state as its message."""
        raise NotImplementedError

    def answered(self, response: Any, job: R) -> None:
        """Puts a state into a service's response."""
        raise NotImplementedError

    def stored(self, job: R) -> None:
        """Called by the worker after each state is written and published."""

    # Messages in.

    def on_measure(self, m: messages.Measure) -> None:
        if m.step != self.step:
            return
        self.health.tick(names.MEASURES)
        order = self._door.claim(MEASURE, m)
        if order is None:
            return
        try:
            measure = convert.measure_from(m)
        except ValueError as error:
            self.health.error(f"measure {m.id}: {error}; was it sent by another version?")
            return
        self._put(lambda: self._follow(measure, order))

    def on_compliance(self, m: messages.Compliance) -> None:
        if m.outcome == Outcome.COMPLIED:
            why = f"the vehicle left after {m.phrase} was said"
            self._call_off(m.finding_id, why, convert.ns(m.header.stamp))

    def on_citation(self, m: messages.Citation) -> None:
        if m.status in (CitationStatus.REJECTED, CitationStatus.WITHDRAWN):
            word = CitationStatus(m.status).name.lower()
            why = f"citation {m.number} was {word} by {m.reviewer or 'an officer'}"
            self._call_off(m.violation_id, why, convert.ns(m.header.stamp))

    async def on_update(self, request: Any, response: Any) -> Any:
        """Waits for the worker without holding the executor."""
        asked = self._ask(request, Future(executor=self.executor))
        end = self.steady() + int(PATIENCE * 1e9)
        poll = self.create_timer(POLL, lambda: asked.give_up() if self.steady() > end else None)
        try:
            result = await asked.answer
        finally:
            self.destroy_timer(poll)
        return self._answer(response, result)

    def on_update_in_turn(self, request: Any, response: Any) -> Any:
        """As on_update where callbacks cannot wait: holds this process's other nodes meanwhile."""
        written, answer = threading.Event(), Future()
        answer.add_done_callback(lambda _: written.set())
        asked = self._ask(request, answer)
        if not written.wait(IN_TURN):
            asked.give_up()
            written.wait(IN_TURN)
        late = "still being written; look again before asking anew"
        return self._answer(response, answer.result() if answer.done() else late)

    def close(self) -> None:
        self._backlog.close()
        super().close()

    def _ask(self, request: Any, answer: Future) -> Asked[R]:
        asked: Asked[R] = Asked(answer)
        if refusal := self._door.refusal(self.right, request):
            answer.set_result(refusal)
        elif not self._put(lambda: asked.write(lambda: self._change(request))):
            asked.give_up()
        return asked

    def _answer(self, response: Any, result: Any) -> Any:
        if isinstance(result, str):
            response.message = result
        else:
            response.success = True
            response.message = f"{result.id}: {result.detail}"
            self.answered(response, result)
        return response

    # The worker's jobs: each may be tried again, and repeating it changes nothing.

    def _change(self, request: Any) -> R | None:
        now = self.now()
        return self.fieldwork.follow(
            request.id, lambda history: self.changed(request, history[-1], now), now
        )

    def _follow(self, measure: Measure, order: SignedOrder) -> list[R]:
        made = self._open(measure)
        self._door.keep(order)
        return made

    def _open(self, measure: Measure) -> list[R]:
        now = self.now()
        if measure.site != self.loaded.site.site:
            raise Refused(f"measure {measure.id}: site: found {measure.site}, not ours")
        job = self.opened(measure, now)
        known = self.fieldwork.asked_at(measure.id)
        if now - measure.stamp > OLDEST or (known is not None and now - known > self.patience):
            raise Refused(f"measure {measure.id}: was asked for too long ago to send anybody")
        made = [job] if self.fieldwork.add(job, now) else []
        if why := self._over.get(measure.violation_id):
            made += self._drop(job.id, why)
        return made

    def _call_off(self, violation_id: str, why: str, stamp: int) -> None:
        self._over.put(violation_id, why, stamp)
        self._put(lambda: self._drop(self.job_id(violation_id), why))

    def job_id(self, violation_id: str) -> str:
        """The id of the job a violation has, if it has one."""
        raise NotImplementedError

    def _drop(self, id_: str, why: str) -> list[R]:
        now = self.now()
        try:
            made = self.fieldwork.follow(id_, lambda h: self.ended(h, why, now), now)
        except Refused:
            return []  # most vehicles that leave were never to be towed
        return [made] if made is not None else []

    def _overdue(self) -> list[R]:
        now, made = self.now(), []
        for job in [*self._open_jobs.values()]:
            if self.expired(job, now) is None:
                continue
            following = self.fieldwork.follow(job.id, lambda h: self.expired(h[-1], now), now)
            if following is not None:
                made.append(following)
            else:
                self._open_jobs.pop(job.id)
        return made

    def _current(self) -> list[R]:
        """What is there, once more for those who start with us."""
        known = self.fieldwork.newest()
        self._open_jobs = {job.id: job for job in known if self.is_open(job)}
        return known[-100:]

    def _missed(self) -> list[R]:
        """Measures the ledger has and we never heard, e.g. because we were killed."""
        made: list[R] = []
        for measure in self.fieldwork.asked_for(self.step, self.now() - self.patience):
            try:
                made += self._open(measure)
            except Refused:
                continue
        return made

    def _put(self, job: Callable[[], list[R]]) -> bool:
        if self._backlog.put(job):
            return True
        self.health.drop("backlog full")
        self.health.error("too much waits to be written; the ledger's measures keep the rest")
        return False

    def _write_all(self, stop: threading.Event) -> None:
        """Tries the oldest job until it is done; on the way out only what works at once."""
        while not stop.is_set() or len(self._backlog):
            job = self._backlog.head(0.5)
            if job is None:
                continue
            made: list[R] = []
            try:
                made = job()
            except LedgerBusy as error:
                self.health.error(f"{error} ({len(self._backlog)} waiting, nothing is lost)")
                if stop.wait(RETRY):
                    return
                continue
            except Refused as error:
                self.health.drop("refused")
                self.health.error(str(error))
            except Exception as error:
                # What cannot be written at all must not hold up what can.
                self.health.error(f"set aside: {error}")
                self.health.drop("cannot be written")
            self._backlog.done()
            for state in made:
                self._note(state)
                self.send(self._states, self.to_message(state))
                self.health.tick(self.topic)
                self.stored(state)
            self.health.set("waiting", len(self._backlog))
            self.health.set("open", len(self._open_jobs))

    def _note(self, state: R) -> None:
        if self.is_open(state):
            self._open_jobs[state.id] = state
        else:
            self._open_jobs.pop(state.id, None)
