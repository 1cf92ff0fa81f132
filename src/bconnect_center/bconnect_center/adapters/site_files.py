"""Site files and calibration files: read, judged, written with their history beside them.

    <name>.history/log.jsonl          who, when, why, the diff, digests before and after
    <name>.history/versions/<sha256>  every version that was ever written or found there

A line of the log is on the medium before the file changes: what cannot be told is not done.
"""

import difflib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from bconnect_center.core.drafting import Changes
from bconnect_site import disk
from bconnect_site.errors import ConfigError
from bconnect_site.find import shown
from bconnect_site.loader import LoadedSite, load_site
from bconnect_site.yamledit import edit
from bconnect_site.yamlfile import MAX_BYTES, parse_yaml

LOG, VERSIONS = "log.jsonl", "versions"
MOST = 500  # lines of a history that are read


class Conflict(ValueError):
    """The file is not the one that was seen; str() is the sentence."""


class ReadOnly(ValueError):
    """The file must not be written; str() is the sentence."""


@dataclass(frozen=True, slots=True)
class Text:
    """A file as it was read. ``sha256``: hex; of a file that is not there: empty."""

    path: Path
    raw: bytes
    sha256: str

    @property
    def text(self) -> str:
        return self.raw.decode("utf-8", "replace")

    @property
    def shown(self) -> str:
        return shown(self.path)


@dataclass(frozen=True, slots=True)
class Write:
    """One file to write: what is there now, and what shall be."""

    before: Text
    raw: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def diff(self) -> str:
        """Unified, with the names that people know."""
        name = self.before.shown
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in difflib.unified_diff(
                self.before.text.splitlines(True),
                self.raw.decode("utf-8", "replace").splitlines(True),
                f"{name} (now)" if self.before.sha256 else "/dev/null",
                f"{name} (then)",
            )
        )


@dataclass(frozen=True, slots=True)
class Note:
    """Who changes it and why. ``stamp``: ns since 1970 UTC."""

    stamp: int
    who: str
    shown: str
    why: str
    camera: str = ""


def read(path: Path) -> Text:
    """A file; one that is not there is empty. Raises ConfigError."""
    try:
        raw = path.read_bytes() if path.exists() else None
    except OSError as error:
        raise ConfigError(f"{shown(path)}: cannot be read: {error.strerror}") from None
    if raw is None:
        return Text(path, b"", "")
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{shown(path)}: has {len(raw)} bytes; at most {MAX_BYTES} are read")
    return Text(path, raw, hashlib.sha256(raw).hexdigest())


def plain_of(file: Text) -> dict[str, Any]:
    """The plain values of a site file. Raises ConfigError."""
    if not file.sha256:
        raise ConfigError(f"{file.shown}: there is no such file any more")
    return _parsed(file.text, file.shown)


@lru_cache(maxsize=64)
def _parsed(text: str, name: str) -> dict[str, Any]:
    """Nobody changes what this returns."""
    return parse_yaml(text, name)[0]


def why_read_only(path: Path) -> str:
    """Why a file cannot be written, as a sentence; empty: it can."""
    try:
        if path.exists() and not path.stat().st_mode & 0o222:
            return f"{shown(path)}: is read-only; whoever keeps it must allow writing first"
        folder = next(p for p in path.parents if p.exists())
        writable = os.access(folder, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))
    except OSError as error:
        return f"{shown(path)}: cannot be looked at: {error.strerror}"
    return "" if writable else f"{shown(path)}: this server may not write it or its folder"


def changed(file: Text, changes: Changes) -> Write:
    """The site file with a draft's changes. Raises ConfigError."""
    if not changes:
        return Write(file, file.raw)
    return Write(file, edit(file.text, changes.values, changes.renames).encode())


def judged(path: Path, raw: bytes) -> LoadedSite:
    """The site as the loader takes it. Raises ConfigError with every mistake."""
    return load_site(path, raw=raw)


def history_of(path: Path) -> Path:
    return path.with_name(f"{path.stem}.history")


def save(site: Path, writes: list[Write], note: Note) -> None:
    """Writes files of one site, all seen as they are now. Raises Conflict, ReadOnly, ConfigError.

    The site's own file comes last: it may name the others.
    """
    for write in writes:
        if why := why_read_only(write.before.path):
            raise ReadOnly(why)
    folder = history_of(site)
    try:
        with _alone(folder):
            for write in writes:
                if read(write.before.path).sha256 != write.before.sha256:
                    raise Conflict(
                        f"{write.before.shown}: was changed by somebody else meanwhile; load the "
                        "page again, nothing was written"
                    )
            _keep_versions(folder, writes)
            line = _line(note, writes)
            _append(folder, line)
            try:
                for write in sorted(writes, key=lambda w: w.before.path == site):
                    _write(write)
            except OSError as error:
                _append(folder, _undone(line, error))
                raise
    except OSError as error:
        raise ConfigError(f"{shown(site)}: cannot be written: {error.strerror}") from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One writer at a time, over all servers that share the disk."""
    (folder / VERSIONS).mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(write: Write) -> None:
    path = write.before.path
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else None
    disk.replace(path, write.raw, many=True, mode=mode)
    disk.flush(path.parent)


def _keep_versions(folder: Path, writes: list[Write]) -> None:
    for write in writes:
        for digest, raw in ((write.before.sha256, write.before.raw), (write.sha256, write.raw)):
            kept = folder / VERSIONS / digest
            if digest and not kept.exists():
                disk.replace(kept, raw, many=True)


def _line(note: Note, writes: list[Write]) -> dict[str, Any]:
    return {
        "stamp": note.stamp,
        "who": note.who,
        "shown": note.shown,
        "why": note.why,
        "camera": note.camera,
        "files": [
            {"file": write.before.shown, "before": write.before.sha256, "after": write.sha256,
             "diff": write.diff}
            for write in writes
        ],
    }  # fmt: skip


def _undone(line: dict[str, Any], error: OSError) -> dict[str, Any]:
    """Says of a line that what it tells was not written after all."""
    files = [
        {**file, "before": file["after"], "after": file["before"], "diff": ""}
        for file in line["files"]
    ]
    return {**line, "why": f"not written: {error.strerror}", "files": files}


def _append(folder: Path, line: dict[str, Any]) -> None:
    path = folder / LOG
    torn = path.exists() and path.stat().st_size > 0 and path.read_bytes()[-1:] != b"\n"
    with path.open("ab") as file:
        file.write((b"\n" if torn else b"") + json.dumps(line, ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def history(site: Path) -> tuple[list[dict[str, Any]], int]:
    """Lines of a site's history, newest first, and how many cannot be read."""
    try:
        lines = (history_of(site) / LOG).read_bytes().splitlines()
    except OSError:
        return [], 0
    made, broken = [], 0
    for line in reversed(lines[-MOST:]):
        try:
            entry = json.loads(line)
            entry["files"][0]["after"]
        except (ValueError, TypeError, KeyError, IndexError):
            broken += 1
            continue
        made.append(entry)
    return made, broken


def version(site: Path, sha256: str) -> bytes:
    """A version of the history. Raises ConfigError."""
    kept = history_of(site) / VERSIONS / sha256
    try:
        raw = kept.read_bytes()
    except OSError:
        raise ConfigError(f"{shown(site)}: the history holds no version {sha256[:12]}") from None
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise ConfigError(f"{shown(kept)}: was touched: it is not what was kept")
    return raw
