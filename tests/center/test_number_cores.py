"""The maths of the numbers: by hand, against scipy's own tests, and whatever hypothesis finds."""

from __future__ import annotations

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from bconnect_center.core import change, publishing
from bconnect_center.core.choice import Choice, Unclear, choose, days, iso, monday
from bconnect_center.core.numbers import Part, Week, cameras, heeds, overview, uncounted
from bconnect_center.core.rates import poisson, rate, ratio, share
from bconnect_site.kinds import RoadUserKind, ViolationType

counts = st.integers(0, 5000)
exposures = st.integers(1, 10**7)


# --- rates --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "low", "high"),
    # the exact limits that tables of the Poisson distribution print
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (10, 4.795, 18.390),
     (100, 81.364, 121.627)],
)  # fmt: skip
def test_poisson_limits_as_tables_print_them(count, low, high) -> None:
    assert poisson(count) == pytest.approx((low, high), abs=0.001)


def test_a_rate_by_hand() -> None:
    found = rate(10, 4000)
    assert (found.value, found.low, found.high) == pytest.approx((2.5, 1.19885, 4.5975), abs=1e-3)
    assert rate(0, 500).low == 0.0 and rate(0, 500).high == pytest.approx(7.378, abs=0.001)


def test_nobody_counted_is_no_rate() -> None:
    assert all(math.isnan(x) for x in (rate(7, 0).value, rate(7, 0).low, rate(7, 0).high))
    assert math.isnan(share(0, 0).value)


def test_a_ratio_by_hand() -> None:
    value, low, high = ratio(10, 1000, 20, 1000)
    limits = binomtest(20, 30).proportion_ci(0.95, "exact")
    assert value == 2.0
    assert low == pytest.approx(limits.low / (1 - limits.low))
    assert high == pytest.approx(limits.high / (1 - limits.high))
    assert low < 1 < high, "20 after 10 is not yet certain"
    assert ratio(100, 1000, 200, 1000)[1] > 1, "200 after 100 is"
    assert ratio(10, 1000, 10, 2000)[0] == 0.5


def test_ratios_at_the_edge() -> None:
    assert all(map(math.isnan, ratio(0, 10, 0, 10)))
    assert all(map(math.isnan, ratio(5, 0, 5, 10)))
    value, low, high = ratio(0, 10, 5, 10)
    assert (value, high) == (math.inf, math.inf) and low > 0
    value, low, high = ratio(5, 10, 0, 10)
    assert (value, low) == (0.0, 0.0) and 0 < high < math.inf


@given(counts, exposures, counts, exposures)
def test_turned_round_a_ratio_is_its_inverse(before, base, after, exposed) -> None:
    value, low, high = ratio(before, base, after, exposed)
    if math.isnan(value):
        return
    assert low <= value <= high
    turned = ratio(after, exposed, before, base)
    if before and after:
        assert turned == pytest.approx((1 / value, 1 / high, 1 / low), rel=1e-6)


@given(counts, exposures)
def test_a_rate_lies_in_its_interval_and_more_road_users_narrow_it(count, users) -> None:
    found, more = rate(count, users), rate(10 * count, 10 * users)
    assert found.low <= found.value <= found.high
    assert more.high - more.low <= found.high - found.low


# --- sums ---------------------------------------------------------------------------------

MONDAY = days(date(2026, 9, 14))


def week(site="a", n=0, per_day=(1,) * 7, hour=8) -> Week:
    hours = [0] * 24
    hours[hour] = sum(per_day)
    return Week(site, MONDAY + 7 * n, tuple(per_day), tuple(hours))


