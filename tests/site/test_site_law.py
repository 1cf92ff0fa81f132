"""The law is data: every mapping of the catalogue, its versions and its mistakes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bconnect_site.errors import ConfigError
from bconnect_site.kinds import ViolationType
from bconnect_site.law import load_catalogue, load_catalogue_file

CONFIG = Path(__file__).parents[2] / "config"
BEFORE, SINCE = date(2026, 1, 1), date(2026, 1, 2)

MAPPING = [
    ("red_light", "signal", "287(2)"),
    ("red_light", "marking", "287(2)"),
    ("stop_line", "marking", "287(1)"),
    ("lane_marking", "marking", "287(1)"),
    ("wrong_way", "sign S-1", "287(1)"),
    ("wrong_way", "marking", "287(1)"),
    ("wrong_way", "movement rule", "287(3)"),
    ("illegal_stopping", "sign", "287(1)"),
    ("illegal_stopping", "movement rule", "287(3)"),
    ("illegal_parking", "sign S-12", "287(1)"),
    ("illegal_parking", "movement", "287(3)"),
    ("speeding", "sign", "287(5)"),
    ("section_speed", "movement", "287(5)"),
    ("racing", "movement", "297"),
    ("no_helmet", "movement", "291"),
    ("overloaded_motorcycle", "movement", "292"),
    ("illegal_u_turn", "sign", "287(1)"),
]


@pytest.mark.parametrize(("violation", "basis", "number"), MAPPING)
def test_article_of_each_violation(violation: str, basis: str, number: str) -> None:
    catalogue = load_catalogue("uu22_2009", config_dir=CONFIG)
    article = catalogue.article(ViolationType[violation.upper()], basis, SINCE)
    assert article.text == f"UU 22/2009 Art. {number}"
    assert article.version == "uu22_2009/2026-01"


def test_every_violation_has_an_article() -> None:
    catalogue = load_catalogue("uu22_2009", config_dir=CONFIG)
    for violation in ViolationType:
        assert bool(catalogue.basis_kinds(violation)) is bool(violation), violation


def test_nothing_is_guessed() -> None:
    catalogue = load_catalogue("uu22_2009", config_dir=CONFIG)
    for basis in ("signal", "", "custom"):
        with pytest.raises(ConfigError, match="no article for illegal_parking on the basis"):
            catalogue.article(ViolationType.ILLEGAL_PARKING, basis, SINCE)
    with pytest.raises(ConfigError, match="allowed: none"):
        catalogue.article(ViolationType.UNKNOWN, "sign", SINCE)


def test_versions_by_day_and_doubt_stays_marked() -> None:
    catalogue = load_catalogue("uu22_2009", config_dir=CONFIG)
    old = catalogue.article(ViolationType.RED_LIGHT, "signal", BEFORE)
    new = catalogue.article(ViolationType.RED_LIGHT, "signal", SINCE)
    assert old.version == "uu22_2009/2009-06"
    assert (old.penalty.jail, old.penalty.fine, old.version_unsure) == ("2 months", 500_000, False)
    assert (new.penalty.jail, new.penalty.unsure, new.version_unsure) == (None, True, True)
    assert catalogue.version(SINCE).valid_to is None
    with pytest.raises(ConfigError, match="no version of the catalogue is valid on 2009-06-21"):
        catalogue.version(date(2009, 6, 21))


# The figures of UU 22/2009 as enacted: article, jail, fine (Rp), at most.
FIGURES_2009 = [
    ("280", "2 months", 500_000),
    ("283", "3 months", 750_000),
    ("284", "2 months", 500_000),
    ("287(1)", "2 months", 500_000),
    ("287(2)", "2 months", 500_000),
    ("287(3)", "1 month", 250_000),
    ("287(4)", "1 month", 250_000),
    ("287(5)", "2 months", 500_000),
    ("287(6)", "1 month", 250_000),
    ("289", "1 month", 250_000),
    ("291", "1 month", 250_000),
    ("292", "1 month", 250_000),
    ("293(1)", "1 month", 250_000),
    ("293(2)", "15 days", 100_000),
    ("294", "1 month", 250_000),
    ("295", "1 month", 250_000),
    ("297", "1 year", 3_000_000),
]


@pytest.mark.parametrize(("number", "jail", "fine"), FIGURES_2009)
def test_figures_before_and_since(number: str, jail: str, fine: int) -> None:
    """2009 as enacted; since 2026 no light jail, and every figure is marked as not settled."""
    catalogue = load_catalogue("uu22_2009", config_dir=CONFIG)
    old = catalogue.explain(f"UU 22/2009 Art. {number}", BEFORE)
    new = catalogue.explain(f"UU 22/2009 Art. {number}", SINCE)
    assert (old.penalty.jail, old.penalty.fine) == (jail, fine)
    assert old.penalty.unsure is (number == "287(6)")
    assert (new.penalty.jail, new.penalty.fine, new.penalty.unsure) == (None, fine, True)
    assert new.penalty.note == "figure of 2009"
    assert old.refers_to == new.refers_to != ""


def test_no_article_is_without_figures() -> None:
    catalogue = load_catalogue("uu22_2009", config_dir=CONFIG)
    assert set(catalogue.file.articles) == {number for number, _, _ in FIGURES_2009}
    with pytest.raises(ConfigError, match=r'holds no article "UU 22/2009 Art\. 999"'):
        catalogue.explain("UU 22/2009 Art. 999", BEFORE)


def test_what_supports_the_work_is_data_with_its_source() -> None:
    catalogue = load_catalogue("uu22_2009", config_dir=CONFIG)
    assert {(s.law, s.article) for s in catalogue.supporting("evidence")} == {
        ("UU 22/2009", "272"),
        ("UU 22/2009", "249(3)d"),
        ("PP 80/2012", "23, 28"),
        ("UU 11/2008 (ITE)", "5"),
    }
    assert [(s.law, s.article) for s in catalogue.supporting("speed")] == [("PP 79/2013", "23(4)")]
    assert [s.article for s in catalogue.supporting("privacy")] == ["17"]
    assert [s.article for s in catalogue.supporting("decision")] == ["10"]
    assert all(s.source for s in catalogue.file.supporting.values())
    limits = {n: (s.lowest, s.highest) for n, s in catalogue.file.speed_limits.items()}
    assert limits == {
        "settlement": (None, 30),
        "urban": (None, 50),
        "between_cities": (None, 80),
        "toll": (60, 100),
    }
    assert catalogue.version(SINCE).fine_categories == {"I": 1_000_000, "II": 10_000_000}


SMALL = """\
catalogue: c
title: C
versions:
  - {version: one, valid_from: 2000-01-01, valid_to: 2009-12-31, source: S}
  - {version: two, valid_from: 2010-01-01, source: S}
