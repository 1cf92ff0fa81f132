"""What is heard from the sites, in the centre's tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bconnect_center.adapters import traffic_weeks
from bconnect_center.adapters.database import Database
from bconnect_center.adapters.tables import feed, site_citations, spoken, states, traffic
from bconnect_center.core.live import Happening, SiteCitation, State

PORTION = 2000  # rows looked at in one go while forgetting
LOOK_BACK = 50_000  # lines among which a filter searches


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the feed."""

    line: int
    id: str
    kind: str
    site: str
    camera: str
    type: int
    stamp: int
    heard: int
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """The last word of something, and when it was heard."""

    site: str
    kind: str
    name: str
    stamp: int
    heard: int
    told: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str, str]:
        return self.site, self.kind, self.name


class LiveStore:
    """Safe from any thread. Stamps are ns; raises LedgerError, LedgerBusy."""

    def __init__(self, database: Database) -> None:
        self._database = database
        postgres = database.engine.dialect.name == "postgresql"
        self._insert: Any = postgresql.insert if postgres else sqlite.insert

    # -- writing ---------------------------------------------------------------------------

    def write(
        self,
        heard: int,
        said: Iterable[State],
        happened: Sequence[tuple[int, Happening]],
        passed: Mapping[tuple[str, str, int, int], int],
    ) -> None:
        """One transaction. `happened` with when each was heard; `passed`: (site, camera, hour,
        kind) to how many more."""
        with self._database.writing() as c:
            self._put_states(c, heard, said)
            self._add_lines(c, happened)
            for (site, camera, hour, kind), count in passed.items():
                row = {"site": site, "camera": camera, "hour": hour, "road_user": kind}
                query = self._insert(traffic).values(count=count, **row)
                c.execute(
                    query.on_conflict_do_update(
                        index_elements=list(row), set_={"count": traffic.c.count + count}
                    )
                )
            traffic_weeks.add(c, self._database.zone, passed)

    def _put_states(self, c: Connection, heard: int, said: Iterable[State]) -> None:
        rows = [
            {"site": s.site, "kind": s.kind, "name": s.name[:96], "stamp": s.stamp, "heard": heard,
             "told": dict(s.told)}
            for s in said
        ]  # fmt: skip
        if rows:
            query = self._insert(states)
            news = {name: query.excluded[name] for name in ("stamp", "heard", "told")}
            keys = ["site", "kind", "name"]
            c.execute(query.on_conflict_do_update(index_elements=keys, set_=news), rows)

    def _add_lines(self, c: Connection, happened: Sequence[tuple[int, Happening]]) -> None:
        rows = [
            {"id": h.id[:96], "kind": h.kind, "site": h.site, "camera": h.camera[:64],
             "type": h.type, "stamp": h.stamp, "heard": heard, "told": dict(h.told)}
            for heard, h in happened
        ]  # fmt: skip
        if rows:
            c.execute(self._insert(feed).on_conflict_do_nothing(index_elements=["id"]), rows)
        for heard, h in happened:
            if h.kind == "spoken":
                c.execute(
                    update(spoken)
                    .where(spoken.c.id == str(h.told.get("announcement")), spoken.c.began <= 0)
                    .values(began=heard)
                )

    def note_citations(self, heard: Iterable[SiteCitation]) -> None:
        """What sites' own ledgers say of their cases; the newest word of each stands."""
        rows = [
            {"violation_id": one.violation_id[:64], "site": one.site, "number": one.number[:128],
             "status": one.status, "stamp": one.stamp}
            for one in heard
        ]  # fmt: skip
        if not rows:
            return
        query = self._insert(site_citations)
        news = {n: query.excluded[n] for n in ("site", "number", "status", "stamp")}
        newer = query.excluded.stamp >= site_citations.c.stamp
        with self._database.writing() as c:
            c.execute(
                query.on_conflict_do_update(
                    index_elements=["violation_id"], set_=news, where=newer
                ),
                rows,
            )

    def site_citation(self, violation_id: str) -> SiteCitation | None:
        """What the site's own ledger says of a violation, where it was heard."""
        query = select(site_citations).where(site_citations.c.violation_id == violation_id)
        with self._database.reading() as c:
            row = c.execute(query).first()
        return SiteCitation(*row) if row else None

    def touch(self, site: str, kind: str, name: str, heard: int) -> None:
        """It was heard of again, and nothing else is new."""
        with self._database.writing() as c:
            c.execute(
                update(states)
                .where(states.c.site == site, states.c.kind == kind, states.c.name == name)
                .values(heard=heard)
            )

    def forget(self, lines_before: int, states_before: int, most: int = 300_000) -> int:
        """Drops lines and states heard before those stamps, and lines beyond the newest `most`;
        how many lines went."""
        gone = 0
        while True:
            with self._database.writing() as c:
                edge = (c.scalar(select(func.max(feed.c.line))) or 0) - most
                first = c.execute(
                    select(feed.c.line, feed.c.heard).order_by(feed.c.line).limit(PORTION)
                ).all()
                old = [r.line for r in first if r.heard < lines_before or r.line <= edge]
                if old:
                    c.execute(delete(feed).where(feed.c.line.in_(old)))
                gone += len(old)
                if len(old) < PORTION:
                    c.execute(delete(states).where(states.c.heard < states_before))
                    return gone

    # -- reading ---------------------------------------------------------------------------

    def last_line(self) -> int:
        """The newest line's number; 0: there is none."""
        with self._database.reading() as c:
            return c.scalar(select(func.max(feed.c.line))) or 0

    def after(self, line: int, limit: int = 500) -> list[Line]:
        """Lines after that one, oldest first."""
        with self._database.reading() as c:
            query = select(feed).where(feed.c.line > line).order_by(feed.c.line).limit(limit)
            return [Line(*row) for row in c.execute(query)]

    def newest(
        self,
        limit: int = 100,
        *,
        before: int | None = None,
        sites: Iterable[str] = (),
        kinds: Iterable[str] = (),
        types: Iterable[int] = (),
        camera: str = "",
    ) -> list[Line]:
        """Newest first, as heard; of these sites, kinds, types where any are given.

        Looks at the last 50,000 lines before `before`.
        """
        end = before if before is not None else self.last_line() + 1
        query = (
            select(feed)
            .where(feed.c.line < end, feed.c.line >= end - LOOK_BACK)
            .order_by(feed.c.line.desc())
            .limit(limit)
        )
        for column, allowed in (
            (feed.c.site, list(sites)), (feed.c.kind, list(kinds)), (feed.c.type, list(types)),
        ):  # fmt: skip
            if allowed:
                query = query.where(column.in_(allowed))
        if camera:
            query = query.where(feed.c.camera == camera)
        with self._database.reading() as c:
            return [Line(*row) for row in c.execute(query)]

    def cells(self, since: int = -1, kinds: Iterable[str] = ()) -> list[Cell]:
        """States heard of after `since`."""
        query = select(states)
        if since >= 0:
            query = query.where(states.c.heard > since)
        if kinds := list(kinds):
            query = query.where(states.c.kind.in_(kinds))
        with self._database.reading() as c:
            return [Cell(*row) for row in c.execute(query)]

    def cell(self, site: str, kind: str, name: str) -> Cell | None:
        with self._database.reading() as c:
            row = c.execute(
                select(states).where(
                    states.c.site == site, states.c.kind == kind, states.c.name == name
                )
            ).first()
        return Cell(*row) if row else None

    # -- what officers had said ------------------------------------------------------------

    def say(self, **row: Any) -> None:
        """Remembers an order to a speaker, before it is given."""
        with self._database.writing() as c:
            c.execute(insert(spoken).values(began=0, **row))

    def refused(self, id_: str) -> None:
        """The order could not be given."""
        with self._database.writing() as c:
            c.execute(update(spoken).where(spoken.c.id == id_).values(began=-1))

    def said(self, sites: Iterable[str], limit: int = 50) -> list[Any]:
        """The newest orders to speakers first; of these sites, where any are given."""
        query = select(spoken).order_by(spoken.c.stamp.desc()).limit(limit)
        if sites := list(sites):
            query = query.where(spoken.c.site.in_(sites))
        with self._database.reading() as c:
            return list(c.execute(query))
