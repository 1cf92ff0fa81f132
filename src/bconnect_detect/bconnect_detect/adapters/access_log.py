"""``access.jsonl`` of an evidence store: appended under a lock, flushed, never rewritten."""

import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path

from bconnect_detect.adapters.sealed_folder import sentence
from bconnect_detect.core import access
from bconnect_detect.core.access import Accesses, faults
from bconnect_site.disk import flush

__all__ = ["faults", "read", "write"]


def read(root: Path) -> Accesses:
    """The log of a store; empty where nobody opened anything."""
    try:
        return access.split((root / access.NAME).read_bytes())
    except FileNotFoundError:
        return Accesses()


def write(root: Path, stamp: int, who: str, why: str, what: str, ids: Sequence[str]) -> None:
    """Adds a line. Raises StoreError: it could not be written, so nothing may be opened."""
    path = root / access.NAME
    with sentence(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            accesses = read(root)
            if accesses.rest:  # half a line of a writer that was killed: it opened nothing
                os.ftruncate(handle, os.fstat(handle).st_size - len(accesses.rest))
            plain = access.line(accesses, stamp, who, why, what, ids)
            text = json.dumps(plain, ensure_ascii=False, sort_keys=True).encode()
            os.write(handle, text + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
        flush(root)
