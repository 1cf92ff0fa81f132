"""Claims and decisions: who has a case, what they said of it, and how that reaches the ledger.

A decision waits here until its undo window has passed; then a worker, on whichever server comes
first, writes it to the ledger. Writing it twice changes nothing: the ledger knows a decision by
officer and stamp.
"""

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from bconnect_center.adapters.database import Database
from bconnect_center.adapters.tables import accounts, claims, decisions
from bconnect_center.core import review
from bconnect_center.core.moments import SECOND
from bconnect_center.core.review import Claim, Declined, Given, Verdict
from bconnect_enforce.adapters.ledger import Ledger
from bconnect_enforce.core.citation import Decision, Refused

_OPEN = (review.WAITING, review.WRITING)


class Decisions:
    """Safe from any thread. All stamps are passed in, ns."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        undo: float,
        four_eyes: bool,
        elsewhere: Callable[[str], str] = lambda _: "",
    ) -> None:
        """`undo`: s; `elsewhere`: why a case is not ours to confirm, by its number."""
        self._database, self._ledger, self._elsewhere = database, ledger, elsewhere
        self._undo, self._four_eyes = int(undo * SECOND), four_eyes

    # -- claims ----------------------------------------------------------------------------

    def claim(self, number: str, account: str, now: int, ahead: bool = False) -> Claim:
        """Takes a case, or keeps it; the claim that stands, maybe another's."""
        with self._database.writing() as c:
            c.execute(delete(claims).where(claims.c.until <= now))
            held = _claim(c, number)
            if held is not None and held.account != account:
                return held
            opened = held.opened if held else 0
            if ahead:
                if held:
                    return held
                mine = Claim(number, account, now + review.AHEAD)
            else:
                mine = Claim(number, account, now + review.CLAIM, opened or now)
            c.execute(delete(claims).where(claims.c.number == number))
            c.execute(insert(claims).values(
                number=number, account=account, until=mine.until, opened=mine.opened))  # fmt: skip
            return mine

    def release(self, number: str, account: str) -> None:
        """Gives a case back."""
        with self._database.writing() as c:
            c.execute(delete(claims).where(claims.c.number == number, claims.c.account == account))

    # -- decisions -------------------------------------------------------------------------

    def decide(
        self, number: str, account: str, by: str, verdict: Verdict, reason: str, now: int
    ) -> Given:
        """Keeps the decision until it is due. Raises Declined, with a sentence."""
        with self._database.writing() as c:
            standing = _of_case(c, number)
            claim = _claim(c, number)
            review.may_decide(number, account, claim, standing, _names(c), now)
            first = next((g for g in standing if g.state == review.FIRST), None)
            four = self._four_eyes
            state, named = review.settle(verdict, four, account, first, by)
            given = Given(
                uuid.uuid4().hex, number, account, verdict, reason, now, now + self._undo, state,
                review.looked(claim, account, now), {"by": named},
            )  # fmt: skip
            c.execute(insert(decisions).values(**_row(given)))
            c.execute(delete(claims).where(claims.c.number == number))
            return given

    def undo(self, id_: str, account: str, now: int) -> Given:
        """Takes a decision back. Raises Declined: it is another's, or written already."""
        with self._database.writing() as c:
            given = _one(c, id_)
            if given is None or given.account != account:
                raise Declined("decision: there is none of yours to take back")
            first = given.state == review.FIRST
            if not first and (given.state != review.WAITING or now >= given.due):
                raise Declined(f"{given.number}: it is too late, the decision is written")
            _move(c, id_, (given.state,), review.UNDONE)
            return given

    def last(self, account: str, now: int) -> Given | None:
        """The decision this officer may still take back."""
        with self._database.reading() as c:
            mine = select(decisions).where(
                decisions.c.account == account,
                decisions.c.state.in_((review.WAITING, review.FIRST)),
                decisions.c.due > now,
            )
            row = c.execute(mine.order_by(decisions.c.stamp.desc()).limit(1)).first()
            return _given(row) if row else None

    def of_case(self, number: str) -> list[Given]:
        """All that was said of a case here, oldest first; not what was undone."""
        with self._database.reading() as c:
            return _of_case(c, number)

    def refused(self, account: str, since: int) -> list[Given]:
        """Decisions of this officer that the ledger did not take, newest first."""
        with self._database.reading() as c:
            query = select(decisions).where(
                decisions.c.account == account,
                decisions.c.state == review.REFUSED,
                decisions.c.stamp >= since,
            )
            return [_given(r) for r in c.execute(query.order_by(decisions.c.stamp.desc()).limit(5))]

    def seconds(self, account: str, since: int) -> list[float]:
        """How long each case took that this officer has decided since then."""
        with self._database.reading() as c:
            query = select(decisions.c.seconds).where(
                decisions.c.account == account,
                decisions.c.stamp >= since,
                decisions.c.state != review.UNDONE,
            )
            return list(c.scalars(query))

    # -- the worker ------------------------------------------------------------------------

    def write_due(self, now: int, most: int = 50) -> int:
        """Writes what is due to the ledger; how many. Raises LedgerError, then nothing is lost."""
        with self._database.reading() as c:
            query = (
                select(decisions)
                .where(decisions.c.state.in_(_OPEN), decisions.c.due <= now)
                .order_by(decisions.c.due)
                .limit(most)
            )
            due = [_given(row) for row in c.execute(query)]
        for given in due:
            self._write(given)
        return len(due)

    def _write(self, given: Given) -> None:
        with self._database.writing() as c:
            # From here on it cannot be undone; another server may be writing it as well.
            if not _move(c, given.id, _OPEN, review.WRITING):
                return
        status = review.LEADS_TO[given.verdict]
        try:
            if given.verdict is Verdict.CONFIRM and (why := self._elsewhere(given.number)):
                raise Refused(why)  # its site has decided it while this could be undone
            self._ledger.review(Decision(given.number, status, given.by, given.reason), given.stamp)
        except Refused as error:
            told = {**given.told, "sentence": str(error)[:300]}
            with self._database.writing() as c:
                _move(c, given.id, (review.WRITING,), review.REFUSED, told)
            return
        with self._database.writing() as c:
            _move(c, given.id, (review.WRITING,), review.WRITTEN)
            c.execute(
                update(decisions)
                .where(decisions.c.number == given.number, decisions.c.state == review.FIRST)
                .values(state=review.SECONDED)
            )


