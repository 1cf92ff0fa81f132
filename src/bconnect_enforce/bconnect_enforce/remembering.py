"""Keeps the ladder's memory on disk, behind its back: deciding never waits for a file."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from bconnect_enforce.adapters.history_store import HistoryError, HistoryStore, read_secret
from bconnect_enforce.core.history import Entry
from bconnect_enforce.core.records import Violation

PAUSE = 0.5  # s between two writes
LOOK = 10  # writes' pauses until we look what other sites wrote, with nothing of our own to write
RETRY = 30.0  # s until a file that failed is tried again
LATEST = 1000  # decisions that the ledger may not have written when an earlier run ended
BACKLOG = 20_000  # entries that may wait for a file that fails; the oldest give way


class Remembering:
    """One file and its secret. Where either is no good the ladder goes on in memory.

    `say` is told one sentence then. Hand entries over with `put`, fetch what other sites wrote
    with `take`; `run` is the worker.
    """

    def __init__(
        self,
        path: Path | None,
        site: str,
        keep: int,
        limit: int,
        now: Callable[[], int],
        say: Callable[[str], None],
    ) -> None:
        self._path, self._site, self._keep, self._limit = path, site, keep, limit
        self._now, self._say = now, say
        self._out: deque[Entry] = deque(maxlen=BACKLOG)
        self._in: deque[list[Entry]] = deque()
        self._store: HistoryStore | None = None
        self._waits: tuple[Violation, ...] | None = None  # not written yet
        self._written: tuple[Violation, ...] = ()
        self.undecided: list[Violation] = []  # what an earlier run left
        self.before = 0  # when an earlier run was last here (ns); 0: unknown
        self.latest: frozenset[str] = frozenset()  # ids of what it decided last
        self.caught_up = True  # False: nothing may be forgotten that was not by `before`
        self.secret = os.urandom(32)
        if path is None:
            return
        try:
            self.secret = read_secret(path.with_suffix(".key"))
        except HistoryError as error:
            self._path = None  # digests by a secret of this run are worth nothing later
            self._fail(error)
            return
        try:
            self._in.append(self._opened().load())
            self.undecided = self._opened().undecided(site)
            self._written = tuple(self.undecided)
            self.latest = self._opened().latest(LATEST)
            self.before = self._opened().kept()
        except HistoryError as error:
            self._fail(error)

    @property
    def kept(self) -> bool:
        """Whether the file works."""
        return self._store is not None

    def put(self, entries: Iterable[Entry]) -> None:
        if self._path is not None:
            self._out.extend(entries)

    def wait(self, violations: tuple[Violation, ...]) -> None:
        """What is undecided now, in full."""
        if self._path is not None and violations != self._written:
            self._written = self._waits = violations

    def take(self) -> list[Entry]:
        """What was remembered elsewhere since the last time."""
        return self._in.popleft() if self._in else []

    def run(self, stop: threading.Event) -> None:
        """Writes until stopped, and then once more."""
        idle = 0
        while not stop.wait(PAUSE if self._store is not None else RETRY):
            idle += 1
            if self._out or self._waits is not None or idle >= LOOK or self._store is None:
                idle = 0
                self._write()
        if self._store is not None:
            self._write()
            self._store.close()

    def _opened(self) -> HistoryStore:
        if self._store is None:
            assert self._path is not None
            self._store = HistoryStore(self._path, self._keep, self._limit)
        return self._store

    def _write(self) -> None:
        if self._path is None:
            return
        entries = {
            entry.id: entry for entry in (self._out.popleft() for _ in range(len(self._out)))
        }
        waits, self._waits = self._waits, None
        try:
            now = self._now()
            until = now if self.caught_up else min(now, self.before or now)
            others = self._opened().save(entries.values(), until)
            if waits is not None:
                self._opened().keep_undecided(self._site, waits)
        except HistoryError as error:
            self._out.extendleft(reversed(entries.values()))
            self._waits = waits if self._waits is None else self._waits
            self._fail(error)
            return
        if others:
            self._in.append(others)

    def _fail(self, error: HistoryError) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
        self._say(f"{error}; the ladder goes on in memory")
