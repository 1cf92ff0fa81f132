"""Files whole or not at all."""

from __future__ import annotations

import hashlib
import os
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
