"""The ledger's daily work: what was sealed and not written, what may be kept no longer, which
rules officers still uphold. For the citation node and for the command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from bconnect_enforce.adapters import evidence_store
from bconnect_enforce.adapters.ledger import Ledger
from bconnect_enforce.adapters.ledger.tables import citations
from bconnect_enforce.core.case import Case
from bconnect_enforce.core.citation import Decision
from bconnect_enforce.core.reasons import local_time
from bconnect_enforce.core.records import Citation, RuleTrust, Violation
from bconnect_enforce.core.retention import Erasure
from bconnect_enforce.core.trust import Marks
from bconnect_site.centre import CentreSettings
from bconnect_site.environment import expand_env
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import CitationStatus, ViolationType, from_word
from bconnect_site.ledger import TrustSettings


def database_of(url: str) -> str:
    """The URL with ``${NAME}`` looked up. Raises ConfigError where NAME is not set."""
    return expand_env(url, os.environ, "database")


def zone_of(name: str) -> ZoneInfo:
    """Raises ConfigError for an unknown timezone."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        sentence = f'timezone: found "{name}", allowed: a name such as Asia/Makassar'
        raise ConfigError(sentence) from None


def local_day(stamp: int, zone: ZoneInfo) -> date:
    """The local day of a stamp (ns)."""
    return local_time(stamp, zone).date()


def moment(text: str, zone: ZoneInfo) -> int:
    """An ISO local time as a stamp (ns). Raises ValueError."""
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * 1_000_000_000


def marks_of(settings: TrustSettings) -> Marks:
    """What is asked of every rule, as the site says."""
    return Marks(
        mark=settings.mark,
        by_type={from_word(ViolationType, name): mark for name, mark in settings.marks.items()},
        bound=settings.bound,
        least=settings.least,
        window=settings.window,
        window_days=settings.days,
    )


def handed_over(
    decision: Decision, case: Case | None, centre: CentreSettings, zone: ZoneInfo
) -> str:
    """Why a decision is not this ledger's to write, since the command centre decides that case;
    empty: it is. What was confirmed here may be withdrawn here, whoever decides from now on."""
    if case is None or case.last.status is CitationStatus.CONFIRMED:
        return ""
    if not centre.decides(local_day(case.violation.offence.stamp, zone)):
        return ""
    return (
        f"{decision.number}: this site hands its cases to the command centre; decide it there "
        "under the centre's number"
    )


def decided_here(ledger: Ledger, site: str, centre: CentreSettings, zone: ZoneInfo) -> str:
    """That cases which are sent to the centre were confirmed in this ledger before, a sentence;
    empty: none were. Raises LedgerError."""
    day = centre.since.isoformat() if centre.since else "1970-01-02"
    withdrawn = select(citations.c.number).where(citations.c.status == CitationStatus.WITHDRAWN)
    query = select(func.count(), func.max(citations.c.violation_stamp)).where(
        citations.c.site == site,
        citations.c.status == CitationStatus.CONFIRMED,
        citations.c.violation_stamp >= moment(day, zone),
        citations.c.number.not_in(withdrawn),
    )
    with ledger.reading() as connection:
        count, last = connection.execute(query).one()
    if not count:
        return ""
    return (
        f"centre.since: {count} cases up to {local_day(last, zone)} were confirmed in this ledger "
        "and go to the centre, too; where it keeps a ledger of its own, set a later day"
    )


class Eraser(Protocol):
    """Takes the evidence of one violation away; asked twice it does nothing more."""

    def __call__(self, manifest: str, why: str, rule: str, stamp: int, /) -> None:
        """Raises ValueError or ConfigError, with a sentence, where it is still there."""


@dataclass
class Retained:
    """What one run of the retention did; `failed` holds sentences, `more`: it is not through."""

    erased: list[Erasure] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    more: bool = False


def retain(
    ledger: Ledger, erase: Eraser, days: int, now: int, who: str, most: int = 1_000_000
) -> Retained:
    """Erases what is due at `now`: first the texts, then the evidence, then it is written down.

    What was interrupted is finished too. `most`: violations of one run. Raises LedgerError.
    """
    due = ledger.erasable(now, days)
    done = Retained(more=len(due) > most)
    for erasure in due[:most]:
        ledger.erase(erasure, now, days)
    for erasure in ledger.unfinished_erasures():
        try:
            if erasure.manifest:
                erase(erasure.manifest, erasure.why, erasure.rule, now)
        except (ValueError, ConfigError) as error:
            done.failed.append(f"{erasure.manifest}: its evidence is still there: {error}")
            continue
        ledger.erased(erasure, who, now)
        done.erased.append(erasure)
    if done.erased:
        ledger.tidy()
    return done


@dataclass(frozen=True)
class Reconciled:
    lines: list[Citation]
    found: int
    bad: list[str]


def reconcile(
    ledger: Ledger, root: Path, is_ours: Callable[[Violation], bool], now: Callable[[], int]
) -> Reconciled:
    """Takes in what was sealed but never reached the ledger. Raises LedgerError."""
    lines: list[Citation] = []
    bad: list[str] = []
    found = 0
    for violation in _unknown(root, ledger.manifests(), bad):
        if is_ours(violation):
            lines += ledger.store_violation(violation, now())
            found += 1
    return Reconciled(lines, found, bad)


def _unknown(root: Path, known: frozenset[str], bad: list[str]) -> Iterator[Violation]:
    for manifest in evidence_store.sealed(root):
        if manifest not in known:
            try:
                yield evidence_store.read(root, manifest)
            except evidence_store.BadManifest as error:
                bad.append(str(error))


class TrustWatch:
    """What was last said about each pair, so that only news is published."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._said: dict[tuple[str, ViolationType], RuleTrust] = {}

    def news(self, ledger: Ledger, now: int) -> tuple[list[RuleTrust], list[RuleTrust]]:
        """What changed since, and the pairs that fell back by this look. Raises LedgerError."""
        weighed, fell = ledger.settle_trust(self._marks, now)
        changed = [t for t in weighed if not self._is_said(t)]
        # as many as the ledger's pairs of camera and rule, no more
        self._said = {(t.camera, t.type): t for t in weighed}
        return changed, fell

    def _is_said(self, trust: RuleTrust) -> bool:
        said = self._said.get((trust.camera, trust.type))
        # NaN equals nothing, so the words are compared
        return said is not None and repr(said) == repr(trust)


class LineWatch:
    """Lines of the ledger that others wrote, so that they are published as our own are."""

    def __init__(self, most: int = 1000) -> None:
        self._line: int | None = None
        self._ours: dict[str, None] = {}  # hashes said already, the oldest first
        self._most = most

    def begin(self, ledger: Ledger) -> None:
        """From here on; what is there already is said at the start. Raises LedgerError."""
        if self._line is None:
            self._line = ledger.last_line()

    def said(self, lines: Iterable[Citation]) -> None:
        """These were published by us."""
        for line in lines:
            self._ours[line.hash] = None
        while len(self._ours) > self._most:
            self._ours.pop(next(iter(self._ours)))

    def news(self, ledger: Ledger) -> list[Citation]:
        """What others wrote since the last look. Raises LedgerError."""
        self.begin(ledger)
        assert self._line is not None
        self._line, found = ledger.since(self._line)
        return [line for line in found if line.hash not in self._ours]
