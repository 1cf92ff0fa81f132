"""Evidence files on disk: written whole, flushed to the medium, digested."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def write(store: Path, path: str, data: bytes) -> str:
    """Writes ``data`` to ``store/path``, fsyncs file and folder, returns the sha256 in hex.

    Raises OSError (a full disk, no permission); leaves no half file behind.
    """
    target = store / path
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".writing")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)
    return hashlib.sha256(data).hexdigest()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
