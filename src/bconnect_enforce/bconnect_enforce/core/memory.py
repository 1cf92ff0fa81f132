"""A dictionary that forgets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(Generic[K, V]):
    """Values with the stamp (ns) of their last use; old or surplus ones are forgotten.

    An entry is dropped once the newest stamp seen lies more than `forget_after` ns ahead of
    it, or when there are more than `capacity` entries (the least recently put goes first).
    Stamps may arrive out of order.
    """

    def __init__(self, forget_after: int, capacity: int = 20_000) -> None:
        self._forget_after = forget_after
        self._capacity = capacity
        self._newest = 0
        self._items: OrderedDict[K, tuple[int, V]] = OrderedDict()

    def put(self, key: K, value: V, stamp: int) -> None:
        self._newest = max(self._newest, stamp)
        self._items[key] = (stamp, value)
        self._items.move_to_end(key)
        self._forget()

    def get(self, key: K) -> V | None:
        item = self._items.get(key)
        return None if item is None else item[1]

    def __contains__(self, key: K) -> bool:
        return key in self._items

    def __len__(self) -> int:
        return len(self._items)

    def _forget(self) -> None:
        horizon = self._newest - self._forget_after
        while self._items:
            key, (stamp, _) = next(iter(self._items.items()))
            if stamp >= horizon and len(self._items) <= self._capacity:
                return
            del self._items[key]
