"""What is held about violations that may go, and how their texts are blanked."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import TypeVar

from sqlalchemy import ColumnElement, Connection, Table, func, select, update

from bconnect_enforce.adapters.ledger.tables import (
    citations,
    erasures,
    events,
    measures,
    stickers,
    tow_jobs,
    violations,
)
from bconnect_enforce.core import retention
from bconnect_enforce.core.events import ERASURE
from bconnect_site.kinds import CitationStatus, StickerStatus, TowStatus

K = TypeVar("K", bound=IntEnum)
_KEPT = (CitationStatus.PENDING_REVIEW, CitationStatus.CONFIRMED)


def held(connection: Connection, site: str, before: int, only: str = "") -> list[retention.Held]:
    """What was seen until `before` and is no standing case; `only`: this violation alone."""
    later = citations.alias()
    last = (
        select(func.max(later.c.line))
        .where(later.c.violation_id == violations.c.id)
        .correlate(violations)
        .scalar_subquery()
    )
    mine = (citations.c.violation_id == violations.c.id) & (citations.c.line == last)
    query = (
        select(
            violations.c.id,
            violations.c.manifest,
            violations.c.stamp,
            citations.c.status,
            citations.c.stamp.label("decided"),
        )
        .select_from(violations.outerjoin(citations, mine))
        .where(violations.c.site == site, violations.c.stamp <= before)
        .where(~_gone(violations.c.id))
        .where(citations.c.status.is_(None) | citations.c.status.not_in(_KEPT))
    )
    if only:
        query = query.where(violations.c.id == only)
    tows = _states(connection, tow_jobs, site, TowStatus, only)
    stuck = _states(connection, stickers, site, StickerStatus, only)
    found = [
        retention.Held(
            violation_id=row.id,
            manifest=row.manifest,
            stamp=row.stamp,
            status=None if row.status is None else CitationStatus(row.status),
            decided=row.decided or 0,
            tows=frozenset(tows.get(row.id, ())),
            stickers=frozenset(stuck.get(row.id, ())),
        )
        for row in connection.execute(query)
    ]
    return found + list(_unsealed(connection, site, before, only))


def _gone(id_: ColumnElement[str]) -> ColumnElement[bool]:
    return select(erasures.c.violation_id).where(erasures.c.violation_id == id_).exists()


def _unsealed(
    connection: Connection, site: str, before: int, only: str
) -> Iterator[retention.Held]:
    """Measures whose violation was never sealed."""
    sealed = select(violations.c.id).where(violations.c.id == measures.c.violation_id).exists()
    query = (
        select(measures.c.violation_id, func.max(measures.c.stamp).label("stamp"))
        .where(measures.c.site == site, measures.c.stamp <= before)
        .where(~sealed, ~_gone(measures.c.violation_id))
        .group_by(measures.c.violation_id)
    )
    if only:
        query = query.where(measures.c.violation_id == only)
    for row in connection.execute(query):
        yield retention.Held(row.violation_id, "", row.stamp)


def _states(
    connection: Connection, table: Table, site: str, kind: type[K], only: str
) -> dict[str, set[K]]:
    """The present states of the jobs of a site, by violation."""
    mine = table.c.violation_id == only if only else table.c.site == site
    last = (
        select(table.c.id, func.max(table.c.revision).label("revision"))
        .where(mine)
        .group_by(table.c.id)
        .subquery()
    )
    query = select(table.c.violation_id, table.c.status).join(
        last, (table.c.id == last.c.id) & (table.c.revision == last.c.revision)
    )
    found: dict[str, set[K]] = {}
    for violation_id, status in connection.execute(query):
        found.setdefault(violation_id, set()).add(kind(status))
    return found


def blank(connection: Connection, site: str, erasure: retention.Erasure, now: int) -> None:
    """Writes down the erasure, then takes every text about the road user away."""
    row = {
        "violation_id": erasure.violation_id,
        "site": site,
        "stamp": now,
        "why": erasure.why,
        "rule": erasure.rule,
        "manifest": erasure.manifest,
    }
    connection.execute(erasures.insert(), row)
    connection.execute(
        update(violations)
        .where(violations.c.id == erasure.violation_id)
        .values(plate="", explanation="", latitude=None, longitude=None, colour=0, plate_colour=0)
    )
    for table, values in (
        (measures, {"reason": ""}),
        (stickers, {"detail": ""}),
        (tow_jobs, {"detail": ""}),
    ):
        connection.execute(
            update(table).where(table.c.violation_id == erasure.violation_id).values(**values)
        )
    # Lines of the first format hash their reason in clear: it stays, or the chain would break.
    connection.execute(
        update(citations)
        .where(citations.c.violation_id == erasure.violation_id, citations.c.format > 1)
        .values(reason="", salt="")
    )


def unfinished(connection: Connection, site: str) -> list[retention.Erasure]:
    """Written down, but no event says that the evidence is gone too."""
    done = select(events.c.subject).where(events.c.kind == ERASURE, events.c.site == site)
    found = connection.execute(
        select(erasures)
        .where(erasures.c.site == site, erasures.c.violation_id.not_in(done))
        .order_by(erasures.c.stamp, erasures.c.violation_id)
    )
    return [retention.Erasure(r.violation_id, r.manifest, r.why, r.rule) for r in found]
