"""`bconnect up`: the plan as processes on this machine, without launch_ros."""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from types import FrameType

from bconnect_bringup.console import Console
from bconnect_bringup.prepare import Prepared
from bconnect_bringup.supervisor import Patience, Supervisor
from bconnect_node.environment import middleware_env
from bconnect_node.heartbeat import Heartbeat
from bconnect_site.errors import ConfigError
from bconnect_site.notify import Systemd

HOST = (sys.executable, "-m", "bconnect_node.host")


class Stop:
    """SIGINT, SIGTERM and SIGHUP as a flag; a second one kills everything at once."""

    def __init__(self) -> None:
        self.reason = ""
        self.at_once: Callable[[], None] = lambda: None

    def install(self) -> None:
        """Takes over the signals of this process."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._received)

    def _received(self, number: int, _: FrameType | None) -> None:
        if self.reason:
            self.at_once()
        self.reason = self.reason or signal.Signals(number).name


def supervise(
    prepared: Prepared,
    console: Console,
    *,
    command: tuple[str, ...] = HOST,
    env: Mapping[str, str] | None = None,
    patience: Patience | None = None,
) -> Supervisor:
    """A supervisor for the plan's processes on this machine, not started yet."""
    return Supervisor(
        prepared.jobs(command),
        console,
        env={
            **middleware_env(),
            "ROS_LOG_DIR": str(prepared.layout.log_dir),
            **({"RCUTILS_COLORIZED_OUTPUT": "1"} if console.colour else {}),
            **(env or {}),
        },
        keep_open=(prepared.lock,),
        patience=patience,
    )


def up(prepared: Prepared, *, command: tuple[str, ...] = HOST) -> int:
    """Runs the site until it is told to stop. Returns the exit code.

    Raises ConfigError when a process refuses to start.
    """
    site = prepared.loaded.site.site
    console = Console(prepared.local_processes(), folder=prepared.layout.log_dir)
    stop = Stop()
    stop.install()
    supervisor = supervise(prepared, console, command=command)
    stop.at_once = supervisor.hurry
    console.say(f"{site}: {_parts(prepared)}; state in {prepared.layout.root}")
    elsewhere = set(prepared.plan.processes()) - set(prepared.local_processes())
    if elsewhere:
        console.say(f"not started here, they belong to other hosts: {', '.join(sorted(elsewhere))}")
    supervisor.start()
    refusal, systemd, heart = None, Systemd(time.monotonic), Heartbeat()
    while not stop.reason and refusal is None:
        refusal = supervisor.step()
        systemd.tend(supervisor.trouble(), ready=systemd.ready or supervisor.beating())
        heart.beat()
    systemd.stopping()
    orderly = supervisor.stop(stop.reason or "a process refused to start")
    console.close()
    os.close(prepared.lock)
    if refusal is not None:
        raise ConfigError(refusal)
    return 0 if orderly else 1


def _parts(prepared: Prepared) -> str:
    return f"{len(prepared.plan.nodes)} nodes in {len(prepared.local_processes())} processes"
