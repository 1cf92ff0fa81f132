"""config/plates.yaml: what it holds, and one sentence for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from bconnect_site.errors import ConfigError
from bconnect_site.kinds import PlateColour, RoadUserKind
from bconnect_site.plates import load_plates

GOOD = "source: test\nareas: {KT: Kalimantan Timur}\n"


def test_the_shipped_rules() -> None:
    rules = load_plates()
    assert "KT" in rules.areas
    assert "XX" not in rules.areas
    assert len(rules.areas) > 55
    assert rules.kinds_of("KT", 1999) == {RoadUserKind.CAR, RoadUserKind.MINIBUS}
    assert rules.kinds_of("KT", 2000) == {RoadUserKind.MOTORCYCLE}
    assert RoadUserKind.CAR in rules.kinds_of("B", 2000)
    assert RoadUserKind.MOTORCYCLE not in rules.kinds_under(PlateColour.YELLOW)
    assert rules.kinds_under(PlateColour.WHITE) == frozenset()
    assert rules.inseparable == ("OQ",)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("areas: {KT: Kalimantan Timur}\n", "source"),
        ("source: test\nareas: {}\n", "areas"),
        ("source: test\nareas: {kt: Kalimantan Timur}\n", "areas"),
        (GOOD + "blocks: [{first: 10, last: 1, kinds: [car]}]\n", "last must not be less"),
        (GOOD + "blocks: [{first: 1, last: 10, kinds: [tank]}]\n", "tank"),
        (GOOD + "colours: {pink: [car]}\n", "pink"),
        (GOOD + "inseparable: [O]\n", "inseparable"),
        (GOOD + "letters: yes\n", "letters"),
    ],
)
def test_mistakes_are_said(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "plates.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"plates\.yaml") as raised:
        load_plates(path)
    assert sentence in str(raised.value)
