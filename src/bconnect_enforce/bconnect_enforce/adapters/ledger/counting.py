"""A few numbers of a ledger, for whoever watches it; cheap, and without a person in them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from bconnect_enforce.adapters.ledger.engine import LedgerError, explain, read_only
from bconnect_enforce.adapters.ledger.migrate import WrongSchema, check_readable
from bconnect_enforce.adapters.ledger.tables import citations, violations
from bconnect_site.kinds import CitationStatus, word


@dataclass(frozen=True, slots=True)
class Counts:
    """``lines``: lines of the chain by the word of their status. ``newest``: ns, 0 for none."""

    violations: int
    lines: dict[str, int]
    newest: int


def read_counts(url: str, site: str) -> Counts:
    """What a site has in the ledger, read-only, also while it is written. Raises LedgerError."""
    engine, where = read_only(url)
    known = set(CitationStatus)
    try:
        with engine.connect() as connection:
            check_readable(connection)
            kept, newest = connection.execute(
                select(func.count(), func.max(violations.c.stamp)).where(violations.c.site == site)
            ).one()
            by_status = connection.execute(
                select(citations.c.status, func.count())
                .where(citations.c.site == site)
                .group_by(citations.c.status)
            ).all()
    except WrongSchema as error:
        raise LedgerError(f"{where}: {error}") from None
    except DBAPIError as error:
        raise LedgerError(explain(where, error)[0]) from error
    finally:
        engine.dispose()
    lines = {word(CitationStatus(status)): count for status, count in by_status if status in known}
    return Counts(kept, lines, newest or 0)
