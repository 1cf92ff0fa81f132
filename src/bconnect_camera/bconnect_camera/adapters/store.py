"""Evidence files on disk: written whole, flushed to the medium, digested."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bconnect_site.disk import flush, replace


def write(store: Path, path: str, data: bytes) -> str:
    """Writes ``data`` to ``store/path``, fsyncs file and folder, returns the sha256 in hex.

    Raises OSError (a full disk, no permission); leaves no half file behind.
    """
    target = store / path
    target.parent.mkdir(parents=True, exist_ok=True)
    replace(target, data)
    flush(target.parent)
    return hashlib.sha256(data).hexdigest()
