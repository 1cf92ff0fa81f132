"""The ledger on SQLite and on a real PostgreSQL server: one behaviour, one set of tests."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bconnect_enforce.adapters.ledger import (
    HEAD,
    Ledger,
    LedgerBusy,
    LedgerError,
    Outdated,
    read_summary,
    revision_of,
)
from bconnect_enforce.adapters.ledger.tables import metadata
from bconnect_enforce.core.citation import Decision, Refused
from bconnect_enforce.core.records import Compliance, Event, StickerTask, TowJob, identity
from bconnect_site.kinds import (
    CitationStatus,
    Outcome,
    StickerStatus,
    TowStatus,
    ViolationType,
)

ROOT = Path(__file__).parents[2]
ZONE = ZoneInfo("Asia/Makassar")
S = 1_000_000_000
DAY = 86_400 * S
NOW = 1_795_000_000 * S
CONFIRMED, REJECTED, WITHDRAWN = (
    CitationStatus.CONFIRMED,
    CitationStatus.REJECTED,
    CitationStatus.WITHDRAWN,
)


@pytest.fixture
def ledger(database):
    ledger = Ledger(database, ZONE, "demo")
    yield ledger
    ledger.close()


def count(ledger: Ledger, table: str) -> int:
    with ledger.engine.begin() as connection:
        return connection.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar_one()


@pytest.fixture
def cite(ledger, violation, measure):
    def make(n: int = 1, **fields):
        ledger.store_measure(replace(measure(n), stamp=violation(n, **fields).offence.stamp), NOW)
        return ledger.store_violation(violation(n, **fields), NOW)[0]

    return make


# --- exactly once -------------------------------------------------------------------------


def test_the_same_ten_times_out_of_order_and_after_a_restart(database, violation, measure):
    calls = [("v", n) for n in range(8)] * 10 + [("m", n) for n in range(8)] * 10
    random.Random(5).shuffle(calls)
    numbers = []
    for part in (calls[:80], calls[80:], calls):
        ledger = Ledger(database, ZONE, "demo")
        for kind, n in part:
            record = violation(n) if kind == "v" else measure(n)
            store = ledger.store_violation if kind == "v" else ledger.store_measure
            numbers += [line.number for line in store(record, NOW)]
        ledger.close()
    ledger = Ledger(database, ZONE, "demo")
    assert sorted(numbers) == [f"BC-demo-2026-{n:06d}" for n in range(1, 9)]
    assert [count(ledger, t) for t in ("violations", "measures", "citations")] == [8, 8, 8]
    assert ledger.broken_line() is None
    ledger.close()


def test_a_violation_keeps_every_field(ledger, cite, violation):
    sent = violation(1)
    cite(1)
    kept = ledger.case("BC-demo-2026-000001").violation
    # NaN equals nothing
    assert repr(kept) == repr(sent)


def test_several_sites_in_one_database(database, violation, measure):
    here, there = Ledger(database, ZONE, "demo"), Ledger(database, ZONE, "pasar", sole=False)
    here.store_measure(measure(1), NOW)
    here.store_violation(violation(1), NOW)
    there.store_measure(replace(measure(2), site="pasar"), NOW)
    (line,) = there.store_violation(violation(2, site="pasar"), NOW)
    assert line.number == "BC-pasar-2026-000001"
    assert [c.number for c in here.current()] == ["BC-demo-2026-000001"]
    assert [c.number for c in there.current()] == ["BC-pasar-2026-000001"]
    with pytest.raises(Refused, match="no citation is called"):
        here.review(Decision(line.number, CONFIRMED, "Sari"), NOW)
    assert read_summary(database, "pasar").citations == {"pending_review": 1}
    assert read_summary(database).citations == {"pending_review": 2}
    assert here.broken_line() is None
    for ledger in (here, there):
        ledger.close()


# --- deciding -----------------------------------------------------------------------------

OFFICER = """
import sys
from zoneinfo import ZoneInfo
from bconnect_enforce.adapters.ledger import Ledger, LedgerBusy
from bconnect_enforce.core.citation import Decision, Refused
from bconnect_site.kinds import CitationStatus
url, who, status = sys.argv[1:]
ledger = Ledger(url, ZoneInfo("Asia/Makassar"), "demo", sole=False)
print("ready", flush=True)
for line in sys.stdin:
    number, stamp = line.split()
    decision = Decision(number, CitationStatus[status], who, "diperiksa")
    while True:
        try:
            print("won", ledger.review(decision, int(stamp)).status.name, flush=True)
        except Refused as error:
            print(error, flush=True)
        except LedgerBusy:
            continue
        break
