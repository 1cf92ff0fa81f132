"""Today's software takes over what every earlier release left, loses nothing, doubts the future."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import inspect

from bconnect_bringup import backup
from bconnect_bringup.prepare import load, prepare
from bconnect_center.adapters.tables import metadata
from bconnect_center.house import open_house
from bconnect_center.settings import load as load_centre
from bconnect_detect.verify import main as verify
from bconnect_enforce.adapters.history_store import HistoryError, HistoryStore, read_secret
from bconnect_enforce.adapters.ledger import (
    HEAD,
    Ledger,
    LedgerError,
    read_summary,
    revision_of,
)
from bconnect_enforce.adapters.ledger.counting import read_counts
from bconnect_enforce.core.citation import Decision
from bconnect_enforce.core.retention import DAY
from bconnect_site.errors import ConfigError
from bconnect_site.frozen import load_frozen
from bconnect_site.keys import Keyring
from bconnect_site.kinds import CitationStatus
from bconnect_site.plan import Plan, StateLayout
from bconnect_spool.adapters import crypt, parcel
from bconnect_spool.adapters.box import Box

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import leave_behind  # noqa: E402

RELEASES = sorted(HERE.glob("*.tar.xz"))
ZONE = ZoneInfo("Asia/Makassar")


@dataclass(frozen=True)
class Left:
    """What a release left, unpacked where it may be changed."""

    root: Path
    told: dict[str, Any]

    @property
    def layout(self) -> StateLayout:
        return StateLayout.of(self.root / "state", "lama")

    @property
    def citations(self) -> list[list[str]]:
        found: list[list[str]] = self.told["ledger"]["citations"]
        return found


@pytest.fixture(scope="module", params=RELEASES, ids=lambda path: path.name.split(".")[0])
def packed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("release")
    with tarfile.open(request.param) as tar:
        tar.extractall(root, filter="data")
    return root


@pytest.fixture
def left(packed: Path, tmp_path: Path) -> Left:
    root = tmp_path / "left"
    shutil.copytree(packed, root)
    for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
        folder.chmod(0o700)
    return Left(root, json.loads((root / "expected.json").read_text()))


def test_there_is_a_release_to_come_from() -> None:
    assert RELEASES


def test_the_next_release_can_be_recorded_too(tmp_path: Path) -> None:
    """leave_behind.py asks for nothing that this software has lost meanwhile."""
    leave_behind.main("next", tmp_path / "next.tar.xz")
    with tarfile.open(tmp_path / "next.tar.xz") as tar:
        tar.extractall(tmp_path, filter="data")
    told = json.loads((tmp_path / "expected.json").read_text())
    assert told["ledger"]["revision"] == HEAD and len(told["manifests"]) == 4
    assert (tmp_path / "next.tar.xz").stat().st_size < 400_000  # it is committed


def current(ledger: Ledger) -> list[list[str]]:
    lines = sorted(ledger.current(), key=lambda line: line.number)
    return [[line.number, line.status.name, line.hash] for line in lines]


# --- the ledger


def test_the_ledger_is_upgraded_and_every_line_stays(left: Left) -> None:
    url = left.layout.database
    assert revision_of(url) == left.told["ledger"]["revision"]
    held = sum(
        read_summary(url, "lama").citations.values()
    )  # people may look before it is upgraded
    assert held == len(left.citations)
    ledger = Ledger(url, ZONE, "lama")
    try:
        assert revision_of(url) == HEAD
        assert current(ledger) == left.citations
        assert ledger.broken_line() is None and ledger.broken_event() is None
        assert ledger.manifests() == frozenset(left.told["manifests"])
        (sticker,), (tow,) = ledger.stickers(), ledger.tow_jobs()
        assert (sticker.id, tow.id) == ("s1", "t1")
        assert [heeding.ignored for heeding in ledger.compliance_by("speaker")] == [1]
    finally:
        ledger.close()


def test_work_goes_on_where_the_old_software_stopped(left: Left) -> None:
    ledger = Ledger(left.layout.database, ZONE, "lama")
    try:
        (pending,) = ledger.pending()
        assert pending.number == left.citations[2][0]
        confirmed = Decision(pending.number, CitationStatus.CONFIRMED, "Ipda Sari")
        line = ledger.review(confirmed, left.told["now"])
        assert line.previous_hash and ledger.broken_line() is None
        due = ledger.erasable(left.told["now"] + 400 * DAY, 30)
        assert [one.rule for one in due]  # what was rejected may go
    finally:
        ledger.close()
    counts = read_counts(left.layout.database, "lama")
    assert counts.violations == 4 and counts.lines["pending_review"] == 3
    assert counts.lines["confirmed"] == 2 and counts.lines["rejected"] == 1


def test_an_upgrade_that_is_cut_off_changes_nothing(
    left: Left, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails within the last step: the file is as the old software left it."""
    if left.told["ledger"]["revision"] == HEAD:
        pytest.skip("this release is at today's schema")
    from alembic.operations import Operations

    def cut(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Operations, "create_index", cut)
    with pytest.raises(OSError):
        Ledger(left.layout.database, ZONE, "lama")
    monkeypatch.undo()
    assert revision_of(left.layout.database) == left.told["ledger"]["revision"]
    ledger = Ledger(left.layout.database, ZONE, "lama")
    assert current(ledger) == left.citations
    ledger.close()


