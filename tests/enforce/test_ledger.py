"""The ledger: a real SQLite database, filled, reviewed, locked, full and killed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event

from bconnect_enforce.adapters.ledger import Ledger, LedgerBusy, LedgerError, read_summary
from bconnect_enforce.adapters.ledger.migrate import HEAD
from bconnect_enforce.core.citation import GENESIS, Decision, Refused
from bconnect_site.kinds import CitationStatus, Step

ZONE = ZoneInfo("Asia/Makassar")
NOW = 1_795_000_000_000_000_000
PENDING, CONFIRMED, REJECTED, WITHDRAWN = (
    CitationStatus.PENDING_REVIEW,
    CitationStatus.CONFIRMED,
    CitationStatus.REJECTED,
    CitationStatus.WITHDRAWN,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "ledger.sqlite3"


@pytest.fixture
def ledger(path):
    ledger = Ledger(f"sqlite:///{path}", ZONE)
    yield ledger
    ledger.close()


def count(path: Path, table: str) -> int:
    with sqlite3.connect(path) as connection:
        return connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]


def test_durability_is_switched_on(ledger):
    with ledger.engine.connect() as connection:
        pragma = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.parametrize("first", ["violation", "measure"])
def test_citation_opens_when_both_are_there_whatever_came_first(ledger, first, violation, measure):
    store = {
        "violation": lambda: ledger.store_violation(violation(), NOW),
        "measure": lambda: ledger.store_measure(measure(), NOW),
    }
    assert store.pop(first)() == []
    (line,) = next(iter(store.values()))()
    assert line.number == "BC-demo-2026-000001"
    assert line.status is PENDING
    assert line.violation_id == violation().id
    assert line.reason == measure().reason
    assert line.previous_hash == GENESIS
    assert ledger.current() == [line]


def test_delivered_ten_times_stored_once(ledger, path, violation, measure):
    lines = []
    for _ in range(10):
        lines += ledger.store_violation(violation(), NOW)
        lines += ledger.store_measure(measure(), NOW)
        lines += ledger.store_measure(measure(step=Step.REPRIMAND), NOW)
    assert len(lines) == 1
    counts = [count(path, table) for table in ("violations", "measures", "citations")]
    assert counts == [1, 2, 1]


def test_a_reprimand_alone_opens_no_citation(ledger, violation, measure):
    ledger.store_violation(violation(), NOW)
    assert ledger.store_measure(measure(step=Step.REPRIMAND), NOW) == []
    assert ledger.current() == []


def test_violation_comes_back_as_it_was(ledger, path, violation, measure):
    ledger.store_violation(violation(), NOW)
    ledger.store_measure(measure(), NOW)
    with sqlite3.connect(path) as connection:
        row = connection.execute(
            'SELECT article, measured, "limit", evidence, manifest, stored FROM violations'
        ).fetchone()
    assert row == (
        "UU 22/2009 Art. 287(3)",
        61.0,
        None,
        '[{"kind": 1, "path": "1/scene.jpg", "sha256": "' + "ab" * 32 + '", "stamp": '
        f"{violation().offence.stamp}" + "}]",
        "1/manifest.json",
        NOW,
    )
    assert ledger.manifests() == {"1/manifest.json"}


def test_numbers_count_per_site_and_local_year(ledger, violation, measure, at):
    def cite(n, **fields):
        ledger.store_measure(measure(n), NOW)
        return ledger.store_violation(violation(n, **fields), NOW)[0].number

    assert cite(1) == "BC-demo-2026-000001"
    assert cite(2) == "BC-demo-2026-000002"
    assert cite(3, site="beruang_madu") == "BC-beruang_madu-2026-000001"
    # 31 December 2026 in UTC, but 2027 in Balikpapan
    assert cite(4, stamp=at("2027-01-01 02:00:00")) == "BC-demo-2027-000001"
    assert cite(5) == "BC-demo-2026-000003"


def cited(ledger, violation, measure, n=1):
    ledger.store_measure(measure(n), NOW)
    return ledger.store_violation(violation(n), NOW)[0]


def test_officer_confirms_and_the_chain_links(ledger, violation, measure):
    first = cited(ledger, violation, measure)
    line = ledger.review(Decision(first.number, CONFIRMED, " Ipda Sari ", ""), NOW + 5)
    assert (line.status, line.reviewer, line.stamp) == (CONFIRMED, "Ipda Sari", NOW + 5)
    assert line.previous_hash == first.hash
    assert ledger.current() == [line]
    assert ledger.broken_line() is None


@pytest.mark.parametrize(
    ("decision", "sentence"),
    [
        (("BC-demo-2026-000001", CONFIRMED, "", ""), "reviewer: empty; say who decides"),
        (("BC-demo-2026-000001", CONFIRMED, "  ", ""), "reviewer: empty; say who decides"),
        (
            ("BC-demo-2026-000001", REJECTED, "Sari", " "),
            "reason: empty; say why it is rejected or withdrawn",
        ),
        (
            ("BC-demo-2026-000001", WITHDRAWN, "Sari", ""),
            "reason: empty; say why it is rejected or withdrawn",
        ),
        (
            ("BC-demo-2026-000001", CitationStatus.UNKNOWN, "Sari", ""),
            "decision: unknown, allowed: confirm, reject, withdraw",
        ),
        (
            ("BC-demo-2026-000001", REJECTED, "Sari", "x" * 501),
            "reason: 501 characters, allowed: at most 500",
        ),
        (
            ("BC-demo-2026-000099", CONFIRMED, "Sari", ""),
            'number: no citation is called "BC-demo-2026-000099"',
        ),
    ],
)
def test_incomplete_decisions_are_refused(ledger, path, decision, sentence, violation, measure):
    cited(ledger, violation, measure)
    with pytest.raises(Refused) as refusal:
        ledger.review(Decision(*decision), NOW)
    assert str(refusal.value) == sentence
    assert count(path, "citations") == 1


@pytest.mark.parametrize(
    ("first", "second", "allowed"),
    [
        (CONFIRMED, CONFIRMED, False),
        (CONFIRMED, REJECTED, False),
        (CONFIRMED, WITHDRAWN, True),
        (REJECTED, CONFIRMED, False),
        (REJECTED, WITHDRAWN, False),
        (WITHDRAWN, CONFIRMED, False),
        (WITHDRAWN, REJECTED, False),
    ],
)
def test_second_decisions(ledger, first, second, allowed, violation, measure):
    number = cited(ledger, violation, measure).number
    ledger.review(Decision(number, first, "Sari", "plat tidak cocok"), NOW)
    again = Decision(number, second, "Budi", "salah kendaraan")
    if allowed:
        assert ledger.review(again, NOW + 1).status is second
    else:
        with pytest.raises(Refused, match=r"is already .* by Sari, cannot become"):
            ledger.review(again, NOW + 1)
        assert ledger.current()[0].status is first
    assert ledger.broken_line() is None


def test_lines_cannot_be_changed_or_removed(ledger, path, violation, measure):
    cited(ledger, violation, measure)
    with sqlite3.connect(path) as connection:
        for verb in ("UPDATE citations SET status = 2", "DELETE FROM citations"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(verb)


@pytest.mark.parametrize("column", ["reason", "reviewer", "number", "hash", "stamp", "status"])
def test_a_touched_line_breaks_the_chain(ledger, path, column, violation, measure):
    lines = [cited(ledger, violation, measure, n) for n in (1, 2, 3)]
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER citations_no_update")
        connection.execute(f"UPDATE citations SET {column} = '9' WHERE line = 2")
    broken = ledger.broken_line()
    assert broken is not None
    assert broken.violation_id == lines[1].violation_id


def test_a_citation_needs_its_violation(ledger, path, violation, measure):
    cited(ledger, violation, measure)
    with ledger.engine.begin() as connection, pytest.raises(Exception, match="FOREIGN KEY"):
        connection.exec_driver_sql(
            "INSERT INTO citations SELECT 9, 'n', 'nobody', site, camera, type, 2, '', '', 0, 0,"
            " 'x', 'y', 1, 1, 2, '', '', '' FROM citations"
        )


def test_summary(ledger, path, violation, measure):
    for n in (1, 2, 3):
        cited(ledger, violation, measure, n)
    ledger.store_violation(violation(4), NOW)
    ledger.review(Decision("BC-demo-2026-000002", REJECTED, "Sari", "kabur"), NOW)
    summary = read_summary(path)
    assert summary.violations == {"illegal_parking": 4}
    assert summary.measures == {"citation": 3}
    assert summary.citations == {"pending_review": 2, "rejected": 1}
    assert [line.number[-1] for line in summary.pending] == ["1", "3"]
    assert summary.undecided == 1
    assert read_summary(f"sqlite:///{path}") == summary
    with pytest.raises(LedgerError, match="no ledger there"):
        read_summary(path.with_name("none.sqlite3"))


def test_summary_of_a_closed_ledger(path, violation, measure):
    ledger = Ledger(f"sqlite:///{path}", ZONE)
    cited(ledger, violation, measure)
    ledger.close()
    assert read_summary(path).violations == {"illegal_parking": 1}


# --- bad input and faults -----------------------------------------------------------------


@pytest.mark.parametrize("url", ["postgres", "sqlite://", "mysql://a/b", "", "sqlite:/x"])
def test_database_must_be_a_sqlite_url(url):
    with pytest.raises(LedgerError, match="allowed: sqlite:///path"):
        Ledger(url, ZONE)


def test_a_file_that_is_no_database(path):
    path.parent.mkdir()
    path.write_text("this is a letter, not a ledger\n" * 100)
    with pytest.raises(LedgerError, match="not a database"):
        Ledger(f"sqlite:///{path}", ZONE)


def test_a_newer_schema_is_not_touched(ledger, path):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    ledger.close()
    with pytest.raises(LedgerError, match=f"revision 0999, this software knows up to {HEAD}"):
        Ledger(f"sqlite:///{path}", ZONE)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE alembic_version")
        connection.execute("UPDATE schema SET version = 7")
    with pytest.raises(LedgerError, match="schema version 7, this software takes over 1"):
        Ledger(f"sqlite:///{path}", ZONE)


def test_a_second_citation_node_is_refused(ledger, path):
    with pytest.raises(LedgerError, match=r"held by another citation node \(process \d+\)"):
        Ledger(f"sqlite:///{path}", ZONE)


def test_locked_at_start(path):
    Ledger(f"sqlite:///{path}", ZONE).close()
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        begin = time.monotonic()
        with pytest.raises(LedgerBusy, match=r"ledger.sqlite3: locked by another process; close"):
            Ledger(f"sqlite:///{path}", ZONE)
        assert time.monotonic() - begin < 3.0
        other.execute("ROLLBACK")
    # the refusal released the owner's lock
    Ledger(f"sqlite:///{path}", ZONE).close()


def test_locked_while_working_and_then_free(ledger, path, violation):
    ledger.store_violation(violation(1), NOW)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerBusy, match="locked"):
        ledger.store_violation(violation(2), NOW)
    other.execute("ROLLBACK")
    other.close()
    ledger.store_violation(violation(2), NOW)
    assert count(path, "violations") == 2


def test_disk_full_and_then_space_again(ledger, path, violation, measure):
    cited(ledger, violation, measure, 1)
    room = {"pages": 0}

    @event.listens_for(ledger.engine, "connect")
    def limit(connection, _):
        if room["pages"]:
            connection.execute(f"PRAGMA max_page_count = {room['pages']}")

    room["pages"] = 1
    ledger.engine.dispose()
    stored = 1
    with pytest.raises(LedgerBusy, match="the disk is full; free space there"):
        for n in range(2, 500):
            ledger.store_violation(violation(n), NOW)
            stored += 1
    assert stored < 499
    room["pages"] = 0
    ledger.engine.dispose()
    for n in range(2, 500):
        ledger.store_violation(violation(n), NOW)
    assert count(path, "violations") == 499
    assert ledger.broken_line() is None


FILLER = """
import resource, sys
from zoneinfo import ZoneInfo
sys.path.insert(0, sys.argv[2])
from conftest import make_measure, make_violation
from bconnect_enforce.adapters.ledger import Ledger, LedgerBusy
ledger = Ledger("sqlite:///" + sys.argv[1], ZoneInfo("Asia/Makassar"))
whole = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), whole))
n, refused = 0, 0
while n < 120:
    try:
        ledger.store_measure(make_measure(n), 1)
        ledger.store_violation(make_violation(n), 1)
        n += 1
    except LedgerBusy as error:
        print("refused", n, error, flush=True)
        refused += 1
        if refused == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (whole, whole))
assert refused >= 3, refused
ledger.close()
"""


def test_no_room_for_the_file_to_grow_and_then_room(path):
    """As on a full disk: the system refuses the write itself, in the middle of a transaction."""
    path.parent.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", FILLER, str(path), str(Path(__file__).parent), "300000"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    words = done.stdout.splitlines()
    assert len(words) >= 3
    assert all(f"{path}: " in line for line in words), words
    ledger = Ledger(f"sqlite:///{path}", ZONE)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert [count(path, table) for table in ("violations", "measures", "citations")] == [120] * 3
    assert ledger.broken_line() is None
    ledger.close()
