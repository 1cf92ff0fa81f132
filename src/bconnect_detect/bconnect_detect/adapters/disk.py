"""Files that are there whole or not at all, also after the power failed."""

import os
from pathlib import Path


def replace(path: Path, data: bytes) -> None:
    """The file with this content, flushed, or as it was before. Raises OSError."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        write(temporary, data)
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
