"""The citations ledger: SQLAlchemy on SQLite (WAL, full sync). Nothing lost, nothing doubled.

Every call is one transaction that begins with the write lock, so a kill between two lines of
code leaves either all of it or nothing; repeating a call changes nothing. Use one Ledger from
one thread.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from bconnect_enforce.adapters.ledger import rows
from bconnect_enforce.adapters.ledger.tables import (
    VERSION,
    citations,
    measures,
    metadata,
    schema,
    violations,
)
from bconnect_enforce.core import citation as core
from bconnect_enforce.core.records import Citation, Measure, Violation
from bconnect_enforce.core.summary import Summary
from bconnect_site.kinds import Step

BUSY_SECONDS = 0.8


class LedgerError(RuntimeError):
    """The ledger cannot be used as it is; str() names the file and what to do."""


class LedgerBusy(LedgerError):
    """A write failed for a reason that may pass: locked, disk full, disk error. Try again."""


class Ledger:
    """Opens or creates the database.

    `url`: sqlite:///path; `zone` decides in which year a violation is numbered.
    Raises LedgerError where the database belongs to another process, is of a newer version, or
    is none; LedgerBusy where it is locked or the disk is full.
    """

    def __init__(self, url: str, zone: ZoneInfo) -> None:
        self._zone = zone
        self.path = _path(url)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._owner = _own(self.path)
        except OSError as error:
            raise LedgerError(f"{self.path}: {error.strerror}; check folder and rights") from error
        self.engine = _engine(url)
        try:
            with self._transaction() as connection:
                self._prepare(connection)
        except BaseException:
            self.close()
            raise

    def store_violation(self, violation: Violation, now: int) -> list[Citation]:
        """Stores it once; returns the citation that thereby becomes possible, if any."""
        with self._transaction() as connection:
            if not _known(connection, violations, violation.id):
                connection.execute(violations.insert(), rows.violation_row(violation, now))
            return self._open_citation(connection, violation.id, now)

    def store_measure(self, measure: Measure, now: int) -> list[Citation]:
        """Stores it once; returns the citation that thereby becomes possible, if any."""
        with self._transaction() as connection:
            if not _known(connection, measures, measure.id):
                connection.execute(measures.insert(), rows.measure_row(measure, now))
            return self._open_citation(connection, measure.violation_id, now)

    def review(self, decision: core.Decision, now: int) -> Citation:
        """Appends an officer's decision. Raises core.Refused where it may not be made."""
        core.check(decision)
        with self._transaction() as connection:
            current = _last_line(connection, decision.number)
            if current is None:
                raise core.Refused(f'number: no citation is called "{decision.number}"')
            line = core.decided(current.citation, decision, _last_hash(connection), now)
            self._append(connection, line, current.year, current.serial)
            return line

    def current(self, limit: int = 100) -> list[Citation]:
        """The present state of the newest citations, oldest first."""
        with self._transaction() as connection:
            return _current(connection)[-limit:]

    def manifests(self) -> frozenset[str]:
        """Paths of the manifests whose violations are stored."""
        with self._transaction() as connection:
            return frozenset(connection.scalars(select(violations.c.manifest)))

    def broken_line(self) -> Citation | None:
        """The first line of the chain that does not hold; None: all hold."""
        with self._transaction() as connection:
            ordered = connection.execute(select(citations).order_by(citations.c.line))
            return core.broken_line(rows.citation(row) for row in ordered)

    def close(self) -> None:
        self.engine.dispose()
        os.close(self._owner)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self.engine.begin() as connection:
                yield connection
        except OperationalError as error:
            # The next attempt starts from a fresh connection: after a failed write to a full
            # disk this one is not to be trusted.
            self.engine.dispose()
            raise LedgerBusy(_sentence(self.path, error)) from error
        except DBAPIError as error:
            raise LedgerError(_sentence(self.path, error)) from error

    def _prepare(self, connection: Connection) -> None:
        metadata.create_all(connection)
        version = connection.scalar(select(func.max(schema.c.version)))
        if version is None:
            connection.execute(schema.insert(), {"version": VERSION})
        elif version != VERSION:
            raise LedgerError(
                f"{self.path}: schema version {version}, this software writes {VERSION}; "
                "use the software that wrote it"
            )

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
        violation = rows.violation(row)
        site, year = row.site, core.local_year(row.stamp, self._zone)
        serial = 1 + (
            connection.scalar(
                select(func.max(citations.c.serial)).where(
                    citations.c.site == site, citations.c.year == year
                )
            )
            or 0
        )
        name = core.number(site, year, serial)
        line = core.opened(violation, rows.measure(measure), name, _last_hash(connection), now)
        self._append(connection, line, year, serial)
        return [line]

    @staticmethod
    def _append(connection: Connection, line: Citation, year: int, serial: int) -> None:
        connection.execute(
            citations.insert(), rows.citation_row(line) | {"year": year, "serial": serial}
        )


def read_summary(path: Path | str) -> Summary:
    """What the ledger at `path` (or sqlite:/// URL) holds, read-only, also while it is written.

    Raises LedgerError where there is none.
    """
    file = _path(str(path)) if "://" in str(path) else Path(path)
    if not file.exists():
        raise LedgerError(f"{file}: no ledger there")
    engine = create_engine(f"sqlite:///file:{file.absolute()}?mode=ro&uri=true")
    try:
        with engine.connect() as connection:
            return rows.summary(connection, _current(connection))
    except DBAPIError as error:
        raise LedgerError(_sentence(file, error)) from error
    finally:
        engine.dispose()


def _path(url: str) -> Path:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.drivername != "sqlite" or not parsed.database:
        raise LedgerError(f'database: found "{url}", allowed: sqlite:///path')
    return Path(parsed.database)


def _own(path: Path) -> int:
    """Takes the one writer's lock; it goes with the process, however that ends."""
    handle = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        raise LedgerError(
            f"{path}: held by another citation node (process {owner}); "
            "stop it, or give this one a database of its own"
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
    return handle


def _engine(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        # The driver's own BEGIN would take the write lock late; see `begin`.
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _sentence(path: Path, error: DBAPIError) -> str:
    what = str(error.orig)
    if "locked" in what:
        return f"{path}: locked by another process; close the program that holds it (`fuser` tells)"
    if "full" in what:
        return f"{path}: the disk is full; free space there"
    return f"{path}: {what}; check the file and its disk"


def _known(connection: Connection, table: Any, id_: str) -> bool:
    return connection.scalar(select(table.c.id).where(table.c.id == id_)) is not None


def _last_hash(connection: Connection) -> str:
    last = select(citations.c.hash).order_by(citations.c.line.desc()).limit(1)
    return connection.scalar(last) or core.GENESIS


def _last_line(connection: Connection, number: str) -> rows.Line | None:
    row = connection.execute(
        select(citations)
        .where(citations.c.number == number)
        .order_by(citations.c.line.desc())
        .limit(1)
    ).first()
    return None if row is None else rows.Line(rows.citation(row), row.year, row.serial)


def _current(connection: Connection) -> list[Citation]:
    newest = select(func.max(citations.c.line)).group_by(citations.c.number)
    found = connection.execute(
        select(citations).where(citations.c.line.in_(newest)).order_by(citations.c.line)
    )
    return [rows.citation(row) for row in found]
