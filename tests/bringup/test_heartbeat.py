"""Who hangs is killed and started again, and systemd's watchdog is fed only while all live."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bconnect_bringup.console import Console
from bconnect_bringup.state import prune_logs
from bconnect_bringup.supervisor import Job, Patience, Supervisor
from bconnect_node.heartbeat import VARIABLE, Heartbeat
from bconnect_site.notify import Systemd

# Beats until it is told to hang, by a file.
HEARTY = """
import os, signal, sys, time
from pathlib import Path
pipe, hang = int(os.environ["BCONNECT_HEARTBEAT"]), Path(sys.argv[1])
print("born", flush=True)
while not hang.exists():
    os.write(pipe, b".")
    time.sleep(0.02)
hang.unlink()
signal.pause()
"""


@pytest.fixture
def street(tmp_path: Path) -> Iterator[tuple[Supervisor, io.StringIO, Path]]:
    """One process that beats, and the file that has it hang."""
    screen, hang = io.StringIO(), tmp_path / "hang"
    job = Job("perception", (sys.executable, "-c", HEARTY, str(hang)))
    supervisor = Supervisor(
        [job], Console(stream=screen), patience=Patience(stop=1.0, first=0.05, silent=0.5, cure=0.2)
    )
    supervisor.start()
    yield supervisor, screen, hang
    supervisor.hurry()
    supervisor.stop("test")


def until(supervisor: Supervisor, condition: Callable[[], Any], wait_for: Any) -> None:
    def stepped() -> Any:
        assert supervisor.step(0.02) is None
        return condition()

    wait_for(stepped, 20.0, every=0.0)


def test_who_hangs_is_killed_and_started_again(street: Any, wait_for: Any) -> None:
    supervisor, screen, hang = street
    assert not supervisor.beating()
    until(supervisor, supervisor.beating, wait_for)
    first = supervisor.running()["perception"]
    hang.touch()
    until(supervisor, lambda: supervisor.running().get("perception", first) != first, wait_for)
    assert "perception gave no sign of life for 0.5 s: killed" in screen.getvalue()
    assert not supervisor.beating()
    until(supervisor, supervisor.beating, wait_for)
    assert supervisor.trouble() == ""


def test_who_cannot_be_cured_is_named(street: Any, wait_for: Any) -> None:
    supervisor, _, _ = street
    until(supervisor, supervisor.beating, wait_for)
    os.kill(supervisor.running()["perception"], signal.SIGSTOP)
    until(supervisor, supervisor.trouble, wait_for)
    assert supervisor.trouble().startswith("perception has not been well for ")
    until(supervisor, lambda: supervisor.beating() and not supervisor.trouble(), wait_for)


def test_a_program_without_a_heart_is_left_alone(tmp_path: Path, wait_for: Any) -> None:
    code = "import os, time\nos.close(int(os.environ['BCONNECT_HEARTBEAT']))\n" + (
        "print('there', flush=True)\nimport signal; signal.pause()"
    )
    screen = io.StringIO()
    supervisor = Supervisor(
        [Job("old", (sys.executable, "-c", code))],
        Console(stream=screen),
        patience=Patience(stop=1.0, silent=0.0),
    )
    supervisor.start()
    until(supervisor, lambda: "there" in screen.getvalue(), wait_for)
    pid = supervisor.running()["old"]
    for _ in range(20):
        assert supervisor.step(0.01) is None
    assert supervisor.running()["old"] == pid
    supervisor.hurry()
    supervisor.stop("test")


def test_descriptors_do_not_grow_with_restarts(tmp_path: Path, wait_for: Any) -> None:
    screen = io.StringIO()
    supervisor = Supervisor(
        [Job("fragile", (sys.executable, "-S", "-c", "print('born', flush=True)"))],
        Console(stream=screen),
        patience=Patience(stop=1.0, first=0.01, longest=0.01),
    )
    supervisor.start()
    until(supervisor, lambda: screen.getvalue().count("born") >= 2, wait_for)
    before = len(os.listdir("/proc/self/fd"))
    until(supervisor, lambda: screen.getvalue().count("born") >= 8, wait_for)
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    supervisor.stop("test")


def test_a_beat_never_waits_and_never_raises() -> None:
    reading, writing = os.pipe()
    heart = Heartbeat({VARIABLE: str(writing)})
    for _ in range(70_000):  # more than a pipe holds
        heart.beat()
    os.close(reading)
    heart.beat()
    os.close(writing)
    Heartbeat({VARIABLE: str(writing)}).beat()
    Heartbeat({VARIABLE: "no"}).beat()
    Heartbeat({}).beat()


def test_a_host_beats_while_its_executor_turns(child: Any, wait_for: Any) -> None:
    code = (
        "import rclpy, sys\nfrom rclpy.node import Node\nfrom bconnect_node.run import run_nodes\n"
        "def make():\n n = Node('n')\n n.create_timer(2.0, lambda: [print('x', flush=True)])\n"
        " return n\nsys.exit(run_nodes([make]))"
    )
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    process = child(code, env={VARIABLE: str(writing)}, pass_fds=(writing,))
    os.close(writing)
    felt = 0

    def beats() -> bool:
        nonlocal felt
        with contextlib.suppress(BlockingIOError):
            felt += len(os.read(reading, 100))
        return felt >= 3

    wait_for(beats, 30)
    process.terminate()
    os.close(reading)


# --- systemd


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """A systemd that listens: its address, and what it was told so far."""
    door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    door.setblocking(False)
    path = str(tmp_path / "notify")
    door.bind(path)

    def told() -> list[str]:
        found = []
        while True:
            try:
                found.append(door.recv(4096).decode())
            except BlockingIOError:
                return found

    yield path, told
    door.close()


def test_the_watchdog_is_fed_in_time_and_only_while_all_is_well(manager: Any) -> None:
    path, told = manager
    now = 0.0
    service = Systemd(lambda: now, {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "60000000"})
    service.tend("", ready=False)
    assert told() == ["STATUS=running"] and not service.ready
    service.tend("")
    assert told() == ["READY=1", "WATCHDOG=1"] and service.ready
    now = 19.9
    service.tend("")
    assert told() == []
    now = 20.1
    service.tend("")
    assert told() == ["WATCHDOG=1"]
    now = 50.0
    service.tend("detector has not been well for 241 s")
    assert told() == ["STATUS=detector has not been well for 241 s"]
    service.tend("")
    assert told() == ["STATUS=running", "WATCHDOG=1"]
    service.stopping()
    assert told() == ["STOPPING=1"]


def test_without_systemd_nothing_is_told(tmp_path: Path) -> None:
    quiet = Systemd(lambda: 0.0, {})
    quiet.tend("")
    assert quiet.ready and not quiet.tell("READY=1")
    gone = Systemd(lambda: 0.0, {"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "x"})
    gone.tend("")
    assert not gone.ready


def test_a_watchdog_meant_for_another_process_is_not_ours(manager: Any) -> None:
    path, told = manager
    env = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}
    Systemd(lambda: 0.0, env).tend("")
    assert "WATCHDOG=1" not in told()


# --- nothing in a site's log folder grows without end


def test_a_supervised_process_makes_no_log_of_its_own(child: Any, tmp_path: Path) -> None:
    code = (
        "import sys, threading\nfrom rclpy.node import Node\nfrom bconnect_node import run\n"
        "def make():\n n = Node('n')\n n.get_logger().info('hello')\n raise run.ConfigError('x')\n"
        "sys.exit(run.run_nodes([make]))"
    )
    reading, writing = os.pipe()
    for env in ({VARIABLE: str(writing)}, {VARIABLE: ""}):
        folder = tmp_path / str(len(env[VARIABLE]))
        folder.mkdir()
        told = {**env, "ROS_LOG_DIR": str(folder)}
        process = child(code, env=told, pass_fds=(writing,))
        out, err = process.communicate(timeout=30)
        assert process.returncode == 2 and "hello" in out + err
        assert bool(list(folder.iterdir())) is not bool(env[VARIABLE])
    os.close(reading)
    os.close(writing)


def test_logs_of_ros_are_pruned_and_nothing_else(tmp_path: Path) -> None:
    for number in range(10):
        file = tmp_path / f"python_{number}_17955499670{number:02d}.log"
        file.write_text("x" * 10)
        os.utime(file, (number, number))
    for name in ("perception.log", "perception.log.1", "switches.log"):
        (tmp_path / name).write_text("y" * 1000)
    prune_logs(tmp_path, most=5, size=1000)
    left = sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("python"))
    assert left == [f"python_{n}_17955499670{n:02d}.log" for n in range(5, 10)]
    prune_logs(tmp_path, most=5, size=25)
    assert len([p for p in tmp_path.iterdir() if p.name.startswith("python")]) == 2
    assert (tmp_path / "perception.log").exists() and (tmp_path / "switches.log").exists()
    prune_logs(tmp_path / "none")
