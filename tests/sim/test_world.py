"""The moments SUMO makes: smooth, the same for the same seed, and offences of every kind."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bconnect_sim.core.traffic import SimError
from bconnect_sim.core.witness import TruthRecorder
from bconnect_sim.core.world import Moment, Outcome
from bconnect_sim.stage import Stage, open_stage

pytest.importorskip("libsumo")

PRINT = """
import hashlib, sys
from bconnect_sim.stage import open_stage
digest = hashlib.sha256()
for moment in open_stage("harian", 20.0).world(7).moments():
    digest.update(repr(moment).encode())
print(digest.hexdigest())
"""


def digest(stage: Stage, seed: int) -> str:
    made = hashlib.sha256()
    for moment in stage.world(seed).moments():
        made.update(repr(moment).encode())
    return made.hexdigest()


def outcome(name: str, seed: int, seconds: float) -> Outcome:
    stage = open_stage(name, seconds)
    seen = TruthRecorder(stage, lambda camera, x, y: True)
    for moment in stage.world(seed).moments():
        seen.observe(moment)
    return seen.finish()


def test_a_seed_decides_everything_in_every_process() -> None:
    here = digest(open_stage("harian", 20.0), 7)
    other = subprocess.run(
        [sys.executable, "-c", PRINT], capture_output=True, text=True, check=True,
        env={"PYTHONHASHSEED": "5", "PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert other.stdout.strip() == here
    assert digest(open_stage("harian", 20.0), 8) != here


def test_a_world_plays_again() -> None:
    world = open_stage("harian", 3.0).world(1)
    assert list(world.moments()) == list(world.moments())


@pytest.mark.parametrize("rate", [5.0, 10.0, 12.5])
def test_one_moment_per_image_from_zero_on(rate: float) -> None:
    stage = open_stage("malam", 4.0)
    picture = replace(stage.scenario.picture, rate=rate)
    scenario = replace(stage.scenario, picture=picture, warm_up=10.0)
    times = [m.time for m in replace(stage, scenario=scenario).world(0).moments()]
    assert times == pytest.approx([k / rate for k in range(round(4.0 * rate))], abs=1e-3)


def test_everybody_moves_smoothly() -> None:
    last: dict[str, object] = {}
    count = 0
    for moment in open_stage("harian", 90.0).world(2).moments():
        for who in moment.vehicles:
            before = last.get(who.id)
            if before is not None:
                moved = math.hypot(who.x - before.x, who.y - before.y)  # type: ignore[attr-defined]
                turned = abs((who.heading - before.heading + 180) % 360 - 180)  # type: ignore[attr-defined]
                assert abs(moved - who.speed * 0.1) < 0.7, (moment.time, who, before)
                assert turned < 16.0, (moment.time, who, before)
                count += 1
        last = {who.id: who for who in moment.vehicles}
    assert count > 30_000


def test_offences_of_every_kind_happen() -> None:
    """Ten minutes of an ordinary afternoon, and a night for the races."""
    found = Counter(t.kind for t in outcome("harian", 0, 600.0).violations)
    assert sum(found.values()) >= 40
    assert {
        "red_light", "stop_line", "wrong_way", "illegal_stopping", "illegal_parking", "speeding",
        "section_speed", "no_helmet", "overloaded_motorcycle", "lane_marking", "illegal_u_turn",
    } <= set(found)  # fmt: skip
    assert Counter(t.kind for t in outcome("malam", 0, 300.0).violations)["racing"] >= 2


def test_tertib_keeps_the_law_by_little() -> None:
    found = outcome("tertib", 1, 300.0)
    assert found.violations == []
    kinds = Counter(t.kind for t in found.lawful)
    assert {"red_light", "stop_line", "illegal_stopping", "speeding", "illegal_u_turn"} <= set(
        kinds
    )
    assert sum(kinds.values()) >= 40
    assert any(t.why.startswith("queued") for t in found.lawful)


def _actor(act: str, **more: object) -> Stage:
    """One scripted driver on an empty street."""
    from bconnect_sim.core.script import Actor

    stage = open_stage("harian", 180.0)
    scenario = replace(
        stage.scenario, flows=(), habits={}, warm_up=0.0,
        actors=(Actor("x", act, 1.0, **more),),  # type: ignore[arg-type]
    )  # fmt: skip
    return replace(stage, scenario=scenario)


@pytest.mark.parametrize(
    ("act", "more", "kind"),
    [
        ("wrong_way", {"route": "wrong_side"}, "wrong_way"),
        ("wrong_way", {"route": "wrong_shoulder"}, "wrong_way"),
        ("stop_illegally", {"route": "eastbound", "place": "muka_toko"}, "illegal_stopping"),
        ("speed", {"route": "westbound", "model": "sport_bike"}, "speeding"),
        ("cross_marking", {"route": "from_alley", "model": "scooter"}, "lane_marking"),
        ("u_turn", {"model": "mpv"}, "illegal_u_turn"),
        ("triple_riding", {"route": "eastbound", "riders": 3}, "overloaded_motorcycle"),
    ],
)
def test_an_actor_does_what_it_is_told(act: str, more: dict[str, object], kind: str) -> None:
    stage = _actor(act, **more)
    seen = TruthRecorder(stage, lambda camera, x, y: True)
    moments: list[Moment] = []
    for moment in stage.world(0).moments():
        seen.observe(moment)
        moments.append(moment)
    assert kind in {t.kind for t in seen.finish().violations}
    assert {v.id for m in moments for v in m.vehicles} == {"x"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("<net", "is not XML"),
        ("<routes/>", "is no network: its root is <routes>"),
        ("<net><edge id='a'/></net>", "it holds no edge"),
    ],
)
def test_a_malformed_network_is_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    stage = open_stage("harian", 1.0)
    (tmp_path / stage.corridor.network).write_text(text)
    with pytest.raises(SimError) as error:
        list(replace(stage, folder=tmp_path).world(0).moments())
    assert str(error.value).startswith("SUMO refuses koridor.net.xml: ")
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_a_missing_network_and_a_broken_route_are_one_sentence(tmp_path: Path) -> None:
    stage = open_stage("harian", 1.0)
    with pytest.raises(SimError, match="cannot be read: No such file"):
        stage = replace(stage, folder=tmp_path)
        stage.world(0)
    routes = {**stage.corridor.routes, "eastbound": ("e_west", "side_out")}  # do not meet
    corridor = replace(stage.corridor, routes=routes)
    with pytest.raises(SimError, match="route eastbound: no way leads from e_west to side_out"):
        replace(stage, corridor=corridor, folder=open_stage("harian").folder).world(0)


def test_what_sumo_says_while_it_runs_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import libsumo

    def fail() -> None:
        raise libsumo.TraCIException("Vehicle 'x'\nis not known.")

    monkeypatch.setattr(libsumo, "simulationStep", fail)
    with pytest.raises(SimError, match="SUMO stopped the scenario: Vehicle 'x' is not known"):
        list(open_stage("harian", 1.0).world(0).moments())
