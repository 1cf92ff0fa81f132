"""How long to wait before a process that ended is started again."""

from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Doubles from `first` to `longest` [s]; starts afresh after `healthy` seconds of running."""

    first: float = 1.0
    longest: float = 30.0
    healthy: float = 60.0
    failures: int = 0

    def after(self, ran: float) -> float:
        """The wait [s] after a run of `ran` seconds that ended by itself."""
        if ran >= self.healthy:
            self.failures = 0
        wait = min(self.longest, self.first * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return wait
