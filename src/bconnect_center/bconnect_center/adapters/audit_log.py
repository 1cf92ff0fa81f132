"""The audit log in the database: appended to, never changed."""

from typing import Any

from sqlalchemy import insert, select

from bconnect_center.adapters.database import Database
from bconnect_center.adapters.tables import audit
from bconnect_center.core.audit import GENESIS, Act, broken, follow

MOST = 500  # characters of a text


class AuditLog:
    """Safe from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, act: Act) -> Act:
        """Appends it, bound to the line before. What cannot be noted must not be done."""
        act = Act(act.stamp, act.who[:64], act.what[:64], act.subject[:160], act.site[:64],
                  act.detail[:MOST], act.address[:64])  # fmt: skip
        with self._database.writing() as c:
            last = c.scalar(select(audit.c.hash).order_by(audit.c.line.desc()).limit(1))
            bound = follow(act, last or GENESIS)
            c.execute(insert(audit).values(**_row(bound)))
        return bound

    def newest(
        self, count: int = 200, before: int | None = None, *, who: str = "", subject: str = ""
    ) -> list[tuple[int, Act]]:
        """(line, act), newest first; `before` a line; of one person, of one subject."""
        query = select(audit).order_by(audit.c.line.desc()).limit(count)
        if who:
            query = query.where(audit.c.who == who)
        if subject:
            query = query.where(audit.c.subject == subject)
        if before is not None:
            query = query.where(audit.c.line < before)
        with self._database.reading() as c:
            return [(row.line, _act(row)) for row in c.execute(query)]

    def broken(self) -> Act | None:
        """The first line that does not hold; None: all hold."""
        with self._database.reading() as c:
            return broken(_act(row) for row in c.execute(select(audit).order_by(audit.c.line)))


def _row(act: Act) -> dict[str, Any]:
    return {name: getattr(act, name) for name in Act.__slots__}


def _act(row: Any) -> Act:
    return Act(**{name: getattr(row, name) for name in Act.__slots__})