def test_a_ledger_of_the_future_is_refused_in_one_sentence(left: Left) -> None:
    path = left.layout.root / "ledger.sqlite3"
    Ledger(left.layout.database, ZONE, "lama").close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9001'")
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(LedgerError) as refused:
        Ledger(left.layout.database, ZONE, "lama")
    assert "schema revision 9001, this software knows up to" in str(refused.value)
    assert "use the software that wrote it" in str(refused.value)
    for read in (read_summary, read_counts):
        with pytest.raises(LedgerError, match="9001, this software knows up to"):
            read(left.layout.database, "lama")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


# --- evidence, keys


def test_sealed_evidence_is_byte_for_byte_the_same_and_verifies(
    left: Left, capsys: pytest.CaptureFixture[str]
) -> None:
    store = left.layout.evidence_dir
    for manifest, digest in left.told["manifests"].items():
        assert hashlib.sha256((store / manifest).read_bytes()).hexdigest() == digest
    assert sorted(Keyring.open(left.layout.keys_dir).publics()) == left.told["keys"]
    assert verify([str(store), "--key", str(left.layout.keys_dir)]) == 0, capsys.readouterr()


def test_evidence_that_was_touched_since_is_still_found_out(left: Left) -> None:
    store = left.layout.evidence_dir
    scene = (store / next(iter(left.told["manifests"]))).with_name("scene.jpg")
    scene.write_bytes(scene.read_bytes() + b"x")
    assert verify([str(store), "--key", str(left.layout.keys_dir)]) == 1


def test_a_manifest_of_the_future_is_not_believed(
    left: Left, capsys: pytest.CaptureFixture[str]
) -> None:
    store = left.layout.evidence_dir
    file = store / next(iter(left.told["manifests"]))
    plain = json.loads(file.read_text())
    kind, _, number = plain["format"].partition("/")
    plain["format"] = f"{kind}/{int(number) + 90}"
    file.write_text(json.dumps(plain))
    assert verify([str(store), "--key", str(left.layout.keys_dir)]) != 0
    assert f"{kind}/{int(number) + 90}" in str(capsys.readouterr())


# --- what the ladder remembers, what waits for the centre


def test_the_history_is_remembered(left: Left) -> None:
    file = left.layout.history_file
    assert len(read_secret(file.with_suffix(".secret"))) == 32
    store = HistoryStore(file, 365 * DAY, 1000)
    assert sorted(entry.id for entry in store.load()) == left.told["history"]
    store.close()
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 77")
    with pytest.raises(HistoryError, match="version 77, this software writes"):
        HistoryStore(file, 365 * DAY, 1000)


