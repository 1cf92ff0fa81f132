"""Phrases: named, polite, and one for every violation at both levels."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from bconnect_site.errors import ConfigError
from bconnect_site.kinds import Colour, RoadUserKind, ViolationType
from bconnect_site.phrases import Level, load_phrases

SHIPPED = Path(__file__).parents[2] / "config" / "phrases.yaml"


@pytest.mark.parametrize("level", ["reprimand", "warning"])
@pytest.mark.parametrize("violation", [v for v in ViolationType if v], ids=lambda v: v.name)
def test_every_violation_has_its_own_phrase(violation: ViolationType, level: Level) -> None:
    phrase = load_phrases(SHIPPED).for_violation(violation, level)
    assert phrase.violation is violation
    assert phrase.level == level
    assert phrase.name == f"{violation.name.lower()}_{level}"


def test_phrases_can_be_spoken() -> None:
    phrases = load_phrases(SHIPPED)
    assert phrases.language == "id"
    for phrase in phrases.by_name.values():
        assert phrase.title.endswith(".") and phrase.text.endswith("."), phrase.name
        assert len(phrase.text.split()) <= 24, phrase.name
        assert all(c.isalpha() or c in " .,-" for c in phrase.text), phrase.name
        assert phrase.text != phrase.text.upper()
    assert len({p.text for p in phrases.by_name.values()}) == len(phrases.by_name)


def test_general_phrase_where_there_is_none_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "phrases.yaml"
    path.write_text("phrases:\n  a: {text: Halo., title: Hello., level: reprimand}\n")
    phrases = load_phrases(path)
    assert phrases.for_violation(ViolationType.RED_LIGHT, "reprimand").name == "a"
    assert phrases["a"].text == "Halo."
    assert "a" in phrases and "b" not in phrases
    with pytest.raises(ConfigError, match="no phrase of level warning answers red_light"):
        phrases.for_violation(ViolationType.RED_LIGHT, "warning")
    with pytest.raises(
        ConfigError, match='no phrase is called "general_warn"; did you mean "general_warning"'
    ):
        load_phrases(SHIPPED)["general_warn"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("phrases: {}", "phrases: needs at least 1, found 0"),
        ("phrases: {a: {text: X}}", "phrases.a.title: is missing"),
        ("phrases: {a: {text: '', title: T}}", "phrases.a.text: must not be empty"),
        (
            "phrases: {a: {text: X, title: T, level: shout}}",
            'phrases.a.level: found "shout"; allowed: information, reprimand, warning',
        ),
        (
            "phrases: {a: {text: X, title: T, violation: speed}}",
            'phrases.a.violation: no rule is called "speed"; did you mean "speeding"?',
        ),
        (
            "phrases: {a: {text: X, title: T}, a: {text: Y, title: T}}",
            "phrases.a: is written twice, in line 1 and line 1",
        ),
        (
            "phrases: {a: {text: X, title: T}}\nroad_users: {lorry: truk}",
            'road_users.lorry: no road user is called "lorry"; allowed: bicycle, bus, car, '
            "minibus, motorcycle, pedestrian, truck",
        ),
        (
            "phrases: {a: {text: X, title: T}}\ncolours: {pink: jambon}",
            'colours.pink: no colour is called "pink"; allowed: black, blue, brown, green, '
            "grey, orange, red, white, yellow",
        ),
        (
            "phrases: {a: {text: X, title: T}}\nplaces: {Kiri: di kiri}",
            'places.Kiri: "Kiri" is not a name; needs lower-case letters, digits and single '
            "underscores, a letter first, at most 48 characters",
        ),
        (
            "phrases: {a: {text: X, title: T}}\nplate: {intro: x, letters: a be ce, digits: nol}",
            "plate.letters: needs 26 words, one for each character, found 3",
        ),
        (
            f"phrases: {{a: {{text: {'x' * 301}, title: T}}}}",
            "phrases.a.text: is longer than 300 characters",
        ),
    ],
)
def test_mistakes_of_a_phrases_file(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "phrases.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refusal:
        load_phrases(path)
    assert f"{path}: {expected}" in str(refusal.value).splitlines()


def test_levels_are_those_the_ladder_knows() -> None:
    assert get_args(Level) == ("reprimand", "warning", "information")


def test_words_for_everybody_in_every_colour() -> None:
    words = load_phrases(SHIPPED).vocabulary
    assert set(words.road_users) == {kind for kind in RoadUserKind if kind}
    assert set(words.colours) == {colour for colour in Colour if colour}
    assert words.anybody and words.plate and len(words.characters) == 36
    assert (words.characters["K"], words.characters["0"]) == ("ka", "nol")
    for text in (*words.road_users.values(), *words.colours.values(), *words.places.values()):
        assert all(c.islower() or c in " -" for c in text), text
