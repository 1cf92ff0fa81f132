"""An officer's decision on its way from the service to the ledger and back."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from bconnect_msgs.srv import ReviewCitation
from rclpy.task import Future

from bconnect_enforce import convert
from bconnect_enforce.adapters.ledger import Ledger, LedgerBusy, LedgerError
from bconnect_enforce.core.citation import Decision, Refused
from bconnect_enforce.core.records import Citation


@dataclass
class Review:
    """One decision; `stamp` is when it came. What was given up is not begun afterwards."""

    decision: Decision
    stamp: int
    answer: Future
    lock: threading.Lock = field(default_factory=threading.Lock)
    tried: bool = False

    def give_up(self) -> None:
        if not self.lock.acquire(blocking=False):
            return
        try:
            if not self.answer.done():
                self.answer.set_result(
                    f"{self.decision.number}: not known to be written, the ledger is locked, away "
                    "or its disk full; look again, then decide again"
                )
        finally:
            self.lock.release()

    def refuse(self, sentence: str) -> None:
        """Answers without writing."""
        with self.lock:
            if not self.answer.done():
                self.answer.set_result(sentence)

    def write(self, ledger: Ledger) -> list[Citation]:
        """Raises LedgerBusy where it is to be tried again; then the same line comes of it."""
        with self.lock:
            if self.answer.done():
                # A server may have written it and died before it said so.
                line = ledger.written(self.decision, self.stamp) if self.tried else None
                return [line] if line else []
            self.tried = True
            try:
                line = ledger.review(self.decision, self.stamp)
            except LedgerBusy:
                raise
            except (Refused, LedgerError) as error:
                self.answer.set_result(str(error))
                return []
            self.answer.set_result(line)
            return [line]


def answered(response: ReviewCitation.Response, result: Citation | str) -> ReviewCitation.Response:
    if isinstance(result, Citation):
        response.success = True
        response.message = f"{result.number}: {result.status.name.lower()}"
        response.citation = convert.citation_to(result)
    else:
        response.message = result
    return response
