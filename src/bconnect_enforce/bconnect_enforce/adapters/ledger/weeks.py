"""Counts per camera and local week, kept in the transaction of what they count.

A site is counted in the zone of whoever first stores something of it, or first asks for its
numbers; from then on every record is added as it comes, however late.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timezone
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Table, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from bconnect_enforce.adapters.ledger.tables import (
    DAYS,
    HOURS,
    citations,
    compliance,
    counted,
    outcome_weeks,
    violation_weeks,
    violations,
)
from bconnect_site.kinds import CitationStatus, Outcome

EPOCH = date(1970, 1, 1).toordinal()
_QUARTER = 900 * 1_000_000_000  # no zone is off by less
_STATUS = {
    CitationStatus.PENDING_REVIEW: "pending",
    CitationStatus.CONFIRMED: "confirmed",
    CitationStatus.REJECTED: "rejected",
    CitationStatus.WITHDRAWN: "withdrawn",
}
_HEARD = {Outcome.COMPLIED: "complied", Outcome.IGNORED: "ignored"}
_COLUMNS = ("count", *DAYS, *HOURS)
_PLACE = {name: place for place, name in enumerate(_COLUMNS)}
Keys = dict[str, Any]
# Of a row, by its key: how many to add to which column.
Sums = dict[tuple[Any, ...], Counter[str]]


class Moment(NamedTuple):
    """A stamp in local time: the week (days from 1970 to its Monday), its columns."""

    week: int
    day: str
    hour: str


@lru_cache(maxsize=1 << 16)
def _moment(quarter: int, zone: ZoneInfo) -> Moment:
    local = datetime.fromtimestamp(quarter * 900, timezone.utc).astimezone(zone)
    days = local.toordinal() - EPOCH
    return Moment(days - local.weekday(), f"d{local.weekday()}", f"h{local.hour}")


def moment(stamp: int, zone: ZoneInfo) -> Moment:
    """Which week, day and hour a stamp (ns) falls into."""
    return _moment(stamp // _QUARTER, zone)


def add(connection: Connection, table: Table, keys: Keys, more: Mapping[str, int]) -> None:
    """Adds to the columns of one row, which is made where it is missing."""
    kind: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    query = kind.insert(table).values(**keys, **more)
    connection.execute(
        query.on_conflict_do_update(
            index_elements=list(table.primary_key.columns),
            set_={name: table.c[name] + query.excluded[name] for name in more},
        )
    )


def violation(connection: Connection, row: Mapping[str, Any], zone: ZoneInfo) -> None:
    """Counts a violation that was just stored."""
    if (known := _zone(connection, row["site"], zone)) is None:
        return
    at = moment(row["stamp"], known)
    keys = {
        "site": row["site"],
        "week": at.week,
        "type": int(row["type"]),
        "road_user": int(row["road_user"]),
    }
    for camera in {row["camera"], ""}:
        add(connection, violation_weeks, keys | {"camera": camera},
            {"count": 1, at.day: 1, at.hour: 1})  # fmt: skip


def decided(
    connection: Connection, line: Any, before: CitationStatus | None, zone: ZoneInfo
) -> None:
    """Counts a citation's new line; `before`: the state it leaves."""
    more = Counter({_STATUS[line.status]: 1})
    if before is not None:
        more[_STATUS[before]] -= 1
    _outcome(connection, line, line.violation_stamp, more, zone)


def heard(connection: Connection, record: Any, zone: ZoneInfo) -> None:
    """Counts an answer to a loudspeaker that was just stored."""
    word = _HEARD.get(record.outcome, "unclear")
    _outcome(connection, record, record.spoken, Counter({word: 1}), zone)


def _outcome(
    connection: Connection, of: Any, stamp: int, more: Counter[str], zone: ZoneInfo
) -> None:
    if (known := _zone(connection, of.site, zone)) is None:
        return
    keys = {"site": of.site, "type": int(of.type), "week": moment(stamp, known).week}
    for camera in {of.camera, ""}:
        add(connection, outcome_weeks, keys | {"camera": camera}, more)


