"""sim:// - a child process as a camera: packets and pictures, its end, and its refusals."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from bconnect_camera import sources
from bconnect_camera.adapters import sim_source
from bconnect_camera.adapters.sim_source import command, explain
from bconnect_camera.core.address import parse
from bconnect_camera.core.captures import CaptureJob
from bconnect_camera.core.ring import EncodedRing
from bconnect_camera.core.types import SECOND, Packet, Source, SourceError
from bconnect_camera.cutting import cut
from bconnect_site.kinds import EvidenceKind

SCENARIO = """
title: Uji
street: koridor
start: "2025-11-25T16:10:00"
duration: 60.0
warm_up: 0.0
picture: {width: 320, height: 180, rate: 10.0}
flows:
  - {route: eastbound, per_hour: 900.0}
"""
STREAM = """
import sys
import numpy as np
from bconnect_sim.adapters.encoder import LiveWriter
from bconnect_sim.live import end_with_parent
if "--tied" in sys.argv:
    end_with_parent()
writer = LiveWriter(sys.stdout.buffer, 64, 48, 10.0)
for number in range(%d):
    image = np.full((48, 64, 3), 10 * (number %% 20), np.uint8)
    writer.write(image, number / 10)
%s
"""


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Source]]:
    """``played(script)``: an open source whose child runs a script instead of a street."""
    made: list[Source] = []

    def play(script: str, stop: Callable[[float], bool] = lambda _: False) -> Source:
        monkeypatch.setattr(sim_source, "command", lambda _: [sys.executable, "-c", script])
        made.append(source("sim://uji/utara", stop))
        return made[-1]

    yield play
    for each in made:
        each.close()


def source(url: str, stop: Callable[[float], bool] = lambda _: False) -> Source:
    return sources.make(
        parse(url),
        clock=time.monotonic_ns,
        steady=time.monotonic,
        wait=stop,
        loop=False,
        hardware=False,
        account="",
    )


def pid_of(camera: Any) -> int:
    return int(camera._child._process.pid)


def test_a_street_comes_as_packets_and_pictures_that_can_be_cut(tmp_path: Path) -> None:
    file = tmp_path / "uji.yaml"
    file.write_text(SCENARIO)
    url = f"sim://{file}/toko?seed=4&epoch=now"
    sources.check(parse(url))
    camera, ring, images, stamps = source(url), EncodedRing(10.0), [], []
    try:
        assert "320x180" in camera.open()
        pid = pid_of(camera)
        for item in camera.read():
            if isinstance(item, Packet):
                ring.append(item)
            else:
                images.append(item.bgr(160, 90))
                stamps.append(item.stamp)
            if len(images) == 12:
                break
    finally:
        camera.close()
    assert not psutil.pid_exists(pid)
    assert camera.live and camera.clock_source == "arrival" and camera.broken == 0
    assert all(image.std() > 15 for image in images)
    assert all(b > a for a, b in itertools.pairwise(stamps))
    assert (stamps[-1] - stamps[0]) / SECOND == pytest.approx(1.1, abs=1.0)
    now = stamps[-1] + 5 * SECOND
    job = CaptureJob("k1", (stamps[5],), stamps[2], stamps[8], "k1", now)
    result = cut(job, ring.groups(), str(tmp_path))
    assert not result.missing
    assert {file.kind for file in result.files} == {EvidenceKind.SCENE, EvidenceKind.CLIP}


def test_equal_pictures_give_equal_streams(played: Callable[..., Source]) -> None:
    camera = played(STREAM % (25, ""))
    assert "64x48" in camera.open()
    items = list(camera.read())
    assert sum(isinstance(i, Packet) for i in items) == 25
    pictures = [i.bgr(64, 48) for i in items if not isinstance(i, Packet)]
    assert len(pictures) == 25
    assert np.abs(pictures[3].astype(int) - 30).max() < 12


def test_the_child_ends_with_the_source_even_when_it_does_not_want_to(
    played: Callable[..., Source],
) -> None:
    camera = played(STREAM % (5, "import signal, time\nsignal.signal(15, signal.SIG_IGN)\n"
                                 "sys.stdout.flush()\ntime.sleep(60)"))  # fmt: skip
    camera.open()
    child = psutil.Process(pid_of(camera))
    assert child.is_running()
    camera.close()
    assert not child.is_running()
    camera.close()


def test_a_stop_is_heard_while_nothing_comes(played: Callable[..., Source]) -> None:
    asked: list[float] = []

    def stop(_: float) -> bool:
        asked.append(0.0)
        return len(asked) > 3

    camera = played("import time\ntime.sleep(60)", stop)
    begin = time.monotonic()
    with pytest.raises(SourceError):
        camera.open()
    assert time.monotonic() - begin < 20.0


def test_a_child_never_outlives_its_parent(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', sys.argv[1], '--tied'],"
        " stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)\n"
        "print(child.pid, flush=True)\nsys.stdin.read()\n"
    )
    sleeper = "from bconnect_sim.live import end_with_parent\nimport time\nend_with_parent()\n"
    parent = subprocess.Popen(
        [sys.executable, "-c", script, sleeper + "time.sleep(120)"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    child.wait(timeout=30)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import sys\nprint('uji.yaml: flows: is empty', file=sys.stderr)\nsys.exit(2)",
         "sim://uji/utara: uji.yaml: flows: is empty"),
        ("raise RuntimeError('no room')", "the simulation broke off (RuntimeError: no room)"),
        ("print('no video')", "not a video"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_sentence(
    played: Callable[..., Source], script: str, words: str
) -> None:
    camera = played(script)
    with pytest.raises(SourceError) as caught:
        camera.open()
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sim://nirgends/utara", 'no scenario is called "nirgends"'),
        ("sim://harian/utara", 'no camera is called "utara"'),
    ],
)
def test_refused_at_start(url: str, words: str) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        sources.check(parse(url))
    assert caught.value.refuse and "\n" not in str(caught.value)


def test_the_command_says_everything() -> None:
    made = command(parse("sim:///srv/a%20b.yaml/toko?seed=3&rate=5"))
    assert made[1:] == ["-m", sim_source.MODULE, "/srv/a b.yaml", "toko", "--rate=5", "--seed=3"]
    assert command(parse("sim://harian/toko"))[-1] == "--seed=0"
    made = command(parse("sim://harian/toko?epoch=1795500000"))
    assert made[-2:] == ["--epoch=1795500000", "--seed=0"]


def test_ends_in_words() -> None:
    assert explain(0, ["whatever"]) == ""
    assert explain(2, ["a: b", ""]) == "a: b"
    missing = "ModuleNotFoundError: No module named 'bconnect_sim'"
    assert explain(1, [missing]).endswith("bconnect_sim, which is not installed")
    assert explain(-9, []) == "the simulation broke off (exit status -9)"


@pytest.mark.parametrize(
    "query", ["?seed=", "?seed=-1", "?seed=x", "?rate=fast", "?epoch=then", "?colour=red"]
)
def test_mistakes_in_the_address(query: str) -> None:
    with pytest.raises(SourceError, match="seed=3"):
        parse(f"sim://harian/toko{query}")