def test_sums_by_hand() -> None:
    violations = [week("a", 0), week("b", 0, (2, 0, 0, 0, 0, 0, 0), 17), week("a", 1)]
    users = [week("a", 0, (100,) * 7), week("a", 1, (50,) * 7), week("b", 0, (300,) * 7, 17)]
    parts = [Part("a", MONDAY, 1, 3, 7), Part("b", MONDAY, 2, 4, 2), Part("a", MONDAY + 7, 1, 3, 7)]
    passed = [Part("a", MONDAY, 0, 3, 700), Part("b", MONDAY, 0, 4, 2100),
              Part("a", MONDAY + 7, 0, 3, 350)]  # fmt: skip
    o = overview(violations, parts, users, passed, frozenset(), [MONDAY, MONDAY + 7, MONDAY + 14])
    assert (o.total.violations, o.total.rate.users) == (16, 3150)
    assert o.total.rate.value == pytest.approx(16 / 3.150)
    assert [(g.key - MONDAY, g.violations, g.rate.users) for g in o.weeks] == [
        (0, 9, 2800), (7, 7, 350), (14, 0, 0),
    ]  # fmt: skip
    assert [g.violations for g in o.weekdays] == [4, 2, 2, 2, 2, 2, 2]
    assert {g.key: g.violations for g in o.hours if g.violations} == {8: 14, 17: 2}
    assert [(g.key, g.violations, g.rate.users) for g in o.rules] == [(1, 14, 3150), (2, 2, 3150)]
    assert [(g.key, g.violations, g.rate.users) for g in o.kinds] == [(3, 14, 1050), (4, 2, 2100)]
    assert [(g.key, g.violations) for g in o.sites] == [("a", 14), ("b", 2)]


def test_a_day_without_counted_road_users_leaves_its_week_out_of_the_rates() -> None:
    violations = [week("a", 0), week("a", 1)]
    users = [week("a", 0, (100,) * 7), week("a", 1, (100, 100, 0, 100, 100, 100, 100))]
    left_out = uncounted(violations, users)
    assert left_out == {("a", MONDAY + 7)}
    o = overview(violations, [], users, [], left_out, [MONDAY, MONDAY + 7])
    assert (o.total.violations, o.total.rate.violations, o.total.rate.users) == (14, 7, 700)
    assert o.uncounted == 7
    assert math.isnan(o.weeks[1].rate.value)


def test_a_day_on_which_nothing_happened_may_go_uncounted() -> None:
    quiet = (1, 1, 0, 1, 1, 1, 1)
    assert uncounted([week("a", 0, quiet)], [week("a", 0, quiet)]) == frozenset()


per_day = st.tuples(*[st.integers(0, 50)] * 7)
some_weeks = st.lists(
    st.builds(week, st.sampled_from("abc"), st.integers(0, 3), per_day, st.integers(0, 23)),
    max_size=8,
    unique_by=lambda w: (w.site, w.week),
)


@given(some_weeks, some_weeks)
def test_every_way_to_look_at_it_has_the_same_sum(violations, users) -> None:
    left_out = uncounted(violations, users)
    asked = [MONDAY + 7 * n for n in range(4)]
    o = overview(violations, [], users, [], left_out, asked)
    for groups in (o.weeks, o.weekdays, o.hours, o.sites):
        assert sum(g.violations for g in groups) == o.total.violations
        assert sum(g.rate.violations for g in groups if g.rate.users) <= o.total.rate.violations
        assert sum(g.rate.users for g in groups) == o.total.rate.users
    assert o.uncounted + sum(
        w.count for w in violations if (w.site, w.week) not in left_out
    ) == o.total.violations  # fmt: skip


def test_cameras_are_rated_in_the_weeks_they_counted() -> None:
    found = cameras(
        {("a", "x"): {0: 5, 7: 9}, ("a", "y"): {0: 3}},
        {("a", "x"): {0: 1000}, ("b", "z"): {0: 10}},
    )
    assert [(g.key, g.violations) for g in found] == [
        (("a", "x"), 14), (("a", "y"), 3), (("b", "z"), 0),
    ]  # fmt: skip
    assert found[0].rate.value == 5.0
    assert math.isnan(found[1].rate.value)
    assert found[2].rate.value == 0.0


def test_unclear_answers_count_for_nothing() -> None:
    (one,) = heeds([("a", 6, 2, 9), ("a", 0, 2, 0)])
    assert (one.complied, one.ignored, one.unclear) == (6, 4, 9)
    # Wilson, by hand
    assert (one.share.value, one.share.low, one.share.high) == pytest.approx(
        (0.6, 0.3127, 0.8318), abs=1e-4
    )


# --- before and after ---------------------------------------------------------------------

DAY = days(date(2026, 9, 2))  # a Wednesday


