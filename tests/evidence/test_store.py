"""The store: whole or not at all, through kills, full disks, rights and leftovers."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bconnect_detect import verify
from bconnect_detect.adapters.evidence_store import EvidenceStore, StoreError
from bconnect_detect.core import manifest
from bconnect_detect.core.evidence import Case, CaseSettings, new_case
from bconnect_detect.core.types import SECOND, Finding
from bconnect_detect.core.violation import Capture
from bconnect_detect.sealing import Sealer
from bconnect_site.kinds import EvidenceKind

MakeFinding = Callable[..., Finding]
MakeCase = Callable[..., Case]
MakeSealer = Callable[..., Sealer]
# What a sealed folder holds when nothing is missing and no plate was seen.
WHOLE = (
    "context_before.jpg",
    "scene.jpg",
    "context_after.jpg",
    "clip.mp4",
    "annotated.jpg",
    "vehicle.jpg",
    "release/context_before.jpg",
    "release/scene.jpg",
    "release/annotated.jpg",
    "release/vehicle.jpg",
    "release/context_after.jpg",
    "facts.json",
)


def sealed_in(root: Path) -> list[Path]:
    return verify.sealed_folders(root) if root.exists() else []


def test_a_case_is_sealed_with_everything(
    sealer: Sealer, make_finding: MakeFinding, make_case: MakeCase
) -> None:
    finding = make_finding()
    violation = sealer.seal(make_case(sealer, finding))
    assert violation.manifest == f"beruang_madu/2026-11-24/{finding.id}/manifest.json"
    folder = violation.manifest.removesuffix("manifest.json")
    assert {file.path.removeprefix(folder) for file in violation.files} == set(WHOLE)
    kinds = {file.kind for file in violation.files}
    assert kinds == set(EvidenceKind) - {EvidenceKind.UNKNOWN, EvidenceKind.PLATE}
    assert violation.missing == ()
    for file in violation.files:
        path = sealer.store.root / file.path
        assert manifest.sha256(path.read_bytes()) == file.sha256
        assert path.stat().st_size == file.size
    body = json.loads((sealer.store.root / violation.manifest).read_bytes())
    assert body["format"] == "bconnect-evidence/2"
    assert (body["sequence"], body["previous"], body["key_id"]) == (1, "", violation.key_id)
    assert (body["software"], body["site_sha256"], body["model"]) == (
        "0.1.0",
        "ab" * 32,
        "yolo.onnx",
    )
    assert {f["path"] for f in body["files"]} == {*WHOLE, "violation.json"}
    assert list(sealer.store.root.rglob("*.partial")) == []
    assert list(sealer.store.root.rglob("case.json")) == []


def test_the_day_of_the_folder_is_the_local_one(sealer: Sealer, make_finding: MakeFinding) -> None:
    late = make_finding(stamp=1_795_515_802_000_000_000 + 6 * 3600 * SECOND)  # 00:23 WITA
    assert sealer.directory(late).startswith("beruang_madu/2026-11-25/")


def test_no_pictures_at_all_is_sealed_and_said(sealer: Sealer, make_finding: MakeFinding) -> None:
    finding = make_finding()
    case = new_case(finding, sealer.directory(finding) + ".partial", 0, 0, CaseSettings())
    violation = sealer.seal(Case(finding, case.request, 0, missing=("clip: camera is away",)))
    assert [f.name for f in violation.files] == ["facts.json"]
    assert violation.missing == ("clip: camera is away",)
    assert verify.main([str(sealer.store.root)]) == verify.WHOLE


def test_sealing_twice_gives_the_same(
    sealer: Sealer, make_finding: MakeFinding, make_case: MakeCase
) -> None:
    case = make_case(sealer, make_finding())
    first = sealer.seal(case)
    before = (sealer.store.root / first.manifest).stat().st_mtime_ns
    again = sealer.seal(case)
    assert repr(again) == repr(first)
    assert (sealer.store.root / first.manifest).stat().st_mtime_ns == before
    assert repr(sealer.existing(case.finding)) == repr(first)


def test_a_touched_folder_is_not_published_again(
    sealer: Sealer, make_finding: MakeFinding, make_case: MakeCase
) -> None:
    violation = sealer.seal(make_case(sealer, make_finding()))
    (sealer.store.root / violation.files[1].path).write_bytes(b"other")
    with pytest.raises(StoreError, match=r"scene\.jpg was touched"):
        sealer.existing(make_finding())


def test_a_file_changed_after_the_camera_is_no_evidence(
    sealer: Sealer, make_finding: MakeFinding, make_case: MakeCase, make_jpeg: Callable[..., bytes]
) -> None:
    case = make_case(sealer, make_finding())
    partial = sealer.store.root / case.request.directory
    (partial / "scene.jpg").write_bytes(make_jpeg(shade=3))
    (partial / "clip.mp4").unlink()
    violation = sealer.seal(case)
    assert {f.kind for f in violation.files} == {
        EvidenceKind.CONTEXT_BEFORE,
        EvidenceKind.CONTEXT_AFTER,
        EvidenceKind.FACTS,
    }
    assert "scene.jpg: changed after the camera wrote it" in violation.missing
    assert "clip.mp4: the camera named it, but it is not on disk" in violation.missing
    kept = sealer.store.root / "beruang_madu/set_aside"
    assert len(list(kept.iterdir())) == 1, "what is no evidence is kept apart, not deleted"
    assert verify.main([str(sealer.store.root)]) == verify.WHOLE


def test_a_link_is_not_followed(
    sealer: Sealer, make_finding: MakeFinding, make_case: MakeCase, tmp_path: Path
) -> None:
    case = make_case(sealer, make_finding())
    partial = sealer.store.root / case.request.directory
    outside = tmp_path / "secret"
    outside.write_bytes((partial / "scene.jpg").read_bytes())
    (partial / "scene.jpg").unlink()
    (partial / "scene.jpg").symlink_to(outside)
    violation = sealer.seal(case)
    assert EvidenceKind.SCENE not in {f.kind for f in violation.files}
    assert outside.exists()


def test_a_broken_scene_is_set_aside_and_said(
    sealer: Sealer, make_finding: MakeFinding, answer: Callable[..., Capture]
) -> None:
    finding = make_finding()
    answer(sealer, finding)
    partial = sealer.store.root / (sealer.directory(finding) + ".partial")
    (partial / "scene.jpg").write_bytes(b"\xff\xd8 half a picture")
    case = new_case(finding, sealer.directory(finding) + ".partial", 0, 0, CaseSettings())
    violation = sealer.seal(case)
    assert any(s.startswith("scene.jpg: these 17 bytes are no whole") for s in violation.missing)
    assert {f.name for f in violation.files} == {
        "context_before.jpg",
        "context_after.jpg",
        "clip.mp4",
        "facts.json",
    }


@pytest.mark.parametrize("directory", ["", "..", "a/../..", "/etc", "a//b", "a/./b", "a/\0"])
def test_nothing_leaves_the_store(tmp_path: Path, directory: str) -> None:
    with pytest.raises(StoreError, match="allowed is a path inside"):
        EvidenceStore(tmp_path).folder(directory)


def test_a_link_inside_the_store_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "site").symlink_to(tmp_path)
    with pytest.raises(StoreError, match="leads out"):
        EvidenceStore(tmp_path / "store").folder("site/x")


# --- what an earlier run left over


def test_a_left_over_case_is_taken_up_with_the_pictures_it_has(
    sealer: Sealer, make_finding: MakeFinding, answer: Callable[..., Capture]
) -> None:
    finding = make_finding()
    sealer.begin(finding)
    answer(sealer, finding)  # the camera wrote, and its answer was lost
    findings, sentences = sealer.left_over("beruang_madu")
    assert [f.id for f in findings] == [finding.id] and sentences == []
    case = new_case(findings[0], sealer.directory(finding) + ".partial", 0, 0, CaseSettings())
    violation = sealer.seal(case)
    assert len(violation.files) == len(WHOLE)
    assert sum("the camera's answer was lost" in s for s in violation.missing) == 4


def test_a_left_over_folder_without_a_case_is_set_aside(sealer: Sealer) -> None:
    stranger = sealer.store.root / "beruang_madu/2026-11-24/abc.partial"
    stranger.mkdir(parents=True)
    (stranger / "scene.jpg").write_bytes(b"x")
    findings, (sentence,) = sealer.left_over("beruang_madu")
    assert findings == []
    assert "moved to beruang_madu/set_aside/2026-11-24-abc" in sentence
    kept = sealer.store.root / "beruang_madu/set_aside/2026-11-24-abc/scene.jpg"
    assert kept.read_bytes() == b"x"
    assert sealer.left_over("beruang_madu") == ([], [])


def test_what_is_set_aside_is_not_taken_for_sealed(
    sealer: Sealer, make_finding: MakeFinding, make_case: MakeCase
) -> None:
    violation = sealer.seal(make_case(sealer, make_finding()))
    sealed = (sealer.store.root / violation.manifest).parent
    (sealed / "scene.jpg").write_bytes(b"other")
    sealed.rename(sealed.with_name(sealed.name + ".partial"))
    findings, (sentence,) = sealer.left_over("beruang_madu")
    assert findings == [] and "set_aside" in sentence
    assert list(sealer.store.root.rglob("manifest.json")) == []
    assert len(list(sealer.store.root.rglob("manifest.unsealed.json"))) == 1


def test_a_folder_that_lacked_only_the_rename_is_sealed(
    sealer: Sealer, make_finding: MakeFinding, make_case: MakeCase
) -> None:
    violation = sealer.seal(make_case(sealer, make_finding()))
    sealed = (sealer.store.root / violation.manifest).parent
    sealed.rename(sealed.with_name(sealed.name + ".partial"))
    findings, (sentence,) = sealer.left_over("beruang_madu")
    assert findings == [] and sentence.endswith("was complete, now sealed")
    assert repr(sealer.existing(make_finding())) == repr(violation)


@pytest.mark.parametrize("case", [b"", b"pwd", b"[]", b'{"finding": {"id": "x"}}'])
def test_a_case_that_cannot_be_read_is_set_aside(sealer: Sealer, case: bytes) -> None:
    partial = sealer.store.root / "beruang_madu/2026-11-24/abc.partial"
    partial.mkdir(parents=True)
    (partial / "case.json").write_bytes(case)
    assert "set_aside" in sealer.left_over("beruang_madu")[1][0]


# --- killed in the middle

CHILD = textwrap.dedent("""
    import os, random, signal, sys, threading
    sys.path.insert(0, sys.argv[1])
    from conftest import _answer, _finding, _sealer
    from pathlib import Path
    from bconnect_detect.core.evidence import CaseSettings, merge, new_case
    root, at, seed = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    count = 0
    def step(name):
        global count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
    sealer = _sealer(root, step=step)
    finding = _finding()
    sealer.begin(finding)
    case = new_case(finding, sealer.directory(finding) + ".partial", 0, 0, CaseSettings())
    case = merge(case, _answer(sealer, finding))
    if seed:
        random.seed(seed)
        delay = random.uniform(0.0, 0.08)
        threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
    sealer.seal(case)
    os._exit(7)
