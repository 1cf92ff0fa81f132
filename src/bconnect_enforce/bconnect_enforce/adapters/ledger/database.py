"""The citations ledger: SQLAlchemy on SQLite (WAL, full sync) or PostgreSQL.

Nothing lost, nothing doubled: every call is one transaction that begins with the write lock,
so a kill between two lines of code leaves either all of it or nothing; repeating a call changes
nothing. Use one Ledger from one thread.
"""

from __future__ import annotations

import secrets
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DBAPIError

from bconnect_enforce.adapters.ledger import acts, erasing, jobs, migrate, rows, weeks
from bconnect_enforce.adapters.ledger.engine import LedgerError, Store, explain, read_only
from bconnect_enforce.adapters.ledger.tables import citations, erasures, measures, violations
from bconnect_enforce.core import citation as core
from bconnect_enforce.core import retention
from bconnect_enforce.core.case import Case
from bconnect_enforce.core.events import ERASURE
from bconnect_enforce.core.heeding import Heeding, compliance_by
from bconnect_enforce.core.records import (
    Citation,
    Compliance,
    Event,
    Measure,
    RuleTrust,
    StickerTask,
    TowJob,
    Violation,
)
from bconnect_enforce.core.summary import Summary
from bconnect_enforce.core.trust import Act, Marks
from bconnect_site.kinds import CitationStatus, Step, ViolationType


