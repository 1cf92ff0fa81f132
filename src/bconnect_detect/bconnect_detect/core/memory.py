"""Everything remembered is forgotten: a dictionary that lives by stamps."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

State = TypeVar("State")


class Memory(Generic[State]):
    """State per track id, dropped ``forget_after`` ns after the track was last touched.

    At most ``capacity`` tracks are held; the longest untouched goes first.
    """

    def __init__(self, make: Callable[[], State], forget_after: int, capacity: int = 1024) -> None:
        self._make = make
        self._forget_after = forget_after
        self._capacity = capacity
        self._items: OrderedDict[int, tuple[int, State]] = OrderedDict()

    def touch(self, track_id: int, stamp: int) -> State:
        """The state of a track, made on first sight, remembered from this stamp on."""
        found = self._items.pop(track_id, None)
        state = found[1] if found else self._make()
        self._items[track_id] = (stamp, state)
        if len(self._items) > self._capacity:
            self._items.popitem(last=False)
        return state

    def drop(self, track_id: int) -> None:
        """Forget one track now."""
        self._items.pop(track_id, None)

    def expire(self, stamp: int) -> None:
        """Forget what has not been touched for ``forget_after``."""
        while self._items:
            track_id, (touched, _) = next(iter(self._items.items()))
            if stamp - touched <= self._forget_after:
                break
            del self._items[track_id]

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[State]:
        return (state for _, state in self._items.values())
