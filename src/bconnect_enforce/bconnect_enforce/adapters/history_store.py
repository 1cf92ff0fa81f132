"""The ladder's memory on disk: one SQLite file for all sites of a state folder, and its secret.

The file holds digests of plates, never plates, and is the owner's alone. Losing it loses
repeat offenders, nothing of the ledger.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    create_engine,
    delete,
    event,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError

from bconnect_enforce.core import facts
from bconnect_enforce.core.history import Decided, Entry
from bconnect_enforce.core.records import Violation
from bconnect_enforce.core.rungs import DAY
from bconnect_site.kinds import Outcome, Step, ViolationType

VERSION = 1
SECRET_BYTES = 32
BUSY_SECONDS = 1.0

metadata = MetaData()
offences = Table(
    "offences",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("change", Integer, nullable=False, index=True),  # counts writes, over all sites
    Column("stamp", BigInteger, nullable=False, index=True),
    Column("type", Integer, nullable=False),
    Column("camera", String(64), nullable=False),
    Column("who", String(64), nullable=False),  # digest of a plate; empty: none was read
    Column("counts", Boolean, nullable=False),
    Column("outcome", Integer, nullable=False),
    Column("decided", String, nullable=False),
    # An older version's rows and its writes lack these.
    Column("closed", Boolean, nullable=False, server_default="0"),
    Column("late", Boolean, nullable=False, server_default="0"),
)
# Violations of which not everything is decided; no plate: the offence's row has its digest.
waiting = Table(
    "waiting",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("facts", String, nullable=False),
)
# Until when everything was remembered and forgotten as it should.
marks = Table(
    "marks",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("stamp", BigInteger, nullable=False),
)
KEPT = "kept"
_KEPT = select(marks.c.stamp).where(marks.c.name == KEPT)
_NEWEST = select(func.max(offences.c.stamp))


class HistoryError(RuntimeError):
    """The memory cannot be read or written; str() names the file and what to do."""


class HistoryStore:
    """Opens or creates the file. Raises HistoryError, as every method does."""

    def __init__(self, path: Path, keep: int, limit: int) -> None:
        self._path, self._keep, self._limit = path, keep, limit
        self._seen = 0
        self._marking = True
        with self._told():
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        self._engine = _engine(path)
        with self._writing() as connection:
            found = connection.exec_driver_sql("PRAGMA user_version").scalar()
            if found not in (0, VERSION):
                raise HistoryError(f"{path}: version {found}, this software writes {VERSION}")
            metadata.create_all(connection)
            _widen(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")

    def load(self) -> list[Entry]:
        """Everything kept, oldest first."""
        with self._writing() as connection:
            return self._read(connection)

    def save(self, entries: Iterable[Entry], now: int) -> list[Entry]:
        """Keeps entries, forgets what is too old at `now`; returns what other sites wrote."""
        with self._writing() as connection:
            others = self._read(connection)
            change = self._seen
            for entry in entries:
                change += 1
                row = _row(entry, change)
                statement = insert(offences).values(row)
                connection.execute(statement.on_conflict_do_update(["id"], set_=row))
            self._seen = change
            self._forget(connection, now)
            self._mark(connection, now)
            return others

    def kept(self) -> int:
        """The `now` of the last `save`, or the newest offence where that is later; 0: unknown."""
        with self._writing() as connection:
            mark = connection.scalar(_KEPT)
            return max(mark, connection.scalar(_NEWEST) or 0) if mark else 0

    def latest(self, most: int) -> frozenset[str]:
        """Ids of the entries written last."""
        query = select(offences.c.id).order_by(offences.c.change.desc()).limit(most)
        with self._writing() as connection:
            return frozenset(connection.scalars(query))

    def undecided(self, site: str) -> list[Violation]:
        """What a site's ladder left undecided."""
        with self._writing() as connection:
            rows = connection.execute(select(waiting.c.facts).where(waiting.c.site == site))
            return [facts.violation(text) for (text,) in rows]

    def keep_undecided(self, site: str, violations: Iterable[Violation]) -> None:
        """Replaces what is undecided of a site."""
        with self._writing() as connection:
            connection.execute(delete(waiting).where(waiting.c.site == site))
            for each in violations:
                row = {"id": each.id, "site": site, "facts": facts.text(each)}
                connection.execute(insert(waiting).values(row).on_conflict_do_nothing())

    def close(self) -> None:
        self._engine.dispose()

    def _read(self, connection: Connection) -> list[Entry]:
        rows = connection.execute(
            select(offences).where(offences.c.change > self._seen).order_by(offences.c.stamp)
        ).all()
        self._seen = max([self._seen, *(row.change for row in rows)])
        return [_entry(row) for row in rows]

    def _forget(self, connection: Connection, now: int) -> None:
        """A plate after its time, a track without one after a day, the oldest beyond the limit."""
        unread = (offences.c.who == "") & (offences.c.stamp < now - min(self._keep, DAY))
        connection.execute(delete(offences).where(or_(offences.c.stamp < now - self._keep, unread)))
        surplus = (connection.scalar(select(func.count()).select_from(offences)) or 0) - self._limit
        if surplus > 0:
            oldest = select(offences.c.id).order_by(offences.c.stamp).limit(surplus)
            connection.execute(delete(offences).where(offences.c.id.in_(oldest)))

    def _mark(self, connection: Connection, now: int) -> None:
        """Until when all is remembered; not known any more once the clock falls back by days."""
        if now < (connection.scalar(_KEPT) or 0) - DAY:
            self._marking = False
            connection.execute(delete(marks))
        if self._marking:
            mark = {"name": KEPT, "stamp": now}
            statement = insert(marks).values(mark)
            connection.execute(statement.on_conflict_do_update(["name"], set_=mark))

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._told(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            what = str(error.orig)
            raise HistoryError(f"{self._path}: {what}; repeat offenders are not kept") from error
        except (OSError, ValueError) as error:
            what = getattr(error, "strerror", None) or str(error)
            raise HistoryError(f"{self._path}: {what}; repeat offenders are not kept") from error


def read_secret(path: Path) -> bytes:
    """The installation's secret, made on first need. Raises HistoryError.

    Refused where others may read it: with the secret a list of plates can be tried out.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_secret(path)
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            mode = stat.S_IMODE(os.fstat(handle).st_mode)
            secret = os.read(handle, 1024)
        finally:
            os.close(handle)
    except OSError as error:
        raise HistoryError(f"{path}: {error.strerror}; repeat offenders are not kept") from error
    if mode & 0o077:
        raise HistoryError(f"{path}: others may read it ({mode:04o}), allowed: 0600")
    if len(secret) != SECRET_BYTES:
        raise HistoryError(f"{path}: {len(secret)} bytes, needs {SECRET_BYTES}; remove the file")
    return secret


def _make_secret(path: Path) -> None:
    """Whole or not at all, and the first of several processes wins."""
    if path.exists() or path.is_symlink():
        return
    handle, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600
    try:
        os.write(handle, os.urandom(SECRET_BYTES))
        os.fsync(handle)
        with suppress(FileExistsError):
            os.link(part, path)
    finally:
        os.close(handle)
        os.unlink(part)


def _engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        connection.isolation_level = None
        # NORMAL: a power cut may lose the last writes, never the file.
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _widen(connection: Connection) -> None:
    """Adds the columns that a file of an older version lacks; that one can still use it."""
    there = {row[1] for row in connection.exec_driver_sql("PRAGMA table_info(offences)")}
    for name in ("closed", "late"):
        if name not in there:
            column = f"{name} BOOLEAN NOT NULL DEFAULT 0"
            connection.exec_driver_sql(f"ALTER TABLE offences ADD COLUMN {column}")


def _row(entry: Entry, change: int) -> dict[str, Any]:
    decided = {
        int(step): [d.taken, d.policy, d.history] for step, d in sorted(entry.decided.items())
    }
    return {
        "id": entry.id,
        "change": change,
        "stamp": entry.stamp,
        "type": int(entry.type),
        "camera": entry.camera,
        "who": entry.who if entry.plated else "",
        "counts": entry.counts,
        "outcome": int(entry.outcome),
        "decided": json.dumps(decided, separators=(",", ":")),
        "closed": entry.closed,
        "late": entry.late,
    }


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        id=row.id,
        stamp=row.stamp,
        type=ViolationType(row.type),
        camera=row.camera,
        who=row.who,
        counts=row.counts,
        outcome=Outcome(row.outcome),
        decided={
            Step(int(step)): Decided(bool(taken), str(policy), int(history))
            for step, (taken, policy, history) in json.loads(row.decided).items()
        },
        closed=row.closed,
        late=row.late,
    )
