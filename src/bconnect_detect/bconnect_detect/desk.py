"""The evidence desk: takes findings and answers, asks cameras, hands closed cases on.

Stands between the book of cases and the store, knows no ROS. One thread only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from bconnect_detect.adapters.evidence_store import PARTIAL, StoreError
from bconnect_detect.core.evidence import Case, CaseBook, CaseSettings, new_case
from bconnect_detect.core.types import Finding
from bconnect_detect.core.violation import Capture, CaptureRequest, Violation, path_fault
from bconnect_detect.sealing import Sealer


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where the desk's results go."""

    ask: Callable[[CaptureRequest], bool]  # False: no camera listens yet
    publish: Callable[[Violation], None]
    close: Callable[[Case], None]  # to be sealed
    complain: Callable[[str], None]  # something was refused or went wrong
    store_failed: Callable[[StoreError], None]


class Desk:
    """Cases of one site. ``rings``: by camera, ns of stream it keeps."""

    def __init__(
        self,
        site: str,
        rings: Mapping[str, int],
        sealer: Sealer,
        settings: CaseSettings,
        outlets: Outlets,
    ) -> None:
        self._site = site
        self._rings = rings
        self._sealer = sealer
        self._settings = settings
        self._book = CaseBook(settings)
        self._out = outlets

    def __len__(self) -> int:
        """How many cases are open."""
        return len(self._book)

    def find(self, finding: Finding, now: int) -> None:
        """Opens a case; one that was sealed before is published again instead.

        What another camera saw of an incident (``same_as``) opens none: it makes that camera
        a witness while the case is open.
        """
        if fault := self._refusal(finding):
            return self._out.complain(f"finding refused: {fault}")
        if finding.same_as:
            self._book.witness(finding.same_as, finding.camera)
            return None
        try:
            if violation := self._sealer.existing(finding):
                return self._out.publish(violation)
        except StoreError as error:
            return self._out.complain(str(error))
        directory = self._sealer.directory(finding) + PARTIAL
        opened = self._book.open(finding, directory, self._rings[finding.camera], now)
        if opened.case and not opened.waiting:
            return self._out.close(opened.case)
        if opened.case:
            try:
                self._sealer.begin(finding)
            except StoreError as error:
                self._out.store_failed(error)

    def answer(self, camera: str, capture: Capture) -> None:
        """Takes a camera's answer; one that comes after the seal is moved aside."""
        if case := self._book.answer(camera, capture):
            self._out.close(case)
        elif directory := self._book.closed(capture.id):
            try:
                if sentence := self._sealer.sweep(capture.id, directory):
                    self._out.complain(sentence)
            except StoreError as error:
                self._out.complain(str(error))

    def look(self, now: int) -> None:
        """Closes what is late, and asks cameras that have come to listen."""
        for case in self._book.due(now):
            self._out.close(case)
        for request in self._book.to_ask():
            if self._out.ask(request):
                self._book.asked(request.id)

    def take_up(self, now: int, age: float) -> None:
        """What an earlier run left: open cases, odd folders, violations perhaps not published.

        ``age``: s; violations of younger findings are published again. Every reader knows
        them by their id.
        """
        try:
            findings, sentences = self._sealer.left_over(self._site)
            violations, touched = self._sealer.recent(self._site, now, age)
        except StoreError as error:
            return self._out.store_failed(error)
        for sentence in (*sentences, *touched):
            self._out.complain(sentence)
        for finding in findings:
            self._reopen(finding, now)
        for violation in violations:
            self._out.publish(violation)

    def _reopen(self, finding: Finding, now: int) -> None:
        directory = self._sealer.directory(finding) + PARTIAL
        ring = self._rings.get(finding.camera, 0)
        case = new_case(finding, directory, ring, now, self._settings)
        if ring:
            self._book.reopen(case)
        else:
            self._out.close(replace(case, missing=(f"camera {finding.camera} is gone",)))

    def _refusal(self, finding: Finding) -> str | None:
        if finding.site != self._site or finding.camera not in self._rings:
            return (
                f"site and camera: found {finding.site[:64]}/{finding.camera[:64]}, "
                f"allowed are the cameras of {self._site}"
            )
        return path_fault(finding)
