"""A whole graph under faults: nothing lost, nothing doubled, whole again. One graph for all of it,
since starting one is what costs; a slice of ``benchmarks/kills.py`` and ``benchmarks/soak.py``.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import account
import pytest
from injuries import Clock, FarHost, SmallDisk
from street import INTAKE, MAIN, Street, Ways
from traffic import SECOND, Traffic

HOUR = 3600
KILLS = 8
WHOLE = 60.0  # s; how soon it really is, benchmarks/kills.py tells
ARRIVE = 180.0  # s for everything to arrive on a busy machine

pytestmark = pytest.mark.timeout(600)


@dataclass
class Scene:
    """A street, what goes in, and what can be done to it here."""

    street: Street
    traffic: Traffic
    disk: SmallDisk | None = None
    clock: Clock | None = None
    far: FarHost | None = None

    def sent_more(self, wait_for: Callable[..., Any], count: int = 5) -> None:
        """So many findings more went in."""
        goal = len(self.traffic.sent) + count
        wait_for(lambda: self.street.keep_up() or len(self.traffic.sent) >= goal, WHOLE)

    def says(self, node: str, *words: str) -> bool:
        """Whether a node's last error or message has one of the words in it."""
        found = [
            f"{health.message} {health.values.get('last_error')}"
            for name, health in self.street.watch.health().items()
            if name.endswith(node)
        ]
        return any(word in text for word in words for text in found)

    def settled(self) -> account.Found:
        """Everything arrived once; more may go in afterwards."""
        found = account.settle(self.street, self.traffic, ARRIVE)
        assert found.whole, (found.lost[:5], found.doubled[:5], found.broken[:5])
        assert found.at_centre == found.violations == found.findings
        self.traffic.go_on()
        return found


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("faults")
    ways = Ways(rate=2.0)
    with ExitStack() as stack:
        disk = far = clock = None
        if not SmallDisk.can():
            disk = stack.enter_context(SmallDisk(folder / "disk"))
            ways.state = disk.folder
        if not FarHost.can():
            far = stack.enter_context(FarHost())
            ways.far, ways.far_address = far.prefix, far.address
        if not Clock.can():
            clock = Clock(folder)
            ways.env = clock.env
        here = Street(folder / "street", ways)
        stack.callback(here.close)
        here.start()
        traffic = Traffic(here)
        stack.callback(traffic.stop)
        yield Scene(here, traffic, disk, clock, far)


def test_disk_clock_and_network_lose_and_double_nothing(scene: Scene, wait_for: Any) -> None:
    for kind, made in ((SmallDisk, scene.disk), (Clock, scene.clock), (FarHost, scene.far)):
        if made is None:
            pytest.skip(kind.can())
    assert scene.disk and scene.clock and scene.far
    scene.sent_more(wait_for)

    scene.far.cut()
    scene.disk.fill()
    scene.sent_more(wait_for)
    wait_for(lambda: scene.says("/evidence", "No space", "free some space"), WHOLE)
    scene.disk.empty()
    full = set(scene.traffic.open)
    wait_for(lambda: not full & scene.traffic.open.keys(), WHOLE)

    for seconds in (HOUR, -HOUR, 0):
        scene.clock.jump(seconds)
        scene.traffic.shift = seconds * SECOND
        scene.sent_more(wait_for)

    scene.far.mend()
    assert scene.settled().findings >= 25


def test_whatever_is_killed_nothing_is_lost_or_doubled(scene: Scene) -> None:
    here, chance = scene.street, random.Random(8)
    names = [*sorted(set(here.family()) - {MAIN, INTAKE}), MAIN, INTAKE]
    assert {"cameras_1", "detector", "perception", "enforcement", "spool"} <= set(names)
    chance.shuffle(names)
    for pair in range(0, KILLS, 2):  # two at once
        family = here.family()
        for name in (names + names)[pair : pair + 2]:
            here.kill(family[name])
        here.wait_whole(time.monotonic(), WHOLE)
    found = scene.settled()
    assert found.tow_jobs and found.stickers and found.citations
