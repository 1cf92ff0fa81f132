"""The counts that numbers are made of, read by week; no row of a road user is touched."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

from sqlalchemy import Connection, Select, Table, func, literal, select, tuple_

from bconnect_center.adapters.database import Database
from bconnect_center.adapters.tables import decisions, traffic_weeks
from bconnect_center.core.choice import Choice
from bconnect_center.core.numbers import Part, Week
from bconnect_enforce.adapters.ledger.tables import (
    DAYS,
    HOURS,
    events,
    outcome_weeks,
    violation_weeks,
)
from bconnect_enforce.core.trust import BACK_OFF, REARM

CASES = 2000  # of the newest, for the time a case takes
PORTION = 5000  # rows of an export read at a time
CameraWeeks = Mapping[tuple[str, str], Mapping[int, int]]


class Readable(Protocol):
    """What can be looked into: the ledger, the centre's database."""

    def reading(self) -> AbstractContextManager[Connection]: ...


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What officers made of one rule at one camera."""

    site: str
    camera: str
    type: int
    upheld: int
    decided: int


@dataclass(frozen=True, slots=True)
class Answers:
    """Who did what the loudspeakers asked, of a corridor's week."""

    site: str
    week: int
    complied: int
    ignored: int
    unclear: int


@dataclass(frozen=True, slots=True)
class Line:
    """One row of an export."""

    week: int
    site: str
    camera: str
    type: int
    road_user: int
    violations: int


class Counts:
    """Reads only, from any thread. Raises LedgerError, LedgerBusy."""

    def __init__(self, ledger: Readable, database: Database) -> None:
        self._ledger, self._database = ledger, database

    # -- corridors -------------------------------------------------------------------------

    def violations(self, choice: Choice) -> list[Week]:
        return _weeks(self._ledger, violation_weeks, choice)

    def users(self, choice: Choice) -> list[Week]:
        """Road users that passed, of the kind asked for."""
        return _weeks(self._database, traffic_weeks, choice)

    def parts(self, choice: Choice, apart: bool = True) -> list[Part]:
        """By rule and kind. `apart`: per corridor and week, else their sums, of no site."""
        t = violation_weeks.c
        query: Select[Any] = select(t.site, t.week, t.type, t.road_user, t.count)
        if not apart:
            query = select(literal(""), literal(0), t.type, t.road_user, func.sum(t.count))
            query = query.group_by(t.type, t.road_user)
        with self._ledger.reading() as c:
            found = c.execute(_where(query, violation_weeks, choice))
            return [Part(a, w, kind, user, int(many)) for a, w, kind, user, many in found]

    def user_parts(self, choice: Choice) -> list[Part]:
        t = traffic_weeks.c
        query = select(t.site, t.week, t.road_user, t.count)
        with self._database.reading() as c:
            found = c.execute(_where(query, traffic_weeks, choice))
            return [Part(site, week, 0, user, many) for site, week, user, many in found]

    def answers(self, choice: Choice) -> list[Answers]:
        t = outcome_weeks.c
        sums = [func.sum(column) for column in (t.complied, t.ignored, t.unclear)]
        query = select(t.site, t.week, *sums).group_by(t.site, t.week)
        with self._ledger.reading() as c:
            found = c.execute(_where(query, outcome_weeks, choice))
            return [Answers(site, week, *map(int, counts)) for site, week, *counts in found]

    def sites(self) -> list[str]:
        """Corridors that anything is counted of."""
        found: set[str] = set()
        for store, table in (
            (self._ledger, violation_weeks), (self._database, traffic_weeks),
        ):  # fmt: skip
            query = select(table.c.site).where(table.c.camera == "").distinct()
            with store.reading() as c:
                found.update(c.scalars(query))
        return sorted(found)

    # -- cameras ---------------------------------------------------------------------------

    def camera_violations(self, choice: Choice) -> CameraWeeks:
        return _by_camera(self._ledger, violation_weeks, choice)

    def camera_users(self, choice: Choice) -> CameraWeeks:
        return _by_camera(self._database, traffic_weeks, choice)

    def cameras(self, choice: Choice) -> int:
        """How many found anything."""
        t = violation_weeks.c
        query = _where(select(t.camera, t.site).distinct(), violation_weeks, choice, each=True)
        with self._ledger.reading() as c:
            return c.scalar(select(func.count()).select_from(query.subquery())) or 0

    def verdicts(self, choice: Choice) -> list[Verdicts]:
        t = outcome_weeks.c
        decided = func.sum(t.confirmed + t.rejected + t.withdrawn)
        query: Select[Any] = select(t.site, t.camera, t.type, func.sum(t.confirmed), decided)
        query = _where(query, outcome_weeks, choice, each=True)
        query = query.group_by(t.camera, t.site, t.type).having(decided > 0)
        with self._ledger.reading() as c:
            return [
                Verdicts(site, camera, kind, int(upheld), int(of))
                for site, camera, kind, upheld, of in c.execute(query)
            ]

    def observed(self) -> frozenset[tuple[str, str]]:
        """(site, "camera/rule") of what has fallen back to observe only."""
        query = (
            select(events.c.site, events.c.subject, events.c.kind)
            .where(events.c.kind.in_((BACK_OFF, REARM)))
            .order_by(events.c.line)
        )
        with self._ledger.reading() as c:
            last = {(row.site, row.subject): row.kind for row in c.execute(query)}
        return frozenset(key for key, kind in last.items() if kind == BACK_OFF)

    # -- officers --------------------------------------------------------------------------

    def seconds(self, choice: Choice, begin: int, end: int) -> tuple[float, int]:
        """The median time a case took, s, and of how many; of the newest decided in that time
        (ns)."""
        query = (
            select(decisions.c.number, decisions.c.seconds)
            .where(decisions.c.stamp >= begin, decisions.c.stamp < end)
            .where(decisions.c.state != "undone")
            .order_by(decisions.c.stamp.desc())
            .limit(CASES)
        )
        within = choice.within
        with self._database.reading() as c:
            took = [
                row.seconds
                for row in c.execute(query)
                if within is None or _site_of(row.number) in within
            ]
        return (median(took) if took else float("nan")), len(took)

    # -- export ----------------------------------------------------------------------------

    def lines(self, choice: Choice) -> Iterator[Line]:
        """Every camera, week, rule and kind, as they lie.

        In portions of their own: whoever reads slowly holds up nobody.
        """
        t = violation_weeks.c
        keys = (t.camera, t.site, t.week, t.type, t.road_user)
        query = _where(select(*keys, t.count), violation_weeks, choice, each=True)
        query = query.order_by(*keys).limit(PORTION)
        rows: list[Any] = []
        while True:
            with self._ledger.reading() as c:
                rest = query.where(tuple_(*keys) > tuple_(*rows[-1][:5])) if rows else query
                rows = list(c.execute(rest))
            for camera, site, week, kind, user, many in rows:
                yield Line(week, site, camera, kind, user, many)
            if len(rows) < PORTION:
                return


