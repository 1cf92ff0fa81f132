"""What officers' verdicts do to a rule at a camera."""

from __future__ import annotations

import math
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from bconnect_enforce.adapters.ledger import Ledger
from bconnect_enforce.bookkeeping import TrustWatch, marks_of
from bconnect_enforce.core.citation import Decision, Refused
from bconnect_enforce.core.statistics import wilson
from bconnect_enforce.core.trust import DAY, Act, Marks, Verdict, fallen, weigh
from bconnect_site.kinds import CitationStatus, ViolationType
from bconnect_site.ledger import TrustSettings

ZONE = ZoneInfo("Asia/Makassar")
S = 1_000_000_000
NOW = 1_795_000_000 * S
RED, PARKING = ViolationType.RED_LIGHT, ViolationType.ILLEGAL_PARKING
MARKS = Marks(mark=0.8, least=10, window=50, window_days=90)


def verdicts(upheld: int, of: int, camera: str = "utara", kind=RED, stamp: int = NOW):
    return [
        Verdict(camera, kind, n < upheld, stamp + n * S, stamp - DAY + n * S) for n in range(of)
    ]


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (81, 100, 0.7222, 0.8749),
    ],
)
def test_wilson_as_in_the_tables(k, n, low, high):
    assert wilson(k, n) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_nothing_counted_is_nothing_known():
    assert all(math.isnan(end) for end in wilson(0, 0))


@pytest.mark.parametrize(
    ("upheld", "of", "observe_only"),
    [
        (5, 20, True),  # 25 %, at most 47 %
        (12, 20, False),  # 60 %, but perhaps 78 %, and the mark here is 75 %
        (14, 20, False),  # 70 %: perhaps 85 %
        (0, 9, False),  # too few to conclude
        (0, 10, True),
        (20, 20, False),
        (120, 200, True),  # only the last 50 count, and those were all rejected
    ],
)
def test_falls_back_when_even_the_bright_end_misses_the_mark(upheld, of, observe_only):
    marks = replace(MARKS, mark=0.75) if (upheld, of) == (12, 20) else MARKS
    (trust,) = weigh("demo", verdicts(upheld, of), [], marks, NOW + 300 * S)
    assert trust.observe_only is observe_only
    assert trust.decided == min(of, 50)


def test_the_low_end_may_be_asked_instead():
    marks = replace(MARKS, bound="low")
    (trust,) = weigh("demo", verdicts(18, 20), [], marks, NOW + 300 * S)
    assert trust.low < 0.8 < trust.high
    assert trust.observe_only


def test_each_pair_and_each_mark_for_itself():
    given = [
        *verdicts(2, 20),
        *verdicts(20, 20, camera="selatan"),
        *verdicts(10, 20, kind=PARKING),
    ]
    marks = replace(MARKS, by_type={PARKING: 0.4})
    found = {(t.camera, t.type): t for t in weigh("demo", given, [], marks, NOW + 300 * S)}
    assert {pair for pair, t in found.items() if t.observe_only} == {("utara", RED)}
    assert found["utara", PARKING].mark == 0.4
    assert (found["utara", RED].decided, found["utara", RED].upheld) == (20, 2)
    assert "2 of the last 20 upheld (10%, 3% to 30% at 95 %), mark 80%" in (
        found["utara", RED].detail
    )


def test_old_decisions_do_not_count():
    old = verdicts(0, 30, stamp=NOW - 200 * DAY)
    (trust,) = weigh("demo", old + verdicts(9, 9), [], MARKS, NOW + 300 * S)
    assert (trust.decided, trust.upheld, trust.observe_only) == (9, 9, False)


def test_disarmed_stays_disarmed_until_a_human_rearms():
    bad, good = verdicts(0, 10), verdicts(40, 40, stamp=NOW + DAY)
    off = Act("utara", RED, "back_off", "ledger", "0 of 10", NOW + 20 * S)
    (trust,) = weigh("demo", bad + good, [off], MARKS, NOW + 2 * DAY)
    assert trust.observe_only, "better numbers alone do not rearm"
    on = Act("utara", RED, "rearm", "Kompol Rina", "garis dicat ulang", NOW + 30 * S)
    (trust,) = weigh("demo", bad, [off, on], MARKS, NOW + 2 * DAY)
    assert (trust.observe_only, trust.decided) == (False, 0)
    (trust,) = weigh("demo", bad + good, [off, on], MARKS, NOW + 2 * DAY)
    assert trust.decided < 40, "what was seen before the rearming does not count"
    assert not trust.observe_only
    late = verdicts(0, 12, stamp=NOW + 3 * DAY)
    weighed = weigh("demo", bad + late, [off, on], MARKS, NOW + 4 * DAY)
    assert weighed[0].observe_only
    assert fallen(weighed, [off, on]) == weighed, "it may fall again"
    assert fallen(weighed, [off]) == []


