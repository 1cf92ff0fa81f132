"""Erases sealed evidence; what stays proves that it was there and that it was erased.

Two rooms erase: enforcement by the law's retention, the spool once the command centre has it.
"""

import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from bconnect_site import letter
from bconnect_site import sealed as seal
from bconnect_site.disk import flush, replace
from bconnect_site.keys import Keyring

NAME = seal.MANIFEST


class EraseError(ValueError):
    """Evidence that was not erased; str() names it and says why."""


def erase(root: Path, manifest: str, why: str, stamp: int, keyring: Keyring, rule: str = "") -> int:
    """Erases the evidence of a violation but for the proof that it was there and was erased.

    First `erased.json` is written, signed and flushed; then the files go; manifest and
    signature stay, so that the chain still verifies. May be repeated, also after a crash in
    the middle: the first record stays. `why` and `rule` must name nobody. `stamp`: ns.
    Returns the number of files that went. Raises EraseError: nothing sealed stands there, or
    the disk refuses; then call it again.
    """
    folder = (root / manifest).parent
    if Path(manifest).name != NAME or not folder.resolve().is_relative_to(root.resolve()):
        raise EraseError(f"{manifest[:120]}: allowed is a manifest inside the evidence store")
    try:
        record = _recorded(folder)
        if record is None:
            record = _record((root / manifest).read_bytes(), manifest, why, stamp, rule)
            replace(folder / seal.ERASED, letter.write(record, keyring))
            flush(folder)
        stays = seal.STAYS if record.get("sequence") else (seal.ERASED,)  # format 1 names people
        return _empty(folder, stays) + _forget_set_aside(root, folder)
    except OSError as error:
        raise EraseError(
            f"{manifest}: cannot be erased now ({(error.strerror or str(error)).lower()})"
        ) from error


def _recorded(folder: Path) -> dict[str, Any] | None:
    """The record of an erasure that was begun before."""
    try:
        return letter.read((folder / seal.ERASED).read_bytes(), seal.ERASED)
    except (FileNotFoundError, ValueError):
        return None


def _record(data: bytes, manifest: str, why: str, stamp: int, rule: str) -> dict[str, Any]:
    try:
        plain = seal.parse(data, manifest)
    except ValueError:
        plain = {}  # what was spoilt must go too
    moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=stamp // 1000)
    return {
        "format": seal.ERASED_FORMAT,
        "id": Path(manifest).parent.name,
        "sequence": plain.get("sequence"),
        "manifest_sha256": seal.sha256(data),
        "stamp": stamp,
        "stamp_utc": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "why": why,
        "rule": rule,
    }


def _empty(folder: Path, stays: tuple[str, ...]) -> int:
    gone = 0
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        elif path.parent != folder or path.name not in stays:
            path.unlink()
            gone += 1
    flush(folder)
    return gone


def _forget_set_aside(root: Path, folder: Path) -> int:
    """What was moved out of this violation's folder shows the same people."""
    site = folder.relative_to(root).parts[0]
    gone = 0
    for path in (root / site / seal.SET_ASIDE).glob(f"*{folder.name}*"):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        gone += 1
    return gone
