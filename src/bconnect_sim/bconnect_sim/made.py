"""Whether a folder already holds what would be made: made.json with digests of all of it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bconnect_site.disk import sha256

FORMAT = "bconnect-sim/2"
NAME = "made.json"


def digest_of(settings: Mapping[str, Any], files: Iterable[Path], libraries: Sequence[str]) -> str:
    """Hex digest of everything that decides an output: settings, files, libraries' versions."""
    whole = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for path in files:
        whole.update(path.name.encode() + bytes.fromhex(sha256(path)))
    for name in libraries:
        try:
            whole.update(f"{name}={version(name)}".encode())
        except PackageNotFoundError:
            whole.update(f"{name}=missing".encode())
    return whole.hexdigest()


def is_made(folder: Path, digest: str, files: Sequence[str]) -> bool:
    """Whether the folder holds these files (relative), made of this, and unchanged."""
    try:
        note: dict[str, Any] = json.loads((folder / NAME).read_text())
        return note["digest"] == digest and all(
            note["files"][name] == sha256(folder / name) for name in files
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def seal(folder: Path, digest: str, files: Sequence[str], settings: Mapping[str, Any]) -> None:
    """Writes made.json, last and at once."""
    note = {
        "format": FORMAT,
        **settings,
        "digest": digest,
        "files": {name: sha256(folder / name) for name in files},
    }
    part = folder / (NAME + ".part")
    part.write_text(json.dumps(note, indent=1) + "\n")
    os.replace(part, folder / NAME)
