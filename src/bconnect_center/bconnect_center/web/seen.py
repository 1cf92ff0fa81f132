"""What was noted lately, so that stepping through a clip is one line of the log, not hundreds."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock

from bconnect_center.core.moments import SECOND

WHILE = 300 * SECOND  # ns for which one line stands
MOST = 5000


class Seen:
    """Bounded; safe from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._noted: OrderedDict[Hashable, int] = OrderedDict()

    def lately(self, key: Hashable, now: int) -> bool:
        with self._lock:
            last = self._noted.get(key)
            return last is not None and 0 <= now - last < WHILE

    def noted(self, key: Hashable, now: int) -> None:
        with self._lock:
            self._noted[key] = now
            self._noted.move_to_end(key)
            while len(self._noted) > MOST:
                self._noted.popitem(last=False)
