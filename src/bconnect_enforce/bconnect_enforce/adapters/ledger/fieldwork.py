"""Tow jobs and sticker tasks in the ledger's database, beside the citation node.

A state is never changed, only followed by the next; who was first wins. What the towing
service acknowledged is a row of its own, so that a kill between its answer and our writing
means one letter more, never one less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from bconnect_enforce.adapters.ledger import jobs, rows
from bconnect_enforce.adapters.ledger.engine import LedgerError, Store, explain, read_only
from bconnect_enforce.adapters.ledger.tables import measures, tow_deliveries, tow_jobs, violations
from bconnect_enforce.core.citation import Refused
from bconnect_enforce.core.outbox import Vehicle
from bconnect_enforce.core.records import Measure, StickerTask, TowJob
from bconnect_site.kinds import Colour, PlateState, RoadUserKind, Step, TowStatus, word

R = TypeVar("R", bound=StickerTask | TowJob)


class Fieldwork(Generic[R]):
    """The jobs of one kind and site. Use one from one thread.

    Raises LedgerError, LedgerBusy as the ledger does.
    """

    def __init__(self, url: str, site: str, kind: type[R]) -> None:
        self._site = site
        self._kind = kind
        self._store = Store(url, sole=False, patient=True)

    def add(self, job: R, now: int) -> bool:
        """Stores a first state; False: there is such a job already."""
        with self._store.writing() as connection:
            if jobs.history(connection, self._kind, self._site, job.id):
                return False
            return jobs.put(connection, job, now)

    def follow(self, id_: str, decide: Callable[[Sequence[R]], R | None], now: int) -> R | None:
        """Stores what `decide` makes of a job's states, oldest first; None: nothing new.

        Raises Refused for an unknown job, and what `decide` raises.
        """
        with self._store.writing() as connection:
            history = jobs.history(connection, self._kind, self._site, id_)
            if not history:
                raise Refused(f'id: no job is called "{id_[:64]}"')
            following = decide(history)
            if following is not None:
                jobs.put(connection, following, now)
            return following

    def newest(self) -> list[R]:
        """The present state of every job, oldest first."""
        with self._store.reading() as connection:
            return jobs.newest(connection, self._kind, self._site)

    def asked_for(self, step: Step, since: int) -> list[Measure]:
        """The measures of a step that were stored since then [ns], oldest first."""
        with self._store.reading() as connection:
            found = connection.execute(
                select(measures)
                .where(
                    measures.c.site == self._site,
                    measures.c.step == int(step),
                    measures.c.stored >= since,
                )
                .order_by(measures.c.stored)
            )
            return [rows.measure(row) for row in found]

    def asked_at(self, measure_id: str) -> int | None:
        """When a measure was stored [ns]; None: the ledger does not have it (yet)."""
        with self._store.reading() as connection:
            return connection.scalar(select(measures.c.stored).where(measures.c.id == measure_id))

    def close(self) -> None:
        self._store.close()


def read_jobs(url: str, site: str, kind: type[R]) -> list[R]:
    """The present state of every job of a kind, oldest first; writes nothing.

    Raises LedgerError where there is no ledger.
    """
    engine, where = read_only(url)
    try:
        with engine.connect() as connection:
            return jobs.newest(connection, kind, site)
    except DBAPIError as error:
        raise LedgerError(explain(where, error)[0]) from error
    finally:
        engine.dispose()


class Outbox:
    """Which states of ordered tow jobs the towing service has not acknowledged yet."""

    def __init__(self, url: str, site: str) -> None:
        self._site = site
        self._store = Store(url, sole=False, patient=True)

    def waiting(self) -> list[TowJob]:
        """Every state still to be delivered. A proposal, and what became of it unordered, is not
        among them."""
        known = select(tow_deliveries.c.id).where(
            tow_deliveries.c.id == tow_jobs.c.id,
            tow_deliveries.c.revision == tow_jobs.c.revision,
        )
        query = select(tow_jobs).where(
            tow_jobs.c.site == self._site,
            tow_jobs.c.ordered_by != "",
            tow_jobs.c.status != int(TowStatus.PROPOSED),
            ~known.exists(),
        )
        with self._store.reading() as connection:
            return [jobs.of_row(TowJob, row) for row in connection.execute(query)]

    def vehicle(self, violation_id: str, tell_plate: bool) -> Vehicle:
        """What the ledger knows of the offender; the plate only where it may be told."""
        columns = violations.c
        query = select(
            columns.road_user, columns.colour, columns.zone, columns.plate, columns.plate_state
        ).where(columns.id == violation_id)
        with self._store.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return Vehicle()
        read = tell_plate and row.plate_state == PlateState.READ
        return Vehicle(
            kind=_word(RoadUserKind, row.road_user),
            colour=_word(Colour, row.colour),
            zone=row.zone,
            plate=row.plate if read else "",
        )

    def delivered(self, job: TowJob, now: int) -> None:
        """Remembers that one state arrived."""
        with self._store.writing() as connection:
            known = select(tow_deliveries.c.id).where(
                tow_deliveries.c.id == job.id, tow_deliveries.c.revision == job.revision
            )
            if connection.scalar(known) is None:
                row = {"id": job.id, "revision": job.revision, "stamp": now}
                connection.execute(tow_deliveries.insert(), row)

    def close(self) -> None:
        self._store.close()


def _word(kinds: type[Colour] | type[RoadUserKind], value: int) -> str:
    return word(kinds(value)) if value in kinds._value2member_map_ and value else ""
