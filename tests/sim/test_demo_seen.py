"""What the demo promises, through rendered pixels: YOLO, ByteTrack, lamp vision and the rules
find every true violation of the simulated street, and accuse nobody else."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bconnect_sim.adapters.panda import PandaRenderer
from bconnect_sim.adapters.sumo import SumoTraffic
from bconnect_sim.core.noise import SensorNoise
from bconnect_sim.files import find_scenario, load_scenario
from bconnect_sim.make import MODELS, make_scenario

EVERY = 2  # 5 pictures a second; the whole of the demo's video at 10: offline_demo.py
SPANS = ((18.0, 27.0), (48.0, 62.0), (75.0, 85.0))  # s of video in which something is decided


def offline():  # type: ignore[no-untyped-def]
    path = Path(__file__).with_name("offline_demo.py")
    spec = importlib.util.spec_from_file_location("offline_demo", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pictures() -> Iterator[tuple[float, np.ndarray]]:
    scenario, street, folder = load_scenario(find_scenario("demo_street"))
    renderer = PandaRenderer(scenario, street, MODELS, 0)
    noise = SensorNoise(scenario.picture.width, scenario.picture.height, scenario.picture.noise, 0)
    for number, moment in enumerate(SumoTraffic(scenario, street, folder, 0).moments()):
        if number % EVERY == 0 and any(low <= moment.time <= high for low, high in SPANS):
            yield moment.time, noise.add(renderer.draw(moment))[:, :, ::-1]
    renderer.close()


@pytest.mark.system
@pytest.mark.timeout(400)
def test_every_violation_is_seen_and_nobody_else_accused(tmp_path: Path) -> None:
    tools = offline()
    made = make_scenario("demo_street", tmp_path, 0, video=False)
    truth = [json.loads(line) for line in made.truth.read_text().splitlines()]
    watch = tools.Watch("jalan", 10.0 / EVERY)
    findings = watch.run(pictures())
    found = [(f.type.name, tools.seconds_of(f)) for f in findings]
    assert len(truth) == 3
    assert all(any(tools.matches(f, r) for f in findings) for r in truth), found
    assert all(any(tools.matches(f, r) for r in truth) for f in findings), found
    lamps = [json.loads(line) for line in made.signals.read_text().splitlines()]
    for seconds, aspect in watch.aspects:
        true = [lamp["aspect"] for lamp in lamps if lamp["start"] <= seconds + 1e-6][-1]
        recent = any(abs(seconds - lamp["start"]) < 1.0 for lamp in lamps)
        assert aspect == true or recent or aspect == "unknown", (seconds, aspect, true)
    red = [a for s, a in watch.aspects if 20.0 <= s <= 26.0]
    assert red and red.count("red") >= 0.9 * len(red)
