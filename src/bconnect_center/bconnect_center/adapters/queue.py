"""The review queue: the ledger's pending citations in the order they are to be looked at.

The ledger's lines are followed by their numbers into a table of ours, so that a page never
looks for what waits among a million lines that do not. Any number of servers may follow.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    tuple_,
    update,
)

from bconnect_center.adapters.database import Database
from bconnect_center.adapters.tables import claims, decisions, marks, queue
from bconnect_center.core.review import FIRST, NEVER, STANDING, rank
from bconnect_center.core.roles import Person
from bconnect_enforce.adapters.ledger import Ledger
from bconnect_enforce.adapters.ledger.tables import citations
from bconnect_site.kinds import CitationStatus, ViolationType

MARK = "review queue"
AT_ONCE = 500  # lines of the ledger in one transaction: others write, too
LITTLE = 100  # the same, while a page waits
_COLUMNS = ("number", "violation_id", "site", "camera", "type")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case in the queue. `deadline` None: not known; `by`: who has it open; `seconded`: one
    officer has confirmed it, another must."""

    number: str
    violation_id: str
    site: str
    camera: str
    type: ViolationType
    stamp: int
    opened: int
    deadline: int | None
    by: str = ""
    first: str = ""

    def overdue(self, now: int) -> bool:
        return self.deadline is not None and now >= self.deadline


@dataclass(frozen=True, slots=True)
class Filter:
    """Which cases somebody wants to see; empty: all they may."""

    sites: frozenset[str] = frozenset()
    kinds: frozenset[int] = frozenset()