def flat(first: int, last: int, many: int, site: str = "a") -> dict[tuple[str, int], int]:
    return {(site, day): many for day in range(first, last)}


def around(before: int, after: int, users=(100, 100), weeks=4, today=DAY + 100, **more):
    violations = flat(DAY - 90, DAY, before) | flat(DAY, DAY + 90, after)
    passed = flat(DAY - 90, DAY, users[0]) | flat(DAY, DAY + 90, users[1])
    return change.compare(violations, passed, passed, DAY, weeks, today, **more)


def keys(found: change.Change) -> list[str]:
    return [caution.key for caution in found.cautions]


def test_before_and_after_by_hand() -> None:
    found = around(4, 2)
    assert (found.before.violations, found.after.violations) == (112, 56)
    assert (found.before.begin, found.before.days, found.after.begin) == (DAY - 28, 28, DAY)
    assert found.ratio == 0.5 and found.by == "users" and found.spread == 1.0
    limits = binomtest(56, 168).proportion_ci(0.95, "exact")
    assert found.low == pytest.approx(limits.low / (1 - limits.low))
    assert found.clear and keys(found) == []
    assert not around(4, 4).clear


def test_half_the_traffic_is_half_the_violations_and_no_change() -> None:
    found = around(4, 2, users=(100, 50))
    assert found.ratio == 1.0 and not found.clear
    assert keys(found) == ["less_traffic"]
    assert found.cautions[0].values == {"percent": 50}
    assert keys(around(4, 4, users=(100, 125))) == ["more_traffic"]
    assert keys(around(4, 4, users=(100, 120))) == [], "a fifth is within reason"


def test_days_nobody_counted_compare_numbers_per_day() -> None:
    violations = flat(DAY - 28, DAY + 28, 3)
    passed = {key: 100 for key in violations if key[1] != DAY + 5}
    found = change.compare(violations, passed, passed, DAY, 4, DAY + 40)
    assert (found.by, found.ratio) == ("days", 1.0)
    assert keys(found) == ["uncounted"]
    # a kind of road user that did not pass is none that was not counted
    found = change.compare(violations, passed, flat(DAY - 28, DAY + 28, 9), DAY, 4, DAY + 40)
    assert found.by == "users"


def test_what_lies_ahead_shortens_both_sides() -> None:
    found = around(4, 4, today=DAY + 20)
    assert (found.before.days, found.after.days) == (14, 14)
    assert found.cautions[0].key == "shortened" and found.cautions[0].values == {"weeks": 2}
    assert around(4, 4, today=DAY + 6) is None
    assert around(4, 4, today=DAY - 50) is None


def test_thin_data_are_called_thin() -> None:
    violations = {("a", DAY - 3): 9, ("a", DAY + 3): 10}
    passed = flat(DAY - 28, DAY + 28, 100)
    assert "thin" in keys(change.compare(violations, passed, passed, DAY, 4, DAY + 40))
    violations[("a", DAY - 3)] = 10
    assert "thin" not in keys(change.compare(violations, passed, passed, DAY, 4, DAY + 40))
    assert "one_week" in keys(around(9, 9, weeks=1))


