"""The supervisor with real processes: restarts, refusals, stop order and time."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from bconnect_bringup.backoff import Backoff
from bconnect_bringup.console import Console
from bconnect_bringup.supervisor import Job, Patience, Supervisor

Waiter = Callable[..., object]

# Says it is there, and on SIGTERM notes its name in a file after `delay` seconds.
OBEDIENT = """
import signal, sys, time
name, notes, delay = sys.argv[1], sys.argv[2], float(sys.argv[3])
def stop(*_):
    time.sleep(delay)
    with open(notes, "a") as file:
        file.write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""


def python(code: str, *arguments: object) -> tuple[str, ...]:
    # -S and -I: no site packages, so that a start costs little.
    return (sys.executable, "-I", "-S", "-c", code, *map(str, arguments))


def until(supervisor: Supervisor, condition: Callable[[], bool], timeout: float = 20.0) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "condition never held"
        assert supervisor.step(0.05) is None


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


def test_back_off_doubles_to_its_limit_and_starts_afresh_after_a_healthy_run() -> None:
    backoff = Backoff()
    assert [backoff.after(0.5) for _ in range(7)] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert backoff.after(59.9) == 30.0
    assert backoff.after(60.0) == 1.0
    assert backoff.after(1.0) == 2.0


def test_stages_stop_in_order_upstream_first(tmp_path: Path, screen: io.StringIO) -> None:
    notes = tmp_path / "notes"
    jobs = [
        Job("enforcement", python(OBEDIENT, "enforcement", notes, 0.0), stage=8),
        Job("cameras_1", python(OBEDIENT, "cameras_1", notes, 0.4), stage=0),
        Job("perception", python(OBEDIENT, "perception", notes, 0.2), stage=5),
    ]
    supervisor = Supervisor(jobs, Console([j.name for j in jobs], stream=screen))
    supervisor.start()
    until(supervisor, lambda: screen.getvalue().count("ready") == 3)
    started = time.monotonic()
    assert supervisor.stop("test")
    assert time.monotonic() - started < 5.0
    assert notes.read_text().split() == ["cameras_1", "perception", "enforcement"]


def test_what_ignores_sigterm_is_killed_within_five_seconds(
    tmp_path: Path, screen: io.StringIO
) -> None:
    notes = tmp_path / "notes"
    jobs = [
        Job("stubborn", python(STUBBORN), stage=0),
        Job("later", python(OBEDIENT, "later", notes, 0.0), stage=1),
    ]
    supervisor = Supervisor(jobs, Console(stream=screen))
    supervisor.start()
    until(supervisor, lambda: screen.getvalue().count("ready") == 2)
    pids = supervisor.running()
    started = time.monotonic()
    assert not supervisor.stop("test")
    assert time.monotonic() - started < 5.0
    assert "stubborn did not stop in time: killed" in screen.getvalue()
    assert notes.read_text().split() == ["later"], "the one behind it was asked all the same"
    assert not any(psutil.pid_exists(pid) for pid in pids.values())


def test_one_that_dies_is_started_again_with_growing_waits_and_said_so(
    tmp_path: Path, screen: io.StringIO
) -> None:
    jobs = [Job("fragile", python("import sys; print('born', flush=True); sys.exit(3)"))]
    supervisor = Supervisor(jobs, Console(stream=screen), patience=Patience(first=0.1, longest=0.4))
    supervisor.start()
    until(supervisor, lambda: screen.getvalue().count("born") == 4)
    supervisor.stop("test")
    said = screen.getvalue()
    waits = [line.rsplit(" in ", 1)[1] for line in said.splitlines() if "starting it again" in line]
    assert waits[:3] == ["0.1 s", "0.2 s", "0.4 s"]
    assert "fragile ended by itself (exit code 3)" in said


def test_a_signal_is_named(screen: io.StringIO) -> None:
    jobs = [Job("victim", python(STUBBORN))]
    supervisor = Supervisor(jobs, Console(stream=screen), patience=Patience(first=0.05))
    supervisor.start()
    until(supervisor, lambda: "ready" in screen.getvalue())
    first = supervisor.running()["victim"]
    os.kill(first, signal.SIGKILL)
    until(supervisor, lambda: supervisor.running().get("victim", first) != first)
    supervisor.hurry()
    supervisor.stop("test")
    assert "victim ended by itself (SIGKILL)" in screen.getvalue()


