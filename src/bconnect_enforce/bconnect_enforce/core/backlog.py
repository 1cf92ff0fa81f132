"""What waits to be written: in order, bounded, and kept until it is done."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Backlog(Generic[T]):
    """A queue whose head stays until `done`: a failed write is tried again, in order.

    Any thread may put; one thread works. Beyond `capacity` the newest is refused, and the
    caller says so: what was promised first is kept.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: T) -> bool:
        """False where the backlog is full."""
        with self._changed:
            if len(self._items) >= self._capacity:
                return False
            self._items.append(item)
            self._changed.notify()
            return True

    def head(self, timeout: float) -> T | None:
        """The oldest item, waiting at most `timeout` s for one; it stays in the backlog."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._items) or self._closed, timeout)
            return self._items[0] if self._items else None

    def done(self) -> None:
        """Drops the head."""
        with self._changed:
            self._items.popleft()

    def close(self) -> None:
        """Nobody waits for a new item any more; what is there stays."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._items)
