"""Pictures in shared memory: a ring of slots that one process fills and others look into.

The kernel locks a slot while it is written, and while somebody looks: a reader sees the
pixels in place, and no writer touches them before the last view of them is gone. Locks and
rings of killed processes end with them. Who comes late finds another sequence number.
"""

import fcntl
import functools
import mmap
import os
import re
import secrets
import struct
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bconnect_node import shm

SLOTS = 10
MOST_HELD = 3  # slots one reader keeps from the writer; what it hoards beyond is copied out
SPARE = 64 << 20  # bytes of shared memory a new ring leaves free for the middleware
_PAGE = 4096
_MAGIC = b"BCRING01"
_HEAD = struct.Struct("=8sQQ")  # magic, slots, bytes from slot to slot
_SLOT = struct.Struct("=QII")  # sequence (0: nothing whole), height, width
_PIXELS = 64  # bytes from a slot's begin to its pixels
_LOCK = struct.Struct("hhqqi4x")  # struct flock
_NAME = re.compile(rf"{shm.RING_PREFIX}[0-9]+_[0-9a-f]{{16}}")


class NotHere(Exception):
    """The ring is on another host, or not for us."""


class NoRoom(Exception):
    """Shared memory does not hold a ring of this size."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a picture lies."""

    ring: str
    slot: int
    sequence: int
    height: int  # px
    width: int  # px


@functools.cache
def place() -> str:
    """This host and its shared memory; empty where rings cannot be used."""
    if not hasattr(fcntl, "F_OFD_SETLK") or struct.calcsize("P") != 8:
        return ""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.stat(shm.FOLDER).st_dev}"
    except OSError:
        return ""


