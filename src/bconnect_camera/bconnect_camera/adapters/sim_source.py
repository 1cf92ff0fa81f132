"""A simulated camera: a child process of bconnect_sim draws and encodes, its pipe is the stream."""

from __future__ import annotations

import select
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import av

from ..core.address import Address
from ..core.types import SourceError
from .pyav_source import READ, SLICE, PyavSource

# s until the first picture: the street is built, its traffic warmed up, and what was missed
# of the round simulated, or the next round waited for
START = 240.0
CHECK = 60.0  # s for the answer whether a scenario could run
# the header says everything: reading on for seconds would only make the first pictures late
PROBING = {"analyzeduration": "1", "fpsprobesize": "0"}
MODULE = "bconnect_sim.live"
ABSENT = f"No module named '{MODULE.partition('.')[0]}'"


class SimSource(PyavSource):
    """A scenario played in real time; see core.types.Source. Arguments: see PyavSource."""

    def __init__(self, address: Address, **how: Any) -> None:
        super().__init__(address, **how)
        self._child: _Child | None = None
        self._words = ""

    def _open_container(self) -> tuple[Any, str]:
        self._child = _Child(self._at, self._wait)
        return av.open(self._child, format="nut", options=PROBING), ""

    def close(self) -> None:
        super().close()
        child, self._child = self._child, None
        if child is not None:
            self._words = child.end()

    def _sorry(self, error: Exception, opening: bool) -> SourceError:
        words = self._child.words() if self._child is not None else self._words
        if words:
            return SourceError(f"{self._at.shown}: {words}")
        return super()._sorry(error, opening)


class _Child:
    """The process, and its pipe as the file PyAV reads. It ends when we end: its standard input
    is a pipe that nobody else holds."""

    def __init__(self, address: Address, wait: Callable[[float], bool]) -> None:
        self._stopped, self._silence, self._over = wait, START, False
        self._process = subprocess.Popen(
            [*command(address), "--tied"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        self._said: deque[str] = deque(maxlen=3)
        self._listener = threading.Thread(target=self._listen, name="sim words", daemon=True)
        self._listener.start()

    def read(self, size: int) -> bytes:
        """What has come, up to ``size`` bytes; empty at the end, or when we shall stop."""
        out = self._process.stdout
        assert out is not None
        waited = 0.0
        while not select.select([out], [], [], SLICE)[0]:
            waited += SLICE
            if self._stopped(0.0):
                return b""
            if waited > self._silence:
                raise TimeoutError
        self._silence = READ
        data = out.read(size) or b""
        self._over = not data
        return data

    def words(self) -> str:
        """Why it came to an end by itself; empty when it did not, or as it should."""
        if not self._over:
            return ""
        try:
            code = self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            return ""
        self._listener.join(timeout=1.0)
        return explain(code, list(self._said))

    def end(self) -> str:
        """Kills it, for there is nothing it could lose; its words if it had ended before."""
        words = self.words()
        self._process.kill()
        self._process.wait()
        self._listener.join(timeout=1.0)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        return words

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said.append(line.decode(errors="replace").strip())


def command(address: Address) -> list[str]:
    """What plays a sim:// address."""
    scenario, _, camera = address.target.rpartition("/")
    options = [f"--{key}={value}" for key, value in sorted(address.settings.items()) if value]
    return [sys.executable, "-m", MODULE, scenario, camera, *options]


def explain(code: int, said: list[str]) -> str:
    """A child's end in a sentence; empty when it ended as it should."""
    if code == 0:
        return ""
    words = next((line for line in reversed(said) if line), "")
    if ABSENT in words:
        return "needs the package bconnect_sim, which is not installed"
    if code == 2 and words:
        return words
    return f"the simulation broke off ({words or f'exit status {code}'})"


def check(address: Address) -> None:
    """Refuses at start a scenario that cannot be played. Raises SourceError."""
    try:
        answer = subprocess.run(
            [*command(address), "--check"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CHECK,
        )
    except subprocess.TimeoutExpired:
        return  # a busy machine is no mistake in the file
    if sentence := explain(answer.returncode, answer.stderr.splitlines()):
        raise SourceError(f"{address.shown}: {sentence}", refuse=True)