def test_weeks_that_differ_more_than_chance_widen_the_interval() -> None:
    steady = around(6, 4)
    rough = {("a", DAY - 28 + n): (12 if n // 7 % 2 else 0) for n in range(28)}
    rough |= {("a", DAY + n): (8 if n // 7 % 2 else 0) for n in range(28)}
    passed = flat(DAY - 90, DAY + 90, 100)
    found = change.compare(rough, passed, passed, DAY, 4, DAY + 40)
    assert found.ratio == pytest.approx(steady.ratio)
    assert found.spread > 10 and "uneven" in keys(found)
    assert found.low < steady.low and found.high > steady.high
    assert steady.clear and not found.clear
    # chi-square by hand: 8 weeks, each off by all it should have, over 6 degrees
    assert found.spread == pytest.approx((4 * 42 + 4 * 28) / 6)


def test_other_cameras_are_said() -> None:
    assert keys(around(4, 4, cameras=(10, 13))) == ["cameras"]
    assert keys(around(4, 4, cameras=(10, 11))) == []


@given(st.integers(-200, 200), st.integers(1, 26), st.integers(-300, 300))
def test_every_weekday_counts_equally_on_both_sides(offset, weeks, ahead) -> None:
    day = DAY + offset
    found = change.compare({}, {}, {}, day, weeks, day + ahead)
    if found is None:
        assert ahead < 7
        return
    for side in (found.before, found.after):
        assert side.days % 7 == 0 and side.days == found.after.days
    assert found.before.begin + found.before.days == found.after.begin == day
    assert found.after.begin + found.after.days <= day + ahead


# --- what may be published ----------------------------------------------------------------

cells = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from([0, 7, 14])), st.integers(0, 12)
)


@given(cells, cells)
def test_no_small_number_is_told_nor_found_by_subtracting(violations, users) -> None:
    table = publishing.table([0, 7, 14], ["a", "b", "c"], violations, users)
    for (week_, site), cell in table.cells.items():
        true = violations.get((site, week_), 0)
        assert cell.count == (true if true >= 5 else None)
        assert cell.count is not None or not cell.rate.users
    for week_, cell in table.sums.items():
        shown = [table.cells[week_, s].count for s in table.sites]
        assert cell.count == (sum(n for n in shown if n is not None) or None)
        assert cell.rate.violations <= (cell.count or 0)
    assert table.hidden == sum(cell.count is None for cell in table.cells.values())


def test_shares_of_few_are_not_told() -> None:
    assert publishing.public_share(4, 100) is None
    assert publishing.public_share(96, 100) is None
    assert publishing.public_share(5, 10).value == 0.5


# --- what is asked for --------------------------------------------------------------------

TODAY = days(date(2026, 11, 25))  # a Wednesday
NONE: frozenset[str] = frozenset()


def test_the_usual_is_twelve_weeks() -> None:
    found = choose(TODAY, NONE)
    assert (iso(found.first), iso(found.last)) == ("2026-09-07", "2026-11-23")
    assert len(found.weeks) == 12


def test_days_become_whole_weeks() -> None:
    found = choose(TODAY, NONE, "2026-10-01", "2026-10-11", "demo", "a", "red_light", "bus")
    assert (iso(found.first), iso(found.last + 6)) == ("2026-09-28", "2026-10-11")
    assert (found.type, found.road_user) == (ViolationType.RED_LIGHT, RoadUserKind.BUS)
    assert choose(TODAY, NONE, **{
        {"from": "begin", "to": "end"}.get(k, k): v for k, v in found.query.items()
    }) == found  # fmt: skip


@pytest.mark.parametrize(
    ("given_", "sentence"),
    [
        ({"begin": "yesterday"}, 'from: found "yesterday", needs a date'),
        ({"begin": "0001-01-01"}, "allowed: 2000 to 2999"),
        ({"begin": "2026-11-20", "end": "2026-10-01"}, "is later than"),
        ({"begin": "2020-01-01", "end": "2026-01-01"}, "allowed: at most 53"),
        ({"site": "../etc"}, "allowed: a-z, 0-9 and _"),
        ({"camera": "a"}, "needs its site"),
        ({"rule": "rad_light"}, 'no rule is called "rad_light"'),
        ({"kind": "<script>"}, 'no kind is called "<script>"'),
    ],
)
def test_what_means_nothing_is_one_sentence(given_, sentence) -> None:
    with pytest.raises(Unclear, match=sentence.replace("(", r"\(")):
        choose(TODAY, NONE, **given_)


def test_a_person_kept_to_sites_sees_no_other() -> None:
    mine = frozenset({"a", "b"})
    assert choose(TODAY, mine).within == mine
    assert choose(TODAY, mine, site="a").within == {"a"}
    assert choose(TODAY, mine, site="c").within == frozenset()
    assert choose(TODAY, NONE, site="c").within == {"c"}
    assert choose(TODAY, NONE).within is None


@given(st.dates(date(2000, 1, 10), date(2999, 1, 1)))
def test_weeks_begin_on_mondays(day) -> None:
    found = Choice(monday(days(day)), monday(days(day)))
    assert date.fromisoformat(iso(found.first)).weekday() == 0
    assert 0 <= days(day) - found.first < 7