""")


def _killed(root: Path, at: int, seed: int) -> int:
    arguments = [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(root)]
    result = subprocess.run(
        [*arguments, str(at), str(seed)], capture_output=True, text=True, timeout=60
    )
    assert result.returncode in (7, -signal.SIGKILL), result.stderr
    return result.returncode


def _nothing_lost_nothing_half(root: Path, make_sealer: MakeSealer, finding: Finding) -> bool:
    """After the kill: sealed and whole, or not sealed and taken up. True: it was sealed."""
    before = sealed_in(root)
    for folder in before:
        assert verify.main([str(folder)]) == verify.WHOLE
    sealer = make_sealer(root)
    findings, _ = sealer.left_over("beruang_madu")
    if not findings:
        assert sealer.existing(finding) is not None
        return bool(before)
    assert before == []
    case = new_case(findings[0], sealer.directory(finding) + ".partial", 0, 0, CaseSettings())
    assert len(sealer.seal(case).files) == len(WHOLE)
    (folder,) = sealed_in(root)
    assert verify.main([str(folder)]) == verify.WHOLE
    return False


def test_killed_at_every_step(
    tmp_path: Path, make_sealer: MakeSealer, make_finding: MakeFinding
) -> None:
    """Steps: put each of our files; flush; case; ahead; rename; parent, chain."""
    sealed = []
    puts = WHOLE[4:]  # all but what the camera wrote
    before = len([*puts, "violation.json", "manifest.json", "manifest.sig"]) + 4
    for at in range(1, before + 3):
        root = tmp_path / str(at) / "evidence"
        assert _killed(root, at, 0) == -signal.SIGKILL
        sealed.append(_nothing_lost_nothing_half(root, make_sealer, make_finding()))
    assert sealed == [False] * before + [True] * 2


def test_killed_at_random_moments(
    tmp_path: Path, make_sealer: MakeSealer, make_finding: MakeFinding
) -> None:
    runs = int(os.environ.get("BCONNECT_KILLS", "12"))
    rng = random.Random(20261124)
    ends = []
    for number in range(runs):
        root = tmp_path / str(number) / "evidence"
        ends.append(_killed(root, 0, rng.randrange(1, 10**6)))
        _nothing_lost_nothing_half(root, make_sealer, make_finding())
    assert -signal.SIGKILL in ends, "no run was killed in time: the test tested nothing"


# --- disks that take nothing


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1.5 MiB where root may mount one."""
    place = tmp_path / "small" / "evidence"
    place.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(place)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a small disk needs root and mount")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_seals_nothing_and_later_everything(
    small_disk: Path, make_sealer: MakeSealer, make_finding: MakeFinding, make_case: MakeCase
) -> None:
    sealer = make_sealer(small_disk)
    case = make_case(sealer, make_finding())
    ballast = small_disk / "ballast"
    with pytest.raises(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)
    with pytest.raises(StoreError, match=r"no space left on device; free some space") as caught:
        sealer.seal(case)
    assert not caught.value.lasting
    assert sealed_in(small_disk) == []
    with pytest.raises(StoreError, match="no space left"):
        sealer.store.check()
    ballast.unlink()
    violation = sealer.seal(case)
    assert len(violation.files) == len(WHOLE) and violation.missing == ()
    assert verify.main([str(small_disk)]) == verify.WHOLE


def test_a_limit_on_file_sizes_reads_like_a_full_disk(
    sealer: Sealer, make_finding: MakeFinding, make_case: MakeCase
) -> None:
    case = make_case(sealer, make_finding())
    sealer.begin(case.finding)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, old[1]))
        with pytest.raises(StoreError, match=r"file too large; .* tried again"):
            sealer.seal(case)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert sealed_in(sealer.store.root) == []
    assert len(sealer.seal(case).files) == len(WHOLE)


def test_too_little_room_is_kept_free(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path, min_free=1 << 60)
    with pytest.raises(StoreError, match=r"MiB are free, \d+ MiB are to stay free"):
        store.begin("beruang_madu/2026-11-24/a", b"{}")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_a_lasting_fault(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a folder")
    with pytest.raises(StoreError) as caught:
        EvidenceStore(tmp_path / "store" / "sub").check()
    assert caught.value.lasting and "it must be a folder" in str(caught.value)


def test_a_store_without_rights_is_a_lasting_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kw: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StoreError, match="permission denied; give this user the right") as caught:
        EvidenceStore(tmp_path).check()
    assert caught.value.lasting
