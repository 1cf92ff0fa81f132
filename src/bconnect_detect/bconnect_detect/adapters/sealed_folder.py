"""Reads sealed folders, on disk and in zips. Never writes, needs neither site nor ROS."""

import errno
import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from bconnect_site import sealed

SMALL = 16 << 20  # bytes of a file that is read whole; a larger one is no manifest
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
NO_ROOM = _REMEDY[errno.ENOSPC]
LASTING = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ELOOP}
)
_READ_WHOLE = (sealed.MANIFEST, sealed.SIGNATURE, sealed.ERASED, sealed.VIOLATION)


class StoreError(Exception):
    """The store could not take or give something; one sentence, what to do included."""

    def __init__(self, sentence: str, code: int = 0) -> None:
        super().__init__(sentence)
        self.code = code

    @property
    def lasting(self) -> bool:
        """Whether waiting will not help: rights, a file in the way."""
        return self.code in LASTING


@dataclass(slots=True)
class SealedFolder:
    """What lies in one sealed folder."""

    where: str  # for people
    name: str = ""  # the folder's own name; empty: not known
    manifest: bytes = b""
    signature: bytes | None = None
    erased: bytes | None = None
    violation: bytes = b""
    found: dict[str, tuple[str, int]] = field(default_factory=dict)  # the others, by path
    twice: list[str] = field(default_factory=list)  # names that a zip holds more than once

    def take(self, path: str, file: IO[bytes]) -> None:
        """Adds one file."""
        if path in _READ_WHOLE:
            data = file.read(SMALL)
            if path == sealed.MANIFEST:
                self.manifest = data
            elif path == sealed.SIGNATURE:
                self.signature = data
            elif path == sealed.ERASED:
                self.erased = data
            else:
                self.violation = data
                self.found[path] = sealed.sha256(data), len(data)
        else:
            self.found[path] = digest_of(file)


def load(folder: Path) -> SealedFolder:
    """A folder. Raises StoreError when it holds no manifest or cannot be read."""
    if not is_sealed(folder):
        raise StoreError(f"{folder}: no sealed evidence here: it has no {sealed.MANIFEST}")
    made = SealedFolder(str(folder), folder.name)
    with sentence(folder):
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                made.found[name] = ("", 0)
            elif path.is_file():
                with path.open("rb") as file:
                    made.take(name, file)
            elif not any(path.iterdir()):
                made.found[name] = ("", 0)
    return made


def load_zip(path: Path) -> list[SealedFolder]:
    """The sealed folders of a zip. Raises StoreError for no zip, or one that cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _of_zip(archive, path)
    except OSError as error:
        raise StoreError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except Exception as error:  # whatever a spoiled zip makes of the library
        why = " ".join(str(error).split())[:120] or type(error).__name__
        raise StoreError(f"{path}: is no zip that can be read ({why})") from None


def _of_zip(archive: zipfile.ZipFile, path: Path) -> list[SealedFolder]:
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    marks = (sealed.MANIFEST, sealed.ERASED)
    tops = sorted({str(PurePosixPath(n).parent) for n in names if PurePosixPath(n).name in marks})
    made = []
    for top in tops:
        prefix = "" if top == "." else f"{top}/"
        folder = SealedFolder(f"{path}:{prefix or '/'}", PurePosixPath(top).name)
        for info in archive.infolist():
            if info.is_dir() or not info.filename.startswith(prefix):
                continue
            name = info.filename.removeprefix(prefix)
            if names.count(info.filename) > 1 and name not in folder.twice:
                folder.twice.append(name)
            with archive.open(info) as file:
                folder.take(name, file)
        made.append(folder)
    return made


def is_sealed(folder: Path) -> bool:
    """Whether a sealed or erased folder stands there."""
    return (folder / sealed.MANIFEST).is_file() or (folder / sealed.ERASED).is_file()


def digest(path: Path) -> tuple[str, int]:
    """SHA-256 in hex and size in bytes."""
    with path.open("rb") as file:
        return digest_of(file)


def digest_of(file: IO[bytes]) -> tuple[str, int]:
    """SHA-256 in hex and size in bytes of what is left of an open file."""
    state, size = hashlib.sha256(), 0
    while block := file.read(1 << 20):
        state.update(block)
        size += len(block)
    return state.hexdigest(), size


@contextmanager
def sentence(path: Path) -> Iterator[None]:
    """Turns what the system says into one sentence with the remedy."""
    try:
        yield
    except OSError as error:
        code = error.errno or 0
        reason = (error.strerror or str(error)).lower()
        remedy = _REMEDY.get(code, "look at the disk; the case is kept and tried again")
        raise StoreError(f"evidence store {path}: {reason}; {remedy}", code) from error