def test_what_waits_for_the_centre_still_waits_and_opens(left: Left, tmp_path: Path) -> None:
    box = Box(left.layout.spool_dir, 1 << 30)
    assert sorted(item.id for item in box.items()) == left.told["spool"]
    identity = crypt.identity((left.root / "identity.age").read_text())
    encrypted = left.layout.spool_dir / f"{left.told['spool'][0]}.age"
    assert crypt.decrypt(encrypted, tmp_path / "parcel", identity)

    parcel.unpack(tmp_path / "parcel", tmp_path / "out")
    assert list((tmp_path / "out").rglob("manifest.json"))


# --- the centre


def test_the_centre_opens_with_all_its_accounts_and_an_unbroken_log(left: Left) -> None:
    house = open_house(load_centre(left.root / "centre" / "center.yaml"), lambda: left.told["now"])
    try:
        people = sorted(person.name for person in house.people.all())
        assert people == left.told["centre"]["people"]
        now = left.told["now"]
        person = house.people.check("sari", left.told["password"], "127.0.0.1", now)
        assert person.name == "sari" and house.audit.broken() is None
        told = [act.what for _, act in house.audit.newest()]
        assert told[-2:] == left.told["centre"]["audit"]
        looked = inspect(house.database.engine)
        for table in metadata.sorted_tables:
            there = {column["name"] for column in looked.get_columns(table.name)}
            assert {column.name for column in table.columns} <= there, table.name
            held = {index["name"] for index in looked.get_indexes(table.name)}
            assert {str(index.name) for index in table.indexes} <= held, table.name
    finally:
        house.close()


def test_a_centre_of_the_future_is_refused_in_one_sentence(left: Left) -> None:
    with sqlite3.connect(left.root / "centre" / "center.sqlite3") as connection:
        connection.execute("UPDATE center_version SET version = 99")
    with pytest.raises(LedgerError, match="of version 99, this software knows up to"):
        open_house(load_centre(left.root / "centre" / "center.yaml"), lambda: 0)


# --- the site itself


def test_the_site_starts_on_its_old_state(left: Left) -> None:
    """Frozen, planned and locked anew; keys, evidence and ledger are left alone."""
    assert load_frozen(left.layout.site_file).site.site == "lama"
    before = {node.full_name for node in Plan.from_json(left.layout.plan_file.read_text()).nodes}
    made = prepare(load(str(left.root / "lama.yaml")), state=left.root / "state")
    assert before <= {node.full_name for node in made.plan.nodes}
    assert sorted(Keyring.open(left.layout.keys_dir).publics()) == left.told["keys"]
    assert load_frozen(left.layout.site_file).site.site == "lama"


def test_a_frozen_site_or_plan_of_the_future_is_refused(left: Left) -> None:
    for file, word in ((left.layout.site_file, "bconnect-site/"), (left.layout.plan_file, "plan/")):
        file.write_text(file.read_text().replace(f"{word}1", f"{word}9"))
    with pytest.raises(ConfigError, match="found bconnect-site/9; needs bconnect-site/1"):
        load_frozen(left.layout.site_file)
    with pytest.raises(ConfigError, match="found bconnect-plan/9; needs bconnect-plan/1"):
        Plan.from_json(left.layout.plan_file.read_text())


def test_old_state_goes_through_backup_and_restore(left: Left, tmp_path: Path) -> None:
    backup.write(left.layout, tmp_path / "lama.tar")
    restored = backup.read(tmp_path / "lama.tar", tmp_path / "elsewhere")
    ledger = Ledger(restored.database, ZONE, "lama")
    assert current(ledger) == left.citations
    ledger.close()
    assert verify([str(restored.evidence_dir), "--key", str(restored.keys_dir)]) == 0