def _move(
    c: Connection, id_: str, of: Sequence[str], to: str, told: dict[str, Any] | None = None
) -> bool:
    values: dict[str, Any] = {"state": to} | ({"told": told} if told is not None else {})
    found = c.execute(
        update(decisions).where(decisions.c.id == id_, decisions.c.state.in_(of)).values(**values)
    )
    return bool(found.rowcount)


def _claim(c: Connection, number: str) -> Claim | None:
    row = c.execute(select(claims).where(claims.c.number == number)).first()
    return Claim(row.number, row.account, row.until, row.opened) if row else None


def _names(c: Connection) -> dict[str, str]:
    return {row.name: row.shown for row in c.execute(select(accounts.c.name, accounts.c.shown))}


def _of_case(c: Connection, number: str) -> list[Given]:
    query = select(decisions).where(
        decisions.c.number == number, decisions.c.state != review.UNDONE
    )
    return [_given(row) for row in c.execute(query.order_by(decisions.c.stamp))]


def _one(c: Connection, id_: str) -> Given | None:
    row = c.execute(select(decisions).where(decisions.c.id == id_)).first()
    return _given(row) if row else None


def _given(row: Any) -> Given:
    return Given(
        row.id, row.number, row.account, Verdict(row.decision), row.reason, row.stamp, row.due,
        row.state, row.seconds, row.told,
    )  # fmt: skip


def _row(given: Given) -> dict[str, Any]:
    return {
        "id": given.id, "number": given.number, "account": given.account,
        "decision": given.verdict.value, "reason": given.reason, "stamp": given.stamp,
        "due": given.due, "state": given.state, "seconds": given.seconds,
        "told": dict(given.told),
    }  # fmt: skip
