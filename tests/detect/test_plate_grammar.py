"""AREA NUMBER SUFFIX out of what an OCR saw, and every doubt that stops it."""

from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bconnect_detect.core.plate_grammar import (
    LETTERS,
    SYMBOLS,
    Doubt,
    Grammar,
    Line,
    Parsed,
    line_of,
)
from bconnect_site.plates import load_plates

RULES = load_plates()
GRAMMAR = Grammar(RULES)


def saw(text: str, **chances: dict[int, dict[str, float]]) -> Line:
    """A line of sure characters but at some positions: {position: {symbol: chance}}."""
    line = line_of(text, 1.0)
    for position, row in chances.get("at", {}).items():
        line.chances[position] = 0.0
        for symbol, chance in row.items():
            line.chances[position, SYMBOLS.index(symbol)] = chance
    return line


@pytest.mark.parametrize(
    ("seen", "plate"),
    [
        ("KT 1234 AB", "KT 1234 AB"),
        ("KT1234AB", "KT 1234 AB"),
        ("kt 1234 ab", "KT 1234 AB"),
        ("B 7 A", "B 7 A"),
        ("B 2407 UZA", "B 2407 UZA"),
        ("KT.1234.AB", "KT 1234 AB"),
    ],
)
def test_a_plate_is_read(seen: str, plate: str) -> None:
    parsed = GRAMMAR.parse(line_of(seen))
    assert isinstance(parsed, Parsed)
    assert parsed.text == plate
    assert len(parsed.chances) == len(parsed.letters)


@pytest.mark.parametrize(
    "seen",
    [
        "TOYOTA",  # badges and signs: FIELD.md, OpenNVR #386, Frigate PR #17373
        "AVANZA 15 G",
        "INNOVA 20",
        "BMW 320",
        "TOKO 24 JAM",
        "APOTEK K24",
        "SPBU 6476101",
        "STOP",
        "CUCI MOBIL",
        "0812 3456",
        "",
    ],
)
def test_a_badge_or_shop_sign_is_no_plate(seen: str) -> None:
    assert isinstance(GRAMMAR.parse(line_of(seen)), Doubt)


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ("XX 1234 AB", "not built like"),  # no such area
        ("KT 0123 AB", "not built like"),
        ("KT 12345 AB", "not built like"),
        ("KT 1234 ABCD", "at most 9"),
        ("1234 AB", "not built like"),
        ("KT AB", "not built like"),
    ],
)
def test_what_breaks_the_grammar_is_a_doubt(seen: str, why: str) -> None:
    doubt = GRAMMAR.parse(line_of(seen))
    assert isinstance(doubt, Doubt)
    assert why in doubt.reason


def test_a_lookalike_is_solved_where_the_grammar_leaves_one_answer() -> None:
    parsed = GRAMMAR.parse(saw("8 1234 AB", at={0: {"8": 0.68, "B": 0.20, "S": 0.001}}))
    assert isinstance(parsed, Parsed)
    assert parsed.text == "B 1234 AB"
    parsed = GRAMMAR.parse(saw("KT I234 AB", at={2: {"I": 0.9, "1": 0.09}}))
    assert isinstance(parsed, Parsed)
    assert parsed.text == "KT 1234 AB"


def test_a_lookalike_that_the_picture_rules_out_is_not_put_in() -> None:
    """S 140 seen surely as a letter: 5 by the table of look-alikes, but it was a 9."""
    doubt = GRAMMAR.parse(saw("B S140 BC", at={1: {"S": 0.9, "9": 0.05, "5": 0.03}}))
    assert isinstance(doubt, Doubt)
    assert isinstance(GRAMMAR.parse(saw("8 1234 AB", at={0: {"8": 1.0}})), Doubt)


@pytest.mark.parametrize("letter", "O0")
def test_an_o_in_the_suffix_may_be_a_q(letter: str) -> None:
    doubt = GRAMMAR.parse(line_of(f"KT 1234 A{letter}"))
    assert isinstance(doubt, Doubt)
    assert "O" in doubt.reason and "Q" in doubt.reason


def test_a_clear_q_is_a_q() -> None:
    assert isinstance(GRAMMAR.parse(line_of("KT 1234 AQ")), Parsed)
    unsure = GRAMMAR.parse(saw("KT 1234 AQ", at={7: {"Q": 0.7, "O": 0.25}}))
    assert isinstance(unsure, Doubt)


def test_without_the_gap_a_nought_may_be_the_first_letter() -> None:
    assert isinstance(GRAMMAR.parse(line_of("KT1230B")), Doubt)
    parsed = GRAMMAR.parse(line_of("KT 1230 B"))
    assert isinstance(parsed, Parsed)
    assert parsed.text == "KT 1230 B"


def test_a_number_without_letters_may_be_a_covered_plate() -> None:
    doubt = GRAMMAR.parse(line_of("KT 1234"))
    assert isinstance(doubt, Doubt)
    assert "covered" in doubt.reason


def test_text_that_ends_short_of_the_plate_is_a_doubt() -> None:
    line = line_of("KT 1234 A")
    short = Line(line.text, line.chances, line.at * 0.6, line.gaps)
    assert isinstance(GRAMMAR.parse(short), Doubt)


def test_the_rim_of_a_plate_is_no_i() -> None:
    doubt = GRAMMAR.parse(line_of("L 1202 UEI"))
    assert isinstance(doubt, Doubt)
    assert "rim" in doubt.reason
    assert isinstance(GRAMMAR.parse(line_of("IB 1128 WS")), Doubt)


def test_a_faint_character_between_two_is_a_doubt() -> None:
    line = line_of("KT 123 AB")
    doubt = GRAMMAR.parse(Line(line.text, line.chances, line.at, line.gaps, faint=True))
    assert isinstance(doubt, Doubt)


@given(st.text(max_size=16))
def test_any_text_is_a_plate_or_a_doubt(text: str) -> None:
    found = GRAMMAR.parse(line_of(text))
    if isinstance(found, Doubt):
        assert found.reason
    else:
        assert GRAMMAR.known(found.letters, found.shape)
        assert found.letters == "".join(c for c in text.upper() if c in SYMBOLS)


@given(
    st.text(SYMBOLS + " ", max_size=12),
    st.lists(st.floats(0, 1), min_size=36 * 12, max_size=36 * 12),
)
def test_any_chances_are_a_plate_or_a_doubt(text: str, values: list[float]) -> None:
    line = line_of(text)
    n = len(line)
    rows = np.array(values).reshape(12, 36)[:n]
    rows = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1.0)
    found = GRAMMAR.parse(Line(line.text, rows, line.at, line.gaps))
    if isinstance(found, Parsed):
        assert found.area in RULES.areas
        assert all(0 <= chance <= 1 for chance in found.chances)
        assert "O" not in found.suffix and not found.suffix.endswith("I")


@given(
    st.sampled_from(sorted(RULES.areas)),
    st.integers(1, 9999),
    st.text([c for c in LETTERS if c not in "IOQ"], min_size=1, max_size=3),
)
def test_every_lawful_plate_with_its_gaps_is_read(area: str, number: int, suffix: str) -> None:
    parsed = GRAMMAR.parse(line_of(f"{area} {number} {suffix}"))
    assert isinstance(parsed, Parsed)
    assert parsed.text == f"{area} {number} {suffix}"


def test_symbols_are_those_of_plates() -> None:
    assert string.ascii_uppercase + string.digits == SYMBOLS
