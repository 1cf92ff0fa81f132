"""What was computed lately, kept for some seconds: many people look at the same page."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

T = TypeVar("T")
SECONDS = 20 * 1_000_000_000
MOST = 64


class Kept:
    """Safe from any thread; two who ask for the same at once wait for one answer."""

    def __init__(self, seconds: int = SECONDS, most: int = MOST) -> None:
        self._seconds, self._most = seconds, most
        self._lock = threading.Lock()
        self._made: OrderedDict[Hashable, tuple[int, object]] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}

    def of(self, key: Hashable, now: int, make: Callable[[], T]) -> T:
        """The answer to `key`, at most so many seconds old at `now` (ns)."""
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            try:
                with self._lock:
                    found = self._made.get(key)
                if found is not None and 0 <= now - found[0] < self._seconds:
                    return cast(T, found[1])
                made = make()
                with self._lock:
                    self._made[key] = (now, made)
                    self._made.move_to_end(key)
                    while len(self._made) > self._most:
                        self._made.popitem(last=False)
                return made
            finally:
                with self._lock:
                    if self._making.get(key) is making:
                        del self._making[key]
