"""The ledger's desk on the command line, over evidence that was really sealed."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pypdfium2
import pytest

from bconnect_bringup import cli
from bconnect_detect.adapters import access_log
from bconnect_detect.core.evidence import Case
from bconnect_detect.core.types import Finding
from bconnect_detect.sealing import Sealer
from bconnect_enforce.adapters import evidence_store
from bconnect_enforce.adapters.ledger import HEAD, Ledger
from bconnect_enforce.core.citation import Decision
from bconnect_enforce.core.records import Compliance, Measure, Violation, identity
from bconnect_site.frozen import freeze
from bconnect_site.kinds import CitationStatus, Mode, Outcome, Step, ViolationType
from bconnect_site.loader import load_site
from bconnect_site.state import StateLayout

S = 1_000_000_000
DAY = 86_400 * S
ZONE = ZoneInfo("Asia/Makassar")
CONFIG = Path(__file__).parents[2] / "config"
Say = Callable[..., tuple[int, str]]


@pytest.fixture
def layout(tmp_path: Path) -> StateLayout:
    """Beruang Madu, which has run here."""
    made = StateLayout.of(tmp_path / "state", "beruang_madu")
    made.root.mkdir(parents=True)
    freeze(load_site(CONFIG / "corridors" / "beruang_madu.yaml"), made.site_file)
    return made


@pytest.fixture
def seen(
    layout: StateLayout,
    make_sealer: Callable[..., Sealer],
    make_finding: Callable[..., Finding],
    make_case: Callable[..., Case],
) -> Violation:
    """A violation as enforcement reads it from its sealed folder."""
    sealer = make_sealer(layout.evidence_dir)
    sealed = sealer.seal(make_case(sealer, make_finding()))
    return evidence_store.read(layout.evidence_dir, sealed.manifest)


def measure(violation: Violation) -> Measure:
    offence = violation.offence
    return Measure(
        id=identity(offence.id, "citation"),
        violation_id=offence.id,
        site=offence.site,
        camera=offence.camera,
        type=offence.type,
        step=Step.CITATION,
        mode=Mode.ENFORCEMENT,
        stamp=offence.stamp,
        reason="Usulan tilang diajukan.",
        policy="default.citation",
    )


@pytest.fixture
def ledger(layout: StateLayout):
    ledger = Ledger(layout.database, ZONE, "beruang_madu")
    yield ledger
    ledger.close()


@pytest.fixture
def cited(ledger: Ledger, seen: Violation) -> str:
    """The number of the pending citation."""
    now = seen.offence.stamp + 60 * S
    ledger.store_measure(measure(seen), now)
    return ledger.store_violation(seen, now)[0].number


def confirm(ledger: Ledger, number: str, seen: Violation) -> None:
    decision = Decision(number, CitationStatus.CONFIRMED, "Ipda Sari", "sesuai")
    ledger.review(decision, seen.offence.stamp + 3600 * S)


@pytest.fixture
def say(layout: StateLayout, capsys: pytest.CaptureFixture[str]) -> Say:
    def say(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = cli.main([*arguments, "--state", str(layout.root.parent)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return say


def test_a_confirmed_case_goes_out_and_verifies(ledger, seen, cited, say, tmp_path, layout, capsys):
    code, words = say("refer", cited, "--out", str(tmp_path / "out"), "--by", "Dewi")
    assert code == 2
    assert f"{cited}: is pending review; only what an officer confirmed is referred" in words
    assert not (tmp_path / "out").exists()
    confirm(ledger, cited, seen)
    code, words = say("refer", cited, "--out", str(tmp_path / "out"), "--by", "Dewi", "--why",
                      "Satlantas Polresta Balikpapan")  # fmt: skip
    assert code == 0, words
    written = {Path(line).name for line in words.split()}
    assert written == {f"{cited}.{end}" for end in ("pdf", "json", "zip")}
    (event,) = ledger.events("referral")
    assert (event.subject, event.who, event.why) == (cited, "Dewi", "Satlantas Polresta Balikpapan")
    detail = json.loads(event.detail)
    assert detail["manifest_sha256"] == seen.manifest_sha256
    document = pypdfium2.PdfDocument(tmp_path / "out" / f"{cited}.pdf")
    text = "".join(page.get_textpage().get_text_range() for page in document)
    document.close()
    assert cited in text
    assert "[belum pasti]" in text
    assert seen.manifest_sha256 in text
    # the receiver, alone with the zip and the public key that lies in it
    home = tmp_path / "police"
    with zipfile.ZipFile(tmp_path / "out" / f"{cited}.zip") as archive:
        archive.extractall(home)
    (key,) = (home / cited).glob("*.pub")
    capsys.readouterr()
    zipped = str(tmp_path / "out" / f"{cited}.zip")
    assert cli.main(["verify", zipped, "--key", str(key)]) == 0, capsys.readouterr()
    # whether anything went out that shows bystanders stands in both books
    accesses = access_log.read(layout.evidence_dir).lines
    assert len(accesses) == int(detail["originals"])


def test_a_flipped_byte_stops_the_referral(ledger, seen, cited, say, tmp_path, layout):
    confirm(ledger, cited, seen)
    path = layout.evidence_dir / seen.evidence[0].path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    code, words = say("refer", cited, "--out", str(tmp_path / "out"), "--by", "Dewi")
    assert code == 2
    assert f"{seen.evidence[0].path}: was touched" in words
    assert ledger.events("referral") == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["refer", "17", "--out", "x", "--by", "D"], "needs the form BC-<site>-<year>-<serial>"),
        (["refer", "BC-beruang_madu-2026-000099", "--out", "x", "--by", "D"],
         'no citation is called "BC-beruang_madu-2026-000099"'),
        (["refer", "BC-nowhere-2026-000001", "--out", "x", "--by", "D"], "nowhere"),
        (["trust", "beruang_madu", "--rearm", "utara", "red_lamp"], 'called "red_lamp"'),
        (["trust", "beruang_madu", "--rearm", "utara", "red_light", "--who", "A", "--why", "b"],
         "utara/red_light: is not disarmed; nothing to rearm"),
        (["retain", "beruang_madu", "--now", "tomorrow"], '--now: found "tomorrow"'),
        (["ledger", "check", "mysql://x/y"], "allowed: sqlite:///path or postgresql://"),
        (["ledger", "check", "sqlite:////nowhere/x.sqlite3"], "no ledger there"),
    ],
)  # fmt: skip
def test_mistakes_are_sentences(ledger, say, arguments, sentence):
    code, words = say(*arguments)
    assert code == 2
    assert sentence in words
    assert "Traceback" not in words


def test_deadlines_are_listed_and_decide_nothing(ledger, cited, seen, say):
    day = seen.offence.stamp
    inside = _local(day + 2 * DAY)
    code, words = say("citations", "beruang_madu", "--due", "--now", inside)
    assert code == 0
    assert "1 pending, 0 overdue; deadlines of Polda Kalimantan Timur [unsure]" in words
    assert "OVERDUE" not in words
    code, words = say("citations", "beruang_madu", "--due", "--now", _local(day + 5 * DAY))
    assert "1 pending, 1 overdue" in words
    assert cited in words
    assert "OVERDUE" in words
    assert ledger.current()[0].status is CitationStatus.PENDING_REVIEW
    confirm(ledger, cited, seen)
    assert "0 pending, 0 overdue" in say("citations", "beruang_madu", "--due")[1]


def _local(stamp: int) -> str:
    from datetime import datetime

    return f"{datetime.fromtimestamp(stamp // S, ZONE):%Y-%m-%dT%H:%M:%S}"


def test_retention_erases_evidence_and_texts(ledger, seen, layout, say, capsys):
    ledger.store_violation(seen, seen.offence.stamp)
    folder = (layout.evidence_dir / seen.manifest).parent
    later = _local(seen.offence.stamp + 91 * DAY)
    code, words = say("retain", "beruang_madu", "--dry-run", "--now", later)
    assert (code, words) == (
        0,
        f"{seen.id}: never became a case; evidence.retention_days = 90\n"
        "retention: 1 would be erased\n",
    )
    assert (folder / "violation.json").exists()
    assert say("retain", "beruang_madu", "--now", _local(seen.offence.stamp + 80 * DAY))[1] == (
        "retention: 0 erased, 0 failed\n"
    )
    code, words = say("retain", "beruang_madu", "--now", later)
    assert (code, words) == (
        0,
        f"{seen.id}: erased, never became a case\nretention: 1 erased, 0 failed\n",
    )
    left = {p.name for p in folder.iterdir()}
    assert left == {"manifest.json", "manifest.sig", "erased.json"}
    capsys.readouterr()
    assert cli.main(["verify", str(layout.evidence_dir)]) == 0, capsys.readouterr()
    assert say("retain", "beruang_madu", "--now", later)[1] == "retention: 0 erased, 0 failed\n"
    assert say("ledger", "check", "beruang_madu")[1] == f"ledger: at {HEAD}; both chains hold\n"


def test_trust_is_shown_and_rearmed_by_a_human(ledger, seen, say):
    day = seen.offence.stamp
    for n in range(12):
        one = replace(seen, offence=replace(seen.offence, id=f"v-{n}"), manifest=f"{n}/m.json")
        ledger.store_measure(measure(one), day)
        (line,) = ledger.store_violation(one, day)
        ledger.review(Decision(line.number, CitationStatus.REJECTED, "Sari", "bayangan"), day + n)
    camera, rule = seen.offence.camera, seen.offence.type.name.lower()
    _, fell = ledger.settle_trust(_marks(), day + DAY)
    assert len(fell) == 1
    words = say("trust", "beruang_madu")[1]
    assert "observe only" in words
    assert camera in words
    code, words = say("trust", "beruang_madu", "--rearm", camera, rule, "--why", "x")
    assert code == 2
    assert "who: empty; say who" in words
    code, words = say(
        "trust", "beruang_madu", "--rearm", camera, rule, "--who", "Rina", "--why", "zona baru"
    )
    assert code == 0
    assert f"{camera}/{rule}: armed again" in words
    assert "armed" in say("trust", "beruang_madu")[1]
    assert [e.who for e in ledger.events("rearm")] == ["Rina"]


def _marks():
    from bconnect_enforce.core.trust import Marks

    return Marks(mark=0.7)


def test_compliance_is_a_table(ledger, say):
    assert say("compliance", "beruang_madu")[1] == "nobody was spoken to yet\n"
    for n in range(4):
        ledger.store_compliance(
            Compliance(
                f"c{n}", f"a{n}", f"f{n}", "beruang_madu", "utara", "tiang_1", "parkir",
                ViolationType.ILLEGAL_PARKING, Outcome.COMPLIED if n else Outcome.IGNORED,
                1_795_000_000 * S, 1_795_000_009 * S, 8.0 if n else float("nan"),
            )
        )  # fmt: skip
    code, words = say("compliance", "beruang_madu", "--by", "hour")
    assert code == 0
    head, row = words.splitlines()
    assert head.split() == [
        "HOUR", "COMPLIED", "IGNORED", "OUT", "OF", "SIGHT", "RATE", "95", "%", "MEDIAN", "DELAY",
    ]  # fmt: skip
    assert row.split() == ["19", "3", "1", "0", "75%", "30%", "to", "95%", "8.0", "s"]


def test_upgrade_and_check(tmp_path, say, layout):
    path = tmp_path / "old.sqlite3"
    dump = Path(__file__).parents[1] / "enforce" / "data" / "first_ledger.sql"
    with sqlite3.connect(path) as connection:
        connection.executescript(dump.read_text())
    url = f"sqlite:///{path}"
    code, words = say("ledger", "check", url)
    assert code == 2
    assert f"is at 0001, this software needs {HEAD}; run `bconnect ledger upgrade {url}`" in words
    assert say("ledger", "upgrade", url) == (0, f"ledger: was at 0001, is at {HEAD}\n")
    assert say("ledger", "upgrade", url) == (0, f"ledger: was at {HEAD}, is at {HEAD}\n")
    assert say("ledger", "check", url) == (0, f"ledger: at {HEAD}; both chains hold\n")
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER citations_no_update")
        connection.execute("UPDATE citations SET reviewer = 'Budi' WHERE line = 5")
    code, words = say("ledger", "check", url)
    assert code == 1
    assert "citations: the chain breaks at BC-demo-2026-000001, confirmed" in words
    assert say("ledger", "upgrade", f"sqlite:///{tmp_path}/new.sqlite3") == (
        0,
        f"ledger: was empty, is at {HEAD}\n",
    )
