"""Fixtures of the camera tests: clips, and an RTSP camera on loopback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # camera_clips
SYSTEM_PYTHON = "/usr/bin/python3"
CHECK = """
import gi
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
assert all(map(Gst.ElementFactory.find, ("x264enc", "rtph264pay", "videotestsrc")))
"""


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 s of numbered pictures, 640x360, 25 Hz, H.264 with B-frames, a key frame each 0.4 s."""
    from camera_clips import write_clip

    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", frames=500, size=(640, 360))


@pytest.fixture(scope="session")
def gstreamer() -> None:
    """Skips where Debian's RTSP server is not installed."""
    if not Path(SYSTEM_PYTHON).exists():
        pytest.skip("there is no system Python to run GStreamer's RTSP server with")
    found = subprocess.run([SYSTEM_PYTHON, "-c", CHECK], capture_output=True, env={})
    if found.returncode:
        pytest.skip("GStreamer's RTSP server is not installed: see requirements/apt-test.txt")


@pytest.fixture
def rtsp(gstreamer: None) -> Iterator[Callable[..., tuple[subprocess.Popen[str], int]]]:
    """``rtsp(port=..., auth=..., user=..., password=...)`` starts a camera: (process, port)."""
    started: list[subprocess.Popen[str]] = []

    def start(**options: object) -> tuple[subprocess.Popen[str], int]:
        arguments = [f"--{key}={value}" for key, value in options.items()]
        process = subprocess.Popen(
            [SYSTEM_PYTHON, str(HERE / "rtsp_server.py"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={"HOME": "/tmp"},
        )
        started.append(process)
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            pytest.fail("the RTSP server did not start")
        return process, int(port)

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def relay() -> Iterator[Callable[..., Any]]:
    """``relay(port, limit, silent)``: a camera that breaks after so many bytes."""
    from camera_clips import Relay

    made: list[Relay] = []

    def make(*args: Any, **kw: Any) -> Any:
        made.append(Relay(*args, **kw))
        return made[-1]

    yield make
    for each in made:
        each.close()
