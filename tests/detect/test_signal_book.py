"""What a signal showed when the picture was taken."""

from detect_scenes import STEP, T0, signals
from hypothesis import given
from hypothesis import strategies as st

from bconnect_detect.core.signals import SignalBook
from bconnect_detect.core.types import SECOND, SignalReading
from bconnect_site.kinds import SignalAspect

RED, GREEN, UNKNOWN = SignalAspect.RED, SignalAspect.GREEN, SignalAspect.UNKNOWN


def read(book: SignalBook, t: float, aspect: SignalAspect, since: float | None = None) -> None:
    stamp = T0 + int(t * SECOND)
    began = T0 + int(since * SECOND) if since is not None else 0
    book.put(SignalReading("a", aspect, stamp, began))


def at(book: SignalBook, t: float) -> SignalAspect | None:
    reading = book.at("a", T0 + int(t * SECOND))
    return reading.aspect if reading else None


def test_a_picture_is_judged_by_its_own_moment():
    book = signals([(0, RED), (10, GREEN), (20, RED)], 25, name="a")
    assert [at(book, t) for t in (5, 9.9, 10.0, 15, 20.1)] == [RED, RED, GREEN, GREEN, RED]
    assert book.at("a", T0 + 24 * SECOND).since == T0 + 20 * SECOND


def test_silence_makes_it_unknown():
    book = SignalBook({"a": 2.0})
    read(book, 0, RED)
    assert at(book, 1.9) == RED and at(book, 2.1) is None and at(book, -0.1) is None
    assert book.at("b", T0) is None


def test_unknown_is_nobody_knows():
    book = SignalBook({"a": 2.0})
    read(book, 0, UNKNOWN)
    assert at(book, 0.5) is None


def test_red_is_only_as_old_as_it_is_known_to_be():
    book = SignalBook({"a": 2.0})
    read(book, 0, RED, since=-30)
    assert book.at("a", T0).since == T0 - 30 * SECOND  # a controller knows its past
    read(book, 10, RED, since=-30)  # 10 s nobody looked
    assert book.at("a", T0 + 10 * SECOND).since == T0 + 10 * SECOND
    read(book, 10.5, GREEN)
    read(book, 11, RED, since=0)  # began before we saw green: impossible
    assert book.at("a", T0 + 11 * SECOND).since == T0 + 11 * SECOND


def test_a_signal_nobody_configured_is_ignored():
    book = SignalBook({"a": 2.0})
    book.put(SignalReading("ghost", RED, T0, T0))
    assert book.at("ghost", T0) is None


def test_late_readings_change_nothing_and_a_restart_begins_anew():
    book = SignalBook({"a": 2.0})
    read(book, 100, RED)
    read(book, 99, GREEN)
    assert at(book, 100) == RED and at(book, 99.5) is None
    read(book, 0, GREEN)  # a replay began again
    assert at(book, 0.5) == GREEN and at(book, 100) is None


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from(SignalAspect)), max_size=60))
def test_never_a_colour_nobody_reported_around_then(readings):
    book = SignalBook({"a": 2.0})
    for tick, aspect in readings:
        book.put(SignalReading("a", aspect, T0 + tick * STEP, 0))
    for tick in range(0, 430, 7):
        stamp = T0 + tick * STEP
        found = book.at("a", stamp)
        if found is not None:
            assert found.since <= stamp and found.aspect != UNKNOWN
            assert any(a == found.aspect and abs(s - tick) <= 400 for s, a in readings)


AMBER = SignalAspect.AMBER


def test_a_blink_makes_its_surroundings_unknown():
    book = signals([(0, RED), (20, GREEN), (20.3, RED)], 40, name="a")
    assert [at(book, t) for t in (10, 16, 20.1, 22, 25)] == [RED, None, None, None, None]
    assert at(book, 30) == RED and book.at("a", T0 + 30 * SECOND).since > T0 + 20 * SECOND


def test_too_many_changes_are_no_plan():
    often = signals([(i * 0.8, (RED, GREEN)[i % 2]) for i in range(12)], 20, name="a")
    assert at(often, 6) is None and at(often, 19) == GREEN
    # all red, red with amber, green, amber, red: as quick as a real junction may be
    quick = [(0, RED), (10, AMBER), (11, GREEN), (18, AMBER), (21, RED)]
    book = signals(quick, 30, name="a")
    assert [at(book, t) for t in (9, 10.5, 12, 19, 22)] == [RED, AMBER, GREEN, AMBER, RED]


def test_looking_away_is_no_change():
    book = signals([(0, RED), (10, UNKNOWN), (10.2, RED)], 20, name="a")
    assert [at(book, t) for t in (9, 10.1, 12)] == [RED, None, RED]


def test_one_reading_from_the_next_hour_is_survived():
    book = SignalBook({"a": 2.0})
    read(book, 0, RED)
    read(book, 3600, GREEN)
    for t in (1, 2, 3):
        read(book, t, RED)
    assert at(book, 3) == RED and book.at("a", T0 + 3 * SECOND).since >= T0 + SECOND