class Writer:
    """A ring that this process fills; from any thread."""

    def __init__(self, picture_bytes: int, *, slots: int = SLOTS, folder: Path | None = None):
        """Raises NoRoom."""
        self.capacity = picture_bytes
        self._slots, self._next, self._sequence = slots, 0, 0
        self._stride = -(-(_PIXELS + picture_bytes) // _PAGE) * _PAGE
        size = _PAGE + slots * self._stride
        folder = folder or shm.FOLDER
        if shm.free_bytes(folder) < size + SPARE:
            raise NoRoom(f"{folder} has {shm.free_bytes(folder) >> 20} MiB left, a ring needs "
                         f"{(size + SPARE) >> 20}")  # fmt: skip
        self.name = f"{shm.RING_PREFIX}{os.getpid()}_{secrets.token_hex(8)}"
        self._path = folder / self.name
        self._lock = threading.Lock()
        self._file = _made(self._path, size)
        try:
            self._memory = mmap.mmap(self._file, size)
        except OSError as error:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            raise NoRoom(f"{self._path}: {error.strerror}") from None
        _HEAD.pack_into(self._memory, 0, _MAGIC, slots, self._stride)
        self._bytes = np.frombuffer(self._memory, np.uint8)

    def put(self, image: np.ndarray) -> Reference | None:
        """Copies a picture (h, w, 3) uint8 in; None: somebody looks at every slot, or closed."""
        with self._lock:
            slot = self._free_slot()
            if slot is None:
                return None
            try:
                return self._write(slot, image)
            finally:
                _lock(self._file, fcntl.F_UNLCK, slot)

    def _free_slot(self) -> int | None:
        for step in range(self._slots if self._file >= 0 else 0):
            slot = (self._next + step) % self._slots
            if _lock(self._file, fcntl.F_WRLCK, slot):
                self._next = (slot + 1) % self._slots
                return slot
        return None

    def _write(self, slot: int, image: np.ndarray) -> Reference:
        height, width = image.shape[:2]
        begin = _PAGE + slot * self._stride
        # Nothing whole until all is written, should we be killed in between.
        _SLOT.pack_into(self._memory, begin, 0, 0, 0)
        pixels = self._bytes[begin + _PIXELS : begin + _PIXELS + image.nbytes]
        np.copyto(pixels.reshape(image.shape), image)
        self._sequence += 1
        _SLOT.pack_into(self._memory, begin, self._sequence, height, width)
        return Reference(self.name, slot, self._sequence, height, width)

    def close(self) -> None:
        """Takes the ring away; who looks at a picture keeps it. Safe to repeat."""
        with self._lock:
            if self._file >= 0:
                self._path.unlink(missing_ok=True)
                os.close(self._file)
                self._file = -1


class Reader:
    """Looks into one ring at a time, whichever the last reference named."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or shm.FOLDER
        self._ring: _Ring | None = None

    def look(self, reference: Reference) -> np.ndarray | None:
        """The picture in place, read-only, kept from the writer as long as the array lives.

        None: it was overwritten, or its writer is gone. Raises NotHere.
        """
        if self._ring is None or self._ring.name != reference.ring:
            self._ring = None
            try:
                self._ring = _Ring(self._folder, reference.ring)
            except FileNotFoundError:
                return None
            except (OSError, ValueError) as error:
                raise NotHere(str(error)) from None
        return self._ring.look(reference)


class _Ring:
    """One ring, mapped for looking; lives as long as any picture of it does."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file = -1
        if not _NAME.fullmatch(name):
            raise ValueError(f'"{name}" is no ring')
        self._file = os.open(folder / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self.name = name
        size = os.fstat(self._file).st_size
        if size <= _PAGE:
            raise ValueError(f"{name}: is no ring")
        self._memory = mmap.mmap(self._file, size, mmap.MAP_SHARED, mmap.PROT_READ)
        magic, self._slots, self._stride = _HEAD.unpack_from(self._memory)
        if magic != _MAGIC or size != _PAGE + self._slots * self._stride:
            raise ValueError(f"{name}: is no ring")
        self._address = np.frombuffer(self._memory, np.uint8).ctypes.data
        self._held: Counter[int] = Counter()  # views by slot
        self._lock = threading.RLock()  # views go whenever the collector runs

    def look(self, reference: Reference) -> np.ndarray | None:
        slot, shape = reference.slot, (reference.height, reference.width, 3)
        if slot >= self._slots or not 0 < _size(shape) <= self._stride - _PIXELS:
            raise NotHere(f"{self.name}: has no slot {slot} of {shape}")
        with self._lock:
            many = len(self._held) >= MOST_HELD
            self._held[slot] += 1  # first, so that a view that goes meanwhile frees nothing
            if not _lock(self._file, fcntl.F_RDLCK, slot):
                self._forget(slot)
                return None  # it is being overwritten
        # From here on the slot stays as it is; view gives it back.
        view = _View(self, slot, self._address + self._begin(slot) + _PIXELS, shape)
        found = _SLOT.unpack_from(self._memory, self._begin(slot))
        if found != (reference.sequence, reference.height, reference.width):
            return None
        image = np.asarray(view)
        if many:  # a slow reader must not take the slots of the others
            image = image.copy()
            image.flags.writeable = False
        return image

    def _begin(self, slot: int) -> int:
        return _PAGE + slot * self._stride

    def give_back(self, slot: int) -> None:
        with self._lock:
            if self._forget(slot):
                _lock(self._file, fcntl.F_UNLCK, slot)

    def _forget(self, slot: int) -> bool:
        self._held[slot] -= 1
        if self._held[slot]:
            return False
        del self._held[slot]
        return True

    def __del__(self) -> None:
        if self._file >= 0:
            os.close(self._file)


class _View:
    """What arrays of a picture stand on: with the last of them the slot is given back."""

    def __init__(self, ring: _Ring, slot: int, address: int, shape: tuple[int, int, int]) -> None:
        self._ring, self._slot = ring, slot
        self.__array_interface__: dict[str, Any] = {
            "version": 3, "typestr": "|u1", "shape": shape, "data": (address, True),
        }  # fmt: skip

    def __del__(self) -> None:
        self._ring.give_back(self._slot)


def _made(path: Path, size: int) -> int:
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # for shm.remove_stale
        # Writing to a page that the file system has no room for would end the process.
        os.posix_fallocate(file, 0, size)
    except OSError as error:
        path.unlink(missing_ok=True)
        os.close(file)
        raise NoRoom(f"{path}: {error.strerror}") from None
    return file


def _lock(file: int, kind: int, slot: int) -> bool:
    """Locks or frees a slot for whoever opened this file; False: somebody else has it."""
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, _LOCK.pack(kind, os.SEEK_SET, 1 + slot, 1, 0))
    except (BlockingIOError, PermissionError):
        return False
    return True


def _size(shape: tuple[int, int, int]) -> int:
    return shape[0] * shape[1] * shape[2]
