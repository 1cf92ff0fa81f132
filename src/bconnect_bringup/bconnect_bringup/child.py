"""One child process: started so that it dies with its parent, its output read line by line."""

import contextlib
import ctypes
import os
import signal
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence

LONGEST_LINE = 65536
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)
_prctl = getattr(_libc, "prctl", None)


class Child:
    """A started process. Its stdout and stderr are one non-blocking stream of lines."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], keep_open: Sequence[int] = ()
    ) -> None:
        parent = os.getpid()

        def die_with_parent() -> None:
            if _prctl is not None:
                _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # the parent ended before prctl took hold
                os._exit(1)

        # A session of its own: Ctrl-C reaches the runner only, which then stops all in order.
        self._process = subprocess.Popen(
            command,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=tuple(keep_open),
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        assert self._process.stdout is not None
        self.stream = self._process.stdout.fileno()
        os.set_blocking(self.stream, False)
        self.last_lines: deque[str] = deque(maxlen=20)
        self._partial = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    def read_lines(self) -> tuple[list[str], bool]:
        """Whole lines that arrived, and whether the stream has ended."""
        ended = False
        while True:
            try:
                data = os.read(self.stream, 65536)
            except BlockingIOError:
                break
            if not data:
                ended = True
                break
            self._partial += data
            if len(self._partial) > 16 * LONGEST_LINE:
                break
        *whole, self._partial = self._partial.split(b"\n")
        if self._partial and (ended or len(self._partial) > LONGEST_LINE):
            whole.append(self._partial)
            self._partial = b""
        lines = [line.decode(errors="replace").rstrip() for line in whole]
        self.last_lines.extend(line for line in lines if line)
        return lines, ended

    def exit_code(self) -> int | None:
        """None while it runs. What it left behind in its session is ended with it."""
        if self._process.returncode is not None:
            return self._process.returncode
        found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            return None
        self._signal_group(signal.SIGKILL)
        return self._process.wait()

    def ask_to_stop(self) -> None:
        """SIGTERM, to the process itself."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, to everything in its session."""
        self._signal_group(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Closes our end of its output."""
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)
