"""Scenario files of the simulated corridor: reading, refusing, drawing people by a seed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from bconnect_sim.core.corridor import read_corridor
from bconnect_sim.core.lights import aspect
from bconnect_sim.core.network import Network
from bconnect_sim.core.people import Person, Town
from bconnect_sim.core.script import HABITS, Program, read_scenario
from bconnect_sim.files import SCENARIOS, STREETS
from bconnect_sim.stage import Stage, open_stage
from bconnect_site.errors import ConfigError
from bconnect_site.yamlfile import read_yaml

SHIPPED = sorted(p.stem for p in SCENARIOS.glob("*.yaml"))
GOOD: dict[str, Any] = {
    "title": "t",
    "street": "koridor",
    "start": "2025-11-25T16:10:00",
    "duration": 60.0,
    "flows": [{"route": "eastbound", "per_hour": 900}],
    "habits": {"speed": {"share": 0.5}},
    "actors": [{"name": "a", "act": "run_red", "at": 1.0, "model": "mpv", "place": "henti_a"}],
}


def changed(good: dict[str, Any], key: str, value: object) -> dict[str, Any]:
    """A copy with one dotted key set; a value of ... removes it."""
    data = copy.deepcopy(good)
    node: Any = data
    *path, last = [int(p) if p.isdigit() else p for p in key.split(".")]
    for part in path:
        node = node[part]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return data


def opened(data: dict[str, Any], folder: Path) -> Stage:
    import json

    file = folder / "s.yaml"
    file.write_text(json.dumps(data))
    return open_stage(file)


def people(stage: Stage, seed: int) -> list[Person]:
    corridor = stage.corridor
    network = Network((stage.folder / corridor.network).read_text())
    approaches = {s.name: s.approaches for s in corridor.signals}
    passes = network.passes(corridor.places, corridor.routes, approaches)
    return Town(stage.scenario, corridor, passes, seed).people()


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("durations", 3, 'durations: no key is called "durations"; did you mean "duration"?'),
        ("start", ..., "start: is missing"),
        ("start", "noon", 'start: found "noon", must be a local time such as'),
        (
            "habits.spede",
            {"share": 0.1},
            'habits.spede: "spede" is not known; did you mean "speed"',
        ),
        ("habits.speed.share", 1.5, "habits.speed.share: found 1.5, allowed 0.0 to 1.0"),
        ("habits.speed", 3, 'habits.speed: must hold keys and values, found "3"'),
        ("habits.speed.places", ["x"], 'habits.speed.places[0]: no place is called "x"'),
        ("flows.0.route", "eastbond", 'flows[0].route: no route is called "eastbond"; did you'),
        ("flows.0.mix", {"cars": 1}, 'flows[0].mix.cars: "cars" is not known; did you mean "car"'),
        ("flows.0.mix", {"car": 0}, "flows[0].mix: is empty"),
        ("flows.0.pauses", [[3, 1]], "flows[0].pauses[0]: must be [from, to]"),
        ("flows.0.pauses", [[3, 1, 2]], "flows[0].pauses[0]: must be a list of 2 numbers, found 3"),
        ("actors.0.act", "fly", 'actors[0].act: found "fly"; allowed:'),
        ("actors.0.model", "mvp", 'actors[0].model: no vehicle model is called "mvp"'),
        ("actors.0.place", "henti", 'actors[0].place: no place is called "henti"; did you mean'),
        ("cameras", ["sekola"], 'cameras[0]: no camera is called "sekola"; did you mean "sekolah"'),
        ("moves", [{"camera": "x", "at": 1}], 'moves[0].camera: no camera is called "x"'),
        ("programs", [{"light": "C"}], 'programs[0].light: no light is called "C"'),
        ("weather", {"light": "dim"}, 'weather.light: found "dim"; allowed: day, dusk, night'),
        ("weather", {"shadows": 1}, 'weather.shadows: must be true or false, found "1"'),
        ("street", "koridr", 'street: no street is called "koridr"; did you mean "koridor"'),
    ],
)
def test_a_mistake_is_one_sentence(key: str, value: object, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        opened(changed(GOOD, key, value), tmp_path)
    assert str(error.value).removeprefix(f"{tmp_path / 's.yaml'}: ").startswith(sentence)
    assert "\n" not in str(error.value)


def test_an_actor_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'actors\[1\].name: "a" is used twice'):
        opened(changed(GOOD, "actors", GOOD["actors"] * 2), tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("places.0.kind", "stopline", 'places[0].kind: no kind of place is called "stopline"'),
        ("places.0.line", [[1, 2]], "places[0].line: needs at least 2 points, found 1"),
        ("places.1.region", [[1, 2]], "places[1].region: needs at least 3 points, found 1"),
        ("places.0.signal", "x", 'places[0].signal: no signal is called "x"'),
        ("cameras.0.places", ["x"], 'cameras[0].places[0]: no place is called "x"'),
        ("cameras.0.rules", ["helmet"], 'cameras[0].rules[0]: no rule is called "helmet"'),
        ("sections.0.entry", "x", 'sections[0].entry: no place is called "x"'),
        ("ways.race", ["x"], 'ways.race[0]: no route is called "x"'),
        ("cameras.0.position", [1, 2], "cameras[0].position: must be a list of 3 numbers, found 2"),
    ],
)
def test_a_mistake_in_a_street_is_one_sentence(key: str, value: object, sentence: str) -> None:
    file = STREETS / "koridor" / "street.yaml"
    data = read_yaml(file, "x")[0]
    with pytest.raises(ConfigError) as error:
        read_corridor(changed(dict(data), key, value), "x")
    assert str(error.value).startswith(f"x: {sentence}")


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_scenario_opens(name: str) -> None:
    stage = open_stage(name)
    assert stage.name == name
    assert (stage.folder / stage.corridor.network).is_file()
    assert (1 if name == "demo_street" else 6) <= len(stage.cameras) <= 9
    assert open_stage(name, 5.0).scenario.duration == 5.0


def test_all_is_drawn_from_the_seed_and_nothing_else() -> None:
    stage = open_stage("harian")
    assert people(stage, 3) == people(stage, 3)
    assert people(stage, 3) != people(stage, 4)


def test_a_habit_changes_nobody_else() -> None:
    """Chance is drawn per flow and per habit: one habit more leaves the other drivers alone."""
    data = changed(GOOD, "habits", {"u_turn": {"per_hour": 60}})
    more = changed(data, "habits.wrong_way", {"per_hour": 60})
    found = [[p for p in _people_of(d) if not p.id.startswith("wrong_way")] for d in (data, more)]
    assert found[0] == found[1]


def _people_of(data: dict[str, Any]) -> list[Person]:
    base = open_stage("harian")
    scenario = read_scenario(data, "x")
    return people(Stage("x", scenario, base.corridor, base.folder), 1)


def test_people_are_believable() -> None:
    drawn = people(open_stage("harian"), 0)
    bikes = [p for p in drawn if p.riders]
    assert 0.6 <= len(bikes) / len(drawn) <= 0.85
    assert len({p.plate for p in drawn}) == len(drawn)
    for person in drawn:
        area, number, suffix = person.plate.split()
        assert area in ("KT", "DA", "B", "L") and 2 <= len(suffix) <= 3 and suffix.isupper()
        assert (2000 <= int(number) <= 6999) == bool(person.riders)
        assert 0 <= person.helmets <= person.riders


def test_every_habit_is_known_to_people() -> None:
    """A habit nobody takes up would silently make a scenario lawful."""
    stage = open_stage("harian")
    drawn = {e.act for p in people(stage, 0) for e in p.errands}
    traits = {"no_helmet", "triple_riding"}
    assert set(stage.scenario.habits) - traits <= drawn
    assert set(HABITS) == {
        *stage.scenario.habits, *open_stage("malam").scenario.habits,
        *open_stage("tertib").scenario.habits,
    }  # fmt: skip


def test_nobody_is_unlawful_in_tertib() -> None:
    offences = {"run_red", "stop_past_line", "wrong_way", "speed", "race", "u_turn"}
    assert not offences & set(open_stage("tertib").scenario.habits)


def test_never_green_for_both_and_cleared_between() -> None:
    program = Program("A", green=20.0, cross=15.0, offset=7.0)
    seen = set()
    for tenth in range(1200):
        time = tenth / 10
        main, cross = aspect(program, 2, time), aspect(program, 4, time)
        assert "red" in (main.word, cross.word)
        for shown in (main, cross):
            assert shown.since <= time + 1e-6 < shown.until + 2e-6
        seen.add((main.word, cross.word))
    assert ("red", "red") in seen and len(seen) == 5
