"""What was computed lately, kept for some seconds: many people look at the same page."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import TypeVar, cast

T = TypeVar("T")
SECONDS = 60 * 1_000_000_000
MOST = 64


class Kept:
    """Safe from any thread; two who ask for the same at once wait for one answer.

    What has passed half of its time is given out once more while a thread makes it anew, so that
    who looks all the time waits for nothing but the first answer.
    """

    def __init__(self, seconds: int = SECONDS, most: int = MOST) -> None:
        self._seconds, self._most = seconds, most
        self._lock = threading.Lock()
        self._made: OrderedDict[Hashable, tuple[int, object]] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._renewing: set[Hashable] = set()

    def of(self, key: Hashable, now: int, make: Callable[[], T]) -> T:
        """The answer to `key`, at most so many seconds old at `now` (ns)."""
        with self._lock:
            found = self._made.get(key)
            age = -1 if found is None else now - found[0]
            renew = self._seconds // 2 <= age < self._seconds and key not in self._renewing
            if renew:
                self._renewing.add(key)
        if renew:
            threading.Thread(target=self._renew, args=(key, now, make), daemon=True).start()
        if found is not None and 0 <= age < self._seconds:
            return cast(T, found[1])
        return self._first(key, now, make)

    def _first(self, key: Hashable, now: int, make: Callable[[], T]) -> T:
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            try:
                with self._lock:
                    found = self._made.get(key)
                if found is not None and 0 <= now - found[0] < self._seconds:
                    return cast(T, found[1])
                made = make()
                self._keep(key, now, made)
                return made
            finally:
                with self._lock:
                    if self._making.get(key) is making:
                        del self._making[key]

    def _renew(self, key: Hashable, now: int, make: Callable[[], object]) -> None:
        try:
            # a store that cannot answer tells whoever comes after the old answer has expired
            with suppress(Exception):
                self._keep(key, now, make())
        finally:
            with self._lock:
                self._renewing.discard(key)

    def _keep(self, key: Hashable, now: int, made: object) -> None:
        with self._lock:
            self._made[key] = (now, made)
            self._made.move_to_end(key)
            while len(self._made) > self._most:
                self._made.popitem(last=False)
