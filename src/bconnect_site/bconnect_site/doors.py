"""A door: orders in, checked, each followed once. What was followed is remembered on disk."""

import os
import threading
from pathlib import Path

from bconnect_site import disk
from bconnect_site.errors import ConfigError
from bconnect_site.orders import MEASURE, Refused, SignedOrder, Trusted, Used, check
from bconnect_site.trusted import read_trusted

TRUSTED = "trusted.json"
USED = "used"
TOLD_AGAIN = "told again"  # a reason: the middleware repeats what was followed before this start
MOST_LINES = 20_000  # of a file until it is written anew


class Door:
    """One node's. Any thread may use it; one process per name.

    The file survives the process at once, a power failure within seconds; what is signed does
    not live much longer, or is written down once by its own id.
    """

    def __init__(self, site: str, trusted: Trusted, file: Path) -> None:
        """Raises ConfigError where the file cannot be read or written."""
        self.fault = ""  # why the memory is not on disk; empty while it is
        self._site, self._trusted, self._file = site, trusted, file
        self._lock = threading.Lock()
        self._used, self._before = Used(), Used()
        self._lines = 0
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._load()
            self._rewrite()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ConfigError(
                f"{file}: {reason}; it remembers which orders were followed"
            ) from None

    @classmethod
    def open(cls, folder: Path, site: str, name: str) -> "Door":
        """The door of the node `name`, in the site's folder of orders. Raises ConfigError."""
        return cls(site, read_trusted(folder / TRUSTED), folder / USED / name)

    def admit(self, order: SignedOrder, now: int) -> None:
        """Returns where the order is to be followed, once. Raises Refused."""
        self.claim(order, now)
        self.keep(order)

    def claim(self, order: SignedOrder, now: int) -> None:
        """As admit; a restart forgets it unless `keep` is called once it was followed."""
        key = check(order, self._trusted, now)
        if order.fields["site"] != self._site:
            raise Refused("other site", f"{order.kind}: refused one for another site")
        with self._lock:
            if order.kind == MEASURE and order in self._before:
                raise Refused(TOLD_AGAIN, f"{order.kind}: refused one that was followed before")
            if order in self._used:
                raise Refused("replayed", f"{order.kind}: refused one by {key.name} used before")
            self._used.add(order.key_id, order.kind, order.counter)

    def keep(self, order: SignedOrder) -> None:
        """What was claimed is never followed again."""
        line = f"{order.key_id} {order.kind} {order.counter}\n"
        with self._lock:
            try:
                with self._file.open("a", encoding="ascii") as file:
                    file.write(line)
                self._lines += 1
                if self._lines > MOST_LINES:
                    self._rewrite()
                self.fault = ""
            except OSError as error:
                # The order itself is not held up: this run remembers.
                self.fault = f"{self._file}: cannot be written: {error.strerror}"

    def _load(self) -> None:
        try:
            text = self._file.read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return
        for line in text.splitlines():
            words = line.split(" ")
            # The last line may be half of one.
            if len(words) == 3 and words[0] in self._trusted and words[2].isdecimal():
                for memory in (self._used, self._before):
                    memory.add(words[0], words[1], int(words[2]))

    def _rewrite(self) -> None:
        lines = self._used.lines()
        disk.replace(self._file, "".join(f"{line}\n" for line in lines).encode("ascii"))
        os.chmod(self._file, 0o600)
        self._lines = len(lines)
