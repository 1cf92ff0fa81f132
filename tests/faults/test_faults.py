"""Disk full, clocks that jump an hour, a network that is gone: the whole graph under each, in
one run, since starting a graph is what costs. ``benchmarks/soak.py`` does all at once for hours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import account
import pytest
from injuries import Clock, FarHost, SmallDisk
from street import Street, Ways
from traffic import SECOND, Traffic

HOUR = 3600


@pytest.fixture
def injured(street: Callable[..., Any], tmp_path: Path) -> Iterator[Any]:
    for injury in (SmallDisk, Clock, FarHost):
        if why := injury.can():
            pytest.skip(why)
    with ExitStack() as stack:
        disk = stack.enter_context(SmallDisk(tmp_path / "disk"))
        far = stack.enter_context(FarHost())
        clock = Clock(tmp_path)
        ways = Ways(
            state=disk.folder, env=clock.env, far=far.prefix, far_address=far.address, rate=2.0
        )
        here, traffic = street(ways)
        try:
            yield here, traffic, disk, clock, far
        finally:  # before the disk is gone
            traffic.stop()
            here.close()


def sent_more(here: Street, traffic: Traffic, wait_for: Callable[..., Any], count: int = 6) -> None:
    """So many findings more went in."""
    goal = len(traffic.sent) + count
    wait_for(lambda: here.keep_up() or len(traffic.sent) >= goal, 60.0)


def says(here: Street, node: str, word: str) -> bool:
    """Whether a node's last error or message has a word in it."""
    return any(
        word in f"{health.message} {health.values.get('last_error')}"
        for name, health in here.watch.health().items()
        if name.endswith(node)
    )


@pytest.mark.timeout(240)
def test_disk_clock_and_network_lose_and_double_nothing(injured: Any, wait_for: Any) -> None:
    here, traffic, disk, clock, far = injured
    sent_more(here, traffic, wait_for)

    far.cut()
    disk.fill()
    sent_more(here, traffic, wait_for)
    wait_for(lambda: says(here, "/evidence", "space") or says(here, "/evidence", "free"), 20.0)
    disk.empty()
    until_now = dict(traffic.open)
    wait_for(lambda: not until_now.keys() & traffic.open.keys(), 60.0)

    for seconds in (HOUR, -HOUR, 0):
        clock.jump(seconds)
        traffic.shift = seconds * SECOND
        sent_more(here, traffic, wait_for)

    wait_for(lambda: says(here, "/spool", "cannot be reached"), 40.0)
    far.mend()
    found = account.settle(here, traffic, 90.0)
    assert found.whole, (found.lost[:5], found.doubled[:5], found.broken[:5])
    assert found.at_centre == found.violations == found.findings >= 30
