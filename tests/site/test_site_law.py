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


def test_fines_of_2009() -> None:
    catalogue = load_catalogue("uu22_2009", config_dir=CONFIG)
    fines = {
        number: catalogue.explain(f"UU 22/2009 Art. {number}", BEFORE).penalty.fine
        for number in (
            "280",
            "283",
            "284",
            "287(1)",
            "287(3)",
            "287(5)",
            "291",
            "292",
            "293(2)",
            "297",
        )
    }
    assert fines == {
        "280": 500_000,
        "283": 750_000,
        "284": 500_000,
        "287(1)": 500_000,
        "287(3)": 250_000,
        "287(5)": 500_000,
        "291": 250_000,
        "292": 250_000,
        "293(2)": 100_000,
        "297": 3_000_000,
    }
    with pytest.raises(ConfigError, match=r'holds no article "UU 22/2009 Art\. 999"'):
        catalogue.explain("UU 22/2009 Art. 999", BEFORE)


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
        ('any: "1"', 'any: "2"', 'mapping.red_light.any: no article is called "2"'),
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
