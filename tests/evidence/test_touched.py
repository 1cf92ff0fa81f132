"""Whatever is touched in a sealed folder is found and named, with our tool and with openssl."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bconnect_detect import verify
from bconnect_detect.core.evidence import Case
from bconnect_detect.core.types import Finding
from bconnect_detect.sealing import Sealer
from bconnect_enforce.adapters.evidence_store import erase

ROOT = Path(__file__).parents[2]
Capsys = pytest.CaptureFixture[str]
FILES = (
    "annotated.jpg",
    "clip.mp4",
    "context_after.jpg",
    "context_before.jpg",
    "facts.json",
    "manifest.json",
    "manifest.sig",
    "release/annotated.jpg",
    "release/context_after.jpg",
    "release/context_before.jpg",
    "release/scene.jpg",
    "release/vehicle.jpg",
    "scene.jpg",
    "vehicle.jpg",
    "violation.json",
)


@pytest.fixture(scope="module")
def sealed_once(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return []


@pytest.fixture
def sealed(
    sealed_once: list[Path],
    tmp_path_factory: pytest.TempPathFactory,
    make_sealer: Callable[..., Sealer],
    make_finding: Callable[..., Finding],
    make_case: Callable[..., Case],
) -> Path:
    """One sealed folder for all: every test puts back what it touched."""
    if not sealed_once:
        sealer = make_sealer(tmp_path_factory.mktemp("one") / "evidence")
        violation = sealer.seal(make_case(sealer, make_finding()))
        sealed_once.append(sealer.store.root / Path(violation.manifest).parent)
    return sealed_once[0]


def key(folder: Path) -> Path:
    (found,) = (folder.parents[3] / "keys").glob("*.pub")
    return found


def test_these_are_all_files(sealed: Path) -> None:
    found = {p.relative_to(sealed).as_posix() for p in sealed.rglob("*") if p.is_file()}
    assert found == set(FILES)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_flipped_bit_anywhere_is_found_and_its_file_named(
    sealed: Path, name: str, place: float, bit: int
) -> None:
    path = sealed / name
    data = path.read_bytes()
    changed = bytearray(data)
    changed[int(place * len(data))] ^= 1 << bit
    path.write_bytes(changed)
    try:
        (verdict,) = verify.check(sealed, verify.keys_beside(sealed))
    finally:
        path.write_bytes(data)
    assert verdict.state == verify.TOUCHED
    # a signature that does not fit is the manifest's fault or its own: nobody can tell which
    named = "manifest.json" if name == "manifest.sig" else name
    assert verdict.sentences[0].startswith(named), verdict


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", ["gone", "cut", "empty", "linked"])
def test_a_file_gone_cut_or_exchanged_for_a_link_is_named(
    sealed: Path, name: str, change: str, tmp_path: Path
) -> None:
    path = sealed / name
    data = path.read_bytes()
    path.unlink()
    if change == "cut":
        path.write_bytes(data[:-1])
    elif change == "empty":
        path.write_bytes(b"")
    elif change == "linked":
        (tmp_path / "same").write_bytes(data)
        path.symlink_to(tmp_path / "same")
    try:
        code = verify.main([str(sealed)])
    finally:
        path.unlink(missing_ok=True)
        path.write_bytes(data)
    if change == "gone" and name == "manifest.json":
        assert code == verify.NOTHING
    else:
        assert code in (verify.TOUCHED, verify.NOTHING)
    assert verify.main([str(sealed)]) == verify.WHOLE


def test_a_touched_zip_is_named(sealed: Path, tmp_path: Path, capsys: Capsys) -> None:
    whole, changed, twice, stray = (tmp_path / f"{n}.zip" for n in "abcd")
    public = ["--key", str(key(sealed))]
    with zipfile.ZipFile(whole, "w") as archive:
        for name in FILES:
            archive.write(sealed / name, f"{sealed.name}/{name}")
    assert verify.main([str(whole), *public]) == verify.WHOLE
    for path, edit in ((changed, "scene.jpg"), (twice, "twice"), (stray, "stray")):
        with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as archive:
            for name in source.namelist():
                data = source.read(name)
                archive.writestr(name, data[::-1] if name.endswith(f"/{edit}") else data)
            if edit == "twice":
                with pytest.warns(UserWarning):
                    archive.writestr(f"{sealed.name}/facts.json", b"{}")
            if edit == "stray":
                archive.writestr(f"{sealed.name}/../../evil.jpg", b"x")
    capsys.readouterr()
    assert verify.main([str(changed), *public]) == verify.TOUCHED
    assert "scene.jpg was touched" in capsys.readouterr().out
    assert verify.main([str(twice), *public]) == verify.TOUCHED
    assert "facts.json is there more than once" in capsys.readouterr().out
    assert verify.main([str(stray), *public]) == verify.TOUCHED
    assert "../../evil.jpg was added after the seal" in capsys.readouterr().out


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 half a zip", b"no zip at all" * 50])
def test_what_is_no_zip_is_said(tmp_path: Path, data: bytes, capsys: Capsys) -> None:
    (tmp_path / "x.zip").write_bytes(data)
    assert verify.main([str(tmp_path / "x.zip")]) == verify.NOTHING
    assert "is no zip that can be read" in capsys.readouterr().err


@given(cut=st.floats(0, 1), place=st.floats(0, 1, exclude_max=True))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_spoilt_zip_passes_and_none_crashes(
    sealed: Path, tmp_path: Path, cut: float, place: float
) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("manifest.json", "manifest.sig", "violation.json", "facts.json"):
            archive.write(sealed / name, f"{sealed.name}/{name}")
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 255
    path.write_bytes(data[: max(int(cut * len(data)), 1)])
    assert verify.main([str(path), "--key", str(key(sealed))]) != verify.WHOLE


def test_a_wrong_or_missing_key_is_no_proof(sealed: Path, tmp_path: Path, capsys: Capsys) -> None:
    away = tmp_path / sealed.name
    shutil.copytree(sealed, away)
    assert verify.main([str(away)]) == verify.UNSIGNED
    assert "the seal was not checked: no public key (--key)" in capsys.readouterr().out
    assert verify.main([str(away), "--key", str(key(sealed))]) == verify.WHOLE
    (tmp_path / "bad.pub").write_text("no key")
    assert verify.main([str(away), "--key", str(tmp_path / "bad.pub")]) == verify.NOTHING
    assert "holds no Ed25519 public key" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert verify.main([str(away), "--key", str(tmp_path / "empty")]) == verify.TOUCHED
    assert "known are none" in capsys.readouterr().out


def test_it_needs_neither_ros_nor_the_site(sealed: Path, tmp_path: Path) -> None:
    shutil.copytree(sealed, tmp_path / sealed.name)
    code = (
        "import sys\n"
        "for name in ('rclpy', 'bconnect_msgs', 'bconnect_node', 'cv2', 'onnxruntime'):\n"
        "    sys.modules[name] = None\n"
        "from bconnect_detect.verify import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    arguments = [str(tmp_path / sealed.name), "--key", str(key(sealed))]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == verify.WHOLE, done.stderr


# --- by hand, as docs/evidence.md says


def commands(number: int) -> str:
    """A block of shell of the document."""
    text = (ROOT / "docs" / "evidence.md").read_text()
    return re.findall(r"```sh\n(.*?)```", text, re.DOTALL)[number]


@pytest.fixture
def shell(tmp_path: Path) -> Callable[[str, Path, Path], subprocess.CompletedProcess[str]]:
    if not all(shutil.which(tool) for tool in ("openssl", "sha256sum", "sh")):
        pytest.skip("openssl and sha256sum are not installed")

    def run(script: str, folder: Path, public: Path) -> subprocess.CompletedProcess[str]:
        script = script.replace("/tmp/", f"{tmp_path}/").replace("python3", sys.executable)
        return subprocess.run(
            ["sh", "-c", script],
            cwd=folder,
            env={"KEY": str(public), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_experts_commands_work_and_find_what_was_touched(
    sealed: Path, shell: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = shell(commands(0), sealed, key(sealed))
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    named = json.loads((sealed / "manifest.json").read_bytes())["key_id"]
    assert done.stdout.count(named) == 2
    assert done.stdout.count(": OK") == len(FILES) - 2
    for name in ("scene.jpg", "manifest.json"):
        data = (sealed / name).read_bytes()
        (sealed / name).write_bytes(data.replace(b"1", b"2", 1))
        try:
            done = shell(commands(0), sealed, key(sealed))
        finally:
            (sealed / name).write_bytes(data)
        spoken = "scene.jpg: FAILED" if name == "scene.jpg" else "Signature Verification Failure"
        assert spoken in done.stdout + done.stderr


def test_the_experts_commands_read_an_erasure(
    sealer: Sealer,
    make_finding: Callable[..., Finding],
    make_case: Callable[..., Case],
    shell: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    violation = sealer.seal(make_case(sealer, make_finding()))
    folder = sealer.store.root / Path(violation.manifest).parent
    assert sealer.store.ring
    erase(sealer.store.root, violation.manifest, "rejected", 1, sealer.store.ring)
    script = commands(2)
    done = shell(script, folder, key(folder))
    assert done.returncode == 0 and "Verified Successfully" in done.stdout, done.stderr
    told = json.loads((folder / "erased.json").read_bytes())
    told["signature"] = base64.b64encode(bytes(64)).decode()
    (folder / "erased.json").write_text(json.dumps(told))
    assert shell(script, folder, key(folder)).returncode != 0