def test_exit_code_two_at_start_is_a_refusal_with_its_last_sentence(screen: io.StringIO) -> None:
    code = "import sys; print('x.yaml: rate: must be positive', file=sys.stderr); sys.exit(2)"
    supervisor = Supervisor([Job("picky", python(code))], Console(stream=screen))
    supervisor.start()
    sentence = None
    end = time.monotonic() + 20.0
    while sentence is None and time.monotonic() < end:
        sentence = supervisor.step(0.05)
    supervisor.stop("test")
    assert sentence == "x.yaml: rate: must be positive"


def test_exit_code_two_after_a_restart_is_tried_again(tmp_path: Path, screen: io.StringIO) -> None:
    mark = tmp_path / "mark"
    code = (
        "import os, sys; again = os.path.exists(sys.argv[1]); open(sys.argv[1], 'a').write('x');"
        "sys.exit(2 if again else 1)"
    )
    supervisor = Supervisor(
        [Job("later", python(code, mark))],
        Console(stream=screen),
        patience=Patience(first=0.05, longest=0.05),
    )
    supervisor.start()
    until(supervisor, lambda: mark.exists() and len(mark.read_text()) >= 4)
    supervisor.stop("test")


def test_a_missing_program_is_said_and_tried_again(screen: io.StringIO) -> None:
    supervisor = Supervisor([Job("ghost", ("/nonexistent/program",))], Console(stream=screen))
    supervisor.start()
    supervisor.stop("test")
    assert "ghost could not be started" in screen.getvalue()


def test_grandchildren_end_with_the_child(screen: io.StringIO, wait_for: Waiter) -> None:
    code = (
        "import subprocess, sys; p = subprocess.Popen(['sleep', '600']);"
        "print('grandchild', p.pid, flush=True); sys.exit(1)"
    )
    supervisor = Supervisor(
        [Job("parent", python(code))], Console(stream=screen), patience=Patience(first=60.0)
    )
    supervisor.start()
    until(supervisor, lambda: "ended by itself" in screen.getvalue())
    supervisor.stop("test")
    pid = int(screen.getvalue().split("grandchild ")[1].split()[0])
    wait_for(lambda: gone(pid), 5.0)


def test_children_die_with_a_killed_runner(tmp_path: Path, wait_for: Waiter) -> None:
    program = textwrap.dedent(
        f"""
        import sys
        from bconnect_bringup.console import Console
        from bconnect_bringup.supervisor import Job, Supervisor
        code = {OBEDIENT!r}
        job = Job("child", (sys.executable, "-I", "-S", "-c", code, "child", {str(tmp_path)!r}
                            + "/notes", "0"))
        supervisor = Supervisor([job], Console())
        supervisor.start()
        print("pid", supervisor.running()["child"], flush=True)
        while True:
            supervisor.step()
        """
    )
    runner = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert runner.stdout is not None
    child = int(runner.stdout.readline().split()[1])
    assert "ready" in runner.stdout.readline()
    runner.kill()
    runner.wait()
    runner.stdout.close()
    wait_for(lambda: gone(child), 5.0)
    assert (tmp_path / "notes").read_text() == "child\n", "it was told, and had time to stop"


def test_lines_carry_their_origin_and_the_log_file_holds_all(
    tmp_path: Path, screen: io.StringIO
) -> None:
    code = "print('hello'); print('[WARN] watch out'); print('no newline at the end', end='')"
    console = Console(["quiet_one"], folder=tmp_path, quiet=True, stream=screen)
    supervisor = Supervisor(
        [Job("quiet_one", python(code))], console, patience=Patience(first=60.0)
    )
    supervisor.start()
    until(supervisor, lambda: "ended by itself" in screen.getvalue())
    supervisor.stop("test")
    console.close()
    assert "quiet_one | [WARN] watch out" in screen.getvalue()
    assert "hello" not in screen.getvalue()
    assert (tmp_path / "quiet_one.log").read_text().splitlines() == [
        "hello",
        "[WARN] watch out",
        "no newline at the end",
    ]


def test_a_log_file_starts_anew_at_its_limit_and_keeps_one_predecessor(tmp_path: Path) -> None:
    from bconnect_bringup.console import LogFile

    log = LogFile(tmp_path / "a.log", limit=1000)
    for i in range(200):
        log.write(f"line {i} of a long night")
    log.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.log", "a.log.1"]
    assert all(p.stat().st_size < 1100 for p in tmp_path.iterdir())
    log = LogFile(tmp_path / "missing" / "a.log")
    log.write("a folder that is not there loses the line, not the caller")
