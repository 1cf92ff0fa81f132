"""The mailbox: latest wins, fair between keys, forgets."""

from __future__ import annotations

import threading

from bconnect_node.mailbox import LatestMailbox


def test_latest_wins_and_drops_are_counted() -> None:
    box: LatestMailbox[int] = LatestMailbox()
    for n in range(5):
        box.put("a", n)
    assert box.take(0) == ("a", 4)
    assert box.take(0) is None
    assert box.dropped("a") == 4
    assert box.dropped("b") == 0
    assert box.dropped() == 4


def test_a_fast_camera_never_starves_a_slow_one() -> None:
    box: LatestMailbox[int] = LatestMailbox()
    taken = []
    for n in range(100):
        box.put("fast", n)
        if n % 10 == 0:
            box.put("slow", n)
        box.put("fast", n)
        item = box.take(0)
        assert item is not None
        taken.append(item[0])
    assert taken.count("slow") == 10


def test_a_replaced_item_keeps_its_place() -> None:
    box: LatestMailbox[int] = LatestMailbox()
    box.put("a", 1)
    box.put("b", 1)
    box.put("a", 2)
    assert box.take(0) == ("a", 2)
    assert box.take(0) == ("b", 1)


def test_take_waits_for_put_and_close_wakes_it() -> None:
    box: LatestMailbox[int] = LatestMailbox()
    taken: list[object] = []

    def reader() -> None:
        taken.append(box.take(10))
        taken.append(box.take(10))

    thread = threading.Thread(target=reader)
    thread.start()
    box.put("a", 1)
    box.close()
    thread.join(5)
    assert not thread.is_alive()
    assert taken[-1] is None
    assert box.closed
    assert not box.put("a", 2)
    assert len(box) == 0


def test_forgets_a_key() -> None:
    box: LatestMailbox[int] = LatestMailbox()
    box.put("a", 1)
    box.put("a", 2)
    box.forget("a")
    assert box.dropped("a") == 0
    assert box.take(0) is None


def test_overload_sheds_the_least_important_first() -> None:
    box: LatestMailbox[int] = LatestMailbox({"gate": 4.0, "park": 1.0})
    taken = []
    for n in range(100):  # three cameras, one turn an image: two thirds are overtaken
        for camera in ("gate", "lane", "park"):
            box.put(camera, n)
        item = box.take(0)
        assert item is not None
        assert item[1] == n  # what is shed is the oldest
        taken.append(item[0])
    assert 60 <= taken.count("gate") <= 70
    assert 14 <= taken.count("lane") <= 20
    assert taken.count("park") >= 14  # less, never nothing
    assert box.dropped("gate") < box.dropped("park")


def test_who_was_away_does_not_catch_up() -> None:
    box: LatestMailbox[int] = LatestMailbox()
    for n in range(50):
        box.put("a", n)
        assert box.take(0) == ("a", n)
    taken = []
    for n in range(10):
        box.put("a", n)
        box.put("b", n)
        item = box.take(0)
        assert item is not None
        taken.append(item[0])
    assert taken.count("b") <= 6


def test_shares_cost_nobody_anything_while_there_is_time_for_all() -> None:
    box: LatestMailbox[int] = LatestMailbox({"gate": 10.0})
    for n in range(20):
        box.put("gate", n)
        box.put("park", n)
        assert {box.take(0), box.take(0)} == {("gate", n), ("park", n)}
    assert box.dropped() == 0


def test_what_one_holds_nobody_else_gets_before_it_is_done() -> None:
    box: LatestMailbox[int] = LatestMailbox()
    box.put("a", 1)
    assert box.take(0, hold=True) == ("a", 1)
    box.put("a", 2)
    assert box.take(0, hold=True) is None
    box.put("b", 1)
    assert box.take(0, hold=True) == ("b", 1)
    box.done("a")
    assert box.take(0, hold=True) == ("a", 2)


def test_who_waits_for_a_held_key_is_woken_when_it_is_done() -> None:
    box: LatestMailbox[int] = LatestMailbox()
    box.put("a", 1)
    box.take(0, hold=True)
    box.put("a", 2)
    taken: list[object] = []
    waiting = threading.Thread(target=lambda: taken.append(box.take(10, hold=True)))
    waiting.start()
    box.done("a")
    waiting.join(10)
    assert taken == [("a", 2)]
