"""Events that left too little in any picture are neither missed nor found wrongly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from replay_scenes import SECOND, T0, event, found

from bconnect_replay.core.figures import Score, score, summary
from bconnect_replay.core.line import event_of
from bconnect_replay.core.table import table_text
from bconnect_replay.core.visible import left_out
from bconnect_site.errors import ConfigError

Sight = tuple[float, float, float]


def seen(kind: str, sight: Sight, took: float = 4.0, **more: Any) -> Any:
    made = event(kind, at=10, end=T0 + int((10 + took) * SECOND), **more)
    return replace(made, sight=dict.fromkeys(made.cameras, sight))


@pytest.mark.parametrize(
    ("kind", "sight", "took", "why"),
    [
        ("red_light", (0.2, 0.2, 0.0), 1.0, ""),
        ("red_light", (0.2, 0.1, 0.1), 1.0, ""),
        ("red_light", (0.1, 1.0, 1.0), 1.0, "hidden"),  # first seen past the line
        ("lane_marking", (0.5, 0.0, 0.1), 0.0, "hidden"),
        ("stop_line", (0.2, 0.9, 1.0), 2.0, "hidden"),
        ("stop_line", (0.2, 1.0, 0.0), 2.0, ""),
        ("illegal_parking", (1.0, 29.0, 1.0), 60.0, "hidden"),
        ("illegal_parking", (0.0, 30.0, 0.0), 60.0, ""),
        ("speeding", (1.0, 0.9, 1.0), 4.0, "hidden"),
        ("speeding", (0.0, 1.0, 0.0), 4.0, ""),
        ("speeding", (0.0, 0.7, 0.0), 1.4, ""),
        ("no_helmet", (1.0, 0.3, 0.1), 3.0, "hidden"),
        ("no_helmet", (0.0, 0.4, 0.1), 3.0, ""),
    ],
)
def test_least_that_convinces(kind: str, sight: Sight, took: float, why: str) -> None:
    assert left_out(seen(kind, sight, took), None) == why


def test_what_nobody_could_decide_is_hidden() -> None:
    clear = seen("red_light", (1.0, 1.0, 1.0))
    assert left_out(clear, None) == ""
    assert left_out(replace(clear, doubt="may have made way"), None) == "hidden"


def test_one_camera_is_enough_if_it_was_to_judge() -> None:
    told = seen("speeding", (0.0, 0.0, 0.0), cameras=("utara", "timur"))
    told = replace(told, sight={"utara": (0.0, 0.0, 0.0), "timur": (0.0, 2.0, 0.0)})
    assert left_out(told, None) == ""
    assert left_out(told, {"utara": {"speeding": []}, "timur": {}}) == "hidden"
    assert left_out(told, {"utara": {}, "timur": {}}) == "nowhere"


def test_truth_that_says_nothing_of_sight_counts() -> None:
    assert left_out(event("speeding", at=10), None) == ""


@pytest.mark.parametrize(
    ("words", "why"),
    [(("read", "read"), ""), (("read", "missed"), "plate"), (("misread", "read"), "plate"),
     (("hidden", "missed"), "hidden")],
)  # fmt: skip
def test_a_section_needs_both_plates(words: tuple[str, str], why: str) -> None:
    told = replace(event("section_speed", at=10), plates=dict(zip("ab", words, strict=True)))
    assert left_out(told, None) == why


def test_neither_right_nor_wrong() -> None:
    dark = seen("speeding", (0.0, 0.0, 0.0))
    made, notes = score([found(at=10)], [dark, event("racing", at=60)])
    tally = made.kinds["speeding"]
    assert (tally.right, tally.missed, tally.false, tally.doubled) == (0, 0, 0, 0)
    assert (tally.hidden, tally.beyond) == (1, 1)
    assert made.kinds["racing"].missed == 1 and [n.kind for n in notes] == ["racing"]
    whole = Score()
    whole.add(made)
    assert summary(whole)["kinds"]["speeding"]["hidden"] == 1
    assert "1 hidden events" in table_text({"all": whole})
    assert "1 of these were found all the same" in table_text({"all": whole})


def test_a_finding_of_a_hidden_event_is_no_second_one_of_its_neighbour() -> None:
    """Two run the red together, one of them first seen past the line; both are found."""
    dark = seen("red_light", (0.0, 1.0, 1.0), took=2.0, x=0.0, y=3.5)
    plain = seen("red_light", (1.0, 1.0, 1.0), took=2.0, x=0.0, y=0.0)
    told = [found("red_light", at=11, x=0.0, y=0.0), found("red_light", at=11.2, x=0.0, y=3.5)]
    for truth in ([dark, plain], [plain, dark]):
        tally = score(told, truth)[0].kinds["red_light"]
        assert (tally.right, tally.missed, tally.false, tally.doubled) == (1, 0, 0, 0)
        assert (tally.hidden, tally.beyond) == (1, 1)


def test_a_finding_elsewhere_stays_false() -> None:
    dark = seen("speeding", (0.0, 0.0, 0.0), x=0.0, y=0.0)
    made, _ = score([found(at=10, x=50.0, y=0.0)], [dark])
    assert made.kinds["speeding"].false == 1


def test_lines_of_the_truth() -> None:
    plain: dict[str, Any] = {"kind": "speeding", "start": 1, "end": 2, "cameras": ["a"]}
    assert event_of(plain).sight is None and event_of(plain).plates == {}
    told = event_of(plain | {"sight": {"a": [0, 1.5, 1]}, "plates": {"g": "read"}})
    assert told.sight == {"a": (0.0, 1.5, 1.0)} and told.plates == {"g": "read"}
    for wrong in ({"sight": {"a": [1]}}, {"sight": [1]}, {"plates": "read"}):
        with pytest.raises(ConfigError, match=r"sight|plates"):
            event_of(plain | wrong)
