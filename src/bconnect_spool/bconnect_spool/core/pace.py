"""Which item goes next, how fast, and when to try again."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from bconnect_spool.core.item import Item

SECOND = 1_000_000_000


def next_of(items: Iterable[Item]) -> Item | None:
    """The most important, among those the oldest."""
    return min(items, key=lambda item: (-item.priority, item.stamp, item.id), default=None)


@dataclass(slots=True)
class Allowance:
    """At most ``rate`` bytes/s over any second or longer; 0: no cap. Time in ns, monotonic."""

    rate: float = 0.0
    _left: float = field(default=0.0, init=False)
    _at: int | None = field(default=None, init=False)

    def wait(self, size: int, now: int) -> float:
        """s until ``size`` bytes may go; 0.0 takes them."""
        if self.rate <= 0.0:
            return 0.0
        if self._at is None:
            self._left, self._at = self.rate, now
        self._left = min(self.rate, self._left + (now - self._at) / SECOND * self.rate)
        self._at = now
        # What is larger than a second's worth waits for a full bucket and leaves a debt.
        need = min(float(size), self.rate)
        if self._left >= need:
            self._left -= size
            return 0.0
        return (need - self._left) / self.rate


@dataclass(slots=True)
class Backoff:
    """Growing pauses between attempts, s."""

    first: float = 1.0
    longest: float = 60.0
    _next: float = field(default=0.0, init=False)

    def failed(self) -> float:
        """How long to wait now."""
        self._next = min(self.longest, max(self.first, 2.0 * self._next))
        return self._next

    def worked(self) -> None:
        """The next failure waits little again."""
        self._next = 0.0
