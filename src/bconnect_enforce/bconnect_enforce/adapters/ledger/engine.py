"""One database, SQLite or PostgreSQL: how it is opened, locked, and what its errors mean."""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from bconnect_enforce.adapters.ledger import migrate

BUSY_SECONDS = 0.8
_PASSWORD = re.compile(r"(://[^/@\s:]*:)[^/\s]+@")
_READING = "bconnect_reading"
_WRITER = int.from_bytes(b"bconnect", "big")  # PostgreSQL's advisory lock: one writer at a time
# A server that vanishes without a word must not hold the node.
_POSTGRESQL = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "bconnect ledger",
}
_FOR_GOOD = ("authentication failed", "does not exist", "no pg_hba.conf entry", "not permitted")


class LedgerError(RuntimeError):
    """The ledger cannot be used as it is; str() names the database and what to do."""


class LedgerBusy(LedgerError):
    """A call failed for a reason that may pass: locked, disk full, server away. Try again."""


class Store:
    """An opened database at the newest schema.

    `sole`: this is the citation node, of which an SQLite file bears one; others come in beside
    it. Every write is one transaction that begins with the write lock, a server's being called
    `writer`; `pool`: connections held; `busy`: s a lock is waited for. Raises LedgerError, and
    LedgerBusy where it is locked, full or away.
    """

    def __init__(
        self,
        url: str,
        sole: bool = True,
        patient: bool = False,
        *,
        writer: int = _WRITER,
        pool: int = 1,
        busy: float = BUSY_SECONDS,
    ) -> None:
        parsed = parse(url)
        self.path = Path(parsed.database or "") if is_file(parsed) else None
        self.shown = shown(parsed)
        self._owner: int | None = None
        self._ready = False
        self._busy = busy
        # SQLite does not queue: who waits for its lock looks again now and then, and of many
        # somebody looks in vain until his time is up. Within a process they stand in line.
        self._turn = threading.Lock()
        if self.path is not None:
            self._own(self.path, sole)
        self.engine = (
            _file_engine(parsed, busy) if self.path else _server_engine(parsed, writer, pool, busy)
        )
        self._reader = self.engine.execution_options(**{_READING: True})
        try:
            with self.writing():
                pass
        except BaseException as error:
            if patient and self.path is None and isinstance(error, LedgerBusy):
                return
            self.close()
            raise

    def close(self) -> None:
        self.engine.dispose()
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that nobody else writes beside; all of it is stored or nothing."""
        with self._in_turn(), self._guarded(), self.engine.begin() as connection:
            if not self._ready:
                self._upgrade(connection)
            yield connection
        self._ready = True

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view; holds up nobody."""
        if not self._ready:
            with self.writing():
                pass
        with self._guarded(), self._reader.begin() as connection:
            yield connection

    def tidy(self) -> None:
        """What was overwritten leaves the file, too; a server's own vacuum does that for it."""
        if self.path is not None:
            with self._guarded(), self.engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _upgrade(self, connection: Connection) -> None:
        try:
            migrate.upgrade(connection)
        except migrate.WrongSchema as error:
            raise LedgerError(f"{self.shown}: {error}") from None

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if self.path is None:  # a server's lock is a queue
            yield
            return
        if not self._turn.acquire(timeout=self._busy):
            raise LedgerBusy(f"{self.shown}: too many write at once; try again")
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            # The next attempt starts from a fresh connection: after a failed write to a full
            # disk, or a server that went away, this one is not to be trusted.
            self.engine.dispose()
            sentence, passes = explain(self.shown, error)
            raise (LedgerBusy if passes else LedgerError)(sentence) from error

    def _own(self, path: Path, sole: bool) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._owner = _own(path) if sole else None
        except OSError as error:
            raise LedgerError(f"{path}: {error.strerror}; check folder and rights") from error


def parse(url: str) -> URL:
    """The URL with its driver. Raises LedgerError for any other kind of database."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = URL.create("none")
    kind = parsed.drivername.partition("+")[0]
    if not parsed.database or kind not in ("sqlite", "postgresql") or parsed.drivername not in (
        "sqlite", "postgresql", "postgresql+psycopg",
    ):  # fmt: skip
        found = _PASSWORD.sub(r"\1***@", url)
        raise LedgerError(
            f'database: found "{found}", allowed: sqlite:///path or postgresql://user@host/database'
        )
    return parsed.set(drivername="postgresql+psycopg") if kind == "postgresql" else parsed


def is_file(url: URL) -> bool:
    return url.drivername == "sqlite"


def shown(url: URL) -> str:
    """The database as sentences name it: the file, or server and database; never a password."""
    if is_file(url):
        return str(url.database)
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{url.host or url.query.get('host') or 'local'}{port}/{url.database}"


def explain(where: str, error: DBAPIError) -> tuple[str, bool]:
    """One sentence about a failed call, and whether the reason may pass."""
    what = " ".join(str(error.orig).split())
    if "locked" in what:
        return (
            f"{where}: locked by another process; close the program that holds it (`fuser` tells)",
            True,
        )
    if "lock timeout" in what:
        return f"{where}: locked by another program for too long; try again", True
    if "disk is full" in what or "No space left" in what:
        return f"{where}: the disk is full; free space there", True
    if any(words in what for words in ("no such column", "no such table", "UndefinedTable")):
        return f"{where}: was written by older software; run `bconnect ledger upgrade`", False
    if any(words in what for words in _FOR_GOOD):
        return f"{where}: {what}; check the URL and the server's rights", False
    passes = isinstance(error, OperationalError) or error.connection_invalidated
    if where.startswith("postgresql:"):
        return f"{where}: {what}; check the server" if passes else f"{where}: {what}", passes
    return f"{where}: {what}; check the file and its disk", passes


def read_only(url: str) -> tuple[Engine, str]:
    """An engine that writes nothing, and the database's name for sentences.

    Raises LedgerError where a file is not there.
    """
    parsed = parse(url)
    if not is_file(parsed):
        return _server_engine(parsed).execution_options(**{_READING: True}), shown(parsed)
    file = Path(parsed.database or "")
    if not file.exists():
        raise LedgerError(f"{file}: no ledger there")
    return create_engine(f"sqlite:///file:{file.absolute()}?mode=ro&uri=true"), str(file)


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


def _file_engine(url: URL, busy: float = BUSY_SECONDS) -> Engine:
    engine = create_engine(url, connect_args={"timeout": busy, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        # The driver's own BEGIN would take the write lock late; see `begin`.
        connection.isolation_level = None
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get(_READING)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _server_engine(
    url: URL, writer: int = _WRITER, pool: int = 1, busy: float = BUSY_SECONDS
) -> Engine:
    # random_page_cost: what a random page costs on a flash disk; the default is of platters, and
    # has the planner read whole tables where an index holds every column.
    options = {
        "lock_timeout": int(busy * 1000),
        "synchronous_commit": "on",
        "random_page_cost": 1.1,
        "jit": "off",
    }
    asked = _POSTGRESQL | {"options": " ".join(f"-c {k}={v}" for k, v in options.items())}
    engine = create_engine(
        url, connect_args=asked, pool_size=pool, max_overflow=pool, pool_pre_ping=True
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get(_READING):
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        else:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({writer})")

    return engine
