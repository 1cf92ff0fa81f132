"""A mailbox between callbacks that only hand over and a worker that takes its time."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Generic, TypeVar

Item = TypeVar("Item")


class LatestMailbox(Generic[Item]):
    """Keeps the newest item of each key and hands the keys out in turn.

    A key keeps its place in the line when its item is replaced and goes to the end once
    taken, so a fast key never starves a slow one and nothing queues up. ``shares``: how many
    turns a key gets for each turn of a key with share 1 while more is put than is taken; what is
    overtaken then is the oldest of the keys with the smallest shares. Keys not named have 1.
    """

    def __init__(self, shares: Mapping[str, float] | None = None) -> None:
        self._changed = threading.Condition()
        self._shares = dict(shares or {})
        self._turns: dict[str, float] = {}  # how far each key is; the least one is next
        self._now = 0.0
        self._items: OrderedDict[str, Item] = OrderedDict()
        self._held: set[str] = set()  # taken by one who has not said yet that it is done
        self._dropped: dict[str, int] = {}
        self._closed = False

    def put(self, key: str, item: Item) -> bool:
        """Leaves an item, replacing one that was not taken. False if the mailbox is closed."""
        with self._changed:
            if self._closed:
                return False
            if key in self._items:
                self._dropped[key] = self._dropped.get(key, 0) + 1
            self._items[key] = item
            self._changed.notify()
            return True

    def take(self, timeout: float | None = None, hold: bool = False) -> tuple[str, Item] | None:
        """The key whose turn it is with its newest item; None on timeout [s] or once closed.

        hold: nobody gets the key's next item before ``done``, so several takers keep its order.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._free() or self._closed, timeout)
            if not (free := self._free()):
                return None
            # Who was away does not catch up: a turn missed is a turn missed.
            key = min(free, key=lambda k: max(self._turns.get(k, 0.0), self._now))
            if hold:
                self._held.add(key)
            self._now = max(self._turns.get(key, 0.0), self._now)
            self._turns[key] = self._now + 1.0 / self._shares.get(key, 1.0)
            return key, self._items.pop(key)

    def _free(self) -> list[str]:
        return [key for key in self._items if key not in self._held]

    def done(self, key: str) -> None:
        """The item that was taken to be held is dealt with."""
        with self._changed:
            self._held.discard(key)
            self._changed.notify()

    def dropped(self, key: str | None = None) -> int:
        """How many items of a key (of all keys) were replaced before anybody took them."""
        with self._changed:
            return sum(self._dropped.values()) if key is None else self._dropped.get(key, 0)

    def forget(self, key: str) -> None:
        """Drops everything remembered of a key."""
        with self._changed:
            self._items.pop(key, None)
            self._dropped.pop(key, None)
            self._turns.pop(key, None)

    def clear(self) -> None:
        """Drops what waits; nothing of it counts as dropped."""
        with self._changed:
            self._items.clear()

    def close(self) -> None:
        """Empties the mailbox and wakes everybody who waits."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._closed

    def __len__(self) -> int:
        with self._changed:
            return len(self._items)
