"""When a recording begins a new file."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Split:
    """At most so many bytes and ns a file; 0: no limit."""

    size: int = 0
    duration: int = 0

    def due(self, size: int, start: int, stamp: int) -> bool:
        """Whether a file of this size (bytes) that began at ``start`` is full at ``stamp``."""
        if self.size and size >= self.size:
            return True
        return bool(self.duration and stamp - start >= self.duration)
