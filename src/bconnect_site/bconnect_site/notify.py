"""What a service tells systemd: ready, how it is, and that it is alive (sd_notify(3))."""

import contextlib
import os
import socket
from collections.abc import Callable, Mapping

FEEDINGS = 3  # in one WatchdogSec


class Systemd:
    """Does nothing where systemd does not ask for it. ``clock``: s, steady."""

    def __init__(self, clock: Callable[[], float], env: Mapping[str, str] | None = None) -> None:
        env = os.environ if env is None else env
        self._clock = clock
        self._address = env.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):  # abstract
            self._address = "\0" + self._address[1:]
        usec, pid = env.get("WATCHDOG_USEC", ""), env.get("WATCHDOG_PID", "")
        ours = not pid or pid == str(os.getpid())
        self._every = int(usec) / 1e6 / FEEDINGS if usec.isdigit() and ours else None
        self._fed = float("-inf")
        self._ready = False
        self._said = ""

    @property
    def ready(self) -> bool:
        """Whether it was told that we are."""
        return self._ready

    def tend(self, trouble: str, *, ready: bool = True) -> None:
        """Call it often. ``trouble``: why the watchdog is not fed now; "" when all is well."""
        if ready and not self._ready:
            self._ready = self.tell("READY=1") or not self._address
        status = trouble or "running"
        if status != self._said:
            self._said = status
            self.tell(f"STATUS={status}")
        due = self._every is not None and self._clock() - self._fed >= self._every
        if due and self._ready and not trouble:
            self._fed = self._clock()
            self.tell("WATCHDOG=1")

    def stopping(self) -> None:
        """The end has begun."""
        self.tell("STOPPING=1")

    def tell(self, line: str) -> bool:
        """One assignment; whether systemd took it. Never raises, never waits."""
        if not self._address:
            return False
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
            door.setblocking(False)
            door.sendto(line.replace("\n", " ").encode(), self._address)
            return True
        return False
