"""Jobs in the database, SQLite and PostgreSQL: who is first wins, nothing changes or doubles."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from bconnect_enforce.adapters.ledger.fieldwork import Fieldwork, Outbox, read_jobs
from bconnect_enforce.core import tow
from bconnect_enforce.core.citation import Refused
from bconnect_enforce.core.records import StickerTask, TowJob
from bconnect_site.kinds import StickerStatus, TowStatus, ViolationType

S = 1_000_000_000
NOW = 1_764_000_000 * S


def job(id_: str = "j", site: str = "demo", **fields: Any) -> TowJob:
    made = TowJob(
        id_, f"v-{id_}", site, "utara", ViolationType.ILLEGAL_PARKING, TowStatus.PROPOSED, NOW
    )
    return replace(made, **fields)


def ordering(officer: str) -> Any:
    change = tow.Change("j", TowStatus.REQUESTED, officer)
    return lambda history: tow.changed(history[-1], change, NOW, tow.Terms(yard="Kota"))


@pytest.fixture
def work(database: str) -> Any:
    made: Fieldwork[TowJob] = Fieldwork(database, "demo", TowJob)
    yield made
    made.close()


def test_a_job_is_there_once(work: Fieldwork[TowJob], database: str) -> None:
    assert [work.add(job(), NOW) for _ in range(3)] == [True, False, False]
    assert work.follow("j", ordering("Sari"), NOW) is not None
    assert not work.add(job(), NOW)  # the measure once more, when all has gone on
    assert [(j.status, j.revision) for j in work.newest()] == [(TowStatus.REQUESTED, 2)]
    assert read_jobs(database, "demo", TowJob) == work.newest()
    assert work.follow("j", lambda history: None, NOW) is None
    with pytest.raises(Refused, match='no job is called "x"'):
        work.follow("x", lambda history: history[-1], NOW)


def test_two_officers_at_once(work: Fieldwork[TowJob], database: str) -> None:
    """Twelve of them, each with a connection of his own: one yes is the yes."""
    work.add(job(), NOW)
    said: list[str] = []
    gate = threading.Barrier(12)

    def officer(name: str) -> None:
        own: Fieldwork[TowJob] = Fieldwork(database, "demo", TowJob)
        gate.wait(30.0)
        try:
            made = own.follow("j", ordering(name), NOW)
            said.append(f"yes: {made.ordered_by}" if made else "nothing")
        except Refused as error:
            said.append(str(error))
        except Exception as error:  # locked for a moment longer than one waits: no yes either
            said.append(f"{type(error).__name__}")
        finally:
            own.close()

    threads = [threading.Thread(target=officer, args=(f"officer {n}",)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
    assert len(said) == 12
    yes = [text for text in said if text.startswith("yes")]
    assert len(yes) == 1
    assert all(
        "is requested, cannot become" in t or t == "LedgerBusy" for t in said if t not in yes
    )
    (only,) = work.newest()
    assert (only.revision, f"yes: {only.ordered_by}") == (2, yes[0])


def test_sites_of_one_database_do_not_see_each_other(database: str) -> None:
    ours: Fieldwork[TowJob] = Fieldwork(database, "demo", TowJob)
    theirs: Fieldwork[TowJob] = Fieldwork(database, "other", TowJob)
    outbox = Outbox(database, "other")
    try:
        ours.add(job(), NOW)
        ours.follow("j", ordering("Sari"), NOW)
        assert theirs.newest() == []
        assert outbox.waiting() == []
        with pytest.raises(Refused):
            theirs.follow("j", ordering("Adi"), NOW)
    finally:
        ours.close()
        theirs.close()
        outbox.close()


def test_the_outbox_holds_what_was_ordered_and_not_heard(
    work: Fieldwork[TowJob], database: str
) -> None:
    outbox = Outbox(database, "demo")
    try:
        for id_ in ("j", "dropped", "waiting"):
            work.add(job(id_), NOW)
        work.follow("dropped", lambda h: tow.over(h, "it left", NOW), NOW)
        assert outbox.waiting() == []
        ordered = work.follow("j", ordering("Sari"), NOW)
        noted = work.follow("j", lambda h: tow.over(h, "it left", NOW), NOW)
        assert ordered is not None
        assert [j.revision for j in outbox.waiting()] == [2, 3]
        for _ in range(3):
            outbox.delivered(ordered, NOW)
        assert outbox.waiting() == [noted]
    finally:
        outbox.close()


@pytest.mark.parametrize("table", ["tow_jobs", "tow_deliveries"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET revision = 9", "DELETE FROM {}"])
def test_nothing_is_changed_afterwards(
    work: Fieldwork[TowJob], database: str, table: str, verb: str
) -> None:
    work.add(job(), NOW)
    ordered = work.follow("j", ordering("Sari"), NOW)
    assert ordered is not None
    outbox = Outbox(database, "demo")
    outbox.delivered(ordered, NOW)
    outbox.close()
    with pytest.raises(DBAPIError, match="append-only"), work._store.engine.begin() as connection:
        connection.exec_driver_sql(verb.format(table))


def test_stickers_are_kept_alike(database: str) -> None:
    work: Fieldwork[StickerTask] = Fieldwork(database, "demo", StickerTask)
    task = StickerTask(
        "t", "v", "demo", "utara", ViolationType.ILLEGAL_PARKING, StickerStatus.REQUESTED, NOW, NOW
    )
    try:
        assert [work.add(task, NOW) for _ in range(2)] == [True, False]
        done = replace(task, status=StickerStatus.DONE, officer="Rudi", revision=2)
        assert work.follow("t", lambda history: done, NOW) == done
        assert work.newest() == [done]
    finally:
        work.close()
