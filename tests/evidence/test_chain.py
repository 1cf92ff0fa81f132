"""The chain of a site's manifests: missing, reordered, forked, cut off; and crashes at the seam."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bconnect_detect import verify
from bconnect_detect.adapters.evidence_store import StoreError
from bconnect_detect.core import chain
from bconnect_detect.core.chain import Chain, Link
from bconnect_detect.core.evidence import Case
from bconnect_detect.core.types import Finding
from bconnect_detect.sealing import Sealer
from bconnect_site import letter
from bconnect_site.errors import ConfigError
from bconnect_site.keys import Keyring

MakeFinding = Callable[..., Finding]
MakeCase = Callable[..., Case]
MakeSealer = Callable[..., Sealer]
Capsys = pytest.CaptureFixture[str]


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "evidence"


@pytest.fixture
def seal(make_finding: MakeFinding, make_case: MakeCase) -> Callable[[Sealer, int], Path]:
    """Seals violation n and returns its folder."""

    def run(sealer: Sealer, number: int) -> Path:
        violation = sealer.seal(make_case(sealer, make_finding(id=f"violation-{number}")))
        return sealer.store.root / Path(violation.manifest).parent

    return run


@pytest.fixture
def five(sealer: Sealer, seal: Callable[[Sealer, int], Path]) -> list[Path]:
    return [seal(sealer, number) for number in range(1, 6)]


def sequence(folder: Path) -> int:
    return int(json.loads((folder / "manifest.json").read_bytes())["sequence"])


def test_five_in_a_row(sealer: Sealer, five: list[Path], capsys: Capsys) -> None:
    assert [sequence(folder) for folder in five] == [1, 2, 3, 4, 5]
    assert verify.main([str(sealer.store.root)]) == verify.WHOLE
    assert "chain whole, 5 manifests, 0 accesses to originals" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ([1], "number 2 is missing"),
        ([0], "number 1 is missing"),
        ([1, 2, 3], "numbers 2 to 4 are missing"),
        ([4], "number 5 is missing"),
        ([3, 4], "numbers 4 to 5 are missing"),
    ],
)
def test_a_folder_taken_away_is_named(
    sealer: Sealer, five: list[Path], gone: list[int], expected: str, capsys: Capsys
) -> None:
    for number in gone:
        shutil.rmtree(five[number])
    assert verify.main([str(sealer.store.root)]) == verify.TOUCHED
    assert f"beruang_madu: {expected}\n" in capsys.readouterr().out


def test_all_taken_away_is_found_by_the_record(
    sealer: Sealer, five: list[Path], capsys: Capsys
) -> None:
    for folder in five[1:]:
        shutil.rmtree(folder)
    assert verify.main([str(sealer.store.root)]) == verify.TOUCHED
    assert "numbers 2 to 5 are missing" in capsys.readouterr().out


def test_two_folders_exchanged_are_named(sealer: Sealer, five: list[Path], capsys: Capsys) -> None:
    aside = five[0].with_name("aside")
    five[1].rename(aside)
    five[2].rename(five[1])
    aside.rename(five[2])
    assert verify.main([str(sealer.store.root)]) == verify.TOUCHED
    out = capsys.readouterr().out
    assert out.count("manifest.json is of violation violation-") == 2


def test_a_doubled_folder_is_named(sealer: Sealer, five: list[Path], capsys: Capsys) -> None:
    day = five[1].parent.with_name("2026-11-25")
    shutil.copytree(five[1], day / five[1].name)
    assert verify.main([str(sealer.store.root)]) == verify.TOUCHED
    assert "number 2 is there 2 times: " in capsys.readouterr().out


def test_a_folder_of_another_run_with_the_same_key_does_not_fit(
    sealer: Sealer,
    five: list[Path],
    make_sealer: MakeSealer,
    seal: Callable[[Sealer, int], Path],
    tmp_path: Path,
    capsys: Capsys,
) -> None:
    """Even who has the key cannot slip another manifest into the middle."""
    other = make_sealer(tmp_path / "other" / "evidence", ring=sealer.store.ring)
    replaced = [seal(other, number) for number in (9, 2)][1]
    shutil.rmtree(five[1])
    shutil.copytree(replaced, five[1])
    assert verify.main([str(sealer.store.root)]) == verify.TOUCHED
    assert "does not follow number" in capsys.readouterr().out


@pytest.mark.parametrize("change", ["missing", "touched", "stranger", "older"])
def test_the_record_of_the_end_is_checked_too(
    sealer: Sealer,
    five: list[Path],
    seal: Callable[[Sealer, int], Path],
    tmp_path: Path,
    change: str,
    capsys: Capsys,
) -> None:
    record = sealer.store.root / "beruang_madu" / "chain.json"
    older = record.read_bytes()
    seal(sealer, 6)
    if change == "missing":
        record.unlink()
    elif change == "touched":
        record.write_bytes(record.read_bytes().replace(b'\\"sequence\\": 6', b'\\"sequence\\": 5'))
    elif change == "older":
        record.write_bytes(older)
    else:
        body = letter.read(record.read_bytes(), "chain.json")
        record.write_bytes(letter.write(body, Keyring.open(tmp_path / "thief")))
    assert verify.main([str(sealer.store.root)]) == verify.TOUCHED
    expected = {
        "missing": "chain.json is missing: whether the newest are all here cannot be told",
        "touched": "chain.json was touched: its signature does not fit",
        "stranger": "chain.json was signed with key",
        "older": "number 6 (beruang_madu/2026-11-24/violation-6) is not known to the chain's rec",
    }
    assert expected[change] in capsys.readouterr().out


@pytest.mark.parametrize("change", ["missing", "touched", "older"])
def test_a_lost_record_is_rebuilt_and_the_chain_goes_on(
    sealer: Sealer,
    five: list[Path],
    seal: Callable[[Sealer, int], Path],
    make_sealer: MakeSealer,
    root: Path,
    change: str,
) -> None:
    record = root / "beruang_madu" / "chain.json"
    older = record.read_bytes()
    seal(sealer, 6)
    if change == "missing":
        record.unlink()
    else:
        record.write_bytes(older if change == "older" else b"{")
    next_run = make_sealer(root)
    assert sequence(seal(next_run, 7)) == 7
    (note,) = next_run.store.notes()
    assert "chain.json" in note and next_run.store.notes() == []
    assert verify.main([str(root)]) == verify.WHOLE


def test_the_chain_goes_on_over_restarts_and_rotations(
    root: Path, make_sealer: MakeSealer, seal: Callable[[Sealer, int], Path]
) -> None:
    for number in range(1, 5):
        sealer = make_sealer(root)
        assert sequence(seal(sealer, number)) == number
        assert sealer.store.notes() == []
        assert sealer.store.ring
        sealer.store.ring.rotate()
    assert verify.main([str(root)]) == verify.WHOLE
    keys = {json.loads(p.read_bytes())["key_id"] for p in root.rglob("manifest.json")}
    assert len(keys) == 4


def test_two_writers_share_one_chain(
    root: Path, make_sealer: MakeSealer, seal: Callable[[Sealer, int], Path]
) -> None:
    one, two = make_sealer(root), make_sealer(root)
    for number in range(1, 7):
        seal(one if number % 2 else two, number)
    assert verify.main([str(root)]) == verify.WHOLE


STEPS = ("flush", "case", "ahead", "rename", "parent", "chain")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("first", [True, False])
def test_killed_at_the_seam_the_chain_neither_breaks_nor_forks(
    root: Path,
    make_sealer: MakeSealer,
    make_finding: MakeFinding,
    make_case: MakeCase,
    seal: Callable[[Sealer, int], Path],
    step: str,
    first: bool,
) -> None:
    """Killed while 2 was sealed. The next run seals 3 before or after it takes 2 up again."""
    seal(make_sealer(root), 1)

    def kill(name: str) -> None:
        if name == step:
            raise Killed

    dying = make_sealer(root, step=kill)
    finding = make_finding(id="violation-2")
    with pytest.raises(Killed):
        dying.seal(make_case(dying, finding))
    sealer = make_sealer(root)
    if first:
        seal(sealer, 3)
    found, _ = sealer.left_over("beruang_madu")
    for again in found:
        sealer.seal(make_case(sealer, again))
    if not first:
        seal(sealer, 3)
    assert sealer.existing(finding) is not None, "nothing is lost"
    assert list(root.rglob("*.partial")) == []
    assert verify.main([str(root)]) == verify.WHOLE
    assert sorted(sequence(p.parent) for p in root.rglob("manifest.json")) == [1, 2, 3]


@pytest.mark.parametrize("step", [*STEPS, "put manifest.sig", "put facts.json"])
def test_a_disk_that_fails_at_any_step_loses_nothing(
    root: Path,
    make_sealer: MakeSealer,
    make_finding: MakeFinding,
    make_case: MakeCase,
    seal: Callable[[Sealer, int], Path],
    step: str,
) -> None:
    """The same process goes on: another is sealed meanwhile, then the first is tried again."""
    full = [True]

    def fail(name: str) -> None:
        if name == step and full[0]:
            raise OSError(28, "No space left on device")

    sealer = make_sealer(root, step=fail)
    case = make_case(sealer, make_finding())
    with pytest.raises(StoreError, match="no space left on device; free some space"):
        sealer.seal(case)
    full[0] = False
    seal(sealer, 1)
    sealer.seal(case)
    assert verify.main([str(root)]) == verify.WHOLE
    assert len(list(root.rglob("manifest.json"))) == 2


def test_ten_deliveries_are_one_link(
    sealer: Sealer, make_finding: MakeFinding, make_case: MakeCase
) -> None:
    case = make_case(sealer, make_finding())
    seals = {sealer.seal(case).manifest_sha256 for _ in range(10)}
    assert len(seals) == 1
    assert verify.main([str(sealer.store.root)]) == verify.WHOLE
    assert len(list(sealer.store.root.rglob("manifest.json"))) == 1


def test_keys_that_are_opened_to_others_stop_the_seal_and_lose_nothing(
    sealer: Sealer, make_finding: MakeFinding, make_case: MakeCase
) -> None:
    case = make_case(sealer, make_finding())
    assert sealer.store.ring
    private = sealer.store.ring.folder / "signing.key"
    private.chmod(0o644)
    with pytest.raises(ConfigError, match=r"signing\.key: mode 0644 opens it to other users"):
        sealer.seal(case)
    assert list(sealer.store.root.rglob("manifest.json")) == []
    private.chmod(0o600)
    assert sealer.seal(case).key_id == sealer.store.ring.key_id


# --- the core


def test_nothing_is_a_whole_chain() -> None:
    assert chain.faults([], None) == [] and chain.faults([], Chain()) == []
    assert chain.end_of([]) == Chain() and Chain().number == 1


@given(st.integers(1, 12), st.data())
def test_any_change_to_a_chain_is_found(length: int, data: st.DataObject) -> None:
    links = [Link(1, "d1", "f1")]
    for number in range(2, length + 1):
        links.append(Link(number, f"d{number}", f"f{number}", f"d{number - 1}"))
    end = Chain(links[-1])
    assert chain.faults(links, end) == []
    assert chain.faults(list(reversed(links)), end) == [], "the order of reading does not matter"
    at = data.draw(st.integers(0, length - 1))
    change = data.draw(st.sampled_from(["gone", "renumbered", "relinked", "redone", "added"]))
    if change == "gone":
        changed = links[:at] + links[at + 1 :]
    elif change == "added":
        changed = [*links, Link(length + 1, "new", "new", links[-1].sha256)]
    else:
        link = links[at]
        new = {
            "renumbered": Link(link.sequence + length, link.sha256, "x", link.previous),
            "relinked": Link(link.sequence, link.sha256, "x", "other"),
            "redone": Link(link.sequence, "other", "x", link.previous),
        }[change]
        changed = [*links[:at], new, *links[at + 1 :]]
    assert chain.faults(changed, end) != []


def test_the_seal_that_was_written_ahead_is_no_stranger() -> None:
    one, two = Link(1, "d1", "f1"), Link(2, "d2", "f2", "d1")
    assert chain.faults([one, two], Chain(one, two)) == []
    assert chain.faults([one], Chain(one, two)) == []
    assert chain.faults([one, Link(2, "dx", "f2", "d1")], Chain(one, two)) != []


@pytest.mark.parametrize("plain", [{}, {"format": "x"}, {"format": chain.FORMAT, "site": "a"}])
def test_a_record_that_is_none_is_refused(plain: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"not an end of a chain|not bconnect-chain/1"):
        chain.from_plain(plain, "a")


def test_a_record_survives_the_trip() -> None:
    end = Chain(Link(3, "d3", "a/b"), Link(4, "d4", "a/c"))
    assert chain.from_plain(chain.to_plain(end, "a"), "a") == end
