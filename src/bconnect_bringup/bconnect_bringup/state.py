"""Where a running site keeps what it writes, and the lock that lets it run once."""

import contextlib
import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from bconnect_site.errors import ConfigError
from bconnect_site.plan import StateLayout

VARIABLE = "BCONNECT_STATE"
ORPHANS = 4.0  # s that the remains of a runner that died get to stop
MOST_LOGS, LOG_BYTES = 40, 50_000_000
ROS_LOG = re.compile(r".+_\d+_\d{10,}\.log")
ELSEWHERE = f"choose another folder with --state or {VARIABLE}"


def state_root(given: str | Path | None = None) -> Path:
    """The folder of all sites' state: as given, $BCONNECT_STATE, or the user's state folder."""
    if given:
        return Path(given).expanduser().resolve()
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser().resolve()
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "bconnect"


def create(layout: StateLayout) -> None:
    """Makes the site's folders. Raises ConfigError when that is not possible."""
    try:
        for folder in (layout.log_dir, layout.evidence_dir, layout.audio_dir):
            folder.mkdir(parents=True, exist_ok=True)
        prune_logs(layout.log_dir)
    except OSError as error:
        raise ConfigError(
            f"{layout.root}: cannot be written ({error.strerror}); {ELSEWHERE}"
        ) from None


def prune_logs(folder: Path, most: int = MOST_LOGS, size: int = LOG_BYTES) -> None:
    """Keeps the newest log files that ROS 2 itself makes, one for each start of a process."""
    with contextlib.suppress(OSError):
        known = [p for p in folder.iterdir() if ROS_LOG.fullmatch(p.name) and p.is_file()]
        known.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        total = 0
        for place, path in enumerate(known):
            total += path.stat().st_size
            if place >= most or total > size:
                path.unlink(missing_ok=True)


def set_aside(layout: StateLayout) -> Path | None:
    """Moves an earlier run's state to <site>.previous, over the one before; None: there was none.

    Raises OSError.
    """
    if not layout.root.exists():
        return None
    previous = layout.root.with_name(f"{layout.root.name}.previous")
    if previous.exists():
        shutil.rmtree(previous)
    return layout.root.rename(previous)


def lock_file(layout: StateLayout) -> Path:
    """Beside the site's folder, so that the folder can be moved while the lock is held."""
    return layout.root.with_name(f"{layout.root.name}.lock")


def lock(layout: StateLayout, site_file: str) -> int:
    """Takes the site's lock and returns its descriptor; held until it and all its copies close.

    Children that inherit the descriptor keep the lock when the runner is killed, so a second
    graph cannot start beside the remains of a first. Remains are waited for: they were told to
    stop. Raises ConfigError when it is held.
    """
    path = lock_file(layout)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); {ELSEWHERE}") from None
    until = time.monotonic() + ORPHANS
    while not _taken(descriptor):
        written = os.pread(descriptor, 4096, 0).decode(errors="replace")
        if _runs(written) or time.monotonic() > until:
            os.close(descriptor)
            raise ConfigError(_held(layout, written))
        time.sleep(0.05)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n{site_file}\n".encode())
    return descriptor


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _runs(written: str) -> bool:
    """Whether the runner that wrote this lives."""
    pid = written.partition("\n")[0]
    return pid.isdigit() and psutil.pid_exists(int(pid))


def is_running(layout: StateLayout) -> bool:
    """Whether somebody holds the site's lock."""
    try:
        descriptor = os.open(lock_file(layout), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _held(layout: StateLayout, written: str) -> str:
    site = layout.root.name
    pid, _, origin = written.strip().partition("\n")
    if _runs(written):
        return (
            f'site "{site}" is already running here (process {pid}, from {origin}); '
            "stop it first, or give this one another site name or --state folder"
        )
    left = ", ".join(str(p) for p in sorted(_processes_of(layout)))
    return (
        f'site "{site}" was left running by a runner that died'
        f"{f' (processes {left})' if left else ''}; wait until they have stopped, or end them"
    )


def _processes_of(layout: StateLayout) -> Iterator[int]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if str(layout.plan_file) in process.cmdline():
                yield process.pid
