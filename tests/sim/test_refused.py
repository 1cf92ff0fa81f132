"""A scenario that SUMO refuses: one sentence from every command, and nothing taken for made."""

import shutil
from pathlib import Path

import pytest

from bconnect_sim import live, produce
from bconnect_sim.files import STREETS

SCENARIO = """
title: Uji
street: koridor
start: "2025-11-25T16:10:00"
duration: 10.0
warm_up: 0.0
picture: {width: 160, height: 90, rate: 5.0}
flows:
  - {route: eastbound, per_hour: 100.0}
"""

BROKEN = [
    ("<net", "is not XML"),
    ("<routes/>", "is no network: its root is <routes>"),
    ("<net><edge id='a'/></net>", "it holds no edge"),
]


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scenario whose street may be spoiled."""
    pytest.importorskip("libsumo")
    shutil.copytree(STREETS, tmp_path / "streets")
    monkeypatch.setattr("bconnect_sim.stage.STREETS", tmp_path / "streets")
    file = tmp_path / "uji.yaml"
    file.write_text(SCENARIO)
    return file


def spoil(scenario: Path, text: str) -> None:
    (scenario.parent / "streets" / "koridor" / "koridor.net.xml").write_text(text)


@pytest.mark.parametrize(("text", "sentence"), BROKEN)
def test_by_bconnect_sim(
    scenario: Path, text: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(scenario, text)
    out = scenario.parent / "out"
    assert produce.main([str(scenario), "--out", str(out), "--as", "detections"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("SUMO refuses koridor.net.xml: ") and sentence in said
    assert said.count("\n") == 1 and not (out / "made.json").exists()


@pytest.mark.parametrize(("text", "sentence"), BROKEN)
def test_by_a_live_camera(
    scenario: Path, text: str, sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("panda3d")
    spoil(scenario, text)
    assert live.main([str(scenario), "toko"]) == 2
    said = capfd.readouterr().err.strip()
    assert "koridor.net.xml" in said and "\n" not in said


def test_a_route_of_an_unknown_road(scenario: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = scenario.parent / "streets" / "koridor" / "street.yaml"
    text = file.read_text()
    assert "e_west" in text
    file.write_text(text.replace("e_west", "e_wst", 1))
    assert produce.main([str(scenario), "--out", str(scenario.parent / "out")]) == 2
    said = capsys.readouterr().err
    assert "e_wst" in said and said.count("\n") == 1
