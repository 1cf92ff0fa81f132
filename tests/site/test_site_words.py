"""Names, kinds, hours: the small vocabulary of a site."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from enum import IntEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bconnect_site import kinds, names, schedule
from bconnect_site.checks import node_keys
from bconnect_site.errors import ConfigError, suggest
from bconnect_site.kinds import RoadUserKind, ViolationType, ZoneKind, from_word, word, words
from bconnect_site.model import RULE_ZONES, Zone

ENUMS = [
    k
    for k in vars(kinds).values()
    if isinstance(k, type) and issubclass(k, IntEnum) and k is not IntEnum
]


@pytest.mark.parametrize("kind", ENUMS, ids=lambda k: k.__name__)
def test_zero_is_unknown_and_numbers_have_no_gap(kind: type[IntEnum]) -> None:
    assert [int(k) for k in kind] == list(range(len(kind)))
    assert kind(0).name == "UNKNOWN"
    assert "unknown" not in words(kind)


def test_words_and_back() -> None:
    for kind in ZoneKind:
        if kind:
            assert from_word(ZoneKind, word(kind)) is kind
    for wrong in ("unknown", "STOP_LINE", "", "stopline"):
        with pytest.raises(ConfigError, match=f'no zone is called "{wrong}"'):
            from_word(ZoneKind, wrong, "zone")


def test_every_rule_knows_its_zones() -> None:
    assert set(RULE_ZONES) == set(ViolationType) - {ViolationType.UNKNOWN}


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("a", True), ("a1_b2", True), ("simpang_utara", True), ("a" * 48, True),
        ("", False), ("A", False), ("1a", False), ("_a", False), ("a_", False), ("a__b", False),
        ("a-b", False), ("a/b", False), ("a b", False), ("é", False), ("a\n", False),
        ("a" * 49, False),
    ],
)  # fmt: skip
def test_names(text: str, good: bool) -> None:
    assert names.is_name(text) is good


def test_full_names() -> None:
    assert names.site_ns("s") == "/s"
    assert names.camera_ns("s", "c") == "/s/c"
    assert names.speaker_ns("s", "p") == "/s/p"
    assert names.optical_frame("s", "c") == "s/c_optical_frame"
    assert names.map_frame("s") == "s/map"
    assert names.camera_topic("c", names.IMAGE_RAW) == "c/image_raw"


def test_node_keys_follow_the_site() -> None:
    assert node_keys({"cameras": {"c": {}}}) == [
        "c/camera", "detector", "tracker", "rule_checker", "evidence", "ladder", "citation",
    ]  # fmt: skip
    assert "signal" in node_keys({"signals": {"u": {}}})
    assert "p/speaker" in node_keys({"speakers": {"p": {}}})


def test_suggestions() -> None:
    assert suggest("helmet", ["no_helmet", "red_light"]) == '; did you mean "no_helmet"?'
    assert suggest("zzz", ["b", "a"]) == "; allowed: a, b"
    assert suggest("zzz", []) == "; none is allowed here"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("daily", "0123456"),
        ("mon", "0"),
        ("mon-sat", "012345"),
        ("sat-mon", "056"),
        ("tue, thu", "13"),
        ("sun-sun", "6"),
    ],
)
def test_days(text: str, expected: str) -> None:
    assert schedule.parse_days(text) == {int(c) for c in expected}


@pytest.mark.parametrize("text", ["", "-mon", "mon-", "monday", "mon;tue", "mon-tue-wed", "MON"])
def test_days_of_no_week(text: str) -> None:
    with pytest.raises(ValueError, match="needs days such as"):
        schedule.parse_days(text)


MONDAY = datetime(2026, 6, 1)


@pytest.mark.parametrize(
    ("days", "start", "end", "moment", "inside"),
    [
        ("mon-sat", "16:00", "19:00", MONDAY.replace(hour=16), True),
        ("mon-sat", "16:00", "19:00", MONDAY.replace(hour=15, minute=59, second=59), False),
        ("mon-sat", "16:00", "19:00", MONDAY.replace(hour=19), False),
        ("mon-sat", "16:00", "19:00", MONDAY.replace(day=7, hour=17), False),
        ("mon", "22:00", "06:00", MONDAY.replace(hour=23), True),
        ("mon", "22:00", "06:00", MONDAY.replace(day=2, hour=5), True),
        ("mon", "22:00", "06:00", MONDAY.replace(day=2, hour=6), False),
        ("mon", "22:00", "06:00", MONDAY.replace(hour=5), False),
        ("mon", "22:00", "06:00", MONDAY.replace(hour=12), False),
    ],
)
def test_hours(days: str, start: str, end: str, moment: datetime, inside: bool) -> None:
    first, last = schedule.parse_clock(start), schedule.parse_clock(end)
    assert schedule.covers(schedule.parse_days(days), first, last, moment) is inside


@given(st.times(), st.times(), st.integers(0, 7 * 86400))
def test_a_daily_window_and_its_complement_cover_each_moment_once(
    start: time, end: time, second: int
) -> None:
    moment = MONDAY + timedelta(seconds=second)
    every = frozenset(range(7))
    if start != end:
        one = schedule.covers(every, start, end, moment)
        assert one is not schedule.covers(every, end, start, moment)


def test_zone_is_active_by_its_windows() -> None:
    zone = Zone.model_validate(
        {
            "kind": "no_parking",
            "region": [[0, 0], [1, 0], [1, 1]],
            "basis": "sign S-12",
            "active": [
                {"days": "mon-sat", "from": "16:00", "to": "19:00"},
                {"days": "sun", "from": "08:00", "to": "10:00"},
            ],
            "applies_to": ["car", "bus"],
        }
    )
    assert zone.is_active(MONDAY.replace(hour=17))
    assert not zone.is_active(MONDAY.replace(hour=9))
    assert zone.is_active(MONDAY.replace(day=7, hour=9))
    assert zone.basis_kind == "sign"
    assert zone.points == ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
    assert zone.road_user_kinds == frozenset({RoadUserKind.CAR, RoadUserKind.BUS})
    always = Zone.model_validate({"kind": "junction", "region": [[0, 0], [1, 0], [1, 1]]})
    assert always.is_active(MONDAY) and always.basis_kind == "" and always.road_user_kinds is None