def _weeks(store: Readable, table: Table, choice: Choice) -> list[Week]:
    sums = [func.sum(table.c[name]) for name in DAYS + HOURS]
    query = _where(select(table.c.site, table.c.week, *sums), table, choice)
    with store.reading() as c:
        return [
            Week(site, week, tuple(map(int, counts[:7])), tuple(map(int, counts[7:])))
            for site, week, *counts in c.execute(query.group_by(table.c.site, table.c.week))
        ]


def _by_camera(store: Readable, table: Table, choice: Choice) -> CameraWeeks:
    t = table.c
    query = _where(select(t.camera, t.site, t.week, func.sum(t.count)), table, choice, each=True)
    found: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    with store.reading() as c:
        for camera, site, week, many in c.execute(query.group_by(t.camera, t.site, t.week)):
            found[site, camera][week] = int(many)
    return found


def _where(query: Select[Any], table: Table, choice: Choice, each: bool = False) -> Select[Any]:
    """Limits to the choice. `each`: the cameras; else the one asked for, or whole corridors."""
    t = table.c
    if choice.camera or not each:
        query = query.where(t.camera == choice.camera)
    else:
        query = query.where(t.camera > "")
    if (within := choice.within) is not None:
        query = query.where(t.site.in_(sorted(within)))
    query = query.where(t.week >= choice.first, t.week <= choice.last)
    if choice.type and "type" in t:
        query = query.where(t.type == choice.type)
    if choice.road_user and "road_user" in t:
        query = query.where(t.road_user == choice.road_user)
    return query


def _site_of(number: str) -> str:
    """BC-<site>-<year>-<serial>."""
    return number.rpartition("-")[0].rpartition("-")[0].removeprefix("BC-")
