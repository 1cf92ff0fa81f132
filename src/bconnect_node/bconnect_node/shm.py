"""Shared memory that killed processes left behind."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path("/dev/shm")
_LOCK_ENDING = "_el"  # Fast DDS holds an exclusive lock on it as long as the owner lives
_PORT = "fastdds_port"


def remove_stale(folder: Path = FOLDER) -> int:
    """Unlinks Fast DDS segments and ports whose owner is gone. Returns how many there were.

    A segment is as large as the profile says (16 MB), and a killed process leaves it for
    good. What a living process holds, or another user owns, is left alone.
    """
    return sum(_remove(lock) for lock in sorted(folder.glob(f"fastdds_*{_LOCK_ENDING}")))


def _remove(lock: Path) -> bool:
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # gone meanwhile, or not ours
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for path in _belongings(lock):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        return True
    except OSError:
        return False
    finally:
        os.close(handle)


def _belongings(lock: Path) -> Iterator[Path]:
    """The files of one segment or port; the lock last, so that a half done job is done again."""
    base = lock.name.removesuffix(_LOCK_ENDING)
    yield lock.with_name(base)
    if base.startswith(_PORT):
        yield lock.with_name(f"sem.{base}_mutex")
    yield lock


def own_segments() -> list[int]:
    """Sizes in bytes of the Fast DDS segments this process has mapped and owns, largest first."""
    sizes: dict[str, int] = {}
    with open("/proc/self/maps") as maps:
        for line in maps:
            parts = line.split()
            if len(parts) >= 6 and "/fastdds_" in parts[5] and _PORT not in parts[5]:
                start, _, end = parts[0].partition("-")
                sizes[parts[5]] = sizes.get(parts[5], 0) + int(end, 16) - int(start, 16)
    return sorted(sizes.values(), reverse=True)
