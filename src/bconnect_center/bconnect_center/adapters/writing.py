"""What the listener heard, on its way into the database: in batches, by one thread."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bconnect_center.adapters.live_store import LiveStore
from bconnect_center.core.live import SILENT, Happening, Passing, SiteCitation, State, Throttle
from bconnect_center.core.moments import SECOND
from bconnect_enforce.adapters.ledger import LedgerBusy, LedgerError

PERIOD = 0.1  # s between two batches
COUNTS = 10.0  # s between two writings of counts
MOST = 20_000  # happenings that wait while the database is away


class Writing:
    """`say`, `add`, `passed`, `beat` from any thread; `run` in one."""

    def __init__(self, store: LiveStore, site: str, host: str, now: Callable[[], int]) -> None:
        self._store, self._site, self._host, self._now = store, site, host, now
        self._lock = threading.Condition()
        self._states: dict[tuple[str, str, str], State] = {}
        self._happened: deque[tuple[int, Happening]] = deque()
        self._cited: dict[str, SiteCitation] = {}
        self._jobs: deque[Callable[[], Any]] = deque(maxlen=4)
        self._passing = Passing()
        self._throttle = Throttle()
        self._touched = self._counted = 0
        self._ahead = 0

    def say(self, state: State, steady: Iterable[str] = ()) -> None:
        """A state; written when it changed, or now and then."""
        with self._lock:
            if self._throttle.passes(state, self._now(), steady):
                self._states[(state.site, state.kind, state.name)] = state
                self._lock.notify()

    def add(self, happening: Happening) -> bool:
        """Something that happened; False: too much waits."""
        with self._lock:
            if len(self._happened) >= MOST:
                return False
            self._happened.append((self._now(), happening))
            self._lock.notify()
            return True

    def cited(self, citation: SiteCitation) -> None:
        """What the site's own ledger says of a case; the last word is kept."""
        with self._lock:
            if len(self._cited) < MOST or citation.violation_id in self._cited:
                self._cited[citation.violation_id] = citation
            self._lock.notify()

    def passed(self, camera: str, stamp: int, ids: Iterable[int], kinds: Iterable[int]) -> None:
        """One image's tracks."""
        with self._lock:
            self._passing.see(camera, stamp, ids, kinds)

    def clock(self, stamp: int, heard: int) -> None:
        """What the site's clock showed at that moment."""
        ahead = round((stamp - heard) / SECOND)
        with self._lock:
            # a message may be under way for a while: two seconds are no news
            if abs(ahead - self._ahead) > 2:
                self._ahead = ahead
        self.say(State(self._site, "clock", self._site, stamp, {"ahead": self._ahead}))

    def beat(self, heard: int, told: Mapping[str, Any]) -> None:
        """A sign of life of the listener, and of the site where one was heard."""
        now = self._now()
        with self._lock:
            key = (self._site, "listener", self._host)
            self._states[key] = State(*key, now, told)
            if heard > self._touched:
                self._touched = heard
                self._jobs.append(lambda: self._store.touch(self._site, "site", self._site, heard))
            self._lock.notify()

    def later(self, job: Callable[[], Any]) -> None:
        """Has the writing thread do something with the database."""
        with self._lock:
            self._jobs.append(job)

    def run(self, stop: threading.Event, tell: Callable[[str], None]) -> None:
        """Writes until `stop`, then what is left, once."""
        while not stop.is_set():
            with self._lock:
                self._lock.wait_for(lambda: self._waits(), 0.5)
            self._write(tell)
            stop.wait(PERIOD)
        self._write(tell)

    def _waits(self) -> bool:
        return bool(self._states or self._happened or self._cited or self._jobs)

    def _write(self, tell: Callable[[str], None]) -> None:
        now = self._now()
        with self._lock:
            said, self._states = self._states, {}
            cited, self._cited = self._cited, {}
            happened, jobs = list(self._happened), list(self._jobs)
            self._happened.clear()
            self._jobs.clear()
            due = now - self._counted >= COUNTS * SECOND or now < self._counted
            counts = self._passing.take() if due else {}
        passed = {(self._site, *key): count for key, count in counts.items()}
        try:
            if due:
                self._counted = now
                passed = passed if self._leads(now) else {}
            if said or happened or passed:
                self._store.write(now, said.values(), happened, passed)
            self._store.note_citations(cited.values())
            for job in jobs:
                job()
        except LedgerBusy as error:
            tell(f"{error}; {len(happened)} happenings wait")
            with self._lock:
                self._states = {**said, **self._states}
                self._cited = {**cited, **self._cited}
                self._happened.extendleft(reversed(happened[-MOST:]))
        except LedgerError as error:
            tell(f"set aside: {error}")

    def _leads(self, now: int) -> bool:
        """Whether it is for us to count: of several listeners of a site the first by name."""
        alive = [
            cell.name
            for cell in self._store.cells(now - SILENT, ["listener"])
            if cell.site == self._site
        ]
        return min([self._host, *alive]) == self._host