def uncounted(connection: Connection) -> list[str]:
    """Sites of which something is stored and nothing counted."""
    known = set(connection.scalars(select(counted.c.site)))
    found = {
        site
        for table in (violations, citations, compliance)
        for site in connection.scalars(select(table.c.site).distinct())
    }
    return sorted(found - known)


def _zone(connection: Connection, site: str, zone: ZoneInfo) -> ZoneInfo | None:
    """The zone in which a site is counted; None: it was counted just now, all of it."""
    known = connection.scalar(select(counted.c.zone).where(counted.c.site == site))
    if known is None:
        count(connection, site, zone)
        return None
    return ZoneInfo(known)


def count(connection: Connection, site: str, zone: ZoneInfo) -> None:
    """Counts all that is stored of a site anew, in that zone."""
    for table in (violation_weeks, outcome_weeks, counted):
        connection.execute(delete(table).where(table.c.site == site))
    connection.execute(insert(counted).values(site=site, zone=zone.key))
    _put(connection, violation_weeks, site, _violations(connection, site, zone))
    _put(connection, outcome_weeks, site, _outcomes(connection, site, zone))


def _violations(connection: Connection, site: str, zone: ZoneInfo) -> Sums:
    v = violations.c
    query = select(v.camera, v.type, v.road_user, v.stamp).where(v.site == site)
    # Lists, for a year of a city is a million rows: count, days, hours.
    cells: dict[tuple[Any, ...], list[int]] = {}
    for camera, kind, user, stamp in _rows(connection, query):
        at = moment(stamp, zone)
        key = (camera, at.week, kind, user)
        cell = cells.get(key) or cells.setdefault(key, [0] * len(_COLUMNS))
        cell[0] += 1
        cell[_PLACE[at.day]] += 1
        cell[_PLACE[at.hour]] += 1
    sums: Sums = {}
    for (camera, *rest), cell in cells.items():
        more = {name: many for name, many in zip(_COLUMNS, cell, strict=True) if many}
        for of in {camera, ""}:
            sums.setdefault((of, *rest), Counter()).update(more)
    return sums


def _outcomes(connection: Connection, site: str, zone: ZoneInfo) -> Sums:
    c, h = citations.c, compliance.c
    last = select(func.max(c.line)).where(c.site == site).group_by(c.number)
    states = select(c.camera, c.type, c.violation_stamp, c.status).where(c.line.in_(last))
    answers = select(h.camera, h.type, h.spoken, h.outcome).where(h.site == site)
    sums: Sums = {}
    for query, word in (
        (states, lambda status: _STATUS[CitationStatus(status)]),
        (answers, lambda outcome: _HEARD.get(Outcome(outcome), "unclear")),
    ):
        for camera, kind, stamp, found in _rows(connection, query):
            week = moment(stamp, zone).week
            for of in {camera, ""}:
                sums.setdefault((of, kind, week), Counter())[word(found)] += 1
    return sums


def _rows(connection: Connection, query: Any) -> Iterator[Any]:
    yield from connection.execute(query.execution_options(yield_per=10_000))


def _put(connection: Connection, table: Table, site: str, sums: Sums) -> None:
    keys = [column.name for column in table.primary_key.columns if column.name != "site"]
    counts = [column.name for column in table.columns if not column.primary_key]
    rows = (
        dict(zip(keys, key, strict=True)) | {"site": site} | {name: cell[name] for name in counts}
        for key, cell in sums.items()
    )
    for portion in _portions(rows, 2000):
        connection.execute(insert(table), portion)


def _portions(rows: Iterable[Keys], size: int) -> Iterator[list[Keys]]:
    portion: list[Keys] = []
    for row in rows:
        portion.append(row)
        if len(portion) == size:
            yield portion
            portion = []
    if portion:
        yield portion
