"""A ledger of the first software, made by it, taken over without loss."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bconnect_enforce.adapters.ledger import (
    HEAD,
    Ledger,
    LedgerError,
    read_summary,
    revision_of,
)
from bconnect_enforce.core.citation import Decision
from bconnect_enforce.core.records import identity
from bconnect_enforce.core.retention import DAY
from bconnect_site.kinds import CitationStatus, PlateColour, SignalAspect

ZONE = ZoneInfo("Asia/Makassar")
NOW = 1_795_000_000_000_000_000
DUMP = Path(__file__).with_name("data") / "first_ledger.sql"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.executescript(DUMP.read_text())
    return path


def contents(path: Path) -> dict[str, list[tuple]]:
    """Every row by the columns the first software knew."""
    known = {}
    with sqlite3.connect(":memory:") as first:
        first.executescript(DUMP.read_text())
        tables = [r[0] for r in first.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        for table in tables:
            if not table.startswith("sqlite_") and table != "schema":
                known[table] = [r[1] for r in first.execute(f"PRAGMA table_info({table})")]
    with sqlite3.connect(path) as connection:
        return {
            table: connection.execute(
                "SELECT " + ", ".join(f'"{c}"' for c in columns) + f" FROM {table} ORDER BY 1"
            ).fetchall()
            for table, columns in known.items()
        }


def test_every_row_and_every_hash_stays(path):
    before = contents(path)
    assert {t: len(rows) for t, rows in before.items()} == {
        "violations": 5, "measures": 9, "citations": 7,
    }  # fmt: skip
    assert revision_of(f"sqlite:///{path}") == "0001"
    with pytest.raises(LedgerError, match="written by older software; run `bconnect ledger"):
        read_summary(path)
    for _ in range(2):
        ledger = Ledger(f"sqlite:///{path}", ZONE, "demo")
        assert ledger.broken_line() is None
        ledger.close()
        assert contents(path) == before
    assert revision_of(f"sqlite:///{path}") == HEAD


def test_work_goes_on_in_the_same_chain(path, violation, measure):
    ledger = Ledger(f"sqlite:///{path}", ZONE, "demo")
    old = ledger.case("BC-demo-2026-000003").violation
    assert (old.signal, old.plate_colour, old.key_id) == (SignalAspect(0), PlateColour(0), "")
    assert old.measured_low != old.measured_low
    line = ledger.review(Decision("BC-demo-2026-000003", CitationStatus.CONFIRMED, "Sari"), NOW)
    assert line.format == 2
    assert line.previous_hash == ledger.case("BC-demo-2026-000001").last.hash
    ledger.store_measure(measure(7), NOW)
    assert ledger.store_violation(violation(7), NOW)[0].number == "BC-demo-2026-000005"
    # what the first software had stored is not stored twice
    assert ledger.store_violation(violation(1), NOW) == []
    assert ledger.broken_line() is None
    ledger.close()


def test_an_old_reason_stays_for_the_chain_and_the_rest_goes(path):
    """Format 1 hashes its reason in clear: erasing it would break the chain, so it is kept."""
    ledger = Ledger(f"sqlite:///{path}", ZONE, "demo")
    later = NOW + 300 * DAY
    for one in ledger.erasable(later, 90):
        assert ledger.erase(one, later, 90)
    rejected = ledger.case("BC-demo-2026-000002")
    assert rejected.violation.explanation == ""
    assert rejected.last.reason == "plat tidak terbaca"
    assert {m.reason for m in rejected.measures} == {""}
    assert ledger.broken_line() is None
    assert ledger.erasable(later, 90) == []
    ledger.close()


def test_the_first_software_refuses_the_new_file(path):
    """It looks into `schema` alone and must not write into tables it does not know."""
    Ledger(f"sqlite:///{path}", ZONE).close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT max(version) FROM schema").fetchone() == (2,)


def test_killed_in_the_middle_of_the_upgrade(path, monkeypatch):
    """One transaction: all of it or nothing."""
    from bconnect_enforce.adapters.ledger.migrations import guards

    before = contents(path)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(guards.op, "create_table", die)
        with pytest.raises(KeyboardInterrupt):
            Ledger(f"sqlite:///{path}", ZONE)
    assert revision_of(f"sqlite:///{path}") == "0001"
    assert contents(path) == before
    with sqlite3.connect(path) as connection:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute("DELETE FROM citations")
        connection.rollback()
    Ledger(f"sqlite:///{path}", ZONE).close()
    assert revision_of(f"sqlite:///{path}") == HEAD


def test_a_table_called_schema_that_is_not_ours(tmp_path):
    path = tmp_path / "ledger.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE schema (version INTEGER NOT NULL PRIMARY KEY)")
    with pytest.raises(LedgerError, match="schema version None, this software takes over 1"):
        Ledger(f"sqlite:///{path}", ZONE)


def test_the_old_case_is_found_by_its_id(path):
    ledger = Ledger(f"sqlite:///{path}", ZONE, "demo")
    assert ledger.case("BC-demo-2026-000001").violation.id == identity("test", "1")
    assert ledger.case("BC-demo-2026-000099") is None
    ledger.close()
