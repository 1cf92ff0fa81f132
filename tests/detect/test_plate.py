"""From looks to a reading: READ only what agrees, is high enough and fits the vehicle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plate_pictures import COLOURS, Plate, draw

from bconnect_detect.core.plate import Look, base_colour, conclude, crosscheck
from bconnect_detect.core.plate_grammar import Parsed
from bconnect_site.kinds import PlateColour, PlateState, RoadUserKind
from bconnect_site.plates import load_plates

RULES = load_plates()
CAR, MOTORCYCLE = RoadUserKind.CAR, RoadUserKind.MOTORCYCLE
BOX = (10.0, 10.0, 60.0, 26.0)
WHITE = PlateColour.WHITE


def parsed(text: str = "KT 1234 AB", chance: float = 0.99) -> Parsed:
    area, number, suffix = text.split(" ")
    return Parsed(area, number, suffix, (chance,) * len(area + number + suffix))


def look(text: str = "KT 1234 AB", height: float = 20.0, colour: PlateColour = WHITE) -> Look:
    return Look(1, BOX, height, colour, parsed(text), seen=True)


def doubt(reason: str = "character 7 may be O or Q", height: float = 20.0) -> Look:
    return Look(1, BOX, height, WHITE, None, reason, seen=True)


def test_stills_that_agree_are_read() -> None:
    reading = conclude([look()] * 4 + [doubt()], CAR, RULES)
    assert reading.state == PlateState.READ
    assert (reading.text, reading.votes, reading.frames) == ("KT 1234 AB", 4, 5)
    assert (reading.colour, reading.box, reading.pixel_height) == (WHITE, BOX, 20.0)
    assert reading.reason == ""


def test_no_plate_on_the_vehicle_is_not_visible() -> None:
    gone = Look(1, reason="no plate was found on the vehicle")
    reading = conclude([gone] * 5, CAR, RULES)
    assert reading.state == PlateState.NOT_VISIBLE
    assert reading.reason == "no plate was found on the vehicle"
    assert conclude([], CAR, RULES).state == PlateState.NOT_VISIBLE


def test_a_low_plate_is_not_read_however_clear() -> None:
    reading = conclude([look(height=9.0)] * 5, CAR, RULES)
    assert reading.state == PlateState.UNREADABLE
    assert reading.text == ""
    assert reading.reason.startswith("the plate is 9 px high, ")


def test_low_stills_do_not_vote() -> None:
    reading = conclude([look(height=9.0)] * 4 + [look(height=30.0)], CAR, RULES)
    assert reading.state == PlateState.UNREADABLE


def test_disagreement_is_unreadable_and_says_where() -> None:
    reading = conclude([look(), look(), look("KT 1284 AB")], CAR, RULES)
    assert reading.state == PlateState.UNREADABLE
    assert reading.text == ""
    assert reading.reason == "the stills disagree about character 5: 3 or 8"


def test_most_stills_must_agree() -> None:
    reading = conclude([look()] * 3 + [doubt()] * 4, CAR, RULES)
    assert reading.state == PlateState.UNREADABLE
    assert reading.reason == "3 of 7 stills agree, most of them must"


def test_whose_plate_it_is_not_being_sure_is_unreadable() -> None:
    contested = Look(1, reason="another vehicle covers the place of the plate", seen=True)
    reading = conclude([contested] * 5, CAR, RULES)
    assert reading.state == PlateState.UNREADABLE
    assert reading.reason == "another vehicle covers the place of the plate"


@pytest.mark.parametrize(
    ("text", "kind", "state"),
    [
        ("KT 1234 AB", CAR, PlateState.READ),
        ("KT 1234 AB", RoadUserKind.MINIBUS, PlateState.READ),
        ("KT 1234 AB", RoadUserKind.UNKNOWN, PlateState.READ),
        ("KT 1234 AB", MOTORCYCLE, PlateState.UNREADABLE),
        ("KT 4234 AB", MOTORCYCLE, PlateState.READ),
        ("KT 4234 AB", CAR, PlateState.UNREADABLE),
        ("B 2234 ABC", CAR, PlateState.READ),  # Jakarta's cars go on to 2999
        ("KT 8234 AB", RoadUserKind.TRUCK, PlateState.READ),
        ("KT 8234 AB", CAR, PlateState.READ),  # a pick-up
        ("KT 1234 AB", RoadUserKind.TRUCK, PlateState.READ),  # odd, but no contradiction
        ("KT 8234 AB", MOTORCYCLE, PlateState.UNREADABLE),
    ],
)
def test_number_block_against_vehicle(text: str, kind: RoadUserKind, state: PlateState) -> None:
    reading = conclude([look(text)] * 4, kind, RULES)
    assert reading.state == state
    if state == PlateState.UNREADABLE:
        assert "the vehicle is a" in reading.reason


def test_an_odd_colour_lowers_the_confidence() -> None:
    share, why = crosscheck(parsed("KT 4234 AB"), MOTORCYCLE, PlateColour.YELLOW, RULES)
    assert 0 < share < 1
    assert why == "a motorcycle bears no yellow plate"
    assert crosscheck(parsed(), CAR, PlateColour.YELLOW, RULES) == (1.0, "")
    assert crosscheck(parsed(), CAR, PlateColour.UNKNOWN, RULES) == (1.0, "")


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("light", [1.0, 0.6, 0.35])
def test_colour_of_the_base(colour: str, light: float) -> None:
    drawn = draw(Plate("KT 1234 AB", colour))[:120]
    noise = np.random.default_rng(1).normal(0, 4, drawn.shape)
    seen = np.clip(drawn * light + noise, 0, 255).astype(np.uint8)
    assert base_colour(seen) in (PlateColour[colour.upper()], PlateColour.UNKNOWN)
    if light == 1.0:
        assert base_colour(seen) == PlateColour[colour.upper()]


@pytest.mark.parametrize("picture", [(0, 0, 3), (2, 2, 3), (20, 60, 3)])
def test_a_plate_without_writing_has_no_colour(picture: tuple[int, int, int]) -> None:
    assert base_colour(np.full(picture, 120, np.uint8)) == PlateColour.UNKNOWN


looks = st.builds(
    lambda text, height, chance, kind: {
        0: Look(1, BOX, height, WHITE, parsed(text, chance), seen=True),
        1: Look(1, BOX, height, WHITE, None, "a doubt", seen=True),
        2: Look(1, reason="no plate was found on the vehicle"),
        3: Look(1, reason="there are two plates on the vehicle", seen=True),
    }[kind],
    st.sampled_from(["KT 1234 AB", "KT 1284 AB", "KT 123 AB"]),
    st.floats(5, 40),
    st.floats(0, 1),
    st.integers(0, 3),
)


@given(st.lists(looks, max_size=7), st.sampled_from(sorted(RoadUserKind)))
def test_a_reading_is_read_with_a_text_or_not_with_a_reason(
    seen: list[Look], kind: RoadUserKind
) -> None:
    reading = conclude(seen, kind, RULES)
    assert reading.state != PlateState.UNKNOWN
    assert (reading.state == PlateState.READ) == bool(reading.text) == (not reading.reason)
    assert reading.frames == len(seen)
    if reading.state == PlateState.READ:
        assert reading.votes >= 3
        rivals = [x for x in seen if x.parsed and x.parsed.text != reading.text]
        assert all(x.height < 16 or min(x.parsed.chances) < 0.9 for x in rivals if x.parsed)
