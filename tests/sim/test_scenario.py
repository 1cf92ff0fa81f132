"""Scenarios and streets: reading, refusing, drawing chance from the seed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from bconnect_sim.core.demand import departures
from bconnect_sim.core.scenario import SignalProgram, read_scenario
from bconnect_sim.core.signal_plan import cross_aspect, main_aspect
from bconnect_sim.core.traffic import MODELS
from bconnect_sim.files import SCENARIOS, find_scenario, load_scenario
from bconnect_site.errors import ConfigError
from bconnect_site.yamlfile import read_yaml

NAMES = frozenset(MODELS)
GOOD: dict[str, Any] = {
    "title": "t",
    "street": "simpang",
    "duration": 10.0,
    "camera": {"name": "c", "position": [0, 0, 5], "look_at": [10, 0, 0]},
    "signal": {"name": "s"},
    "flows": [{"route": "eastbound", "per_hour": 900, "mix": {"car": 1, "motorcycle": 2}}],
    "actors": [{"name": "a", "act": "wrong_way", "model": "mpv", "at": 1.0}],
}


def changed(key: str, value: object) -> dict[str, Any]:
    """GOOD with one dotted key set; a value of ... removes it."""
    data = copy.deepcopy(GOOD)
    node: Any = data
    *path, last = [int(p) if p.isdigit() else p for p in key.split(".")]
    for part in path:
        node = node[part]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return data


def test_reads_what_is_written_and_fills_in_the_rest() -> None:
    scenario = read_scenario(GOOD, "x.yaml", NAMES)
    assert scenario.flows[0].mix == {"car": 1.0, "motorcycle": 2.0}
    assert scenario.camera.position == (0.0, 0.0, 5.0)
    assert scenario.picture.rate == 10.0
    assert scenario.actors[0].act == "wrong_way"


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        (
            "durations",
            3,
            'x.yaml: durations: no key is called "durations"; did you mean "duration"',
        ),
        ("duration", ..., "x.yaml: duration: is missing"),
        ("duration", "long", 'x.yaml: duration: must be a number, found "long"'),
        ("duration", -1, "x.yaml: duration: found -1, allowed 1.0 to 36000.0"),
        ("duration", float("nan"), "x.yaml: duration: must be a number"),
        ("duration", True, "x.yaml: duration: must be a number"),
        (
            "camera.position",
            [1, 2],
            "x.yaml: camera.position: must be a list of 3 numbers, found 2",
        ),
        ("camera", 3, 'x.yaml: camera: must hold keys and values, found "3"'),
        ("flows", {"a": 1}, "x.yaml: flows: must be a list, found keys and values"),
        (
            "flows.0.mix.cars",
            2,
            'x.yaml: flows[0].mix.cars: "cars" is not known; did you mean "car"',
        ),
        ("flows.0.mix", {}, "x.yaml: flows[0].mix: is empty"),
        ("flows.0.pauses", [[3, 1]], "x.yaml: flows[0].pauses[0]: must be [from, to]"),
        ("actors.0.act", "fly", 'x.yaml: actors[0].act: found "fly"; allowed:'),
        ("actors.0.model", "mvp", 'x.yaml: actors[0].model: no vehicle model is called "mvp"'),
        ("actors.0.lane", 0.5, "x.yaml: actors[0].lane: must be a whole number, found 0.5"),
        ("title", 4, 'x.yaml: title: must be a word, found "4"'),
    ],
)
def test_a_mistake_is_one_sentence(key: str, value: object, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_scenario(changed(key, value), "x.yaml", NAMES)
    assert str(error.value).startswith(sentence)
    assert "\n" not in str(error.value)


def test_an_actor_twice_is_refused() -> None:
    data = changed("actors", GOOD["actors"] * 2)
    with pytest.raises(ConfigError, match=r'actors\[1\].name: "a" is used twice'):
        read_scenario(data, "x.yaml", NAMES)


def test_unknown_scenario_street_and_route(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='did you mean "demo_street"'):
        find_scenario("demo_stret")
    with pytest.raises(ConfigError, match="there is no such file"):
        load_scenario(find_scenario(tmp_path / "none.yaml"))
    text = find_scenario("demo_street").read_text()
    for old, new, sentence in (
        ("street: simpang", "street: simpag", 'no street is called "simpag"'),
        ("route: eastbound", "route: eastbond", 'found "eastbond"; did you mean "eastbound"'),
    ):
        file = tmp_path / "s.yaml"
        file.write_text(text.replace(old, new))
        with pytest.raises(ConfigError, match=sentence):
            load_scenario(file)


@pytest.mark.parametrize("path", [SCENARIOS / "demo_street.yaml"], ids=lambda p: p.stem)
def test_every_shipped_scenario_loads(path: Path) -> None:
    scenario, street, folder = load_scenario(path)
    assert (folder / street.network).is_file()
    assert {flow.route for flow in scenario.flows} <= set(street.routes)


def test_a_seed_decides_the_demand() -> None:
    scenario = read_scenario(GOOD, "x.yaml", NAMES)
    assert departures(scenario, 3) == departures(scenario, 3)
    assert departures(scenario, 3) != departures(scenario, 4)
    paused = read_scenario(changed("flows.0.pauses", [[-100, 100]]), "x.yaml", NAMES)
    assert departures(scenario, 3) and not departures(paused, 3)


def test_never_green_for_both() -> None:
    program = SignalProgram("s", green=12.0, amber=3.0, red=17.0, offset=5.0)
    seen = set()
    for tenth in range(700):
        main, cross = main_aspect(program, tenth / 10), cross_aspect(program, tenth / 10)
        assert "red" in (main, cross)
        seen.add((main, cross))
    assert {("green", "red"), ("amber", "red"), ("red", "green"), ("red", "amber")} <= seen


def test_yaml_reader_is_strict(tmp_path: Path) -> None:
    file = tmp_path / "twice.yaml"
    file.write_text("title: a\ntitle: b\n")
    with pytest.raises(ConfigError, match="is written twice"):
        read_yaml(file, "twice.yaml")
