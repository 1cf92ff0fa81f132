"""The folders of evidence on disk: ``<site>/<local date>/<id>/``, whole or not at all.

A case is gathered in ``<id>.partial`` beside its final place; ``case.json`` in there
lets the next run take it up. Sealing writes the manifest, flushes every file and
the folder, and renames it: a reader sees a sealed folder complete or not at all,
whenever the power fails. What cannot be taken up is moved to ``<site>/set_aside``,
never deleted.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bconnect_detect.core import manifest

PARTIAL = ".partial"
CASE = "case.json"
SET_ASIDE = "set_aside"
UNSEALED = "manifest.unsealed.json"
_REMEDY = {
    errno.ENOSPC: "free some space; the case is kept and tried again",
    errno.EDQUOT: "free some space; the case is kept and tried again",
    errno.EFBIG: "raise the limit on file sizes; the case is kept and tried again",
    errno.EACCES: "give this user the right to write there",
    errno.EPERM: "give this user the right to write there",
    errno.EROFS: "mount it writable",
    errno.ENOTDIR: "it must be a folder",
    errno.EEXIST: "it must be a folder",
}
LASTING = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ELOOP}
)


class StoreError(Exception):
    """The store could not take something; the text is one sentence, what to do included."""

    def __init__(self, sentence: str, code: int = 0) -> None:
        super().__init__(sentence)
        self.code = code

    @property
    def lasting(self) -> bool:
        """Whether waiting will not help: rights, a file in the way."""
        return self.code in LASTING


class EvidenceStore:
    """One site's evidence. Safe for one writer; any number of readers.

    ``min_free``: bytes of disk that stay free; below it nothing is begun or sealed.
    ``step``: called with a name before each step on disk; tests interrupt there.
    """

    def __init__(
        self,
        root: Path,
        min_free: int = 0,
        step: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.root = root
        self._min_free = min_free
        self._step = step

    def check(self) -> None:
        """Raises StoreError when the store cannot be written to now."""
        with _sentence(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".probe-{os.getpid()}"
            try:
                _write(probe, b"\0" * 4096)
            finally:
                probe.unlink(missing_ok=True)
        self._check_room()

    def folder(self, directory: str) -> Path:
        """The path of ``directory``. Raises StoreError when it leaves the store."""
        parts = directory.split("/")
        if not directory or any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise StoreError(f"{directory[:120]!r}: allowed is a path inside the evidence store")
        path = self.root.joinpath(*parts)
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise StoreError(f"{directory[:120]!r}: leads out of the evidence store")
        return path

    def begin(self, directory: str, case: bytes) -> None:
        """Makes the partial folder of a case and keeps the case in it."""
        partial = self.folder(directory + PARTIAL)
        with _sentence(partial):
            self._check_room()
            partial.mkdir(parents=True, exist_ok=True)
            if not (partial / CASE).exists():
                _replace(partial / CASE, case)
                for folder in (partial, partial.parent, partial.parent.parent):
                    _flush(folder)

    def is_sealed(self, directory: str) -> bool:
        """Whether a sealed folder stands there."""
        return (self.folder(directory) / manifest.NAME).is_file()

    def measure(self, directory: str, name: str) -> tuple[str, int] | None:
        """Digest and size of a file in the partial folder; None: not there or no plain file."""
        path = self._file(directory, name)
        if path.is_symlink() or not path.is_file():
            return None
        with _sentence(path):
            return digest(path)

    def read(self, directory: str, name: str) -> bytes:
        """Bytes of a file in the partial folder."""
        path = self._file(directory, name)
        with _sentence(path):
            return path.read_bytes()

    def put(self, directory: str, name: str, data: bytes) -> None:
        """Writes a file into the partial folder, whole or not at all."""
        path = self._file(directory, name)
        with _sentence(path):
            self._check_room()
            path.parent.mkdir(parents=True, exist_ok=True)
            self._step(f"put {name}")
            _replace(path, data)

    def strangers(self, directory: str, known: set[str]) -> list[str]:
        """Moves files nobody asked for out of the partial folder; returns their names."""
        partial = self.folder(directory + PARTIAL)
        with _sentence(partial):
            names = sorted(e.name for e in partial.iterdir() if e.name not in known | {CASE})
            for name in names:
                if not name.startswith("."):
                    self._move_aside(partial / name, f"{partial.stem}-{name}")
                else:
                    (partial / name).unlink()  # our own half-written file
            return [name for name in names if not name.startswith(".")]

    def names(self, directory: str) -> list[str]:
        """Plain files in the partial folder."""
        partial = self.folder(directory + PARTIAL)
        with _sentence(partial):
            return sorted(p.name for p in partial.iterdir() if p.is_file() and not p.is_symlink())

    def seal(self, directory: str, data: bytes, names: set[str]) -> None:
        """Writes the manifest, flushes everything, renames the folder into its place.

        A late camera may write until the rename: what is not in ``names`` is moved out again.
        """
        partial, sealed = self.folder(directory + PARTIAL), self.folder(directory)
        self.put(directory, manifest.NAME, data)
        with _sentence(sealed):
            self._step("flush")
            for path in sorted(partial.iterdir()):
                _flush(path)
            self._step("case")
            (partial / CASE).unlink(missing_ok=True)
            _flush(partial)
            self._step("rename")
            os.rename(partial, sealed)
            self._step("parent")
            _flush(sealed.parent)
            for path in sorted(sealed.iterdir()):
                if path.name not in names | {manifest.NAME}:
                    self._move_aside(path, f"{sealed.name}-{path.name}")

    def load(self, directory: str) -> tuple[bytes, dict[str, tuple[str, int]]]:
        """The manifest's bytes and digest and size of every other file of a sealed folder."""
        return load(self.folder(directory))

    def sealed(self, site: str, dates: set[str]) -> list[str]:
        """Sealed folders of these local dates, oldest first by name of day."""
        found = []
        for date in sorted(dates):
            day = self.folder(f"{site}/{date}")
            if day.is_dir():
                entries = sorted(day.iterdir(), key=lambda p: p.stat().st_mtime_ns)
                found += [
                    f"{site}/{date}/{p.name}"
                    for p in entries
                    if p.suffix != PARTIAL and (p / manifest.NAME).is_file()
                ]
        return found

    def left_over(self, site: str) -> list[tuple[str, bytes | None]]:
        """Partial folders of an earlier run: directory and its kept case, None when it has none."""
        base = self.folder(site)
        with _sentence(base):
            paths = sorted(base.glob(f"*/*{PARTIAL}")) if base.is_dir() else []
            return [
                (f"{site}/{path.parent.name}/{path.stem}", _read(path / CASE)) for path in paths
            ]

    def recover(self, directory: str) -> str:
        """What becomes of a partial folder without a case: one sentence.

        With a whole manifest only the rename was missing: it is sealed. Else it is set aside.
        """
        partial, sealed = self.folder(directory + PARTIAL), self.folder(directory)
        with _sentence(partial):
            if not sealed.exists() and (partial / manifest.NAME).is_file():
                data, found = load(partial)
                if not manifest.faults(data, found):
                    os.rename(partial, sealed)
                    _flush(sealed.parent)
                    return f"{directory}: was complete, now sealed"
        place = self.set_aside(directory)
        return f"{directory}: left over by an earlier run and not complete, moved to {place}"

    def set_aside(self, directory: str) -> str:
        """Moves a partial folder to ``set_aside``; returns where, relative to the store."""
        partial = self.folder(directory + PARTIAL)
        if not partial.exists():
            return ""
        with _sentence(partial):
            return self._move_aside(partial, f"{partial.parent.name}-{partial.stem}")

    def _file(self, directory: str, name: str) -> Path:
        """A file of the partial folder; a link there is not followed."""
        if "/" in name or name in ("", ".", ".."):
            raise StoreError(f"{name[:120]!r}: allowed is a plain file name")
        return self.folder(directory + PARTIAL) / name

    def _move_aside(self, path: Path, name: str) -> str:
        site = path.relative_to(self.root).parts[0]
        place = self.root / site / SET_ASIDE / name
        place.parent.mkdir(parents=True, exist_ok=True)
        number = 1
        while place.exists():
            number += 1
            place = place.with_name(f"{name}-{number}")
        shutil.move(path, place)
        with suppress(FileNotFoundError, NotADirectoryError):  # nobody takes it for sealed
            (place / manifest.NAME).rename(place / UNSEALED)
        return str(place.relative_to(self.root))

    def _check_room(self) -> None:
        free = shutil.disk_usage(self.root).free if self._min_free else 0
        if free < self._min_free:
            raise StoreError(
                f"evidence store {self.root}: {free >> 20} MiB are free, {self._min_free >> 20} "
                f"MiB are to stay free; {_REMEDY[errno.ENOSPC]}",
                errno.ENOSPC,
            )


