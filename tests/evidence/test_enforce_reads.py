"""What detection seals, enforcement reads; and what it erases still verifies."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bconnect_detect import convert as detect_convert
from bconnect_detect import verify
from bconnect_detect.core.evidence import Case
from bconnect_detect.core.types import Finding
from bconnect_detect.sealing import Sealer
from bconnect_enforce import convert
from bconnect_enforce.adapters import evidence_store
from bconnect_enforce.adapters.evidence_store import BadManifest, erase, read
from bconnect_site.keys import Keyring
from bconnect_site.kinds import PlateState

MakeFinding = Callable[..., Finding]
MakeCase = Callable[..., Case]
NOW = 1_800_000_000_000_000_000


@pytest.fixture
def root(sealer: Sealer) -> Path:
    return sealer.store.root


@pytest.fixture
def ring(sealer: Sealer) -> Keyring:
    assert sealer.store.ring
    return sealer.store.ring


@pytest.fixture
def three(sealer: Sealer, make_finding: MakeFinding, make_case: MakeCase) -> list[str]:
    """Manifests of three violations in a row."""
    cases = [make_case(sealer, make_finding(id=f"violation-{n}")) for n in (1, 2, 3)]
    return [sealer.seal(case).manifest for case in cases]


def names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_the_folder_says_what_the_message_says(
    sealer: Sealer, root: Path, make_finding: MakeFinding, make_case: MakeCase
) -> None:
    finding = make_finding(measured_low=0.25, measured_high=0.75, latitude=-1.25, longitude=116.5)
    violation = sealer.seal(make_case(sealer, finding))
    (name,) = evidence_store.sealed(root)
    assert name == violation.manifest
    from_disk = read(root, name)
    from_message = convert.violation_from(detect_convert.violation_to_msg(violation))
    assert repr(from_disk) == repr(from_message)
    assert from_disk.has_scene and from_disk.key_id == violation.key_id
    assert from_disk.plate_state is PlateState.NOT_VISIBLE


def test_format_1_is_still_read(
    old_folder: Callable[..., Path], make_finding: MakeFinding, tmp_path: Path
) -> None:
    store = tmp_path / "evidence"
    folder = old_folder(store, make_finding())
    (name,) = evidence_store.sealed(store)
    found = read(store, name)
    assert (found.id, found.missing, found.has_scene) == (make_finding().id, ("no clip",), True)
    assert verify.main([str(folder)]) == verify.UNSIGNED
    (folder / "scene.jpg").write_bytes(b"x")
    assert verify.main([str(folder)]) == verify.TOUCHED
    text = (folder / "manifest.json").read_text().replace('"car"', '"bus"')
    (folder / "manifest.json").write_text(text)
    with pytest.raises(BadManifest, match="does not match its own digest"):
        read(store, name)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda f: _edit(f / "manifest.json", '"sequence": 1', '"sequence": 2'),
            "was touched: its",
        ),
        (lambda f: _edit(f / "violation.json", '"car"', '"bus"'), "violation.json was touched"),
        (lambda f: (f / "manifest.sig").write_bytes(bytes(64)), "its signature does not fit key"),
        (lambda f: (f / "manifest.sig").unlink(), "cannot be read"),
        (lambda f: (f / "violation.json").unlink(), "cannot be read"),
    ],
)
def test_what_was_touched_is_not_taken_into_the_ledger(
    sealer: Sealer,
    root: Path,
    make_finding: MakeFinding,
    make_case: MakeCase,
    change: Callable[[Path], object],
    expected: str,
) -> None:
    manifest = sealer.seal(make_case(sealer, make_finding())).manifest
    change((root / manifest).parent)
    with pytest.raises(BadManifest, match=expected):
        read(root, manifest)


def test_a_seal_by_a_stranger_is_not_believed(
    sealer: Sealer, root: Path, three: list[str], tmp_path: Path
) -> None:
    other = Keyring.open(tmp_path / "other")
    with pytest.raises(BadManifest, match=r"was signed with key .* known are"):
        read(root, three[0], other.publics())
    (tmp_path / "keys").rename(tmp_path / "gone")
    with pytest.raises(BadManifest, match=r"its signature cannot be checked: .*no such file"):
        read(root, three[0])


# --- erasing


def test_erased_evidence_is_gone_and_the_chain_still_verifies(
    root: Path, ring: Keyring, three: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = (root / three[1]).parent
    before = (folder / "manifest.json").read_bytes()
    assert erase(root, three[1], "rejected", NOW, ring, "evidence.retention_days") == 13
    assert names(folder) == {"manifest.json", "manifest.sig", "erased.json"}
    assert (folder / "manifest.json").read_bytes() == before
    assert list(evidence_store.sealed(root)) == [three[0], three[2]]
    assert verify.main([str(root)]) == verify.WHOLE
    out = capsys.readouterr().out
    assert f"{folder}: erased 2027-01-15T08:00:00.000000Z, rejected (evidence.ret" in out
    assert "chain whole, 3 manifests" in out


def test_nobody_is_named_in_what_stays(
    sealer: Sealer, root: Path, ring: Keyring, make_finding: MakeFinding, make_case: MakeCase
) -> None:
    finding = make_finding(explanation="KT 1234 AB at -1.25, 116.5", latitude=-1.25)
    manifest = sealer.seal(make_case(sealer, finding)).manifest
    text = (root / manifest).read_text()
    for word in ("KT 1234 AB", "1.25", "trail", "car", "camera", "simpang_utara", "explanation"):
        assert word not in text
    erase(root, manifest, "rejected", NOW, ring)
    stays = "".join(p.read_text(errors="replace") for p in (root / manifest).parent.iterdir())
    assert "KT 1234 AB" not in stays and "simpang_utara" not in stays


def test_what_was_set_aside_goes_too(root: Path, ring: Keyring, three: list[str]) -> None:
    aside = root / "beruang_madu" / "set_aside"
    (aside / "2026-11-24-violation-1").mkdir(parents=True)
    (aside / "2026-11-24-violation-1" / "scene.jpg").write_bytes(b"x")
    (aside / "violation-1-scene.jpg").write_bytes(b"x")
    (aside / "violation-2-scene.jpg").write_bytes(b"x")
    erase(root, three[0], "rejected", NOW, ring)
    assert [p.name for p in aside.iterdir()] == ["violation-2-scene.jpg"]


def test_erasing_may_be_repeated_and_the_first_record_stays(
    root: Path, ring: Keyring, three: list[str]
) -> None:
    erase(root, three[0], "rejected", NOW, ring)
    record = (root / three[0]).with_name("erased.json").read_bytes()
    assert erase(root, three[0], "another why", NOW + 1, ring) == 0
    assert (root / three[0]).with_name("erased.json").read_bytes() == record


def test_erasing_interrupted_anywhere_is_finished_by_the_next_call(
    sealer: Sealer,
    root: Path,
    ring: Keyring,
    make_finding: MakeFinding,
    make_case: MakeCase,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Killed(BaseException):
        pass

    calls = [0, 0]

    def counting(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kw: object) -> object:
            calls[0] += 1
            if calls[0] == calls[1]:
                raise Killed
            return real(*args, **kw)

        return call

    ends = 0
    for at in range(1, 40):
        manifest = sealer.seal(make_case(sealer, make_finding(id=f"violation-{at}"))).manifest
        folder = (root / manifest).parent
        before = names(folder)
        calls[:] = 0, at
        with monkeypatch.context() as patch:
            for name in ("fsync", "replace"):
                patch.setattr(os, name, counting(getattr(os, name)))
            for name in ("unlink", "rmdir"):
                patch.setattr(Path, name, counting(getattr(Path, name)))
            try:
                erase(root, manifest, "rejected", NOW, ring)
            except Killed:
                ends += 1
        if (folder / "erased.json").exists():
            told = json.loads((folder / "erased.json").read_bytes())
            assert "rejected" in told["signed"], "the record is whole as soon as it is there"
        else:
            assert before <= names(folder), "nothing goes before the record is there"
        erase(root, manifest, "rejected", NOW, ring)
        assert names(folder) == {"manifest.json", "manifest.sig", "erased.json"}
        assert verify.main([str(folder)]) == verify.WHOLE
        if calls[0] < at:
            break
    assert ends > 15
    assert verify.main([str(root)]) == verify.WHOLE


def test_an_erasure_that_was_not_finished_is_named(
    root: Path, ring: Keyring, three: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    scene = (root / three[0]).with_name("scene.jpg")
    data = scene.read_bytes()
    erase(root, three[0], "rejected", NOW, ring)
    scene.write_bytes(data)
    assert verify.main([str(scene.parent)]) == verify.TOUCHED
    assert "was to be erased, but scene.jpg is still there" in capsys.readouterr().out


def test_an_erasure_nobody_signed_is_found(
    root: Path, three: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    erase(root, three[0], "hidden", NOW, Keyring.open(tmp_path / "thief"))
    assert verify.main([str(root)]) == verify.TOUCHED
    assert "erased.json was signed with key" in capsys.readouterr().out


def test_an_erasure_moved_to_another_folder_is_found(
    root: Path, ring: Keyring, three: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    erase(root, three[0], "rejected", NOW, ring)
    first, second = ((root / manifest).parent for manifest in three[:2])
    for path in second.iterdir():
        if path.name not in ("manifest.json", "manifest.sig") and path.is_file():
            path.unlink()
    (second / "erased.json").write_bytes((first / "erased.json").read_bytes())
    assert verify.main([str(second)]) == verify.TOUCHED
    assert "erased.json is of another manifest" in capsys.readouterr().out


def test_format_1_goes_with_its_manifest_since_that_names_people(
    old_folder: Callable[..., Path], make_finding: MakeFinding, tmp_path: Path, ring: Keyring
) -> None:
    store = tmp_path / "evidence"
    folder = old_folder(store, make_finding())
    for _ in range(2):
        erase(store, f"{folder.relative_to(store)}/manifest.json", "rejected", NOW, ring)
        assert names(folder) == {"erased.json"}
    assert list(evidence_store.sealed(store)) == []
    assert verify.main([str(folder)]) == verify.WHOLE


@pytest.mark.parametrize("manifest", ["../x/manifest.json", "a/b/scene.jpg", "/etc/manifest.json"])
def test_nothing_outside_the_store_is_erased(root: Path, ring: Keyring, manifest: str) -> None:
    root.mkdir(exist_ok=True)
    with pytest.raises(BadManifest, match="allowed is a manifest inside"):
        erase(root, manifest, "x", NOW, ring)


def test_nothing_to_erase_is_said(root: Path, ring: Keyring) -> None:
    root.mkdir(exist_ok=True)
    with pytest.raises(BadManifest, match="cannot be erased now \\(no such file"):
        erase(root, "beruang_madu/2026-11-24/x/manifest.json", "x", NOW, ring)


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