"""


@pytest.mark.timeout(120)
def test_two_officers_at_once_one_wins_the_other_is_told(ledger, database, cite):
    numbers = [cite(n).number for n in range(1, 21)]
    officers = {
        who: subprocess.Popen(
            [sys.executable, "-c", OFFICER, database, who, status],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for who, status in (("Sari", "CONFIRMED"), ("Budi", "REJECTED"))
    }
    try:
        for process in officers.values():
            assert process.stdout.readline() == "ready\n"
        for number in numbers:
            for process in officers.values():
                process.stdin.write(f"{number} {NOW + 1}\n")
            for process in officers.values():
                process.stdin.flush()
            said = {who: p.stdout.readline().strip() for who, p in officers.items()}
            winners = [who for who, words in said.items() if words.startswith("won")]
            assert len(winners) == 1, said
            loser = "Budi" if winners == ["Sari"] else "Sari"
            assert f"{number}: is already" in said[loser]
            assert f"by {winners[0]}, cannot become" in said[loser]
    finally:
        for process in officers.values():
            process.stdin.close()
            process.wait(10)
            process.stdout.close()
    assert count(ledger, "citations") == 40
    assert ledger.broken_line() is None


def test_the_same_decision_asked_again_is_the_same_line(ledger, cite):
    number = cite().number
    decision = Decision(number, REJECTED, " Sari ", "kabur ")
    line = ledger.review(decision, NOW + 1)
    assert ledger.review(decision, NOW + 1) == line
    with pytest.raises(Refused, match="is already rejected by Sari"):
        ledger.review(decision, NOW + 2)
    assert count(ledger, "citations") == 2


# --- append-only --------------------------------------------------------------------------


@pytest.fixture
def full(ledger, cite, measure):
    """A row in every table."""
    number = cite().number
    ledger.review(Decision(number, REJECTED, "Sari", "kabur"), NOW)
    ledger.store_compliance(heard(1), NOW)
    ledger.put_sticker(sticker(status=StickerStatus.CANCELLED))
    ledger.put_tow_job(tow(status=TowStatus.CANCELLED))
    ledger.note(Event("referral", "demo", number, "Sari", "polisi", NOW))
    return ledger


TABLES = ("violations", "measures", "citations", "compliance", "stickers", "tow_jobs", "events")


@pytest.mark.parametrize("table", [*TABLES, "erasures"])
def test_nothing_is_changed_or_removed(full, table):
    if table == "erasures":
        for one in full.erasable(NOW + 400 * DAY, 30):
            full.erase(one, NOW + 400 * DAY, 30)
    assert count(full, table) > 0
    for verb in (f"UPDATE {table} SET site = 'x'", f"DELETE FROM {table}"):
        with pytest.raises(DBAPIError, match=f"{table} are append-only"), full.engine.begin() as c:
            c.execute(text(verb))


@pytest.mark.parametrize(
    "change",
    [
        "violations SET plate = '', explanation = '', latitude = NULL, longitude = NULL",
        "citations SET reason = '', salt = ''",
        "measures SET reason = ''",
    ],
)
def test_texts_are_blanked_by_an_erasure_alone(full, change):
    with pytest.raises(DBAPIError, match="are append-only"), full.engine.begin() as connection:
        connection.execute(text(f"UPDATE {change}"))


def test_an_erasure_does_not_open_the_rest(full):
    for one in full.erasable(NOW + 400 * DAY, 30):
        full.erase(one, NOW + 400 * DAY, 30)
    for change in (
        "violations SET plate = 'KT 1 AB'",
        "violations SET type = 1",
        "citations SET status = 2",
        "citations SET reason = 'x'",
    ):
        with pytest.raises(DBAPIError, match="are append-only"), full.engine.begin() as connection:
            connection.execute(text(f"UPDATE {change}"))


# --- stickers, tow jobs, compliance -------------------------------------------------------


def sticker(**fields) -> StickerTask:
    base = StickerTask(
        id="s-1",
        violation_id=identity("test", "1"),
        site="demo",
        camera="simpang_utara",
        type=ViolationType.ILLEGAL_PARKING,
        status=StickerStatus.REQUESTED,
        stamp=NOW,
        due=NOW + 1800 * S,
    )
    return replace(base, **fields)


def tow(**fields) -> TowJob:
    base = TowJob(
        id="t-1",
        violation_id=identity("test", "1"),
        site="demo",
        camera="simpang_utara",
        type=ViolationType.ILLEGAL_PARKING,
        status=TowStatus.PROPOSED,
        stamp=NOW,
    )
    return replace(base, **fields)


def heard(n: int, **fields) -> Compliance:
    base = Compliance(
        id=f"c-{n}",
        announcement_id=f"a-{n}",
        finding_id=f"f-{n}",
        site="demo",
        camera="simpang_utara",
        speaker="tiang_1",
        phrase="illegal_parking_reprimand",
        type=ViolationType.ILLEGAL_PARKING,
        outcome=Outcome.COMPLIED,
        spoken=NOW,
        stamp=NOW + 9 * S,
        delay=8.0,
    )
    return replace(base, **fields)


@pytest.mark.parametrize("kind", ["sticker", "tow"])
def test_jobs_grow_by_revisions_and_the_first_wins(ledger, kind):
    make, put, read, word = {
        "sticker": (sticker, ledger.put_sticker, ledger.stickers, StickerStatus.ACKNOWLEDGED),
        "tow": (tow, ledger.put_tow_job, ledger.tow_jobs, TowStatus.REQUESTED),
    }[kind]
    first, second = make(), make(status=word, revision=2, detail="siap")
    assert put(first)
    assert not put(first)
    assert put(second)
    assert not put(first), "an old state delivered again"
    assert not put(second)
    with pytest.raises(Outdated, match="revision 2 does not follow 2; somebody else changed it"):
        put(replace(second, detail="yang lain"))
    with pytest.raises(Outdated, match="revision 5 does not follow 2"):
        put(replace(second, revision=5))
    with pytest.raises(Outdated, match="revision 2 does not follow 0"):
        put(make(id="new", revision=2))
    assert put(make(id="other"))
    assert read() == [make(id="other"), second] or read() == [second, make(id="other")]


def test_compliance_is_kept_once_and_counted(ledger, at):
    evening, morning = at("2026-11-24 17:10:00"), at("2026-11-24 07:20:00")
    for _ in range(3):
        for n in range(6):
            ledger.store_compliance(heard(n, spoken=evening, delay=float(n)))
    assert not ledger.store_compliance(heard(0))
    nan = float("nan")
    for n in (6, 7):
        ledger.store_compliance(heard(n, outcome=Outcome.IGNORED, delay=nan, spoken=evening))
    ledger.store_compliance(heard(8, outcome=Outcome.UNKNOWN, delay=nan, spoken=evening))
    ledger.store_compliance(heard(9, speaker="tiang_2", spoken=morning))
    ledger.store_compliance(heard(10, site="elsewhere"))
    one, two = ledger.compliance_by("speaker")
    assert (one.group, one.complied, one.ignored, one.unknown) == ("tiang_1", 6, 2, 1)
    assert (one.rate, one.delay) == (0.75, 2.5)
    assert (round(one.low, 3), round(one.high, 3)) == (0.409, 0.929)
    assert (two.group, two.complied, two.ignored) == ("tiang_2", 1, 0)
    assert [h.group for h in ledger.compliance_by("hour")] == ["07", "17"]
    assert [h.group for h in ledger.compliance_by("phrase")] == ["illegal_parking_reprimand"]


# --- schema -------------------------------------------------------------------------------


def test_migrations_and_tables_say_the_same(ledger, database):
    with ledger.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert revision_of(database) == HEAD


def test_a_newer_schema_is_not_touched(database):
    ledger = Ledger(database, ZONE)
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    ledger.close()
    with pytest.raises(
        LedgerError, match=f"schema revision 0999, this software knows up to {HEAD}"
    ):
        Ledger(database, ZONE)


def test_two_processes_upgrade_at_once(database):
    """Both start on an empty database; one lock, one upgrade."""
    script = (
        "import sys; from zoneinfo import ZoneInfo\n"
        "from bconnect_enforce.adapters.ledger import Ledger, LedgerBusy\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "while True:\n"
        "    try: Ledger(sys.argv[1], ZoneInfo('UTC'), sole=False).close()\n"
        "    except LedgerBusy: continue\n"
        "    break\n"
    )
    made = [
        subprocess.Popen(
            [sys.executable, "-c", script, database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in made:
        assert process.stdout.readline() == "ready\n"
    for process in made:
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[1] for process in made]
    assert [process.returncode for process in made] == [0, 0, 0], said
    assert revision_of(database) == HEAD


# --- killed -------------------------------------------------------------------------------


@pytest.mark.timeout(240)
def test_killed_twenty_times_nothing_lost_nothing_doubled(database):
    """The short version of benchmarks/ledger_kill.py; it checks itself and fails with a word."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "ledger_kill.py"), "--kills", "20",
         "--seed", "11", "--database", database],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] == 20
    assert found["calls acknowledged"] > 10


