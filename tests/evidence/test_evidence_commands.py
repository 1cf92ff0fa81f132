"""What people do with sealed evidence: zips, opening originals, keys."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bconnect_bringup import cli
from bconnect_detect import verify
from bconnect_detect.adapters import access_log
from bconnect_detect.core.evidence import Case
from bconnect_detect.core.types import Finding
from bconnect_detect.sealing import Sealer
from bconnect_enforce.adapters.evidence_store import erase
from bconnect_site.keys import Keyring
from bconnect_site.state import StateLayout

Capsys = pytest.CaptureFixture[str]
MakeFinding = Callable[..., Finding]


@pytest.fixture
def layout(tmp_path: Path) -> StateLayout:
    return StateLayout.of(tmp_path / "state", "beruang_madu")


@pytest.fixture
def sealer(layout: StateLayout, make_sealer: Callable[..., Sealer]) -> Sealer:
    return make_sealer(layout.evidence_dir)


@pytest.fixture
def folder(sealer: Sealer, make_finding: MakeFinding, make_case: Callable[..., Case]) -> Path:
    violation = sealer.seal(make_case(sealer, make_finding()))
    return sealer.store.root / Path(violation.manifest).parent


@pytest.fixture
def state(layout: StateLayout) -> list[str]:
    return ["--state", str(layout.root.parent)]


def names(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        return {name.partition("/")[2] for name in archive.namelist()}


def test_a_zip_for_outside_holds_no_originals_and_verifies(
    folder: Path, layout: StateLayout, state: list[str], tmp_path: Path, capsys: Capsys
) -> None:
    out = tmp_path / "out" / "case.zip"
    assert cli.main(["evidence", "zip", folder.name, "--out", str(out), *state]) == 0
    found = names(out)
    assert {n for n in found if not n.startswith("release/")} == {
        "manifest.json",
        "manifest.sig",
        "violation.json",
        "facts.json",
    }
    assert "release/scene.jpg" in found and len(found) == 9
    assert verify.main([str(out), "--key", str(layout.keys_dir)]) == verify.WHOLE
    assert "outgoing copy: the originals are kept apart" in capsys.readouterr().out
    assert verify.main([str(out)]) == verify.UNSIGNED, "a zip carries no key of its own"
    assert access_log.read(layout.evidence_dir).lines == (), "nobody saw an original"
    first = out.read_bytes()
    assert cli.main(["evidence", "zip", str(folder), "--out", str(out)]) == 0
    assert out.read_bytes() == first, "the same folder gives the same bytes"


def test_an_unpacked_outgoing_copy_verifies_but_a_robbed_store_does_not(
    folder: Path, layout: StateLayout, tmp_path: Path, capsys: Capsys
) -> None:
    out = tmp_path / "case.zip"
    cli.main(["evidence", "zip", str(folder), "--out", str(out)])
    with zipfile.ZipFile(out) as archive:
        archive.extractall(tmp_path / "unpacked")
    key = ["--key", str(layout.keys_dir)]
    unpacked = tmp_path / "unpacked" / folder.name
    assert verify.main([str(unpacked), *key]) == verify.WHOLE
    (unpacked / "release" / "scene.jpg").unlink()
    assert verify.main([str(unpacked), *key]) == verify.TOUCHED
    assert "release/scene.jpg is missing" in capsys.readouterr().out
    for path in folder.glob("*.jpg"):
        path.unlink()
    (folder / "clip.mp4").unlink()
    assert verify.main([str(folder)]) == verify.TOUCHED
    assert "scene.jpg is missing" in capsys.readouterr().out


def test_originals_leave_only_with_a_name_and_a_reason(
    folder: Path, layout: StateLayout, state: list[str], tmp_path: Path, capsys: Capsys
) -> None:
    out = tmp_path / "all.zip"
    ask = ["evidence", "zip", folder.name, "--out", str(out), "--originals", *state]
    assert cli.main(ask) == 2
    assert "--who: is needed to open originals" in capsys.readouterr().err
    assert not out.exists()
    assert cli.main([*ask, "--who", "Officer A", "--why", "court order 7"]) == 0
    assert "scene.jpg" in names(out) and "clip.mp4" in names(out)
    assert verify.main([str(out), "--key", str(layout.keys_dir)]) == verify.WHOLE
    (line,) = access_log.read(layout.evidence_dir).lines
    told = json.loads(line)
    assert (told["who"], told["why"], told["what"], told["ids"]) == (
        "Officer A",
        "court order 7",
        "copied",
        [folder.name],
    )


def test_opening_is_noted_and_the_notes_are_chained(
    folder: Path, layout: StateLayout, state: list[str], capsys: Capsys
) -> None:
    ask = ["evidence", "open", folder.name, "--who", "Officer A", *state]
    for why in ("validation", "appeal"):
        assert cli.main([*ask, "--why", why]) == 0
    out = capsys.readouterr().out
    assert str(folder) in out and "  scene.jpg" in out and "release" not in out
    assert len(access_log.read(layout.evidence_dir).lines) == 2
    assert verify.main([str(layout.evidence_dir)]) == verify.WHOLE
    assert "2 accesses to originals" in capsys.readouterr().out
    log = layout.evidence_dir / "access.jsonl"
    log.write_text(log.read_text().replace("validation", "curiosity"))
    assert verify.main([str(layout.evidence_dir)]) == verify.TOUCHED
    assert "access.jsonl was touched: line 2 does not follow" in capsys.readouterr().out


def test_a_shortened_log_is_found_by_the_next_seal(
    folder: Path,
    layout: StateLayout,
    state: list[str],
    sealer: Sealer,
    make_finding: MakeFinding,
    make_case: Callable[..., Case],
    capsys: Capsys,
) -> None:
    ask = ["evidence", "open", folder.name, "--who", "A", "--why", "x", *state]
    assert cli.main(ask) == 0 and cli.main(ask) == 0
    lines = access_log.read(layout.evidence_dir)

    class Extras:
        circumstances = staticmethod(lambda finding: Circumstances())
        facts = staticmethod(
            lambda facts: replace(facts, access_lines=len(lines.lines), access_sha256=lines.head)
        )

    from dataclasses import replace

    from bconnect_detect.core.facts import Circumstances

    sealer._extras = Extras()
    sealer.seal(make_case(sealer, make_finding(id="another")))
    assert verify.main([str(layout.evidence_dir)]) == verify.WHOLE
    log = layout.evidence_dir / "access.jsonl"
    log.write_bytes(lines.lines[0] + b"\n")
    assert verify.main([str(layout.evidence_dir)]) == verify.TOUCHED
    assert "2 lines were there at the last seal, 1 are" in capsys.readouterr().out
    log.unlink()
    assert verify.main([str(layout.evidence_dir)]) == verify.TOUCHED


def test_half_a_line_of_a_killed_writer_is_cut_off(
    folder: Path, layout: StateLayout, state: list[str]
) -> None:
    ask = ["evidence", "open", folder.name, "--who", "A", "--why", "x", *state]
    assert cli.main(ask) == 0
    log = layout.evidence_dir / "access.jsonl"
    with log.open("ab") as file:
        file.write(b'{"who": "half')
    assert verify.main([str(layout.evidence_dir)]) == verify.WHOLE
    assert cli.main(ask) == 0
    assert len(access_log.read(layout.evidence_dir).lines) == 2
    assert verify.main([str(layout.evidence_dir)]) == verify.WHOLE


@pytest.mark.parametrize(
    ("violation", "expected"),
    [
        ("nobody", "nobody: no sealed evidence of that id"),
        ("../../etc", "no sealed evidence of that id"),
        ("*", "no sealed evidence of that id"),
    ],
)
def test_what_is_not_there_is_said(
    state: list[str], violation: str, expected: str, capsys: Capsys, tmp_path: Path
) -> None:
    out = str(tmp_path / "x.zip")
    assert cli.main(["evidence", "zip", violation, "--out", out, *state]) == 2
    err = capsys.readouterr().err
    assert expected in err and err.count("\n") == 1


def test_touched_or_erased_evidence_is_not_handed_out(
    folder: Path, layout: StateLayout, state: list[str], sealer: Sealer, capsys: Capsys
) -> None:
    ask = ["evidence", "open", folder.name, "--who", "A", "--why", "x", *state]
    scene = (folder / "scene.jpg").read_bytes()
    (folder / "scene.jpg").write_bytes(scene[:-1] + b"\0")
    assert cli.main(ask) == 2
    assert "scene.jpg was touched" in capsys.readouterr().err
    assert access_log.read(layout.evidence_dir).lines == ()
    manifest = str((folder / "manifest.json").relative_to(layout.evidence_dir))
    erase(layout.evidence_dir, manifest, "rejected", 1, Keyring.open(layout.keys_dir))
    assert cli.main(ask) == 2
    assert "its evidence was erased" in capsys.readouterr().err


def test_keys_are_listed_and_rotated(
    folder: Path,
    layout: StateLayout,
    state: list[str],
    sealer: Sealer,
    make_finding: MakeFinding,
    make_case: Callable[..., Case],
    capsys: Capsys,
) -> None:
    old = Keyring.open(layout.keys_dir).key_id
    secret = (layout.keys_dir / "signing.key").read_text().splitlines()[1]
    assert cli.main(["keys", "rotate", "beruang_madu", *state]) == 0
    assert cli.main(["keys", "list", "beruang_madu", *state]) == 0
    told = capsys.readouterr()
    new = Keyring.open(layout.keys_dir).key_id
    assert new != old and f"{new} signs from now on" in told.out
    assert told.out.index(f"{new}  signs") < told.out.index(f"{old}  verifies")
    assert secret not in told.out + told.err and "PRIVATE" not in told.out
    # the running sealer takes the rotation up; old and new seals verify, with both keys only
    violation = sealer.seal(make_case(sealer, make_finding(id="another")))
    assert violation.key_id == new
    assert verify.main([str(layout.evidence_dir)]) == verify.WHOLE
    public = str(layout.keys_dir / f"{old}.pub")
    assert verify.main([str(folder), "--key", public]) == verify.WHOLE
    assert verify.main([str(layout.evidence_dir), "--key", public]) == verify.TOUCHED
    assert f"manifest.json was signed with key '{new}', known are {old}" in capsys.readouterr().out


def test_no_key_yet_is_said_and_none_is_made(
    state: list[str], capsys: Capsys, tmp_path: Path
) -> None:
    (tmp_path / "state" / "beruang_madu").mkdir(parents=True)
    assert cli.main(["keys", "rotate", "beruang_madu", *state]) == 2
    assert "no key yet; the first start of the site makes one" in capsys.readouterr().err
    assert not (tmp_path / "state" / "beruang_madu" / "keys").exists()
