"""Looks on while a graph works through what it was given, until that is over and all is settled."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from bconnect_bringup.ask import Visit
from bconnect_bringup.console import Console
from bconnect_bringup.runner import Stop
from bconnect_bringup.supervisor import Supervisor
from bconnect_bringup.tally import Tally

# The ladder gives up on a silent camera after 3 s, and only then decides what waited for it.
SETTLE = 6.0  # s without news after which nothing more is expected
TICK = 0.1  # s
REFUSAL = "a process refused to start"


@dataclass(frozen=True, slots=True)
class Scene:
    """Who works, who listens, who is told, and who may stop it."""

    supervisor: Supervisor
    guest: Visit
    tally: Tally
    console: Console
    stop: Stop


def until_settled(
    scene: Scene,
    ended: str,
    over: Callable[[float], bool],
    *,
    patience: float,
    each: Callable[[], None] = lambda: None,
) -> tuple[str, str | None]:
    """Why it ended, and a refusal if there was.

    over: whether what was given is at its end, by the seconds since this began; ``ended`` says so
    in words. patience: s for what is in flight then. each: called every tick.
    """
    began = news = shown = time.monotonic()
    since: float | None = None
    changes = 0
    every = 0.5 if sys.stdout.isatty() else 10.0
    while True:
        scene.guest.wait(lambda: False, TICK)
        refusal = scene.supervisor.step(0.0)
        now = time.monotonic()
        if refusal is not None:
            return REFUSAL, refusal
        if scene.stop.reason:
            return scene.stop.reason, None
        each()
        if scene.tally.changes != changes:
            changes, news = scene.tally.changes, now
        if since is None and over(now - began):
            since = news = now
        if since is not None:
            flying = scene.tally.in_flight()
            if not flying and now - news > SETTLE:
                return ended, None
            if now - since > patience:
                return f"{ended}, but {'; '.join(flying) or 'more arrives'}", None
        if now - shown > every:
            shown = now
            scene.console.progress(f"{_clock(now - began)} {scene.tally.line()}")


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"
