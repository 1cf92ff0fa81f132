"""`bconnect law`: what would be cited on a day, and what of it is uncertain."""

from __future__ import annotations

from pathlib import Path

import pytest

from bconnect_bringup.cli import main
from bconnect_site.kinds import ViolationType, words

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(autouse=True)
def config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BCONNECT_CONFIG", str(CONFIG))


def law(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["law", *arguments]) == 0
    return str(capsys.readouterr().out)


def test_the_day_before_and_the_day(capsys: pytest.CaptureFixture[str]) -> None:
    before = law(capsys, "red_light", "--on", "2026-01-01")
    assert before.startswith("on 2026-01-01: uu22_2009/2009-06, in force from 2009-06-22 until ")
    assert "UU 22/2009 Art. 287(2): " in before
    assert "at most 2 months or Rp500,000\n" in before
    assert "uncertain" not in before.lower()
    since = law(capsys, "red_light", "--on", "2026-01-02")
    assert since.startswith("on 2026-01-02: uu22_2009/2026-01, in force from 2026-01-02\n")
    assert "UNCERTAIN: Light jail (kurungan) is abolished" in since
    assert "at most Rp500,000  [uncertain: figure of 2009]" in since
    assert "fine categories: I Rp1,000,000, II Rp10,000,000" in since
    for text in (before, since):
        assert "PP 80/2012 Art. 23, 28: " in text
        assert "UU 11/2008 (ITE) Art. 5: " in text
        assert "PP 79/2013" not in text


def test_an_article_says_which_rules_cite_it(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("287(3)", "Art. 287(3)", "UU 22/2009 Art. 287(3)"):
        text = law(capsys, name, "--on", "2026-03-01")
        assert "cited for wrong_way (movement), illegal_stopping (movement), illegal_par" in text
    assert "cited for no rule of this software" in law(capsys, "294")
    assert "[uncertain: jail could not be confirmed]" in law(capsys, "287(6)", "--on", "2020-01-01")


def test_speed_names_the_general_limits(capsys: pytest.CaptureFixture[str]) -> None:
    text = law(capsys, "section_speed")
    assert "PP 79/2013 Art. 23(4)" in text
    assert "urban: 50 km/h" in text
    assert "toll: 60 to 100 km/h" in text


def test_all_rules_in_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    text = law(capsys)
    assert {line.split()[0] for line in text.split("UNCERTAIN\n")[1].splitlines()} == set(
        words(ViolationType)
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["helm"], 'no article or rule is called "helm"; did you mean "no_helmet"?'),
        (["287"], 'article "287" has paragraphs; say which: 287(1), 287(2), 287(3)'),
        (["297", "--on", "1999-01-01"], "no version of the catalogue is valid on 1999-01-01"),
        (["297", "--on", "soon"], '--on: found "soon"; needs a day such as 2026-01-02'),
        (["--law", "uu14"], 'no law catalogue is called "uu14"'),
    ],
)
def test_mistakes(capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str) -> None:
    assert main(["law", *arguments]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1
