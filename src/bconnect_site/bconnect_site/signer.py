"""Who signs orders: a key, and a counter that never gives the same number twice.

The counter is the clock in ns, or one more than the last number where the clock stands or went
back. ``counter`` beside the key holds a number that was never exceeded, so that neither a
restart nor a clock set back repeats one, nor two processes with the same key.
"""

import fcntl
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bconnect_site import disk
from bconnect_site.keys import Keyring
from bconnect_site.orders import SECOND, SignedOrder, Value, sign_order

COUNTER = "counter"
AHEAD = 60 * SECOND  # numbers taken at once, about a minute's


class Signer:
    """Signs orders with the key of one folder. Any thread, any number of processes."""

    def __init__(self, folder: Path) -> None:
        """The first start makes the key (0600, folder 0700). Raises ConfigError."""
        self.keyring = Keyring.open(folder)
        self.fault = ""  # why the counter is not on disk; empty while it is
        self._file = folder / COUNTER
        self._lock = threading.Lock()
        self._last = self._end = 0

    @property
    def key_id(self) -> str:
        """The id of the key that signs."""
        return self.keyring.key_id

    def sign(self, kind: str, fields: Mapping[str, Value], now: int, expires: int) -> SignedOrder:
        """The order with the next number; `now` is the clock (ns). Raises ValueError."""
        return sign_order(self.keyring, kind, fields, self.next(now), expires)

    def next(self, now: int) -> int:
        """A number never given before, larger than all before."""
        with self._lock:
            number = max(self._last + 1, now)
            if number > self._end:
                number = self._reserve(number)
            self._last = number
            return number

    def _reserve(self, number: int) -> int:
        """Takes a stretch of numbers that no other process of this key has."""
        try:
            with _locked(self._file.with_suffix(".lock")):
                number = max(number, _read(self._file) + 1)
                disk.replace(self._file, f"{number + AHEAD}\n".encode(), many=True)
            self.fault = ""
            self._end = number + AHEAD
        except OSError as error:
            # Full disks must not silence the street; the clock alone keeps the order meanwhile.
            self.fault = f"{self._file}: cannot be written: {error.strerror}"
            self._end = number
        return number


def _read(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii")[:40])
    except (FileNotFoundError, ValueError):
        return 0


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
