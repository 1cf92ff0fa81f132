"""When each message of a replay is due."""

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """Bag time by the time of a monotonic clock, both in ns.

    Runs at ``rate`` from ``bag``; stands still while paused. ``step`` lets so much bag time
    pass while it is paused.
    """

    bag: int
    now: int
    rate: float = 1.0
    paused: bool = False

    def at(self, now: int) -> int:
        """The bag's time."""
        if not self.paused:
            self.bag += round(max(0, now - self.now) * self.rate)
        self.now = max(self.now, now)
        return self.bag

    def pause(self, on: bool, now: int) -> None:
        """Stands still, or goes on from where it stood."""
        self.at(now)
        self.paused = on

    def step(self, duration: int, now: int) -> None:
        """Lets ``duration`` pass at once; only while paused."""
        self.at(now)
        if self.paused:
            self.bag += duration

    def wait(self, due: int, now: int) -> float:
        """s until bag time ``due``; infinite while paused."""
        left = due - self.at(now)
        if left <= 0:
            return 0.0
        return float("inf") if self.paused else left / self.rate / 1e9
