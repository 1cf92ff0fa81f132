"""What pages count is counted as it comes, and the same counted anew."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from bconnect_enforce.adapters.ledger import Ledger
from bconnect_enforce.adapters.ledger.tables import (
    DAYS,
    HOURS,
    counted,
    outcome_weeks,
    violation_weeks,
)
from bconnect_enforce.adapters.ledger.weeks import moment
from bconnect_enforce.core.citation import Decision
from bconnect_enforce.core.records import Compliance
from bconnect_site.kinds import CitationStatus, Outcome, RoadUserKind, ViolationType

ZONE = ZoneInfo("Asia/Makassar")
S = 1_000_000_000
NOW = 1_795_500_000 * S


@pytest.fixture
def ledger(database):
    made = Ledger(database, ZONE, "demo", sole=False)
    yield made
    made.close()


def cells(ledger):
    """Every row of both tables."""
    with ledger.reading() as c:
        return {
            table.name: sorted(map(tuple, c.execute(select(table))))
            for table in (violation_weeks, outcome_weeks)
        }


def one(ledger, table, **where):
    with ledger.reading() as c:
        query = select(table)
        for name, value in where.items():
            query = query.where(table.c[name] == value)
        return c.execute(query).one()._mapping


def answer(n: int, outcome: Outcome, spoken: int, **fields) -> Compliance:
    return Compliance(
        f"c-{n}", f"a-{n}", f"f-{n}", "demo", "simpang_utara", "tiang_1", "p",
        ViolationType.ILLEGAL_PARKING, outcome, spoken, spoken + S, **fields,
    )  # fmt: skip


def test_a_week_begins_on_monday_at_local_midnight(at):
    sunday, monday = at("2026-11-22 23:59:59"), at("2026-11-23 00:00:00")
    assert moment(monday, ZONE).week - moment(sunday, ZONE).week == 7
    assert moment(sunday, ZONE)[1:] == ("d6", "h23")
    assert moment(monday, ZONE)[1:] == ("d0", "h0")
    assert moment(monday, ZoneInfo("UTC"))[1:] == ("d6", "h16")
    # Kathmandu is off by three quarters
    assert moment(at("2026-11-23 16:30:00"), ZoneInfo("Asia/Kathmandu"))[1:] == ("d0", "h14")


def test_a_violation_counts_once_for_camera_and_site(ledger, violation, at):
    for _ in range(3):
        ledger.store_violation(violation(1, stamp=at("2026-11-23 16:30:00")), NOW)
    ledger.store_violation(violation(2, stamp=at("2026-11-29 23:10:00")), NOW)
    ledger.store_violation(
        violation(3, camera="lain", stamp=at("2026-11-24 16:00:00"), road_user=RoadUserKind.BUS),
        NOW,
    )
    monday = moment(at("2026-11-23 00:00:00"), ZONE).week
    mine = one(ledger, violation_weeks, camera="simpang_utara")
    assert (mine["week"], mine["count"], mine["d0"], mine["d6"]) == (monday, 2, 1, 1)
    assert (mine["h16"], mine["h23"], sum(mine[h] for h in HOURS)) == (1, 1, 2)
    whole = one(ledger, violation_weeks, camera="", road_user=RoadUserKind.CAR)
    assert [whole[d] for d in DAYS] == [1, 0, 0, 0, 0, 0, 1]


def test_a_citation_moves_from_state_to_state(ledger, violation, measure):
    ledger.store_measure(measure(1), NOW)
    (line,) = ledger.store_violation(violation(1), NOW)
    states = ("pending", "confirmed", "rejected", "withdrawn")

    def now_at(camera):
        row = one(ledger, outcome_weeks, camera=camera)
        return [row[state] for state in states]

    assert now_at("") == now_at("simpang_utara") == [1, 0, 0, 0]
    decision = Decision(line.number, CitationStatus.CONFIRMED, "Sari")
    for _ in range(2):
        ledger.review(decision, NOW + S)
    assert now_at("") == now_at("simpang_utara") == [0, 1, 0, 0]
    ledger.review(Decision(line.number, CitationStatus.WITHDRAWN, "Sari", "keliru"), NOW + 2 * S)
    assert now_at("") == [0, 0, 0, 1]
    kept = cells(ledger)
    ledger.count_weeks("demo")
    # a state nobody is in any more leaves no row of its own: same cells
    assert cells(ledger) == kept


def test_a_ledger_from_before_is_counted_whole_by_the_next_word(ledger, violation, measure, at):
    for n in range(1, 6):
        ledger.store_measure(measure(n), NOW)
        ledger.store_violation(violation(n, stamp=at(f"2026-11-{10 + n} 08:00:00")), NOW)
    ledger.store_compliance(answer(1, Outcome.IGNORED, at("2026-11-12 08:00:00")))
    kept = cells(ledger)
    with ledger.engine.begin() as c:
        for table in (counted, violation_weeks, outcome_weeks):
            c.execute(delete(table))
    ledger.store_violation(violation(5), NOW)
    assert cells(ledger) == {name: [] for name in kept}, "it was there: nothing new to count"
    ledger.store_violation(violation(6, stamp=at("2026-11-12 09:00:00")), NOW)
    assert sum(r[5] for r in cells(ledger)["violation_weeks"] if r[0] == "") == 6
    with ledger.engine.begin() as c:
        for table in (counted, violation_weeks, outcome_weeks):
            c.execute(delete(table))
    assert ledger.count_weeks() == ["demo"]
    assert ledger.count_weeks() == []
    assert cells(ledger)["outcome_weeks"] == kept["outcome_weeks"]


def test_the_first_zone_of_a_site_stays(ledger, database, violation, at):
    ledger.store_violation(violation(1, stamp=at("2026-11-23 07:00:00")), NOW)
    other = Ledger(database, ZoneInfo("UTC"), sole=False)
    other.store_violation(violation(2, stamp=at("2026-11-23 07:30:00")), NOW)
    assert one(ledger, violation_weeks, camera="")["h7"] == 2
    other.count_weeks("demo")
    assert one(ledger, violation_weeks, camera="")["h23"] == 2
    other.close()


step = st.one_of(
    st.tuples(st.just("v"), st.integers(1, 8), st.integers(0, 40 * 24), st.integers(0, 3)),
    st.tuples(st.just("m"), st.integers(1, 8)),
    st.tuples(st.just("r"), st.integers(1, 8), st.sampled_from([2, 3, 4])),
    st.tuples(st.just("c"), st.integers(1, 8), st.integers(0, 2), st.integers(0, 40 * 24)),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(step, max_size=40))
def test_as_it_comes_is_as_counted_anew(tmp_path_factory, violation, measure, at, steps):
    folder = tmp_path_factory.mktemp("weeks")
    ledger = Ledger(f"sqlite:///{folder}/ledger.sqlite3", ZONE, "demo", sole=False)
    begin = at("2026-10-01 00:00:00")
    for kind, n, *rest in steps:
        if kind == "v":
            hours, user = rest
            ledger.store_violation(
                violation(n, stamp=begin + hours * 3600 * S, road_user=RoadUserKind(user + 2)), NOW
            )
        elif kind == "m":
            ledger.store_measure(measure(n), NOW)
        elif kind == "c":
            ledger.store_compliance(
                answer(n, Outcome(rest[0]), begin + rest[1] * 3600 * S, delay=1.0)
            )
        else:
            numbers = [c.number for c in ledger.current()]
            if n <= len(numbers):
                decision = Decision(numbers[n - 1], CitationStatus(rest[0]), "Sari", "sebab")
                try:
                    ledger.review(decision, NOW)
                except ValueError:
                    continue
    kept = cells(ledger)
    ledger.count_weeks("demo")
    assert cells(ledger) == kept
    ledger.close()


def test_a_camera_without_a_name_counts_once(ledger, violation):
    ledger.store_violation(violation(1, camera=""), NOW)
    ledger.store_violation(violation(2, camera=""), NOW)
    assert one(ledger, violation_weeks, camera="")["count"] == 2
