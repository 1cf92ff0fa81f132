"""Making a scenario: deterministic, cached, complete, and refusing with a sentence."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from bconnect_sim.adapters.sumo import SumoTraffic
from bconnect_sim.core.traffic import SimError
from bconnect_sim.files import find_scenario, load_scenario
from bconnect_sim.make import main, make_scenario

SHORT = """
title: short
street: simpang
duration: 2.0
warm_up: 17.0
picture: {width: 640, height: 360, rate: 10.0, noise: 2.0}
camera: {name: jalan, position: [-16.0, 10.5, 4.5], look_at: [2.3, 3.0, 0.6], field_of_view: 38.0}
signal: {name: barat}
flows: [{route: eastbound, per_hour: 1500, mix: {car: 1, motorcycle: 1}}]
"""


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Truth of the demo's street, without its picture."""
    folder = tmp_path_factory.mktemp("demo")
    make_scenario("demo_street", folder, 0, video=False)
    return folder


def test_demo_holds_the_violations_and_near_misses_it_promises(demo: Path) -> None:
    truth = lines(demo / "truth.jsonl")
    assert {(r["kind"], r["vehicle"]) for r in truth} == {
        ("stop_line", "garis_1"), ("wrong_way", "lawan_1"), ("wrong_way", "lawan_2"),
    }  # fmt: skip
    assert all(
        r["seen_start"] is not None and r["start"] <= r["seen_start"] <= r["end"] for r in truth
    )
    lawful = {(r["kind"], r["vehicle"]) for r in lines(demo / "lawful.jsonl")}
    assert ("stopped_before_line", "tertib_1") in lawful
    assert ("stood_past_line_from_green", "tertib_2") in lawful
    assert any(kind == "passed_line_on_green" for kind, _ in lawful)
    aspects = [r["aspect"] for r in lines(demo / "signals.jsonl")]
    assert aspects[:4] == ["green", "amber", "red", "green"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_script_holds_for_other_seeds(tmp_path: Path, seed: int) -> None:
    made = make_scenario("demo_street", tmp_path, seed, video=False)
    vehicles = {(r["kind"], r["vehicle"]) for r in lines(made.truth)}
    assert {("stop_line", "garis_1"), ("wrong_way", "lawan_1")} <= vehicles


def test_equal_seeds_give_equal_truth(demo: Path, tmp_path: Path) -> None:
    make_scenario("demo_street", tmp_path / "again", 0, video=False)
    make_scenario("demo_street", tmp_path / "other", 7, video=False)
    for name in ("truth.jsonl", "lawful.jsonl", "signals.jsonl"):
        assert (demo / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert (demo / "lawful.jsonl").read_bytes() != (
        tmp_path / "other" / "lawful.jsonl"
    ).read_bytes()


def test_video_is_drawn_once_and_again_the_same(tmp_path: Path) -> None:
    file = tmp_path / "short.yaml"
    file.write_text(SHORT)
    seen: list[int] = []
    first = make_scenario(file, tmp_path / "a", 1, lambda done, whole: seen.append(whole - done))
    assert first.fresh and seen[-1] == 0 and len(seen) == 20
    with av.open(str(first.video)) as container:
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    assert len(frames) == 20 and frames[0].shape == (360, 640, 3)
    # a picture, not a colour: contrast, many shades, and it moves
    assert frames[0].std() > 20 and len(np.unique(frames[0])) > 100
    assert np.abs(frames[0].astype(int) - frames[-1]).max() > 60

    assert not make_scenario(file, tmp_path / "a", 1).fresh
    second = make_scenario(file, tmp_path / "b", 1)
    with av.open(str(second.video)) as container:
        again = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    assert np.abs(np.array(frames).astype(int) - np.array(again)).max() == 0
    assert make_scenario(file, tmp_path / "a", 2, video=False).fresh


def test_a_damaged_output_is_made_again(tmp_path: Path) -> None:
    file = tmp_path / "short.yaml"
    file.write_text(SHORT)
    made = make_scenario(file, tmp_path / "a", 1, video=False)
    made.signals.write_text("")
    assert make_scenario(file, tmp_path / "a", 1, video=False).fresh
    assert made.signals.read_text()


def test_sumo_refuses_a_broken_network_with_a_sentence(tmp_path: Path) -> None:
    scenario, street, _ = load_scenario(find_scenario("demo_street"))
    file = tmp_path / street.network
    for text, sentence in (
        ("<net>this is no network", "is not XML"),
        ("<net/>", "it holds no edge east_in"),
        ("<routes/>", "it holds no edge"),
    ):
        file.write_text(text)
        with pytest.raises(SimError, match=f"SUMO refuses simpang.net.xml: {sentence}"):
            next(SumoTraffic(scenario, street, tmp_path, 0).moments())
    with pytest.raises(SimError, match="cannot be read: No such file"):
        next(SumoTraffic(scenario, street, tmp_path / "nowhere", 0).moments())


def test_sumo_refusing_a_route_is_a_sentence() -> None:
    scenario, street, folder = load_scenario(find_scenario("demo_street"))
    torn = dataclasses.replace(
        street, routes={**street.routes, "eastbound": ("west_in", "north_out")}
    )
    with pytest.raises(SimError, match="SUMO"):
        list(SumoTraffic(scenario, torn, folder, 0).moments())
    # and the next simulation of this process runs
    assert next(SumoTraffic(scenario, street, folder, 0).moments()).time == 0.0


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scenario, street, folder = load_scenario(find_scenario("demo_street"))
    monkeypatch.setitem(sys.modules, "libsumo", None)
    with pytest.raises(SimError, match=r"needs the package libsumo.*requirements/sim.txt"):
        SumoTraffic(scenario, street, folder, 0)
    monkeypatch.setitem(sys.modules, "panda3d", None)
    from bconnect_sim.adapters.panda import PandaRenderer
    from bconnect_sim.make import MODELS

    with pytest.raises(SimError, match="needs the package panda3d"):
        PandaRenderer(scenario, street, MODELS, 0)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo_stret", "--out", str(tmp_path)]) == 2
    assert 'did you mean "demo_street"' in capsys.readouterr().err
    file = tmp_path / "short.yaml"
    file.write_text(SHORT)
    out = tmp_path / "out"
    assert main([str(file), "--out", str(out), "--no-video"]) == 0
    assert main([str(file), "--out", str(out), "--no-video"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    (tmp_path / "taken").write_text("a file, not a folder")
    assert main([str(file), "--out", str(tmp_path / "taken"), "--no-video"]) == 2
    assert "cannot be written" in capsys.readouterr().err