# --- a server that goes away ---------------------------------------------------------------


def test_the_server_goes_away_and_comes_back(server, violation, measure):
    url = server.database()
    ledger = Ledger(url, ZONE, "demo")
    ledger.store_measure(measure(1), NOW)
    for mode in ("fast", "immediate"):
        server.stop(mode)
        try:
            with pytest.raises(LedgerBusy, match=r"postgresql://127.0.0.1:\d+/ledger_\d+: .*check"):
                ledger.store_violation(violation(1), NOW)
            with pytest.raises(LedgerBusy):
                ledger.current()
            with pytest.raises(LedgerBusy):
                Ledger(url, ZONE)
            patient = Ledger(url, ZONE, "demo", patient=True)
        finally:
            server.start()
        assert [line.number for line in patient.current()] in ([], ["BC-demo-2026-000001"])
        patient.close()
        ledger.store_violation(violation(1), NOW)
    assert [line.number for line in ledger.current()] == ["BC-demo-2026-000001"]
    ledger.close()


def test_wrong_addresses_are_refused_with_a_sentence(server):
    with pytest.raises(LedgerError, match='database "nowhere" does not exist; check the URL') as no:
        Ledger(server.url("nowhere"), ZONE, patient=True)
    assert not isinstance(no.value, LedgerBusy)
    with pytest.raises(LedgerError, match=r'found "mysql://a:\*\*\*@h/b", allowed: sqlite:///path'):
        Ledger("mysql://a:secret@h/b", ZONE)