def load(folder: Path) -> tuple[bytes, dict[str, tuple[str, int]]]:
    """The manifest's bytes, and digest and size of every other file, of any folder.

    Raises StoreError when the folder holds no manifest or cannot be read.
    """
    if not (folder / manifest.NAME).is_file():
        raise StoreError(f"{folder}: no sealed evidence here: it has no {manifest.NAME}")
    with _sentence(folder):
        found = {
            str(path.relative_to(folder)): digest(path) if path.is_file() else ("", 0)
            for path in sorted(folder.rglob("*"))
            if path.name != manifest.NAME or path.parent != folder
        }
        return (folder / manifest.NAME).read_bytes(), found


def digest(path: Path) -> tuple[str, int]:
    """SHA-256 in hex and size in bytes."""
    state, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            state.update(block)
            size += len(block)
    return state.hexdigest(), size


@contextmanager
def _sentence(path: Path) -> Iterator[None]:
    """Turns what the system says into one sentence with the remedy."""
    try:
        yield
    except OSError as error:
        code = error.errno or 0
        reason = (error.strerror or str(error)).lower()
        remedy = _REMEDY.get(code, "look at the disk; the case is kept and tried again")
        raise StoreError(f"evidence store {path}: {reason}; {remedy}", code) from error


def _replace(path: Path, data: bytes) -> None:
    """The file with this content, flushed, or as it was before."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        _write(temporary, data)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
