"""Files whole or not at all."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bconnect_site import disk


@pytest.mark.parametrize("many", [False, True])
def test_a_file_is_new_or_as_before(
    tmp_path: Path, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    disk.replace(path, b"one", many=many)
    assert path.read_bytes() == b"one" and list(tmp_path.iterdir()) == [path]

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for step in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, step, full)
            with pytest.raises(OSError, match="No space left"):
                disk.replace(path, b"two", many=many)
        assert path.read_bytes() == b"one" and list(tmp_path.iterdir()) == [path]


def test_the_digest_of_a_file_longer_than_a_block(tmp_path: Path) -> None:
    data = os.urandom((1 << 20) + 7)
    (tmp_path / "long").write_bytes(data)
    assert disk.sha256(tmp_path / "long") == hashlib.sha256(data).hexdigest()
    disk.flush(tmp_path)


def test_a_secret_is_made_once_and_nobody_else_reads_it(tmp_path: Path) -> None:
    path, made = tmp_path / "secret", []

    def make() -> bytes:
        made.append(len(made))
        return b"kata %d" % made[-1]

    with ThreadPoolExecutor(8) as pool:
        held = set(pool.map(lambda _: disk.secret(path, make), range(40)))
    assert len(held) == 1 and path.read_bytes() in held
    assert path.stat().st_mode & 0o777 == 0o600 and list(tmp_path.iterdir()) == [path]
    path.chmod(0o640)
    with pytest.raises(PermissionError, match="mode 0640 opens it to other users, allowed is 0600"):
        disk.secret(path, make)
    disk.replace_secret(path, b"baru")
    assert disk.secret(path, make) == b"baru"


def test_a_secret_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    def fails() -> bytes:
        raise ValueError("no entropy")

    with pytest.raises(ValueError, match="no entropy"):
        disk.secret(tmp_path / "secret", fails)
    assert list(tmp_path.iterdir()) == []
