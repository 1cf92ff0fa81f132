"""Files that are there whole or not at all, also after the power failed."""

import hashlib
import os
from pathlib import Path


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
