"""What the demo promises, through rendered pixels: YOLO, ByteTrack, lamp vision and the rules
find every true violation of the simulated street, and accuse nobody else."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bconnect_sim.produce import produce
from bconnect_sim.stage import open_stage

EVERY = 2  # 5 pictures a second; the whole of the demo's video at 10: offline_demo.py
SPANS = ((14.0, 27.0), (44.0, 64.0), (70.0, 86.0))  # s of video in which something is decided
TRUE = {("stop_line", "garis_1"), ("wrong_way", "lawan_1"), ("wrong_way", "lawan_2")}


def offline():  # type: ignore[no-untyped-def]
    path = Path(__file__).with_name("offline_demo.py")
    spec = importlib.util.spec_from_file_location("offline_demo", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pictures() -> Iterator[tuple[float, np.ndarray]]:
    from bconnect_sim.adapters.render import Renderer

    stage = open_stage("demo_street")
    renderer = Renderer(stage, "jalan", 0)
    for number, moment in enumerate(stage.world(0).moments()):
        if number % EVERY == 0 and any(low <= moment.time <= high for low, high in SPANS):
            yield moment.time, renderer.draw(moment)[:, :, ::-1]
    renderer.close()


def lines(file: Path) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_the_street_of_the_demo_holds_what_it_promises(tmp_path: Path) -> None:
    """Three who break a rule, and three who only almost do."""
    pytest.importorskip("libsumo")
    made = produce("demo_street", 0, tmp_path, "detections")
    truth, lawful = lines(made.folder / "truth.jsonl"), lines(made.folder / "lawful.jsonl")
    assert {(t["kind"], t["vehicle"]) for t in truth} == TRUE
    assert {t["vehicle"] for t in lawful} >= {"tertib_1", "tertib_2", "tertib_3"}
    assert not produce("demo_street", 0, tmp_path, "detections").fresh


@pytest.mark.system
@pytest.mark.timeout(400)
def test_every_violation_is_seen_and_nobody_else_accused(tmp_path: Path) -> None:
    tools = offline()
    made = produce("demo_street", 0, tmp_path, "detections")
    truth = lines(made.folder / "truth.jsonl")
    watch = tools.Watch("jalan", 10.0 / EVERY)
    findings = watch.run(pictures())
    found = [(f.type.name, tools.seconds_of(f)) for f in findings]
    assert len(truth) == 3
    assert all(any(tools.matches(f, r) for f in findings) for r in truth), found
    assert all(any(tools.matches(f, r) for r in truth) for f in findings), found
    lamps = [lamp for lamp in lines(made.folder / "signals.jsonl") if lamp["signal"] == "barat"]
    for seconds, aspect in watch.aspects:
        true = tools.shown(lamps, seconds)
        recent = any(abs(seconds - lamp["time_s"]) < 1.0 for lamp in lamps)
        assert aspect == true or recent or aspect == "unknown", (seconds, aspect, true)
    red = [a for s, a in watch.aspects if 20.0 <= s <= 26.0]
    assert red and red.count("red") >= 0.9 * len(red)
