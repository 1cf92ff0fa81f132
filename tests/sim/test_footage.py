"""The real footage: from a folder, from BCONNECT_FOOTAGE, from the archive, or a sentence."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from bconnect_sim import footage

CONTENT = b"not really a video"


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footage, "SHA256", hashlib.sha256(CONTENT).hexdigest())


def tools(folder: Path, apt: str, unpack: str) -> str:
    """A PATH on which apt-get and dpkg-deb are the given shell scripts."""
    folder.mkdir()
    for name, script in (("apt-get", apt), ("dpkg-deb", unpack)):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin"


def test_takes_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "vtest.avi").write_bytes(CONTENT)
    assert footage.fetch(tmp_path, {}) == tmp_path / "vtest.avi"


@pytest.mark.parametrize("given", ["copy.avi", "folder"])
def test_takes_what_the_environment_names(tmp_path: Path, given: str) -> None:
    (tmp_path / "folder").mkdir()
    for file in (tmp_path / "copy.avi", tmp_path / "folder" / "vtest.avi"):
        file.write_bytes(CONTENT)
    got = footage.fetch(tmp_path / "out", {"BCONNECT_FOOTAGE": str(tmp_path / given)})
    assert got.read_bytes() == CONTENT


def test_refuses_another_file(tmp_path: Path) -> None:
    (tmp_path / "copy.avi").write_bytes(b"something else")
    for name, sentence in (("copy.avi", "sha256 is"), ("none.avi", "there is no file")):
        with pytest.raises(footage.FootageError, match=sentence):
            footage.fetch(tmp_path / "out", {"BCONNECT_FOOTAGE": str(tmp_path / name)})
    assert not (tmp_path / "out" / "vtest.avi").exists()


def test_unpacks_the_package_without_installing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpack = (
        f'mkdir -p "$3/usr/share/doc" && printf "{CONTENT.decode()}" > "$3/usr/share/doc/vtest.avi"'
    )
    path = tools(tmp_path / "bin", "touch opencv-doc_1_all.deb", unpack)
    monkeypatch.setenv("PATH", path)
    assert footage.fetch(tmp_path / "out", {}).read_bytes() == CONTENT


def test_no_archive_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BCONNECT_FOOTAGE", raising=False)
    failing = 'echo "E: Unable to locate package opencv-doc" >&2; exit 100'
    monkeypatch.setenv("PATH", tools(tmp_path / "bin", failing, "exit 1"))
    assert footage.main([str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err.strip()
    assert said.endswith("says: Unable to locate package opencv-doc") and "\n" not in said
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(footage.FootageError, match="needs apt-get"):
        footage.fetch(tmp_path / "out", {})
