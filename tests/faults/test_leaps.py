"""A wall clock that is set an hour ahead or back, where somebody waits for a moment."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from injuries import Clock

from bconnect_camera.core.captures import CaptureDesk, CaptureJob
from bconnect_camera.core.ring import EncodedRing
from bconnect_camera.core.stamps import Forward
from bconnect_camera.core.types import Packet, StreamInfo
from bconnect_site.leaps import Leaps

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
NOW = 1_795_000_000 * SECOND


def test_small_steps_are_time_that_passes() -> None:
    leaps = Leaps()
    assert [leaps(NOW + n * SECOND) for n in (0, 1, 1, 11)] == [0, 0, 0, 0]


@pytest.mark.parametrize("leap", [HOUR, -HOUR, -SECOND, 11 * SECOND])
def test_a_leap_is_told_once(leap: int) -> None:
    leaps = Leaps()
    leaps(NOW)
    assert leaps(NOW + leap) == leap
    assert leaps(NOW + leap + SECOND) == 0


def job(received: int, moment: int) -> CaptureJob:
    return CaptureJob("a", (moment,), moment, moment + SECOND, "demo/a", received)


@pytest.mark.parametrize("leap", [HOUR, -HOUR])
def test_a_capture_waits_as_long_as_ever(leap: int) -> None:
    desk = CaptureDesk(patience=20.0)
    desk.add(job(NOW, NOW))
    assert not desk.take(NOW, None, True)
    assert not desk.take(NOW + leap, None, True)
    assert not desk.take(NOW + leap + 9 * SECOND, None, True)
    assert not desk.take(NOW + leap + 18 * SECOND, None, True)
    assert desk.take(NOW + leap + 23 * SECOND, None, True)


def test_a_moment_of_another_clock_is_not_waited_for_for_an_hour() -> None:
    desk = CaptureDesk(patience=20.0)
    desk.add(job(NOW, NOW + HOUR))
    for n in range(16):
        assert not desk.take(NOW + n * 9 * SECOND, None, True)
    assert desk.take(NOW + 144 * SECOND, None, True)


def test_pictures_go_on_from_where_a_clock_was_set_back_to() -> None:
    forward = Forward()
    assert forward(NOW) == NOW
    assert forward(NOW - SECOND // 10) > NOW, "jitter is corrected"
    assert forward(NOW - HOUR) == NOW - HOUR
    assert forward(NOW - HOUR + SECOND) == NOW - HOUR + SECOND


def test_the_ring_lets_go_what_a_clock_stamped_that_was_set_back() -> None:
    ring, info = EncodedRing(20.0), StreamInfo(1, "h264", 64, 36, Fraction(1, 25), b"", "software")
    packet = Packet(info, NOW, 0, 0, True, b"picture")
    for n in range(5):
        ring.append(replace(packet, stamp=NOW + n * SECOND))
    ring.append(replace(packet, stamp=NOW + 3 * SECOND))
    assert ring.span() == (NOW, NOW + 3 * SECOND), "a second back is disorder, not a clock"
    ring.append(replace(packet, stamp=NOW - HOUR))
    assert ring.span() == (NOW - HOUR, NOW - HOUR)
    assert len(ring) == 1


TICKS = """
import sys
from dataclasses import dataclass
from bconnect_node.base import BconnectNode
from bconnect_node.run import run

@dataclass
class Params:
    pass

class Ticks(BconnectNode):
    def __init__(self, **kw):
        super().__init__("ticks", Params, **kw)
        self.create_timer(0.05, lambda: print(self.now() // 10**9, flush=True))

sys.exit(run(Ticks))
"""


def test_timers_go_on_when_the_clock_is_set_back(child: Any, tmp_path: Path) -> None:
    """Else a camera says nothing of itself for an hour, and an officer gets no answer."""
    if why := Clock.can():
        pytest.skip(why)
    clock = Clock(tmp_path)
    out = child(TICKS, env=clock.env).stdout
    first = int(out.readline())
    clock.jump(-3600)
    assert any(int(out.readline()) < first - 3000 for _ in range(200))
