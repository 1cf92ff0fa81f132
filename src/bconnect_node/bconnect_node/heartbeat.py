"""A process tells who supervises it, once a second, that its executor still turns."""

import contextlib
import os
from collections.abc import Mapping

VARIABLE = "BCONNECT_HEARTBEAT"  # descriptor of a pipe to the supervisor

# A file of its own for each start, which grows without end: not where our lines are kept anyway.
NO_LOG_FILE = ("--ros-args", "--disable-external-lib-logs")


def is_supervised() -> bool:
    """Whether somebody holds the other end, and keeps what we print."""
    return bool(os.environ.get(VARIABLE))


class Heartbeat:
    """Writes a byte per beat into the supervisor's pipe; without one it does nothing."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        found = (os.environ if env is None else env).get(VARIABLE, "")
        self._pipe = int(found) if found.isascii() and found.isdigit() else None
        if self._pipe is not None:
            try:
                os.set_blocking(self._pipe, False)
                os.set_inheritable(self._pipe, False)  # a child of ours is no sign of our life
            except OSError:
                self._pipe = None

    def beat(self) -> None:
        """Never waits and never raises: a full pipe is a supervisor that is busy."""
        if self._pipe is not None:
            with contextlib.suppress(OSError):
                os.write(self._pipe, b".")
