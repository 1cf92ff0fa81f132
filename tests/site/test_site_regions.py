"""Police regions: deadlines as data, strictly read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bconnect_site.errors import ConfigError
from bconnect_site.regions import load_region, load_region_file

WITA = ZoneInfo("Asia/Makassar")
TEXT = """
region: here
title: Here
versions:
  - version: "1"
    valid_from: 2025-01-01
    valid_to: 2026-06-30
    source: a letter
    stages:
      validation: {days: 3, source: a letter}
  - version: "2"
    valid_from: 2026-07-01
    source: another letter
    stages:
      validation: {days: 2, counted: working, source: another letter, unsure: true}
      payment: {days: 15, source: another letter}
holidays: [2026-12-25]
"""


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=WITA).timestamp()) * 10**9


@pytest.fixture
def write(tmp_path):
    def make(text: str = TEXT, name: str = "here") -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        return path

    return make


@pytest.mark.parametrize(
    ("seen", "deadline"),
    [
        ("2026-06-01 00:00:00", "2026-06-05 00:00:00"),
        ("2026-06-01 23:59:59", "2026-06-05 00:00:00"),
        ("2026-06-30 12:00:00", "2026-07-04 00:00:00"),  # the law of the day it happened
        ("2026-07-01 12:00:00", "2026-07-04 00:00:00"),  # Wednesday: Thursday, Friday
        ("2026-07-02 12:00:00", "2026-07-07 00:00:00"),  # Thursday: Friday, Monday
        ("2026-12-24 12:00:00", "2026-12-30 00:00:00"),  # a holiday, a weekend: Monday, Tuesday
    ],
)
def test_the_last_day_counts_whole(write, seen, deadline):
    assert load_region_file(write()).deadline("validation", at(seen), WITA) == at(deadline)


def test_days_are_the_sites(write):
    # still 1 June in UTC
    early = at("2026-06-02 07:00:00")
    region = load_region_file(write())
    assert region.deadline("validation", early, WITA) == at("2026-06-06 00:00:00")
    assert region.deadline("validation", early, ZoneInfo("UTC")) == at("2026-06-05 08:00:00")


def test_what_the_region_does_not_say_is_no_deadline(write):
    region = load_region_file(write())
    assert region.deadline("validation", at("2024-06-01 00:00:00"), WITA) is None
    assert region.deadline("payment", at("2026-06-01 00:00:00"), WITA) is None
    assert not region.is_unsure("validation", datetime(2026, 6, 1).date())
    assert region.is_unsure("validation", datetime(2026, 8, 1).date())


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("region: here", "region: there", 'region: found "there"; must be the file\'s name, here'),
        ("valid_to: 2026-06-30", "valid_to: 2026-06-29", "1 must end on the day before 2 begins"),
        ("valid_to: 2026-06-30", "valid_to: 2026-07-01", "1 must end on the day before 2 begins"),
        ("valid_to: 2026-06-30", "valid_to: 2024-06-30", "before valid_from 2025-01-01"),
        ('version: "2"', 'version: "1"', '"1" is the name of 2 versions; names must differ'),
        ("{days: 3, source: a letter}", "{days: 3}", "stages.validation.source"),
        ("{days: 3,", "{days: -1,", "stages.validation.days"),
        ("{days: 3,", "{days: 3, dayss: 4,", "dayss"),
        ("counted: working", "counted: sometimes", "counted"),
        ("      payment:", "      payement:", "payement"),
        ("      validation: {days: 3", "      letter: {days: 3", "stages.validation: is missing"),
    ],
)
def test_mistakes_are_sentences(write, old, new, sentence):
    assert old in TEXT
    with pytest.raises(ConfigError) as wrong:
        load_region_file(write(TEXT.replace(old, new, 1)))
    assert sentence in str(wrong.value)


def test_the_shipped_regions_are_sound_and_say_that_they_are_unsure():
    for name in ("nasional", "polda_kaltim"):
        region = load_region(name)
        assert region.is_unsure("validation", datetime(2026, 11, 24).date())
        seen = at("2026-11-24 10:00:00")
        assert region.deadline("validation", seen, WITA) == at("2026-11-28 00:00:00")


def test_an_unknown_region():
    with pytest.raises(ConfigError, match=r'no police region is called "nasionel" .*nasional'):
        load_region("nasionel")
