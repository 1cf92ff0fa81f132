"""What can be done to a street, and undone: disk, clock, network, processor, camera, database.

Each has ``can(): str``: why it cannot be done here, empty where it can.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
from pathlib import Path

import psutil

HERE = Path(__file__).parent
SYSTEM_PYTHON = "/usr/bin/python3"
CGROUP = Path("/sys/fs/cgroup")


def _root(what: str) -> str:
    return "" if os.geteuid() == 0 else f"{what} needs root"


def _run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class SmallDisk:
    """A disk of so many bytes (tmpfs) at a folder, that can be full."""

    def __init__(self, folder: Path, size: int = 256 << 20) -> None:
        self.folder, self._size = folder, size
        self._ballast = folder / "ballast"

    @staticmethod
    def can() -> str:
        return _root("mounting a small disk")

    def __enter__(self) -> SmallDisk:
        self.folder.mkdir(parents=True)
        options = f"size={self._size}"
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)], check=True
        )
        return self

    def fill(self) -> None:
        """Not one byte is left."""
        with contextlib.suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while file.write(b"\0" * 65536):
                pass
        with contextlib.suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while file.write(b"\0" * 512):
                pass

    def empty(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=False)


class Clock:
    """The wall clock of processes that are started with `env`; steady clocks stay as they are."""

    def __init__(self, folder: Path) -> None:
        self._file, self._library = folder / "clock", folder / "other_clock.so"
        self.jump(0)
        source = str(HERE / "other_clock.c")
        command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(self._library), source]
        subprocess.run([*command, "-ldl", "-lpthread"], check=True)

    @staticmethod
    def can() -> str:
        return "" if shutil.which("cc") else "there is no C compiler to make another clock with"

    @property
    def env(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "FAULT_CLOCK": str(self._file)}

    def jump(self, seconds: int) -> None:
        """So far from the true time, all processes at once."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("q", seconds * 1_000_000_000))


class FarHost:
    """Another host: a network namespace behind a cable that can be pulled."""

    def __init__(self, number: int = os.getpid() % 200) -> None:
        self.name, self._ours = f"bcfault{number}", f"bcf{number}a"
        self._net = f"10.213.{number}"

    @staticmethod
    def can() -> str:
        if reason := _root("a network namespace"):
            return reason
        if not shutil.which("ip"):
            return "iproute2 is not installed"
        if not _run("ip", "netns", "add", "bcfault_try"):
            return "network namespaces are not allowed here"
        _run("ip", "netns", "del", "bcfault_try")
        return ""

    @property
    def address(self) -> str:
        return f"{self._net}.2"

    @property
    def prefix(self) -> tuple[str, ...]:
        """In front of a command that runs there."""
        return ("ip", "netns", "exec", self.name)

    def __enter__(self) -> FarHost:
        theirs = self._ours[:-1] + "b"
        for line in (
            f"ip netns add {self.name}",
            f"ip link add {self._ours} type veth peer name {theirs}",
            f"ip link set {theirs} netns {self.name}",
            f"ip addr add {self._net}.1/30 dev {self._ours}",
            f"ip link set {self._ours} up",
            f"ip -n {self.name} addr add {self._net}.2/30 dev {theirs}",
            f"ip -n {self.name} link set {theirs} up",
            f"ip -n {self.name} link set lo up",
        ):
            subprocess.run(line.split(), check=True, capture_output=True)
        return self

    def cut(self) -> None:
        """Packets are lost in silence, as when a radio link is gone."""
        rule = ("ip", "-n", self.name, "route", "add", "blackhole", f"{self._net}.1/32")
        subprocess.run(rule, check=True, capture_output=True)

    def mend(self) -> None:
        _run("ip", "-n", self.name, "route", "del", "blackhole", f"{self._net}.1/32")

    def __exit__(self, *_: object) -> None:
        _run("ip", "link", "del", self._ours)
        _run("ip", "netns", "del", self.name)


class Starved:
    """A group of processes that gets so much of the machine's processors, where told."""

    def __init__(self, share: float = 0.25) -> None:
        self._old = CGROUP / "cpu" / f"bcfault{os.getpid()}"
        self._new = CGROUP / f"bcfault{os.getpid()}"
        self._quota = int(100_000 * share * (os.cpu_count() or 1))

    @staticmethod
    def can() -> str:
        if (CGROUP / "cpu" / "cpu.cfs_quota_us").exists():
            return "" if os.access(CGROUP / "cpu", os.W_OK) else "cgroups cannot be written here"
        controls = CGROUP / "cgroup.subtree_control"
        if controls.exists() and "cpu" in controls.read_text() and os.access(controls, os.W_OK):
            return ""
        return "no cgroup for processor time can be made here"

    def __enter__(self) -> Starved:
        self._folder = self._old if (CGROUP / "cpu").is_dir() else self._new
        self._folder.mkdir()
        return self

    def hold(self, processes: list[psutil.Process]) -> None:
        """These, and what they start from now on."""
        for process in processes:
            with contextlib.suppress(OSError):
                (self._folder / "cgroup.procs").write_text(str(process.pid))

    def starve(self, yes: bool) -> None:
        if self._folder == self._old:
            (self._folder / "cpu.cfs_quota_us").write_text(str(self._quota if yes else -1))
        else:
            (self._folder / "cpu.max").write_text(f"{self._quota if yes else 'max'} 100000")

    def __exit__(self, *_: object) -> None:
        self.starve(False)
        above = self._folder.parent / "cgroup.procs"
        for pid in (self._folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                above.write_text(pid)
        with contextlib.suppress(OSError):
            self._folder.rmdir()


class Camera:
    """An RTSP camera that can be out, frozen, dark, obstructed, elsewhere, or in another time."""

    KINDS = ("out", "frozen", "dark", "obstructed", "moved", "clock")
    WRONG = 3600  # s a wrong clock is ahead

    def __init__(self, folder: Path) -> None:
        self._folder, self.port = folder, 0
        self._process: subprocess.Popen[str] | None = None
        self._start()

    @staticmethod
    def can() -> str:
        check = (
            "import gi; gi.require_version('GstRtspServer', '1.0');"
            "from gi.repository import Gst, GstRtspServer; Gst.init(None);"
            "assert all(map(Gst.ElementFactory.find, ('x264enc', 'rtph264pay', 'videotestsrc')))"
        )
        if Path(SYSTEM_PYTHON).exists() and _run("env", "-i", SYSTEM_PYTHON, "-c", check):
            return ""
        return "GStreamer's RTSP server is not installed: see requirements/apt-test.txt"

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/live"

    def be(self, kind: str) -> None:
        """One of KINDS, or ok."""
        if kind == "out":
            self._stop()
            return
        if kind == "clock":
            self._stop()
            clock = Clock(self._folder)
            clock.jump(self.WRONG)
            self._start(clock.env)
            return
        if self._process is None or kind == "ok":
            self._stop()
            self._start()
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(f"{kind}\n")
        self._process.stdin.flush()

    def _start(self, env: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [SYSTEM_PYTHON, str(HERE / "fault_camera.py"), "--port", str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={"HOME": str(self._folder), **(env or {})},
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def close(self) -> None:
        self._stop()
