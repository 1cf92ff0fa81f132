"""Cases the disk did not take: tried again with growing pauses, bounded in number."""

from dataclasses import dataclass, replace

from bconnect_detect.core.evidence import Case
from bconnect_detect.core.types import SECOND
from bconnect_site.leaps import Leaps

FIRST_PAUSE = SECOND
LONGEST_PAUSE = 60 * SECOND


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case, its next attempt [ns] and the pause before that [ns]."""

    case: Case
    next: int
    pause: int


class Backlog:
    """At most ``limit`` cases; the oldest makes room for the newest. One thread only."""

    def __init__(self, limit: int = 200) -> None:
        self._limit = limit
        self._waiting: dict[str, Waiting] = {}
        self._leaps = Leaps()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, case: Case, now: int, pause: int = 0) -> Case | None:
        """Keeps a case that failed; ``pause``: its last one. Returns the case given up for it."""
        pause = min(pause * 2, LONGEST_PAUSE) if pause else FIRST_PAUSE
        self._waiting[case.finding.id] = Waiting(case, now + pause, pause)
        if len(self._waiting) <= self._limit:
            return None
        oldest = next(iter(self._waiting))
        return self._waiting.pop(oldest).case

    def take(self, now: int) -> list[Waiting]:
        """Cases to try now, oldest first; they leave the backlog."""
        if leap := self._leaps(now):
            for id_, waiting in self._waiting.items():
                self._waiting[id_] = replace(waiting, next=waiting.next + leap)
        due = [waiting for waiting in self._waiting.values() if now >= waiting.next]
        for waiting in due:
            del self._waiting[waiting.case.finding.id]
        return due
