"""Who cannot keep up with a live stream skips pictures nobody refers to; evidence stays whole."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest
from camera_clips import index_of, write_clip

from bconnect_camera.adapters.pyav_source import PyavSource
from bconnect_camera.core.address import parse
from bconnect_camera.core.hurry import Hurry
from bconnect_camera.core.stamps import ArrivalStamps
from bconnect_camera.core.types import SECOND, Packet

START = 1_800_000_000 * SECOND


def run(hurry: Hurry, seconds: float, busy: float, lag: float, begin: float = 0.0) -> list[bool]:
    """Ten packets a second, of which so much of the time is spent on work."""
    said = []
    for i in range(round(seconds * 10)):
        end = begin + i / 10
        hurry.waited(end - 0.1 * (1.0 - busy), end)
        said.append(hurry.look(lag, end))
    return said


def test_late_without_a_moment_to_spare_is_behind() -> None:
    hurry = Hurry()
    assert not any(run(hurry, 1, 1.0, 0.1))
    assert run(hurry, 5, 1.0, 0.5, 1.0)[-1]
    assert hurry.told.startswith("too slow for this stream")


@pytest.mark.parametrize(("busy", "lag"), [(0.3, 1.5), (1.0, 0.2), (0.9, 1.0)])
def test_a_network_that_falters_is_not_and_neither_is_who_is_busy_but_in_time(busy, lag) -> None:
    hurry = Hurry()
    assert not any(run(hurry, 20, busy, lag)) and hurry.told == ""


def test_it_lasts_a_while_and_ends_when_there_is_time_to_spare() -> None:
    hurry = Hurry()
    run(hurry, 5, 1.0, 1.0)
    said = run(hurry, 10, 0.5, 0.0, 5.0)
    assert said[10] and not said[-1]  # at least 5 s
    hurry = Hurry()
    run(hurry, 5, 1.0, 1.0)
    assert all(run(hurry, 20, 0.9, 0.0, 5.0))  # skipping is what makes it bearable


def test_lag_is_what_a_packet_came_later_than_the_quickest() -> None:
    stamps = ArrivalStamps()
    stamps.stamp(0, START)
    stamps.stamp(SECOND, START + SECOND + SECOND // 2)
    assert stamps.lag == pytest.approx(0.5)
    stamps.stamp(2 * SECOND, START + 2 * SECOND)
    assert stamps.lag == pytest.approx(0.0)


class Slow:
    """A clock on which the stream runs in real time and each picture takes ``work`` s more."""

    def __init__(self, work: float) -> None:
        self.now, self.work, self.due = 0.0, work, 0.0

    def clock(self) -> int:
        return START + round(self.now * SECOND)


def played(path: Path, work: float) -> tuple[PyavSource, list[Packet], list[int]]:
    """A file as if it were live: packets are there 0.04 s apart, each picture costs ``work``."""
    time = Slow(work)
    address = dataclasses.replace(parse(f"file://{path}"), scheme="udp")
    read = PyavSource(
        address,
        clock=time.clock,
        steady=lambda: time.now,
        wait=lambda s: False,
        hardware=False,
    )
    read._reach = lambda: None  # type: ignore[method-assign]
    read.open()
    packets, shown = [], []
    demux = read._container.demux

    class Paced:
        """The container, whose packets come when they are due."""

        def __getattr__(self, name: str) -> object:
            return getattr(container, name)

        def demux(self, stream: object) -> object:
            for raw in demux(stream):
                time.now = max(time.now, time.due)
                time.due += 0.04
                yield raw

    container, read._container = read._container, Paced()
    for item in read.read():
        if isinstance(item, Packet):
            packets.append(item)
        else:
            shown.append(index_of(item.bgr(320, 180)))
            time.now += work
    return read, packets, shown


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """B pictures, to which nobody refers."""
    folder = tmp_path_factory.mktemp("hurry")
    return write_clip(folder / "b.mp4", frames=300, bf="2", **{"x264-params": "b-pyramid=none"})


def test_who_is_too_slow_skips_and_keeps_every_packet(street: Path) -> None:
    read, packets, shown = played(street, 0.055)
    assert len(packets) == 300 and read.broken == 0
    assert read.hurry.skipped > 50 and len(shown) < 240
    assert shown[:20] == list(range(20))  # at first every picture
    steps = [(b - a) % 64 for a, b in itertools.pairwise(shown)]
    assert max(steps) <= 3 and min(steps) >= 1  # in order, never more than two B skipped
    assert "skipped" in read.hurry.told


def test_who_keeps_up_shows_every_picture(street: Path) -> None:
    read, packets, shown = played(street, 0.02)
    assert len(packets) == len(shown) == 300 and read.hurry.told == ""