# --- in the ledger, on both databases -------------------------------------------------------


@pytest.fixture
def ledger(database):
    ledger = Ledger(database, ZONE, "demo")
    yield ledger
    ledger.close()


@pytest.fixture
def decide(ledger, violation, measure):
    """Cites and decides `n` cases: True confirms, False rejects, None withdraws."""
    count = iter(range(1, 10**6))

    def make(*verdicts: bool | None, seen: int = NOW) -> None:
        for verdict in verdicts:
            n = next(count)
            ledger.store_measure(measure(n), seen)
            (line,) = ledger.store_violation(violation(n, stamp=seen + n * S), seen)
            status = {
                True: CitationStatus.CONFIRMED,
                False: CitationStatus.REJECTED,
                None: CitationStatus.WITHDRAWN,
            }[verdict]
            ledger.review(Decision(line.number, status, "Sari", "diperiksa"), seen + DAY + n * S)

    return make


def test_the_ledger_remembers_who_fell_and_who_rearmed(ledger, decide):
    decide(*[False] * 9, None, True)
    weighed, fell = ledger.settle_trust(MARKS, NOW + 2 * DAY)
    assert [t.observe_only for t in weighed] == [True]
    assert fell == weighed
    assert (fell[0].decided, fell[0].upheld) == (11, 1)
    again, fell = ledger.settle_trust(MARKS, NOW + 3 * DAY)
    assert fell == []
    assert again[0].observe_only
    assert again[0].detail.startswith("observe only: 1 of the last 11 upheld")
    for who, why, missing in (("", "x", "who"), ("Rina", " ", "why")):
        with pytest.raises(Refused, match=f"{missing}: empty"):
            ledger.rearm("simpang_utara", PARKING, who, why, NOW + 3 * DAY)
    ledger.rearm("simpang_utara", PARKING, "Kompol Rina", "zona digambar ulang", NOW + 3 * DAY)
    assert not ledger.settle_trust(MARKS, NOW + 4 * DAY)[0][0].observe_only
    with pytest.raises(Refused, match="simpang_utara/illegal_parking: is not disarmed"):
        ledger.rearm("simpang_utara", PARKING, "Rina", "x", NOW)
    assert [(e.kind, e.who) for e in ledger.events("back_off", "rearm")] == [
        ("back_off", "ledger"),
        ("rearm", "Kompol Rina"),
    ]
    assert ledger.broken_event() is None


def test_only_the_last_word_on_a_citation_counts(ledger, decide):
    decide(*[True] * 12)
    for n in range(1, 13):
        decision = Decision(f"BC-demo-2026-{n:06d}", CitationStatus.WITHDRAWN, "Budi", "keliru")
        ledger.review(decision, NOW + 2 * DAY)
    (trust,) = ledger.settle_trust(MARKS, NOW + 3 * DAY)[0]
    assert (trust.decided, trust.upheld, trust.observe_only) == (12, 0, True)


def test_only_news_are_told(ledger, decide):
    watch = TrustWatch(MARKS)
    assert watch.news(ledger, NOW) == ([], [])
    decide(True, True)
    assert len(watch.news(ledger, NOW + 2 * DAY)[0]) == 1
    assert watch.news(ledger, NOW + 2 * DAY)[0] == []
    decide(*[False] * 30)
    changed, fell = watch.news(ledger, NOW + 2 * DAY)
    assert changed == fell
    assert watch.news(ledger, NOW + 2 * DAY)[1] == []


def test_marks_come_from_the_site():
    settings = TrustSettings(mark=0.6, marks={"red_light": 0.9}, bound="low", least=5, days=30)
    marks = marks_of(settings)
    assert (marks.of(RED), marks.of(PARKING)) == (0.9, 0.6)
    assert (marks.bound, marks.least, marks.window_days) == ("low", 5, 30)
