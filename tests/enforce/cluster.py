"""A PostgreSQL server of the tests' own: a private cluster on a free port of the loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNPRIVILEGED = ("postgres", "nobody")  # the server refuses to run as root


def programs() -> dict[str, str] | None:
    """initdb and pg_ctl, in the path or where Debian puts them; None: not installed."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, debian)])
    found = {name: shutil.which(name, path=path) for name in ("initdb", "pg_ctl")}
    return {name: where for name, where in found.items() if where} if all(found.values()) else None


class Cluster:
    """A server that can be stopped and started; each `database()` is a fresh one."""

    def __init__(self, folder: Path, port: int, fsync: bool) -> None:
        self.folder = folder
        self._fsync = "on" if fsync else "off"
        self.port = port
        self._bin = programs() or {}
        self._user = next((u for u in UNPRIVILEGED if _exists(u)), None) if _root() else None
        self._count = 0
        self._free: list[str] = []
        if self._user:
            shutil.chown(folder, self._user)
        self._run("initdb", "-D", str(self.data), "-U", "tester", "-A", "trust", "-E", "UTF8",
                  "--no-sync", "--locale=C")  # fmt: skip

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        options = (
            f"-p {self.port} -h 127.0.0.1 -k {self.folder} -c max_connections=40 "
            f"-c fsync={self._fsync} -c shared_buffers=16MB"
        )
        self._run("pg_ctl", "-D", str(self.data), "-l", str(self.folder / "log"), "-w",
                  "-o", options, "start")  # fmt: skip

    def stop(self, mode: str = "fast") -> None:
        """`immediate` is a crash: no check point, recovery at the next start."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://tester@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """The URL of a new, empty database."""
        import psycopg

        self._count += 1
        name = f"ledger_{self._count}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    @contextmanager
    def lent(self) -> Iterator[str]:
        """The URL of an empty database that is emptied again and lent to the next: making and
        removing hundreds of them would take longer than the tests."""
        import psycopg

        url = self._free.pop() if self._free else self.database()
        try:
            yield url
        finally:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                connection.execute("DROP SCHEMA public CASCADE")
                connection.execute("CREATE SCHEMA public")
            self._free.append(url)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._bin[program], *arguments],
            user=self._user,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr}")


@contextmanager
def cluster(fsync: bool = False) -> Iterator[Cluster]:
    """A running cluster, gone afterwards. Without `fsync` only the machine's own fall would lose
    something."""
    # not under pytest's folder: the server's user must be able to enter it
    folder = Path(tempfile.mkdtemp(prefix="bconnect-pg-"))
    try:
        made = Cluster(folder, _free_port(), fsync)
        made.start()
        try:
            yield made
        finally:
            made.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _root() -> bool:
    return os.geteuid() == 0


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
