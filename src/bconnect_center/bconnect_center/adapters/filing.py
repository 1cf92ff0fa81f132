"""Cases and jobs heard live, into the centre's ledger where it is not the site's own.

The site's citation node numbers citations, so it must come first where both write into one
ledger: each record waits, and is stored only if it still is not there. Tow jobs and sticker tasks
have no number and are written before they are told: they do not wait.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from bconnect_enforce.adapters.ledger import Ledger, LedgerBusy, LedgerError
from bconnect_enforce.adapters.ledger.tables import compliance, measures, violations
from bconnect_enforce.core.records import Compliance, Measure, StickerTask, TowJob, Violation

PATIENCE = 15 * 10**9  # ns the site's own citation node has
MOST = 10_000
LOOK = 1.0  # s

Record = Violation | Measure | Compliance | TowJob | StickerTask
TABLES: dict[type, Any] = {Violation: violations, Measure: measures, Compliance: compliance}


class Filing:
    """`put` from any thread, `run` in one."""

    def __init__(self, ledger: Ledger, now: Callable[[], int], patience: int = PATIENCE) -> None:
        self._ledger, self._now, self._patience = ledger, now, patience
        self._waiting: deque[tuple[int, Record]] = deque(maxlen=MOST)
        self._jobs: deque[tuple[int, Record]] = deque(maxlen=MOST)

    def put(self, record: Record) -> None:
        if isinstance(record, TowJob | StickerTask):
            self._jobs.append((self._now(), record))
        else:
            self._waiting.append((self._now() + self._patience, record))

    def run(self, stop: threading.Event, tell: Callable[[str], None]) -> None:
        """Stores what has waited long enough, until `stop`."""
        while not stop.wait(LOOK):
            self.work(stop, tell)

    def work(self, stop: threading.Event, tell: Callable[[str], None]) -> None:
        """Stores what is due."""
        self._work(self._jobs, stop, tell)
        self._work(self._waiting, stop, tell)

    def _work(
        self,
        queue: deque[tuple[int, Record]],
        stop: threading.Event,
        tell: Callable[[str], None],
    ) -> None:
        while queue and not stop.is_set():
            due, record = queue[0]
            now = self._now()
            if now < due <= now + self._patience:  # a clock set back must not hold it for ever
                return
            try:
                self._store(record, now)
            except LedgerBusy as error:
                tell(str(error))
                return
            except LedgerError as error:
                tell(f"set aside: {error}")
            queue.popleft()

    def _store(self, record: Record, now: int) -> None:
        if isinstance(record, TowJob):
            self._ledger.put_tow_job(record, now, heard=True)
            return
        if isinstance(record, StickerTask):
            self._ledger.put_sticker(record, now, heard=True)
            return
        table = TABLES[type(record)]
        with self._ledger.reading() as c:
            if c.scalar(select(table.c.id).where(table.c.id == record.id)) is not None:
                return
        if isinstance(record, Violation):
            self._ledger.store_violation(record, now)
        elif isinstance(record, Measure):
            self._ledger.store_measure(record, now)
        else:
            self._ledger.store_compliance(record, now)
