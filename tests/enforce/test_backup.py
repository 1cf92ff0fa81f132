"""A site's memory in one file and back: ledger, evidence, keys; whole or refused."""

from __future__ import annotations

import stat
import tarfile
import threading
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bconnect_bringup.backup import read, write
from bconnect_enforce.adapters.ledger import Ledger
from bconnect_enforce.core.citation import Decision
from bconnect_site.errors import ConfigError
from bconnect_site.keys import Keyring
from bconnect_site.kinds import CitationStatus
from bconnect_site.state import StateLayout

ZONE = ZoneInfo("Asia/Makassar")
NOW = 1_795_000_000_000_000_000


@pytest.fixture
def layout(tmp_path: Path, violation, measure) -> StateLayout:
    made = StateLayout.of(tmp_path / "state", "demo")
    made.evidence_dir.mkdir(parents=True)
    (made.evidence_dir / "demo").mkdir()
    (made.evidence_dir / "demo" / "scene.jpg").write_bytes(b"\xff\xd8 a picture")
    made.site_file.write_text("site: demo\n")
    Keyring.open(made.keys_dir)
    ledger = Ledger(made.database, ZONE)
    ledger.store_violation(violation(), NOW)
    (line,) = ledger.store_measure(measure(), NOW)
    ledger.review(Decision(line.number, CitationStatus.CONFIRMED, "Sari"), NOW + 1)
    ledger.close()
    return made


def test_back_as_it_was(layout: StateLayout, tmp_path: Path) -> None:
    file = tmp_path / "demo.tar"
    assert write(layout, file) >= 4
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    back = read(file, tmp_path / "elsewhere")
    assert (back.evidence_dir / "demo/scene.jpg").read_bytes() == b"\xff\xd8 a picture"
    assert Keyring.open(back.keys_dir).key_id == Keyring.open(layout.keys_dir).key_id
    ledger = Ledger(back.database, ZONE)
    try:
        assert [c.status for c in ledger.current()] == [CitationStatus.CONFIRMED]
        assert ledger.broken_line() is None
    finally:
        ledger.close()


def test_while_it_is_written(layout: StateLayout, tmp_path: Path, violation) -> None:
    """The copy of the ledger is whole, whatever is being written."""
    stop = threading.Event()

    def go_on() -> None:
        ledger = Ledger(layout.database, ZONE)
        n = 2
        while not stop.is_set() and n < 2000:
            ledger.store_violation(violation(n), NOW + n)
            n += 1
        ledger.close()

    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        for n in range(3):
            write(layout, tmp_path / f"{n}.tar")
    finally:
        stop.set()
        writer.join()
    for n in range(3):
        back = read(tmp_path / f"{n}.tar", tmp_path / f"back{n}")
        ledger = Ledger(back.database, ZONE)
        assert ledger.broken_line() is None and len(ledger.current()) == 1
        ledger.close()


def test_nothing_is_overwritten(layout: StateLayout, tmp_path: Path) -> None:
    file = tmp_path / "demo.tar"
    write(layout, file)
    with pytest.raises(ConfigError, match="is there already"):
        write(layout, file)
    with pytest.raises(ConfigError, match="a site is there"):
        read(file, layout.root.parent)


def test_a_cut_or_changed_backup_is_refused(layout: StateLayout, tmp_path: Path) -> None:
    file = tmp_path / "demo.tar"
    write(layout, file)
    data = file.read_bytes()
    cut = tmp_path / "cut.tar"
    cut.write_bytes(data[: len(data) // 2])
    changed = tmp_path / "changed.tar"
    changed.write_bytes(data.replace(b"a picture", b"A PICTURE"))
    for bad in (cut, changed):
        with pytest.raises(ConfigError, match=r"whole backup|not as it was|missing"):
            read(bad, tmp_path / "elsewhere")
        assert not (tmp_path / "elsewhere" / "demo").exists()


def test_a_backup_writes_nowhere_else(layout: StateLayout, tmp_path: Path) -> None:
    evil = tmp_path / "evil.tar"
    stone = tmp_path / "stone"
    stone.write_text("x")
    with tarfile.open(evil, "w") as tar:
        tar.add(stone, "../../outside")
    with pytest.raises(ConfigError, match="whole backup"):
        read(evil, tmp_path / "elsewhere")
    assert not (tmp_path / "outside").exists()
