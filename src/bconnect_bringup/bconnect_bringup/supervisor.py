"""Keeps a set of processes running: restarts with back-off, stops in order. One thread, no ROS."""

import contextlib
import math
import os
import selectors
import signal
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bconnect_bringup.backoff import Backoff
from bconnect_bringup.child import Child
from bconnect_bringup.console import Console, plain
from bconnect_node.heartbeat import VARIABLE as HEARTBEAT

MARK = "bconnect: "  # in front of a sentence that refuses
REFUSED = 2  # exit code of a process that will not start with this configuration


@dataclass(frozen=True, slots=True)
class Job:
    """What to run. Jobs of a lower stage are stopped before those of a higher one."""

    name: str
    command: tuple[str, ...]
    stage: int = 0


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: to stop everything, and what a restart waits.

    Who ran for `healthy` s and died was struck by something and is wanted back at once; who dies
    again and again soon after its start waits longer and longer. Who has beaten and is `silent`
    for so long hangs, and is killed. Who could not be cured for `cure` s is for whoever
    supervises us.
    """

    stop: float = 4.5
    first: float = 0.1
    longest: float = 30.0
    healthy: float = 10.0
    silent: float = 30.0
    cure: float = 240.0


@dataclass(slots=True)
class _Watched:
    job: Job
    backoff: Backoff
    child: Child | None = None
    started: float = 0.0  # monotonic, s
    starts: int = 0
    due: float = math.inf  # monotonic, s: when to start again
    pipe: int = -1  # its heartbeats
    beat: float = math.nan  # monotonic, s: the last of this run
    well: float = math.nan  # monotonic, s: when it was last known to be well


class Supervisor:
    """Start with `start`, call `step` until it returns a sentence or you want to `stop`."""

    def __init__(
        self,
        jobs: Iterable[Job],
        console: Console,
        *,
        env: Mapping[str, str] | None = None,
        keep_open: Sequence[int] = (),
        patience: Patience | None = None,
    ) -> None:
        """env: added to our own environment. keep_open: descriptors that children inherit."""
        self._patience = patience or Patience()
        self._console = console
        self._env = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        self._keep_open = tuple(keep_open)
        self._selector = selectors.DefaultSelector()
        p = self._patience
        self._watched = [_Watched(job, Backoff(p.first, p.longest, p.healthy)) for job in jobs]
        self._hurry = False

    def start(self, *, but: Collection[str] = ()) -> None:
        """Starts every job that was not started yet, but those named."""
        for watched in self._watched:
            if not watched.starts and watched.job.name not in but:
                self._start(watched)

    def step(self, timeout: float = 0.2) -> str | None:
        """Waits up to `timeout` s for something to happen and deals with it.

        Returns the sentence of a process that refused to start (exit code 2), else None.
        """
        self._read(timeout)
        now = time.monotonic()
        for watched in self._watched:
            if watched.child is None:
                if now >= watched.due:
                    self._start(watched)
                continue
            if now - watched.beat > self._patience.silent:
                self._console.say(
                    f"{watched.job.name} gave no sign of life for "
                    f"{self._patience.silent:g} s: killed"
                )
                watched.child.kill()
            code = watched.child.exit_code()
            if code is None:
                continue
            sentence = self._ended(watched, code, now)
            if sentence is not None:
                return sentence
        return None

    def running(self) -> dict[str, int]:
        """Names and process ids of what runs now."""
        return {w.job.name: w.child.pid for w in self._watched if w.child is not None}

    def beating(self) -> bool:
        """Whether every process has given a sign of life since it was started."""
        return all(w.child is not None and not math.isnan(w.beat) for w in self._watched)

    def trouble(self) -> str:
        """Which process could not be cured by starting it again, one sentence; "" for none."""
        now = time.monotonic()
        for watched in self._watched:
            if watched.starts and now - watched.well > self._patience.cure:
                return f"{watched.job.name} has not been well for {now - watched.well:.0f} s"
        return ""

    def stop(self, reason: str) -> bool:
        """Stops stage after stage, then kills what is left. True when nothing had to be killed."""
        self._console.say(f"{reason}: stopping")
        deadline = time.monotonic() + self._patience.stop
        stages = sorted({w.job.stage for w in self._alive()})
        for i, stage in enumerate(stages):
            for watched in self._alive():
                if watched.job.stage == stage and watched.child is not None:
                    watched.child.ask_to_stop()
            now = time.monotonic()
            self._await_exit(stage, now + max(0.0, deadline - now) / (len(stages) - i))
        left = list(self._alive())
        for watched in left:
            assert watched.child is not None
            self._console.say(f"{watched.job.name} did not stop in time: killed")
            watched.child.kill()
            self._forget(watched)
        self._selector.close()
        self._console.say("everything has stopped")
        return not left

    def hurry(self) -> None:
        """From now on `stop` waits for nothing. May be called by a signal handler."""
        self._hurry = True

    def _await_exit(self, stage: int, until: float) -> None:
        while True:
            for watched in list(self._alive()):
                if watched.child is not None and watched.child.exit_code() is not None:
                    self._forget(watched)
            waiting = any(w.job.stage <= stage for w in self._alive())
            now = time.monotonic()
            if not waiting or now >= until or self._hurry:
                return
            self._read(min(0.05, until - now))

    def _alive(self) -> Iterable[_Watched]:
        return [w for w in self._watched if w.child is not None]

    def _start(self, watched: _Watched) -> None:
        watched.started = time.monotonic()
        watched.starts += 1
        watched.beat = math.nan
        if math.isnan(watched.well):
            watched.well = watched.started
        watched.pipe, theirs = os.pipe()
        os.set_blocking(watched.pipe, False)
        try:
            watched.child = Child(
                watched.job.command,
                {**self._env, HEARTBEAT: str(theirs)},
                (*self._keep_open, theirs),
            )
        except OSError as error:
            os.close(watched.pipe)
            wait = watched.backoff.after(0.0)
            watched.due = watched.started + wait
            self._console.say(
                f"{watched.job.name} could not be started: {error}; trying again in {wait:g} s"
            )
            return
        finally:
            os.close(theirs)
        self._selector.register(watched.child.stream, selectors.EVENT_READ, watched)
        self._selector.register(watched.pipe, selectors.EVENT_READ, watched)

    def _ended(self, watched: _Watched, code: int, now: float) -> str | None:
        assert watched.child is not None
        lines = self._forget(watched)
        if code == REFUSED and watched.starts == 1:
            return _sentence(lines) or f"{watched.job.name} refused to start and said nothing"
        wait = watched.backoff.after(now - watched.started)
        watched.due = now + wait
        self._console.say(
            f"{watched.job.name} ended by itself ({_describe(code)}); "
            f"starting it again in {wait:g} s"
        )
        return None

    def _read(self, timeout: float) -> None:
        if not self._selector.get_map():
            time.sleep(timeout)
            return
        for key, _ in self._selector.select(timeout):
            watched: _Watched = key.data
            if key.fd == watched.pipe:
                self._feel(watched)
            elif watched.child is not None:
                self._drain(watched)

    def _feel(self, watched: _Watched) -> None:
        try:
            felt = os.read(watched.pipe, 4096)
        except BlockingIOError:
            return
        if felt:
            watched.beat = watched.well = time.monotonic()
        else:  # it closed its end: a program that has no heart
            self._selector.unregister(watched.pipe)

    def _drain(self, watched: _Watched) -> None:
        assert watched.child is not None
        lines, ended = watched.child.read_lines()
        for line in lines:
            self._console.line(watched.job.name, line)
        if ended:
            with contextlib.suppress(KeyError):
                self._selector.unregister(watched.child.stream)

    def _forget(self, watched: _Watched) -> list[str]:
        """Reads what is left, closes, and returns the last lines written."""
        assert watched.child is not None
        self._drain(watched)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(watched.child.stream)
        last = [plain(line) for line in watched.child.last_lines]
        watched.child.close()
        watched.child = None
        with contextlib.suppress(KeyError):
            self._selector.unregister(watched.pipe)
        os.close(watched.pipe)
        return last


def _sentence(lines: Sequence[str]) -> str:
    """What a process said in refusing: its own sentences where marked, else its last line."""
    marked = [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]
    return "\n".join(marked or lines[-1:])


def _describe(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
