"""Files that are there whole or not at all, also after the power failed."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from threading import get_ident


def replace(path: Path, data: bytes, *, many: bool = False, mode: int | None = None) -> None:
    """The file with this content, flushed, or as it was before. Raises OSError.

    ``mode``: its permissions; none: a new file's. ``many``: several processes may do so at once,
    each by way of a file of its own. What is flushed is the file; that it is called so is certain
    once its folder is flushed too.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new" if many else f".{path.name}.new")
    try:
        write(temporary, data)
        if mode is not None:
            temporary.chmod(mode)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def secret(path: Path, make: Callable[[], bytes]) -> bytes:
    """What a file of secrets holds; the first to ask makes it, whole, readable by its owner only.

    Many may ask at once, in several processes: all get the same. Raises OSError, PermissionError
    where other users could read it.
    """
    if not path.exists():
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}.new")
        try:
            _write_secret(temporary, make())
            os.link(temporary, path)  # fails where another was first
        except FileExistsError:
            pass
        finally:
            temporary.unlink(missing_ok=True)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        words = f"mode {mode:04o} opens it to other users, allowed is 0600"
        raise PermissionError(errno.EPERM, words, str(path))
    return path.read_bytes()


def replace_secret(path: Path, data: bytes) -> None:
    """As ``replace``, and at no moment readable by others. Raises OSError."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    _write_secret(temporary, data)
    os.replace(temporary, path)


def _write_secret(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write(path: Path, data: bytes) -> None:
    """A file, flushed to the medium. Raises OSError."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def flush(path: Path) -> None:
    """A file or folder, to the medium. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(path: Path) -> str:
    """Of a file, hex. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
