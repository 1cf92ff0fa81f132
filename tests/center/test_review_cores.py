"""What comes first, what is doubted, what is drawn: pure decisions of the review desk."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bconnect_center.core import plots, review
from bconnect_center.core.crosschecks import Looked, Seal, warnings
from bconnect_center.core.review import Claim, Declined, Given, Verdict
from bconnect_enforce.core.records import EvidenceFile, Offence, Violation
from bconnect_site.kinds import (
    EvidenceKind,
    PlateColour,
    PlateState,
    RoadUserKind,
    ViolationType,
)
from bconnect_site.plates import load_plates

S = 1_000_000_000
NOON = 1_790_000_000 * S
RULES = load_plates()
KINDS = (
    EvidenceKind.SCENE,
    EvidenceKind.CLIP,
    EvidenceKind.CONTEXT_BEFORE,
    EvidenceKind.CONTEXT_AFTER,
)
FACTS: dict[str, Any] = {
    "stamp": NOON,
    "started": NOON - S,
    "clock": {"synchronised": True},
    "camera": {"clock_offset": 0.01},
    "decision": {"time_into_red": 2.4},
    "signal": {
        "name": "utara",
        "decided": "red",
        "note": "",
        "history": [
            {"aspect": "amber", "since": NOON - 6 * S, "first_seen": NOON - 6 * S,
             "last_seen": NOON - 3 * S, "source": "controller", "least_confidence": 0.9},
            {"aspect": "red", "since": NOON - 3 * S, "first_seen": NOON - 3 * S,
             "last_seen": NOON + 9 * S, "source": "controller", "least_confidence": 0.9},
        ],
    },
}  # fmt: skip


def seen(kind: ViolationType = ViolationType.RED_LIGHT, **changes: Any) -> Violation:
    offence = Offence("a", kind, "demo", "utara", "henti", NOON, 7, RoadUserKind.CAR)
    base = Violation(
        offence=offence, started=NOON - S, basis="signal", catalogue_version="1", confidence=0.9,
        explanation="", latitude=math.nan, longitude=math.nan, measured=2.4, limit=math.nan,
        plate_state=PlateState.READ, plate="KT 1234 AB", plate_colour=PlateColour.WHITE,
        evidence=tuple(EvidenceFile(k, f"{k}.jpg", "ab", NOON) for k in KINDS),
    )  # fmt: skip
    return replace(base, **changes)


def keys(violation: Violation | None = None, **changes: Any) -> list[str]:
    looked = Looked(violation or seen(), Seal("whole"), FACTS)
    return [w.key for w in warnings(replace(looked, **changes), RULES)]


def test_nothing_to_say_of_a_plain_case() -> None:
    assert keys() == []


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"seal": Seal("touched", ("x",))}, "seal_touched"),
        ({"seal": Seal("erased")}, "seal_erased"),
        ({"seal": Seal("lost")}, "seal_lost"),
        ({"seal": Seal("unchecked")}, "seal_unchecked"),
        ({"facts": FACTS | {"clock": {"synchronised": False}}}, "clock_free"),
        ({"facts": FACTS | {"clock": {}}}, "clock_unknown"),
        ({"facts": FACTS | {"camera": {"clock_offset": -3600.0}}}, "camera_clock"),
        ({"facts": FACTS | {"signal": None}}, "signal_gap"),
        ({"facts": FACTS | {"signal": FACTS["signal"] | {"note": "late"}}}, "signal_gap"),
        ({"active": False}, "not_active"),
        ({"others": ("BC-1",)}, "same_vehicle"),
    ],
)
def test_each_doubt(changes: dict[str, Any], wanted: str) -> None:
    assert keys(**changes) == [wanted]


@pytest.mark.parametrize(
    ("violation", "wanted"),
    [
        (seen(plate_state=PlateState.UNREADABLE), ["plate_unread"]),
        (seen(plate="<b>"), ["plate_odd"]),
        (seen(plate="KT 4321 AB"), ["plate_block"]),  # a motorcycle's number on a car
        (seen(plate="QX 1234 AB"), ["plate_area"]),
        (seen(missing=("no clip",)), ["incomplete"]),
        (seen(evidence=seen().evidence[1:]), ["no_scene"]),
        (
            seen(offence=replace(seen().offence, road_user=RoadUserKind.MOTORCYCLE),
                 plate="KT 4321 AB", plate_colour=PlateColour.YELLOW),
            ["plate_colour"],
        ),
        (seen(offence=replace(seen().offence, road_user=RoadUserKind.UNKNOWN)), []),
        (seen(plate="KT 8123 AB"), []),  # trucks' and cars' block
    ],
)  # fmt: skip
def test_plate_and_pictures(violation: Violation, wanted: list[str]) -> None:
    assert keys(violation) == wanted


def test_witnesses_of_the_signal() -> None:
    def with_runs(*runs: Any) -> list[str]:
        signal = FACTS["signal"] | {"history": list(runs)}
        return keys(facts=FACTS | {"signal": signal})

    red = FACTS["signal"]["history"][1]
    assert with_runs(red) == []
    unknown = {"aspect": "unknown", "since": NOON - 4 * S, "last_seen": NOON - 3 * S}
    assert with_runs(unknown, red) == ["signal_disagree"]
    long_ago = {"aspect": "unknown", "since": NOON - 60 * S, "last_seen": NOON - 50 * S}
    assert with_runs(long_ago, red) == []
    green = red | {"aspect": "green"}
    assert with_runs(green) == ["signal_disagree"]
    assert with_runs(red, green) == ["signal_disagree"]


@pytest.mark.parametrize(
    ("low", "tolerance", "wanted"),
    [
        (70.0, 3.0, []),
        (57.0, 3.0, ["near_limit"]),
        (59.0, 3.0, []),
        (math.nan, 3.0, ["no_interval"]),
    ],
)
def test_near_the_limit(low: float, tolerance: float, wanted: list[str]) -> None:
    fast = seen(
        ViolationType.SPEEDING, measured=72 / 3.6, measured_low=low / 3.6,
        measured_high=75 / 3.6, limit=50 / 3.6,
    )  # fmt: skip
    fast = replace(fast, offence=replace(fast.offence, type=ViolationType.SPEEDING))
    assert keys(fast, tolerance=tolerance / 3.6) == wanted


def test_what_stops_comes_first() -> None:
    found = warnings(Looked(seen(plate_state=PlateState.UNREADABLE), Seal("touched"), FACTS), RULES)
    assert [w.stops for w in found] == [True, False]


_junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(["stamp", "started", "signal", "zone", "track", "decision", "clock",
                         "camera"]),
        _junk
        | st.fixed_dictionaries({"history": _junk, "points": _junk, "box": _junk,
                                 "image": _junk, "trail": _junk, "note": _junk}),
    )
)  # fmt: skip
def test_no_facts_break_the_page(facts: dict[str, Any]) -> None:
    plots.signal_plot(facts)
    plots.drawing(facts)
    warnings(Looked(seen(), Seal("whole"), facts), RULES)


def test_the_signal_around_the_moment() -> None:
    plot = plots.signal_plot(FACTS)
    assert plot is not None
    assert [(b.aspect, b.begin, b.end) for b in plot.bars] == [("amber", -6, -3), ("red", -3, 8)]
    assert plot.bars[1].x < plot.moment < plot.bars[1].x + plot.bars[1].w
    assert plot.into_red == 2.4


def test_speeds_in_order() -> None:
    plot = plots.speed_plot(63 / 3.6, 60 / 3.6, 66 / 3.6, 50 / 3.6, 3 / 3.6)
    assert plot is not None and plot.bound == pytest.approx(53.0)
    xs = [plot.x_limit, plot.x_bound, plot.x_low, plot.x_measured, plot.x_high]
    assert xs == sorted(xs, key=lambda x: x or 0.0)
    assert plots.speed_plot(math.nan, 1, 2, 3, None) is None
    assert plots.speed_plot(10.0, math.nan, math.nan, math.nan, None) is not None


def test_the_sooner_the_more_dangerous() -> None:
    order = sorted(ViolationType, key=review.rank)
    assert order.index(ViolationType.WRONG_WAY) < order.index(ViolationType.RED_LIGHT)
    assert order.index(ViolationType.RED_LIGHT) < order.index(ViolationType.ILLEGAL_PARKING)


def _given(**changes: Any) -> Given:
    base = Given(
        "1", "BC-1", "a", Verdict.CONFIRM, "", NOON, NOON, review.WAITING, 1.0, {"by": "A"}
    )
    return replace(base, **changes)


def test_who_may_decide() -> None:
    def may(claim: Claim | None, *standing: Given) -> None:
        review.may_decide("BC-1", "a", claim, standing, {"b": "Budi"}, NOON)

    may(None)
    may(Claim("BC-1", "a", NOON + S))
    may(Claim("BC-1", "b", NOON))  # ran out
    may(None, _given(state=review.REFUSED), _given(number="BC-2"))
    with pytest.raises(Declined, match="Budi is looking"):
        may(Claim("BC-1", "b", NOON + S))
    with pytest.raises(Declined, match="you have decided"):
        may(None, _given())
    with pytest.raises(Declined, match="B has decided"):
        may(None, _given(account="b", state=review.WRITING, told={"by": "B"}))


def test_four_eyes_are_of_two() -> None:
    assert review.settle(Verdict.CONFIRM, False, "a", None, "A") == (review.WAITING, "A")
    assert review.settle(Verdict.CONFIRM, True, "a", None, "A") == (review.FIRST, "A")
    first = _given(state=review.FIRST)
    assert review.settle(Verdict.CONFIRM, True, "b", first, "B") == (review.WAITING, "A; B")
    assert review.settle(Verdict.REJECT, True, "b", None, "B") == (review.WAITING, "B")
    with pytest.raises(Declined, match="another officer"):
        review.settle(Verdict.CONFIRM, True, "a", first, "A")


def test_time_at_a_case() -> None:
    opened = Claim("BC-1", "a", NOON + S, NOON - 90 * S)
    assert review.looked(opened, "a", NOON) == 90.0
    assert review.looked(opened, "b", NOON) == 0.0
    assert review.looked(replace(opened, opened=0), "a", NOON) == 0.0
    assert review.looked(replace(opened, opened=1), "a", NOON) == review.LONGEST_LOOK
    assert review.looked(opened, "a", NOON - 3600 * S) == 0.0  # a clock that was set back
    assert review.day_of([30.0, 0.0, 50.0]) == review.Day(3, 40.0)
    assert review.day_of([]) == review.Day(0, None)
