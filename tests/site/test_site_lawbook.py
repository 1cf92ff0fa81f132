"""A version of the law that findings carry goes on saying what it said."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from bconnect_site.errors import ConfigError
from bconnect_site.law import load_catalogue_file
from bconnect_site.lawbook import Held, check

TEXT = """\
catalogue: c
title: C
versions:
  - {version: one, valid_from: 2000-01-01, valid_to: 2009-12-31, source: S}
  - {version: two, valid_from: 2010-01-01, source: S}
articles:
  1: {conduct: x, refers_to: "2", penalties: {one: {fine: 1}, two: {fine: 2}}}
  3: {conduct: y, refers_to: "4", penalties: {one: {fine: 3}, two: {fine: 4}}}
mapping:
  red_light: {any: "1"}
"""
IN_ONE, IN_TWO = date(2005, 1, 1), date(2010, 1, 1)

Edit = Callable[..., Held]


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """The catalogue after some replacements, with the site's record."""

    def edited(*changes: tuple[str, str]) -> Held:
        text = TEXT
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        path = tmp_path / "c.yaml"
        path.write_text(text)
        return Held(load_catalogue_file(path), tmp_path / "state" / "law.json", "law/c.yaml")

    return edited


def test_only_what_is_in_force_is_closed(edited: Edit, tmp_path: Path) -> None:
    held = edited()
    held.hold(IN_ONE)
    assert ("c/one" in held, "c/two" in held, "" in held) == (True, False, True)
    record = json.loads((tmp_path / "state" / "law.json").read_text())
    assert list(record["versions"]) == ["c/one"]
    # the day before it begins the coming version may still be written otherwise
    edited(("two: {fine: 2}", "two: {fine: 5}")).hold(IN_ONE)
    edited(("two: {fine: 2}", "two: {fine: 6}")).hold(IN_TWO)
    with pytest.raises(ConfigError, match=r"^law/c\.yaml: articles\.1: is not what c/two said"):
        edited(("two: {fine: 2}", "two: {fine: 5}")).hold(IN_TWO)


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("one: {fine: 1}", "one: {fine: 10}", "articles.1"),
        ("one: {fine: 1}", "one: {fine: 1, unsure: true}", "articles.1"),
        ("conduct: x", "conduct: z", "articles.1"),
        ('any: "1"', 'any: "3"', "mapping.red_light"),
        ('{any: "1"}', '{any: "1", sign: "3"}', "mapping.red_light"),
        ("2009-12-31, source: S", "2009-12-31, source: T", "versions"),
        ("valid_from: 2000-01-01", "valid_from: 2000-01-02", "versions"),
        ("title: C", "title: D", "versions"),
    ],
)
def test_an_edited_version_is_refused(edited: Edit, old: str, new: str, where: str) -> None:
    edited().hold(IN_ONE)
    with pytest.raises(ConfigError) as refusal:
        edited((old, new)).hold(IN_ONE)
    assert f"law/c.yaml: {where}: is not what c/one said when it came into force here" in str(
        refusal.value
    )
    assert "add it as a version of its own" in str(refusal.value)
    edited().hold(IN_ONE)  # taken back


def test_a_removed_article_or_version_is_refused(edited: Edit) -> None:
    edited().hold(IN_TWO)
    line = '  3: {conduct: y, refers_to: "4", penalties: {one: {fine: 3}, two: {fine: 4}}}\n'
    with pytest.raises(ConfigError, match=r"articles\.3: is not what c/one said"):
        edited((line, "")).hold(IN_TWO)
    renamed = (
        ("version: two", "version: new"),
        ("two: {fine: 2}", "new: {fine: 2}"),
        ("two: {fine: 4}", "new: {fine: 4}"),
    )
    with pytest.raises(ConfigError, match="versions: c/two is missing; findings here carry it"):
        edited(*renamed).hold(IN_TWO)


def test_what_may_be_added(edited: Edit, tmp_path: Path) -> None:
    edited().hold(IN_TWO)
    more = edited(
        (
            "valid_from: 2010-01-01, source: S}",
            "valid_from: 2010-01-01, valid_to: 2019-12-31, source: S}\n"
            "  - {version: three, valid_from: 2020-01-01, source: S,\n"
            '     mapping: {red_light: {signal: "3"}}}',
        ),
        ("two: {fine: 2}", "two: {fine: 2}, three: {fine: 9}"),
        (
            "two: {fine: 4}}}",
            "two: {fine: 4}, three: {fine: 8}}}\n"
            '  5: {conduct: z, refers_to: "6", penalties: {one: {}, two: {}, three: {}}}',
        ),
        ('red_light: {any: "1"}', 'red_light: {any: "1"}\n  racing: {any: "5"}'),
    )
    more.hold(date(2020, 1, 1))
    assert "c/three" in more
    record = json.loads((tmp_path / "state" / "law.json").read_text())["versions"]
    assert set(record["c/one"]) == {
        *("version", "articles.1", "articles.3", "articles.5"),
        *("mapping.red_light", "mapping.racing"),
    }


def test_another_catalogues_record_is_left_alone(edited: Edit, tmp_path: Path) -> None:
    edited().hold(IN_TWO)
    other = tmp_path / "d.yaml"
    other.write_text(TEXT.replace("catalogue: c", "catalogue: d"))
    Held(load_catalogue_file(other), tmp_path / "state" / "law.json").hold(IN_ONE)
    known = check(load_catalogue_file(other), tmp_path / "state" / "law.json")
    assert set(known) == {"c/one", "c/two", "d/one"}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": "bconnect-law/1", "versions": {"c/one": 3}}', "\x00"]
)
def test_a_broken_record_is_one_sentence(edited: Edit, tmp_path: Path, text: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "law.json").write_text(text)
    with pytest.raises(ConfigError, match=r"law\.json: (cannot be read|is no record)") as refusal:
        edited().hold(IN_ONE)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_record_that_cannot_be_written_is_one_sentence(edited: Edit, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(ConfigError, match=r"law\.json: cannot be"):
        edited().hold(IN_ONE)
