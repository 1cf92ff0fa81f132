"""Compliance, stickers and tow jobs: records with revisions, each stored once."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, func, select

from bconnect_enforce.adapters.ledger.rows import number
from bconnect_enforce.adapters.ledger.tables import compliance, stickers, tow_jobs
from bconnect_enforce.core.records import Compliance, StickerTask, TowJob
from bconnect_site.kinds import Outcome, StickerStatus, TowStatus, ViolationType

R = TypeVar("R", bound=StickerTask | TowJob)
_TABLES: dict[type, Table] = {StickerTask: stickers, TowJob: tow_jobs}
_STATUS: dict[type, Any] = {StickerTask: StickerStatus, TowJob: TowStatus}


class Outdated(ValueError):
    """A state that does not follow the stored one; str() is the sentence."""


def put_compliance(connection: Connection, record: Compliance, now: int) -> bool:
    """Whether it was new."""
    known = select(compliance.c.id).where(compliance.c.id == record.id)
    if connection.scalar(known) is not None:
        return False
    row = {name: number(value) for name, value in asdict(record).items()}
    connection.execute(compliance.insert(), row | {"stored": now})
    return True


def compliances(connection: Connection, site: str) -> list[Compliance]:
    """All of a site, by the time of speaking."""
    found = connection.execute(
        select(compliance).where(compliance.c.site == site).order_by(compliance.c.spoken)
    )
    return [
        Compliance(
            **_values(Compliance, row)
            | {
                "type": ViolationType(row.type),
                "outcome": Outcome(row.outcome),
                "delay": float("nan") if row.delay is None else row.delay,
            }
        )
        for row in found
    ]


def put(
    connection: Connection, record: StickerTask | TowJob, now: int, heard: bool = False
) -> bool:
    """Stores one state; False: it was there already. Raises Outdated where another state was
    stored meanwhile: the one who was first wins. ``heard``: of the site whose ledger is another,
    so what lies between may be lacking, and what is older than the last is no news."""
    table = _TABLES[type(record)]
    last = connection.execute(
        select(table).where(table.c.id == record.id).order_by(table.c.revision.desc()).limit(1)
    ).first()
    if last is not None and of_row(type(record), last) == record:
        return False
    stored = 0 if last is None else last.revision
    if heard and record.revision <= stored:
        return False
    if record.revision <= stored and _is_stored(connection, table, record):
        return False
    if record.revision != stored + 1 and not heard:
        raise Outdated(
            f"{record.id}: revision {record.revision} does not follow {stored}; "
            "somebody else changed it, look again"
        )
    connection.execute(table.insert(), asdict(record) | {"stored": now})
    return True


def newest(connection: Connection, kind: type[R], site: str) -> list[R]:
    """The present state of every task or job of a site, oldest first."""
    table = _TABLES[kind]
    last = (
        select(table.c.id, func.max(table.c.revision).label("revision"))
        .where(table.c.site == site)
        .group_by(table.c.id)
        .subquery()
    )
    found = connection.execute(
        select(table)
        .join(last, (table.c.id == last.c.id) & (table.c.revision == last.c.revision))
        .order_by(table.c.stamp, table.c.id)
    )
    return [of_row(kind, row) for row in found]


def history(connection: Connection, kind: type[R], site: str, id_: str) -> list[R]:
    """Every state of one task or job, oldest first; empty: there is none of that id."""
    table = _TABLES[kind]
    found = connection.execute(
        select(table).where(table.c.id == id_, table.c.site == site).order_by(table.c.revision)
    )
    return [of_row(kind, row) for row in found]


def _is_stored(connection: Connection, table: Table, record: StickerTask | TowJob) -> bool:
    row = connection.execute(
        select(table).where(table.c.id == record.id, table.c.revision == record.revision)
    ).first()
    return row is not None and of_row(type(record), row) == record


def of_row(kind: type[R], row: Any) -> R:
    """The state a row of `stickers` or `tow_jobs` holds."""
    values = _values(kind, row)
    return kind(**values | {"type": ViolationType(row.type), "status": _STATUS[kind](row.status)})


def _values(kind: type, row: Any) -> dict[str, Any]:
    return {field.name: row._mapping[field.name] for field in fields(kind)}
