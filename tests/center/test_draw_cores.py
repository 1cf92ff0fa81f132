"""A draft as changes of a file's keys, and what is odd about a drawing: case, near miss, doubt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bconnect_center.core.doubts import angle, doubts, inside
from bconnect_center.core.drafting import Draft, SignalDraft, ZoneDraft, changes_of
from bconnect_site.errors import ConfigError
from bconnect_site.model import Camera
from bconnect_site.yamledit import REMOVE

KEY = ("cameras", "utara", "zones")


def box(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def codes(
    zones: dict[str, Any], rules: tuple[str, ...] = (), covers: Any = None
) -> list[tuple[str, str]]:
    camera = Camera.model_validate({"source": "file://a", "zones": zones, "rules": list(rules)})
    return [(doubt.zone, doubt.code) for doubt in doubts(camera, covers)]


NORTH, SOUTH = [[0.3, 0.9], [0.3, 0.4]], [[0.3, 0.4], [0.3, 0.9]]
LANE = {"kind": "direction", "region": box(0.2, 0.3, 0.5, 0.95), "direction": NORTH}
LINE = {"kind": "stop_line", "line": [[0.2, 0.6], [0.5, 0.6]], "direction": NORTH}
RULES = ("wrong_way", "stop_line")


def test_a_street_as_it_should_be_raises_no_doubt() -> None:
    """The line ends where the lane of the other way begins."""
    arrow = [[0.6, 0.4], [0.6, 0.9]]
    beside = {"kind": "direction", "region": box(0.5, 0.3, 0.8, 0.95), "direction": arrow}
    assert codes({"a": LANE, "b": beside, "henti": LINE}, RULES) == []


@pytest.mark.parametrize(
    ("zones", "found"),
    [
        ({"a": {**LANE, "direction": [[0.7, 0.9], [0.7, 0.4]]}}, [("a", "arrow_elsewhere")]),
        ({"a": LANE, "b": {**LANE, "direction": SOUTH}}, [("a", "arrows_disagree")]),
        ({"henti": {**LINE, "direction": [[0.7, 0.9], [0.7, 0.4]]}},
         [("henti", "arrow_beside_line")]),
        ({"henti": {**LINE, "direction": [[0.21, 0.62], [0.45, 0.58]]}},
         [("henti", "arrow_along_line")]),
        ({"a": LANE, "henti": {**LINE, "line": [[0.6, 0.6], [0.9, 0.6]],
                               "direction": [[0.7, 0.9], [0.7, 0.4]]}},
         [("henti", "no_lane_crosses")]),
        ({"a": LANE, "henti": {**LINE, "direction": SOUTH}}, [("henti", "line_against_lane")]),
    ],
)  # fmt: skip
def test_arrows_and_lines(zones: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert codes(zones, RULES) == found


def test_a_line_whose_street_has_only_the_other_way_needs_no_lane() -> None:
    """The exit lane begins beside the line: it must not cross it."""
    arrow = [[0.7, 0.65], [0.7, 0.9]]
    leaving = {"kind": "direction", "region": box(0.6, 0.6, 0.9, 0.95), "direction": arrow}
    assert codes({"keluar": leaving, "henti": LINE}, RULES) == []


def test_zones_over_each_other() -> None:
    park = {"kind": "no_parking", "region": box(0.1, 0.5, 0.3, 0.9)}
    stop = {"kind": "no_stopping", "region": box(0.1, 0.5, 0.3, 0.9)}
    rules = ("illegal_parking", "illegal_stopping")
    assert codes({"a": park, "b": stop}, rules) == [("a", "overlap")]
    beside = {**stop, "region": box(0.29, 0.5, 0.5, 0.9)}  # 5 % are drawn by hand
    assert codes({"a": park, "b": beside}, rules) == []
    crossing = {"kind": "junction", "region": box(0.1, 0.5, 0.3, 0.9)}  # no rival
    assert codes({"a": park, "b": crossing}, rules) == []


def test_a_zone_without_its_rule() -> None:
    turn = {"kind": "no_u_turn", "region": box(0.4, 0.4, 0.6, 0.6)}
    assert codes({"a": turn}) == [("a", "no_rule")]
    assert codes({"a": turn}, ("illegal_u_turn",)) == []
    gate = {"kind": "gate", "line": [[0.2, 0.6], [0.5, 0.6]]}  # of a section of the site
    assert codes({"a": gate, "b": {"kind": "junction", "region": box(0, 0, 0.2, 0.2)}}) == []


def test_zones_and_the_calibrated_region() -> None:
    speed = {"kind": "speed", "region": box(0.2, 0.4, 0.6, 0.8), "limit": 10.0}
    whole = lambda places: np.ones(len(places), np.bool_)  # noqa: E731
    half = lambda places: places[:, 0] < 0.4  # noqa: E731
    assert codes({"a": speed}, ("speeding",)) == [("a", "not_calibrated")]
    assert codes({"a": speed}, ("speeding",), whole) == []
    assert codes({"a": speed}, ("speeding",), half) == [("a", "outside_calibration")]
    thin = {"kind": "gate", "line": [[0.45, 0.6], [0.9, 0.6]]}
    assert codes({"a": thin}, (), half) == [("a", "outside_calibration")]
    speck = {**speed, "region": box(0.5011, 0.5011, 0.5118, 0.5118)}  # smaller than the grid
    assert codes({"a": speck}, ("speeding",), whole) == []


def test_inside_and_angles() -> None:
    ring = tuple((x, y) for x, y in box(0.2, 0.2, 0.4, 0.4))
    places = np.array([[0.3, 0.3], [0.1, 0.3], [0.3, 0.5]])
    assert inside(ring, places).tolist() == [True, False, False]  # type: ignore[arg-type]
    assert angle(((0, 0), (1, 0)), ((0, 0), (0, 1))) == pytest.approx(90.0)


# -- drafts --------------------------------------------------------------------------------

ZONE = {"kind": "no_parking", "region": box(0.1, 0.5, 0.3, 0.9), "dwell": 30, "basis": "sign S-12"}
SITE: dict[str, Any] = {
    "cameras": {"utara": {"zones": {"bahu": ZONE}, "rules": ["illegal_parking"]}, "lain": {}},
    "signals": {
        "lampu": {"adapter": "lamp_vision", "camera": "utara", "region": box(0.6, 0.1, 0.7, 0.2)},
        "kotak": {"adapter": "ntcip1202", "address": "udp://a:161", "phase": 2, "camera": "utara",
                  "region": box(0.8, 0.1, 0.9, 0.2)},
        "jauh": {"adapter": "lamp_vision", "camera": "lain", "region": box(0.6, 0.1, 0.7, 0.2)},
    },
}  # fmt: skip
HEADS = (
    SignalDraft("lampu", tuple((x, y) for x, y in box(0.6, 0.1, 0.7, 0.2))),
    SignalDraft("kotak", tuple((x, y) for x, y in box(0.8, 0.1, 0.9, 0.2))),
)


def drafted(*zones: ZoneDraft, rules: tuple[str, ...] = ("illegal_parking",), **more: Any) -> Any:
    return changes_of(SITE, Draft("utara", zones, rules, **{"signals": HEADS, **more}))


def test_the_same_is_no_change_however_it_is_written() -> None:
    values = {**ZONE, "dwell": 30.0, "region": tuple(map(tuple, ZONE["region"]))}  # type: ignore[arg-type]
    assert not drafted(ZoneDraft("bahu", "bahu", values))


def test_a_value_a_name_and_what_is_gone() -> None:
    values = {k: v for k, v in ZONE.items() if k != "dwell"} | {"place": "halte"}
    made = drafted(ZoneDraft("tepi", "bahu", values))
    assert made.values == {(*KEY, "bahu", "dwell"): REMOVE, (*KEY, "bahu", "place"): "halte"}
    assert made.renames == {(*KEY, "bahu"): "tepi"}
    assert drafted().values == {(*KEY, "bahu"): REMOVE}


def test_what_the_page_does_not_know_stays() -> None:
    site = {"cameras": {"utara": {"zones": {"bahu": {**ZONE, "later": 1}}}}}
    made = changes_of(site, Draft("utara", (ZoneDraft("bahu", "bahu", {**ZONE, "dwell": 31}),)))
    assert made.values == {(*KEY, "bahu", "dwell"): 31}


def test_names_that_collide() -> None:
    with pytest.raises(ConfigError, match="two zones"):
        drafted(ZoneDraft("bahu", "bahu", ZONE), ZoneDraft("bahu", "", ZONE))
    with pytest.raises(ConfigError, match="still has this name"):
        drafted(ZoneDraft("lain", "bahu", ZONE), ZoneDraft("bahu", "", ZONE))
    with pytest.raises(ConfigError, match="no camera"):
        changes_of(SITE, Draft("selatan"))


def test_heads_of_signals() -> None:
    zone = ZoneDraft("bahu", "bahu", ZONE)
    assert not drafted(zone)
    gone = drafted(zone, signals=()).values
    assert gone == {
        ("signals", "lampu"): REMOVE,
        ("signals", "kotak", "camera"): REMOVE,
        ("signals", "kotak", "region"): REMOVE,
    }
    head = tuple((x, y) for x, y in box(0.5, 0.1, 0.6, 0.2))
    moved = drafted(zone, signals=(HEADS[0], SignalDraft("kotak", head), SignalDraft("baru", head)))
    region = [list(p) for p in head]
    assert moved.values == {
        ("signals", "kotak", "region"): region,
        ("signals", "baru"): {"adapter": "lamp_vision", "camera": "utara", "region": region},
    }


def test_no_rules_at_all() -> None:
    zone = ZoneDraft("bahu", "bahu", ZONE)
    assert drafted(zone, rules=()).values == {("cameras", "utara", "rules"): REMOVE}
    bare = {"cameras": {"utara": {}}}
    assert not changes_of(bare, Draft("utara"))
