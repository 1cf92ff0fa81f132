"""What one speaker says next."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from zoneinfo import ZoneInfo

import pytest

from bconnect_enforce.core.records import Announcement
from bconnect_enforce.core.voice import Drop, Quiet, VoiceQueue
from bconnect_site.kinds import Colour

S = 1_000_000_000
START = 1_795_000_000 * S
PHRASES = frozenset({"parking", "wrong_way", "helmet", "speed"})


def order(n: int, phrase: str = "parking", priority: int = 0, at: float = 0.0) -> Announcement:
    stamp = START + int(at * S)
    return Announcement(
        id=f"a{n}",
        speaker="tiang_1",
        phrase=phrase,
        finding_id=f"f{n}",
        priority=priority,
        stamp=stamp,
        expires=stamp + 8 * S,
    )


def names(dropped):
    return [(lost.id, why) for lost, why in dropped]


def test_the_urgent_one_first_then_the_older_one():
    queue = VoiceQueue(PHRASES)
    for item in (
        order(1, "parking", 1, 0.2),
        order(2, "wrong_way", 9, 0.4),
        order(3, "helmet", 1, 0.1),
    ):
        assert queue.add(item, START + S) == []
    taken = [queue.take(START + S)[0] for _ in range(4)]
    assert [item.id if item else None for item in taken] == ["a2", "a3", "a1", None]


def test_expired_is_not_spoken():
    queue = VoiceQueue(PHRASES)
    assert names(queue.add(order(1), START + 9 * S)) == [("a1", Drop.EXPIRED)]
    queue.add(order(2), START)
    queue.add(order(3, "helmet", at=5), START + 5 * S)
    taken, dropped = queue.take(START + 9 * S)
    assert taken is not None
    assert taken.id == "a3"
    assert names(dropped) == [("a2", Drop.EXPIRED)]


def test_an_order_without_expiry_never_expires():
    queue = VoiceQueue(PHRASES)
    assert queue.add(replace(order(1), expires=0), START + 1000 * S) == []


def test_the_same_order_is_taken_once_even_after_it_was_spoken():
    queue = VoiceQueue(PHRASES)
    queue.add(order(1), START)
    assert names(queue.add(order(1), START)) == [("a1", Drop.REPEATED)]
    queue.take(START)
    assert names(queue.add(order(1), START)) == [("a1", Drop.REPEATED)]
    assert len(queue) == 0


def test_the_same_phrase_waits_once():
    queue = VoiceQueue(PHRASES)
    queue.add(order(1), START)
    assert names(queue.add(order(2), START)) == [("a2", Drop.SUPERSEDED)]


def test_of_two_that_say_the_same_the_more_urgent_one_waits():
    queue = VoiceQueue(PHRASES)
    queue.add(order(1, priority=1), START)
    assert names(queue.add(order(2, priority=5), START)) == [("a1", Drop.SUPERSEDED)]
    assert names(queue.add(order(3, priority=2), START)) == [("a3", Drop.SUPERSEDED)]
    taken, dropped = queue.take(START)
    assert (taken.id, dropped, len(queue)) == ("a2", [], 0)


def test_the_same_phrase_for_two_road_users_is_spoken_twice():
    queue = VoiceQueue(PHRASES)
    white, red = (replace(order(n), colour=c) for n, c in ((1, Colour.WHITE), (2, Colour.RED)))
    assert queue.add(white, START) == []
    assert queue.add(red, START) == []
    assert [queue.take(START)[0].id for _ in "ab"] == ["a1", "a2"]


def test_what_is_taken_is_not_touched_by_what_comes():
    """Nothing cuts a running phrase: it has left the queue, and the urgent one is next."""
    queue = VoiceQueue(PHRASES)
    queue.add(order(1, priority=1), START)
    running, _ = queue.take(START)
    queue.add(order(2, "helmet", priority=1), START)
    assert queue.add(order(3, "wrong_way", priority=9), START) == []
    assert running.id == "a1"
    assert [queue.take(START)[0].id for _ in "ab"] == ["a3", "a2"]


def test_unknown_phrase():
    assert names(VoiceQueue(PHRASES).add(order(1, "curse"), START)) == [("a1", Drop.UNKNOWN_PHRASE)]


def test_muted_drops_what_waits_and_what_comes():
    queue = VoiceQueue(PHRASES)
    queue.add(order(1), START)
    assert names(queue.mute(True)) == [("a1", Drop.MUTED)]
    assert names(queue.add(order(2), START)) == [("a2", Drop.MUTED)]
    assert queue.mute(False) == []
    assert queue.add(order(3), START) == []


def test_a_full_queue_gives_up_the_least_urgent():
    queue = VoiceQueue(PHRASES, capacity=2)
    queue.add(order(1, "parking", 1), START)
    queue.add(order(2, "helmet", 2), START)
    assert names(queue.add(order(3, "wrong_way", 9), START)) == [("a1", Drop.SUPERSEDED)]
    assert names(queue.add(order(4, "speed", 0), START)) == [("a4", Drop.SUPERSEDED)]
    assert len(queue) == 2


@pytest.mark.parametrize(
    ("start", "end", "moment", "silent"),
    [
        ("22:00", "06:00", "2026-11-23 21:59:59", False),
        ("22:00", "06:00", "2026-11-23 22:00:00", True),
        ("22:00", "06:00", "2026-11-24 05:59:59", True),
        ("22:00", "06:00", "2026-11-24 06:00:00", False),
        ("12:00", "13:00", "2026-11-23 12:30:00", True),
        ("12:00", "13:00", "2026-11-23 13:00:00", False),
    ],
)
def test_quiet_hours_are_local(start, end, moment, silent, at):
    quiet = Quiet(time.fromisoformat(start), time.fromisoformat(end), ZoneInfo("Asia/Makassar"))
    queue = VoiceQueue(PHRASES, quiet)
    now = at(moment)
    dropped = names(queue.add(replace(order(1), stamp=now, expires=now + S), now))
    assert dropped == ([("a1", Drop.QUIET)] if silent else [])


def test_memory_of_orders_is_bounded():
    queue = VoiceQueue(PHRASES)
    for n in range(30_000):
        queue.add(order(n, at=n), START + n * S)
        queue.take(START + n * S)
    assert len(queue._seen) <= 3601