def test_no_sentence_holds_the_password(server):
    url = server.database().replace("tester@", "tester:geheim@").replace(str(server.port), "1")
    with pytest.raises(LedgerBusy) as away:
        Ledger(url, ZONE)
    assert "geheim" not in str(away.value)


def test_another_program_locks_the_table_for_long(server, violation):
    import psycopg

    url = server.database()
    ledger = Ledger(url, ZONE, "demo")
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE violations IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(LedgerBusy, match="locked by another program"):
            ledger.store_violation(violation(1), NOW)
        other.rollback()
    ledger.store_violation(violation(1), NOW)
    ledger.close()


# --- an answer that was lost ---------------------------------------------------------------


class Flaky:
    """A ledger whose answer is lost once, after it wrote or before."""

    def __init__(self, ledger: Ledger, after: bool) -> None:
        self._ledger, self._after, self._lost = ledger, after, False
        self.written = ledger.written

    def review(self, decision: Decision, stamp: int):
        if self._lost:
            return self._ledger.review(decision, stamp)
        self._lost = True
        if self._after:
            self._ledger.review(decision, stamp)
        raise LedgerBusy("away")


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("given_up", [True, False])
def test_a_decision_whose_answer_was_lost(ledger, cite, after, given_up):
    from rclpy.task import Future

    from bconnect_enforce.reviewing import Review

    flaky = Flaky(ledger, after)
    review = Review(Decision(cite().number, CONFIRMED, "Sari", ""), NOW, Future())
    with pytest.raises(LedgerBusy):
        review.write(flaky)
    if given_up:
        review.give_up()
    lines = review.write(flaky)
    # published when it stands in the ledger, whoever has given up waiting
    assert [line.status for line in lines] == ([CONFIRMED] if after or not given_up else [])
    assert (count(ledger, "citations") == 2) is bool(lines)
    assert isinstance(review.answer.result(), str) is given_up
