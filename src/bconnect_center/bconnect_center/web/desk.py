"""The review desk of one server: its adapters, made once, and the thread that writes decisions."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from fastapi import Request

from bconnect_center.adapters.cases import Cases
from bconnect_center.adapters.clips import Clips
from bconnect_center.adapters.decisions import Decisions
from bconnect_center.adapters.folders import Folders
from bconnect_center.adapters.handout import Handout
from bconnect_center.adapters.live_store import LiveStore
from bconnect_center.adapters.queue import Queue
from bconnect_center.core.review import officer
from bconnect_center.core.roles import Person
from bconnect_center.house import House
from bconnect_center.web.guard import Refusal, house_of, note, session_of
from bconnect_center.web.seen import Seen
from bconnect_enforce.adapters.ledger import LedgerError
from bconnect_enforce.core.case import Case

log = logging.getLogger("bconnect.center.review")
ROUND = 0.5  # s between two looks of the worker
BREATH = 0.05  # s the same, while there is more: SQLite's lock is not handed over in turn


class Desk:
    """What the pages of the review share."""

    def __init__(self, house: House) -> None:
        self.house = house
        review = house.file.review
        self.folders = Folders(house.loaded)
        there = LiveStore(house.database).site_citation
        self.cases = Cases(house.ledger, self.folders, house.sites, house.zone, there)
        self.clips = Clips()
        self.queue = Queue(house.database, house.ledger, self.deadline)
        self.decisions = Decisions(
            house.database, house.ledger, review.undo, review.four_eyes, self.cases.decided_there
        )
        self.handout = Handout(house.ledger, self.folders, house.sites, house.zone)
        self.seen = Seen()

    def deadline(self, stamp: int) -> int | None:
        """By when the police region wants a citation validated, ns."""
        return self.house.region.deadline("validation", stamp, self.house.zone)

    def work(self) -> bool:
        """One round: follows the ledger, writes what is due; whether more waits at once."""
        more = self.queue.follow()
        return self.decisions.write_due(self.house.now()) > 0 or more

    def run(self, stop: Event) -> None:
        """Works until told to stop; what fails is tried again."""
        while not stop.is_set():
            try:
                busy = self.work()
            except LedgerError as error:
                log.warning("review: %s", error)
                busy = False
            except Exception:
                log.exception("review: a round failed")
                busy = False
            stop.wait(BREATH if busy else ROUND)

    @contextmanager
    def working(self) -> Iterator[None]:
        """A thread that runs meanwhile."""
        stop = Event()
        thread = Thread(target=self.run, args=(stop,), name="review", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(10.0)


def desk_of(request: Request) -> Desk:
    state = request.app.state
    if not hasattr(state, "desk"):
        state.desk = Desk(house_of(request))
    desk: Desk = state.desk
    return desk


def case_of(request: Request, person: Person, number: str) -> Case:
    """The case of a number, if this person may see it. Raises Refusal 404."""
    case = desk_of(request).cases.read(number)
    if case is None or not person.sees(case.violation.offence.site):
        raise Refusal(404, f'no case is called "{number}"')
    return case


def note_once(request: Request, person: Person, what: str, case: Case, detail: str = "") -> None:
    """Into the audit log, once a while for each session, case and thing that is seen."""
    session = session_of(request)
    key = (session.key if session else "", case.number, what, detail)
    seen, now = desk_of(request).seen, house_of(request).now()
    if not seen.lately(key, now):
        note(request, person, what, case.number, case.violation.offence.site, detail)
        seen.noted(key, now)


def name_of(person: Person) -> str:
    return officer(person.name, person.shown)