articles:
  1: {conduct: x, refers_to: "2", penalties: {one: {fine: 1}, two: {fine: 2}}}
mapping:
  red_light: {any: "1"}
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('any: "1"', 'any: "2"', 'mapping.red_light.any: no article is called "2"; allowed: 1'),
        ("any:", "sing:", 'mapping.red_light.sing: is not a basis; did you mean "sign"?'),
        (
            "red_light",
            "redlight",
            'mapping.redlight: no rule is called "redlight"; did you mean "red_light"?',
        ),
        (", two: {fine: 2}", "", "articles.1.penalties.two: is missing"),
        (
            "two: {fine: 2}",
            "two: {fine: 2}, tow: {}",
            'articles.1.penalties: no version is called "tow"; did you mean "two"?',
        ),
        ("2009-12-31", "2010-01-01", "versions: one must end before two begins"),
        (", valid_to: 2009-12-31", "", "versions: one must end before two begins"),
        (
            "2009-12-31",
            "2009-12-29",
            "versions: none is valid from 2009-12-30 to 2009-12-31; two must begin the day after "
            "one ends",
        ),
        (
            "2010-01-01",
            "2010-01-02",
            "versions: none is valid from 2010-01-01 to 2010-01-01; two must begin the day after "
            "one ends",
        ),
        (
            "2010-01-01, source",
            "2010-01-01, valid_to: 2009-12-31, source",
            "versions[1].valid_to: found 2009-12-31, before valid_from 2010-01-01; "
            "two is valid for no day",
        ),
        (
            "version: two",
            "version: one",
            'versions: "one" is the name of 2 versions; names must differ',
        ),
        (
            '{any: "1"}',
            "{}",
            "mapping.red_light: names no article; leave the line out where there is none",
        ),
        (
            "2010-01-01, source: S",
            '2010-01-01, source: S, mapping: {racing: {sing: "7"}}',
            'versions[1].mapping.racing.sing: is not a basis; did you mean "sign"?',
        ),
        (
            "2010-01-01, source: S",
            '2010-01-01, source: S, mapping: {racing: {any: "1"}}',
            "mapping.racing: is missing; versions[1].mapping names it",
        ),
        (
            "mapping:",
            "speed_limits: {toll: {lowest: 100, highest: 60}}\nmapping:",
            "speed_limits.toll.lowest: found 100; must be less than 60",
        ),
        (
            "mapping:",
            "supporting: {a: {law: L, article: '1', says: s, supports: [luck], source: S}}\n"
            "mapping:",
            'supporting.a.supports[0]: found "luck"; allowed: decision, evidence, privacy, speed',
        ),
        ("catalogue: c", "catalogue: d", 'catalogue: found "d"; must be the file\'s name, c'),
        (
            "fine: 2",
            "fine: Rp2",
            'articles.1.penalties.two.fine: must be a whole number, found "Rp2"',
        ),
        (
            "valid_from: 2010-01-01",
            "valid_from: soon",
            'versions[1].valid_from: must be a day such as 2026-12-31, found "soon"',
        ),
    ],
)
def test_mistakes_of_a_catalogue(tmp_path: Path, old: str, new: str, expected: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(SMALL)
    assert load_catalogue_file(path).article(ViolationType.RED_LIGHT, "signal", SINCE).number == "1"
    assert old in SMALL
    path.write_text(SMALL.replace(old, new, 1))
    with pytest.raises(ConfigError) as refusal:
        load_catalogue_file(path)
    assert f"{path}: {expected}" in str(refusal.value).splitlines()


def test_two_catalogues_with_one_name(tmp_path: Path) -> None:
    folder = tmp_path / "law"
    folder.mkdir()
    (folder / "c.yaml").write_text(SMALL)
    assert load_catalogue("c", config_dir=tmp_path).name == "c"
    (folder / "c_copy.yaml").write_text(SMALL)
    with pytest.raises(ConfigError) as refusal:
        load_catalogue("c", config_dir=tmp_path)
    (sentence,) = str(refusal.value).splitlines()
    assert 'c_copy.yaml: catalogue: "c" is also the name in' in sentence
    assert sentence.endswith("names must differ")
    (folder / "c_copy.yaml").write_text(SMALL.replace("catalogue: c", "catalogue: c_copy"))
    assert load_catalogue("c", config_dir=tmp_path).name == "c"


def test_a_version_may_map_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    more = '  9: {conduct: y, refers_to: "3", penalties: {one: {}, two: {}}}\nmapping:'
    text = SMALL.replace("mapping:", more).replace(
        "2010-01-01, source: S", '2010-01-01, source: S, mapping: {red_light: {signal: "9"}}'
    )
    path.write_text(text)
    catalogue = load_catalogue_file(path)
    before, since = date(2009, 12, 31), date(2010, 1, 1)
    assert catalogue.article(ViolationType.RED_LIGHT, "signal", before).number == "1"
    assert catalogue.article(ViolationType.RED_LIGHT, "signal", since).number == "9"
    with pytest.raises(ConfigError, match="allowed: signal"):
        catalogue.article(ViolationType.RED_LIGHT, "marking", since)