class Queue:
    """Safe from any thread. `deadline` of an offence's stamp, ns or None."""

    def __init__(
        self, database: Database, ledger: Ledger, deadline: Callable[[int], int | None]
    ) -> None:
        self._database, self._ledger, self._deadline = database, ledger, deadline

    def follow(self, most: int = AT_ONCE) -> bool:
        """Takes in what the ledger holds since; whether there is more. Raises LedgerError."""
        mark = self._mark()
        if mark is None:
            self._begin()
            return True
        lines = self._since(mark, most)
        if lines:
            self._write(mark, lines)
        return len(lines) == most

    def freshen(self) -> None:
        """As `follow`, before a page: only where little is new, and it began. Else the worker
        is at it, and a page must not wait in line with it. Raises LedgerError."""
        mark = self._mark()
        if mark is None:
            return
        lines = self._since(mark, LITTLE + 1)
        if lines and len(lines) <= LITTLE:
            self._write(mark, lines)

    def _mark(self) -> int | None:
        with self._database.reading() as c:
            return c.scalar(select(marks.c.line).where(marks.c.name == MARK))

    def _write(self, mark: int, lines: Sequence[Any]) -> None:
        with self._database.writing() as c:
            moved = c.execute(
                update(marks)
                .where(marks.c.name == MARK, marks.c.line == mark)
                .values(line=lines[-1].line)
            )
            if moved.rowcount:  # else another server was first
                self._take(c, lines)

    def _begin(self) -> None:
        """What waits at all, in one go: a centre is put before a ledger with years in it."""
        with self._ledger.reading() as c:
            last = c.scalar(select(func.max(citations.c.line))) or 0
            later = citations.alias()
            decided = exists().where(
                later.c.number == citations.c.number, later.c.line > citations.c.line
            )
            # literal, so that the index of the pending lines serves
            query = select(citations).where(text("citations.status = 1"), ~decided)
            rows = [self._row(line) for line in c.execute(query)]
        with self._database.writing() as c:
            if c.scalar(select(marks.c.line).where(marks.c.name == MARK)) is None:
                if rows:
                    c.execute(insert(queue), rows)
                c.execute(insert(marks).values(name=MARK, line=last))

    def page(
        self,
        person: Person,
        wanted: Filter,
        now: int,
        after: str = "",
        most: int = 50,
        free: bool = False,
    ) -> list[Waiting]:
        """The next cases after the one called `after`, the most urgent first.

        `free`: only what this person may decide now: nobody else has it open, it is not decided.
        """
        with self._database.reading() as c:
            query = self._seen_by(person, wanted)
            if after and (place := self._place(c, after)) is not None:
                query = query.where(_order() > tuple_(*(literal(v) for v in place)))
            if free:
                query = query.where(~_busy(person.name, now))
            found = c.execute(query.order_by(*_columns()).limit(most)).all()
            return self._with_claims(c, found, now)

    def count(self, person: Person, wanted: Filter, now: int, most: int = 1000) -> tuple[int, int]:
        """(waiting, overdue), each counted up to `most`."""
        with self._database.reading() as c:
            base = self._seen_by(person, wanted)
            late = base.where(queue.c.deadline <= now)
            return _counted(c, base, most), _counted(c, late, most)

    def one(self, number: str) -> Waiting | None:
        """The case, where it waits."""
        with self._database.reading() as c:
            row = c.execute(select(queue).where(queue.c.number == number)).first()
            return self._with_claims(c, [row], 0)[0] if row else None

    def open_of(self, violation_ids: Iterable[str]) -> list[str]:
        """The numbers of those that still wait."""
        with self._database.reading() as c:
            mine = queue.c.violation_id.in_(list(violation_ids)[:100])
            return list(c.scalars(select(queue.c.number).where(mine).order_by(queue.c.number)))

    def _since(self, mark: int, most: int) -> Sequence[Any]:
        with self._ledger.reading() as c:
            query = select(citations).where(citations.c.line > mark)
            return c.execute(query.order_by(citations.c.line).limit(most)).all()

    def _take(self, c: Connection, lines: Sequence[Any]) -> None:
        last = {line.number: line for line in lines}
        c.execute(delete(queue).where(queue.c.number.in_(list(last))))
        rows = [
            self._row(line)
            for line in last.values()
            if line.status == CitationStatus.PENDING_REVIEW
        ]
        if rows:
            c.execute(insert(queue), rows)

    def _row(self, line: Any) -> dict[str, Any]:
        known = line.type in ViolationType._value2member_map_
        deadline = self._deadline(line.violation_stamp)
        return {name: getattr(line, name) for name in _COLUMNS} | {
            "stamp": line.violation_stamp,
            "opened": line.stamp,
            "deadline": NEVER if deadline is None else deadline,
            "rank": rank(ViolationType(line.type) if known else ViolationType.UNKNOWN),
        }

    @staticmethod
    def _seen_by(person: Person, wanted: Filter) -> Select[Any]:
        query = select(queue)
        sites = wanted.sites & person.sites if person.sites and wanted.sites else (
            person.sites or wanted.sites
        )  # fmt: skip
        if person.sites or wanted.sites:
            query = query.where(queue.c.site.in_(sorted(sites)))
        if wanted.kinds:
            query = query.where(queue.c.type.in_(sorted(wanted.kinds)))
        return query

    @staticmethod
    def _place(c: Connection, number: str) -> Any:
        return c.execute(select(*_columns()).where(queue.c.number == number)).first()

    @staticmethod
    def _with_claims(c: Connection, rows: Sequence[Any], now: int) -> list[Waiting]:
        numbers = [row.number for row in rows]
        held = c.execute(select(claims).where(claims.c.number.in_(numbers), claims.c.until > now))
        by = {row.number: row.account for row in held if row.opened}
        one = select(decisions.c.number, decisions.c.account).where(
            decisions.c.number.in_(numbers), decisions.c.state == FIRST
        )
        first = {row.number: row.account for row in c.execute(one)}
        return [
            Waiting(
                row.number, row.violation_id, row.site, row.camera, ViolationType(row.type),
                row.stamp, row.opened, None if row.deadline == NEVER else row.deadline,
                by.get(row.number, ""), first.get(row.number, ""),
            )
            for row in rows
        ]  # fmt: skip


def _columns() -> tuple[Any, ...]:
    return queue.c.deadline, queue.c.rank, queue.c.stamp, queue.c.number


def _order() -> Any:
    return tuple_(*_columns())


def _busy(account: str, now: int) -> Any:
    """Another officer has it open, it is decided, or it waits for another than this officer."""
    claimed = exists().where(
        claims.c.number == queue.c.number, claims.c.until > now, claims.c.account != account
    )
    mine = and_(decisions.c.state == FIRST, decisions.c.account == account)
    decided = exists().where(
        decisions.c.number == queue.c.number, or_(decisions.c.state.in_(STANDING), mine)
    )
    return or_(claimed, decided)


def _counted(c: Connection, query: Select[Any], most: int) -> int:
    inner = query.with_only_columns(queue.c.number).limit(most).subquery()
    return c.scalar(select(func.count()).select_from(inner)) or 0
