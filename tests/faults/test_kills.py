"""kill -9 of any process of a whole running graph: nothing lost, nothing doubled, whole again.

A slice; ``benchmarks/kills.py`` does a thousand.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import account
import pytest
from street import INTAKE, MAIN

KILLS = 8
WHOLE = 60.0  # s; how soon it really is, benchmarks/kills.py tells


@pytest.mark.timeout(240)
def test_whatever_is_killed_nothing_is_lost_or_doubled(street: Callable[..., Any]) -> None:
    here, traffic = street()
    chance = random.Random(8)
    names = [*sorted(set(here.family()) - {MAIN, INTAKE}), MAIN, INTAKE]
    assert {"cameras_1", "detector", "perception", "enforcement", "spool"} <= set(names)
    chance.shuffle(names)
    for pair in range(0, KILLS, 2):  # two at once
        family = here.family()
        for name in (names + names)[pair : pair + 2]:
            here.kill(family[name])
        here.wait_whole(time.monotonic(), WHOLE)
    found = account.settle(here, traffic, 90.0)
    assert found.whole, (found.lost[:5], found.doubled[:5], found.broken[:5])
    assert found.violations == found.findings > KILLS
    assert found.tow_jobs and found.stickers and found.citations
    assert found.at_centre == found.findings