class Ledger:
    """Opens, creates or upgrades the database.

    `url`: sqlite:///path or postgresql://user@host/database; `zone` decides in which year a
    violation is numbered; `site` limits what is read to one site (a server may hold many).
    `sole`: the citation node, one per SQLite file; everybody else says False. `patient`: a
    server that is away at the start is waited for by the first call. `pool`: connections held.
    Raises LedgerError where the database belongs to another process, is of a newer version, or
    is none; LedgerBusy where it is locked, away or the disk is full.
    """

    def __init__(
        self,
        url: str,
        zone: ZoneInfo,
        site: str = "",
        *,
        sole: bool = True,
        patient: bool = False,
        pool: int = 1,
    ) -> None:
        self._zone = zone
        self._site = site
        self._store = Store(url, sole, patient, pool=pool)

    @property
    def engine(self) -> Engine:
        return self._store.engine

    def reading(self) -> AbstractContextManager[Connection]:
        """One consistent view for queries; holds up nobody. Raises LedgerError."""
        return self._store.reading()

    def store_violation(self, violation: Violation, now: int) -> list[Citation]:
        """Stores it once; returns the citation that thereby becomes possible, if any."""
        with self._store.writing() as connection:
            if not _known(connection, violations, violation.id):
                row = rows.violation_row(violation, now)
                connection.execute(violations.insert(), row)
                weeks.violation(connection, row, self._zone)
            return self._open_citation(connection, violation.id, now)

    def store_measure(self, measure: Measure, now: int) -> list[Citation]:
        """Stores it once; returns the citation that thereby becomes possible, if any."""
        with self._store.writing() as connection:
            if not _known(connection, measures, measure.id):
                row = rows.measure_row(measure, now)
                if _erased(connection, measure.violation_id):
                    row["reason"] = ""
                connection.execute(measures.insert(), row)
            return self._open_citation(connection, measure.violation_id, now)

    def store_compliance(self, record: Compliance, now: int = 0) -> bool:
        """Stores it once; whether it was new. `now` 0: its own stamp."""
        with self._store.writing() as connection:
            new = jobs.put_compliance(connection, record, now or record.stamp)
            if new:
                weeks.heard(connection, record, self._zone)
            return new

    def count_weeks(self, *sites: str) -> list[str]:
        """Counts the weeks of sites not counted yet, or of these anew; which it counted."""
        with self._store.writing() as connection:
            chosen = list(sites) or weeks.uncounted(connection)
            for site in chosen:
                weeks.count(connection, site, self._zone)
        return chosen

    def put_sticker(self, task: StickerTask, now: int = 0, heard: bool = False) -> bool:
        """Stores one state of a task; False: it was there. See jobs.put; raises jobs.Outdated."""
        with self._store.writing() as connection:
            return jobs.put(connection, task, now or task.stamp, heard)

    def put_tow_job(self, job: TowJob, now: int = 0, heard: bool = False) -> bool:
        """Stores one state of a job; False: it was there. See jobs.put; raises jobs.Outdated."""
        with self._store.writing() as connection:
            return jobs.put(connection, job, now or job.stamp, heard)

    def stickers(self) -> list[StickerTask]:
        """The present state of the site's sticker tasks, oldest first."""
        with self._store.reading() as connection:
            return jobs.newest(connection, StickerTask, self._site)

    def tow_jobs(self) -> list[TowJob]:
        """The present state of the site's tow jobs, oldest first."""
        with self._store.reading() as connection:
            return jobs.newest(connection, TowJob, self._site)

    def review(self, decision: core.Decision, now: int) -> Citation:
        """Appends an officer's decision. Raises core.Refused where it may not be made.

        Asked again with the same stamp, after an answer that was lost, it gives the same line.
        """
        decision = core.check(decision)
        with self._store.writing() as connection:
            current = _last_line(connection, decision.number, self._site)
            if current is None:
                raise core.Refused(f'number: no citation is called "{decision.number}"')
            if core.says(current.citation, decision, now):
                return current.citation
            line = core.decided(
                current.citation, decision, _last_hash(connection), now, secrets.token_hex(16)
            )
            self._append(connection, line, current.year, current.serial, current.citation.status)
            return line

    def written(self, decision: core.Decision, stamp: int) -> Citation | None:
        """The line of that very decision, where it is the last one."""
        decision = core.check(decision)
        with self._store.reading() as connection:
            last = _last_line(connection, decision.number, self._site)
        return last.citation if last and core.says(last.citation, decision, stamp) else None

    def settle_trust(self, marks: Marks, now: int) -> tuple[list[RuleTrust], list[RuleTrust]]:
        """The trust in each rule at each camera of the site, and the pairs that fell back to
        observe only by this call; the ledger remembers them."""
        with self._store.writing() as connection:
            return acts.settle_trust(connection, self._site, marks, now)

    def trust_acts(self) -> list[Act]:
        """Who disarmed and rearmed what, in the order written."""
        with self._store.reading() as connection:
            return acts.trust_acts(connection, self._site)

    def rearm(self, camera: str, kind: ViolationType, who: str, why: str, now: int) -> Event:
        """A human arms a rule at a camera again. Raises core.Refused."""
        with self._store.writing() as connection:
            return acts.rearm(connection, self._site, camera, kind, who, why, now)

    def note(self, event: Event) -> Event:
        """Appends an act to the chain of events. Raises core.Refused without who or why."""
        with self._store.writing() as connection:
            return acts.note(connection, event)

    def events(self, *kinds: str) -> list[Event]:
        """The site's events in the order written; of these kinds, where given."""
        with self._store.reading() as connection:
            return acts.noted(connection, self._site, kinds)

    def compliance_by(self, by: str) -> list[Heeding]:
        """How many heeded the loudspeakers, by "speaker", "phrase" or "hour"."""
        with self._store.reading() as connection:
            records = jobs.compliances(connection, self._site)
        return compliance_by(records, by, self._zone)

    def case(self, number: str) -> Case | None:
        """All that is stored about one citation; None: there is none of that number."""
        with self._store.reading() as connection:
            return rows.case(connection, number, self._site)

    def erasable(self, now: int, days: int) -> list[retention.Erasure]:
        """What the retention of so many days takes away at `now`, oldest first."""
        with self._store.reading() as connection:
            held = erasing.held(connection, self._site, now - days * retention.DAY)
        return retention.due(held, now, days)

    def erase(self, erasure: retention.Erasure, now: int, days: int) -> bool:
        """Blanks the texts of one violation and says why; False: it is a case by now, or done.

        The evidence comes after it; `erased` closes the erasure.
        """
        before = now - days * retention.DAY
        with self._store.writing() as connection:
            held = erasing.held(connection, self._site, before, only=erasure.violation_id)
            for due in retention.due(held, now, days):
                erasing.blank(connection, self._site, due, now)
                return True
        return False

    def unfinished_erasures(self) -> list[retention.Erasure]:
        """Erasures whose evidence may still be there: asked for, and interrupted."""
        with self._store.reading() as connection:
            return erasing.unfinished(connection, self._site)

    def erased(self, erasure: retention.Erasure, who: str, now: int) -> Event:
        """Says that the evidence is gone too."""
        event = Event(ERASURE, self._site, erasure.violation_id, who, erasure.why, now,
                      detail=erasure.rule)  # fmt: skip
        return self.note(event)

    def tidy(self) -> None:
        """Takes what was erased out of the file's spare pages and its write-ahead log."""
        self._store.tidy()

    def current(self, limit: int = 100) -> list[Citation]:
        """The present state of the newest citations, oldest first."""
        with self._store.reading() as connection:
            return _current(connection, self._site, limit)

    def pending(self) -> list[Citation]:
        """What waits for an officer, oldest first."""
        with self._store.reading() as connection:
            return _pending(connection, self._site)

    def since(self, line: int, most: int = 200) -> tuple[int, list[Citation]]:
        """The lines of the site written after a line, oldest first, and the last line's number.

        By whomever they were written: an officer at a command centre writes beside the node.
        """
        query = select(citations).where(citations.c.line > line).order_by(citations.c.line)
        with self._store.reading() as connection:
            found = connection.execute(_of_site(query, citations, self._site).limit(most)).all()
        return (found[-1].line if found else line), [rows.citation(row) for row in found]

    def last_line(self) -> int:
        """The number of the newest line of any site; 0: there is none."""
        with self._store.reading() as connection:
            return connection.scalar(select(func.max(citations.c.line))) or 0

    def manifests(self) -> frozenset[str]:
        """Paths of the manifests whose violations are stored."""
        query = select(violations.c.manifest)
        with self._store.reading() as connection:
            return frozenset(connection.scalars(_of_site(query, violations, self._site)))

    def broken_line(self) -> Citation | None:
        """The first line of the chain that does not hold; None: all hold."""
        with self._store.reading() as connection:
            ordered = connection.execute(select(citations).order_by(citations.c.line))
            return core.broken_line(rows.citation(row) for row in ordered)

    def broken_event(self) -> Event | None:
        """The first event that does not hold; None: all hold."""
        with self._store.reading() as connection:
            return acts.broken(connection)

    def close(self) -> None:
        self._store.close()

    def _open_citation(self, connection: Connection, violation_id: str, now: int) -> list[Citation]:
        """Opens the citation once both its violation and a citation measure are stored."""
        measure = connection.execute(
            select(measures).where(
                measures.c.violation_id == violation_id, measures.c.step == Step.CITATION
            )
        ).first()
        row = connection.execute(select(violations).where(violations.c.id == violation_id)).first()
        exists = connection.scalar(
            select(citations.c.line).where(citations.c.violation_id == violation_id).limit(1)
        )
        if measure is None or row is None or exists is not None:
            return []
        if _erased(connection, violation_id):
            return []
        violation = rows.violation(row)
        site, year = row.site, core.local_year(row.stamp, self._zone)
        # literal, so that the index of the pending lines serves
        last = select(func.max(citations.c.serial)).where(
            citations.c.site == site, citations.c.year == year, text("status = 1")
        )
        serial = 1 + (connection.scalar(last) or 0)
        line = core.opened(
            violation,
            rows.measure(measure),
            core.number(site, year, serial),
            _last_hash(connection),
            now,
            secrets.token_hex(16),
        )
        self._append(connection, line, year, serial)
        return [line]

    def _append(
        self,
        connection: Connection,
        line: Citation,
        year: int,
        serial: int,
        before: CitationStatus | None = None,
    ) -> None:
        connection.execute(
            citations.insert(), rows.citation_row(line) | {"year": year, "serial": serial}
        )
        weeks.decided(connection, line, before, self._zone)


