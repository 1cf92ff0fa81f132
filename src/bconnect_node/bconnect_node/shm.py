"""Shared memory of the middleware: what killed processes left behind, and what we hold."""

import fcntl
import os
from pathlib import Path

FOLDER = Path("/dev/shm")
_PREFIXES = ("fastdds_", "fastrtps_")  # Fast DDS 3 (Kilted) and 2 (Jazzy)
_LOCK_ENDING = "_el"  # its owner holds an exclusive lock on this file as long as it lives
RING_PREFIX = "bconnect_ring_"  # our own (ring.py); its owner holds a lock on the ring itself
SETTLED = 2.0  # s: a younger segment may be on the way from its making to its locking


def remove_stale(folder: Path = FOLDER) -> int:
    """Unlinks Fast DDS segments and rings whose owner is gone. Returns how many there were.

    A segment is as large as the profile says (16 MB), and a killed process leaves it for
    good. What a living process holds, or another user owns, is left alone. Ports are small
    and Fast DDS takes dead ones over itself; touching their locks would disturb others.
    """
    marker = folder / f"bconnect_cleanup_{os.getuid()}"
    try:
        marker.touch()
        latest = marker.stat().st_mtime - SETTLED
    except OSError:
        return 0
    locks = [lock for prefix in _PREFIXES for lock in folder.glob(f"{prefix}*{_LOCK_ENDING}")]
    locks = [lock for lock in locks if not _is_port(lock.name)]
    locks += folder.glob(f"{RING_PREFIX}*")
    return sum(_remove(lock, latest) for lock in sorted(locks))


def own_segments() -> list[int]:
    """Sizes in bytes of the Fast DDS segments this process has mapped, the largest first."""
    sizes: dict[str, int] = {}
    with open("/proc/self/maps") as maps:
        for line in maps:
            words = line.split()
            name = words[5].rpartition("/")[2] if len(words) > 5 else ""
            if name.startswith(_PREFIXES) and not _is_port(name):
                start, _, end = words[0].partition("-")
                sizes[name] = sizes.get(name, 0) + int(end, 16) - int(start, 16)
    return sorted(sizes.values(), reverse=True)


def free_bytes(folder: Path = FOLDER) -> int:
    """What is left for further segments."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize


def _remove(lock: Path, latest: float) -> bool:
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # gone meanwhile, or not ours
        return False
    try:
        if os.fstat(handle).st_mtime > latest:
            return False
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The lock last, so that a half done job is done again.
        for path in (lock.with_name(lock.name.removesuffix(_LOCK_ENDING)), lock):
            path.unlink(missing_ok=True)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _is_port(name: str) -> bool:
    return any(name.startswith(f"{prefix}port") for prefix in _PREFIXES)