def revision_of(url: str) -> str | None:
    """The schema the ledger is at, read-only; None: an empty database. Raises LedgerError."""
    engine, where = read_only(url)
    try:
        with engine.connect() as connection:
            return migrate.revision(connection)
    except migrate.WrongSchema as error:
        raise LedgerError(f"{where}: {error}") from None
    except DBAPIError as error:
        raise LedgerError(explain(where, error)[0]) from error
    finally:
        engine.dispose()


def read_summary(path: Path | str, site: str = "") -> Summary:
    """What the ledger at `path` (a file or a URL) holds, read-only, also while it is written.

    Raises LedgerError where there is none.
    """
    engine, where = read_only(str(path) if "://" in str(path) else f"sqlite:///{path}")
    try:
        with engine.connect() as connection:
            migrate.check_readable(connection)
            return rows.summary(connection, _current(connection, site), site)
    except migrate.WrongSchema as error:
        raise LedgerError(f"{where}: {error}") from None
    except DBAPIError as error:
        raise LedgerError(explain(where, error)[0]) from error
    finally:
        engine.dispose()


def _known(connection: Connection, table: Any, id_: str) -> bool:
    return connection.scalar(select(table.c.id).where(table.c.id == id_)) is not None


def _erased(connection: Connection, violation_id: str) -> bool:
    query = select(erasures.c.violation_id).where(erasures.c.violation_id == violation_id)
    return connection.scalar(query) is not None


def _of_site(query: Any, table: Any, site: str) -> Any:
    return query.where(table.c.site == site) if site else query


def _last_hash(connection: Connection) -> str:
    last = select(citations.c.hash).order_by(citations.c.line.desc()).limit(1)
    return connection.scalar(last) or core.GENESIS


def _last_line(connection: Connection, number: str, site: str) -> rows.Line | None:
    query = select(citations).where(citations.c.number == number)
    row = connection.execute(
        _of_site(query, citations, site).order_by(citations.c.line.desc()).limit(1)
    ).first()
    return None if row is None else rows.Line(rows.citation(row), row.year, row.serial)


def _current(connection: Connection, site: str, limit: int | None = None) -> list[Citation]:
    last = select(func.max(citations.c.line)).group_by(citations.c.number)
    newest = _of_site(last, citations, site)
    found = connection.execute(
        select(citations)
        .where(citations.c.line.in_(newest))
        .order_by(citations.c.line.desc())
        .limit(limit)
    )
    return [rows.citation(row) for row in found][::-1]


def _pending(connection: Connection, site: str) -> list[Citation]:
    later = citations.alias()
    decided = (
        select(later.c.line)
        .where(later.c.number == citations.c.number, later.c.line > citations.c.line)
        .exists()
    )
    query = select(citations).where(text("citations.status = 1"), ~decided)
    found = connection.execute(_of_site(query, citations, site).order_by(citations.c.line))
    return [rows.citation(row) for row in found]
