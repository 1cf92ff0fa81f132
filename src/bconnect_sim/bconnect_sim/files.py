"""Finds and reads scenarios and streets: the shipped ones by name, others by path."""

from __future__ import annotations

from pathlib import Path

from bconnect_sim.core.scenario import Scenario, read_scenario
from bconnect_sim.core.street import Street
from bconnect_sim.core.strict import build
from bconnect_sim.core.traffic import MODELS
from bconnect_site.errors import ConfigError, suggest
from bconnect_site.yamlfile import read_yaml

HERE = Path(__file__).parent
SCENARIOS = HERE / "scenarios"
STREETS = HERE / "streets"


def find_scenario(name_or_path: str | Path) -> Path:
    """The file of a scenario: a path, or the name of a shipped one. Raises ConfigError."""
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml") or path.exists():
        return path
    shipped = SCENARIOS / f"{path.name}.yaml"
    if not shipped.is_file():
        known = [p.stem for p in SCENARIOS.glob("*.yaml")]
        raise ConfigError(
            f'scenario: no scenario is called "{name_or_path}"{suggest(path.name, known)}'
        )
    return shipped


def load_scenario(path: Path) -> tuple[Scenario, Street, Path]:
    """A scenario, its street, and the street's folder. Raises ConfigError."""
    data, _, _ = read_yaml(path, str(path))
    scenario = read_scenario(data, str(path), frozenset(MODELS))
    folder = STREETS / scenario.street
    known = sorted(p.parent.name for p in STREETS.glob("*/street.yaml"))
    if scenario.street not in known:
        raise ConfigError(
            f'{path}: street: no street is called "{scenario.street}"'
            f"{suggest(scenario.street, known)}"
        )
    file = folder / "street.yaml"
    street = build(Street, read_yaml(file, str(file))[0], str(file))
    for i, flow in enumerate(scenario.flows):
        if flow.route not in street.routes:
            raise ConfigError(
                f'{path}: flows[{i}].route: found "{flow.route}"'
                f"{suggest(flow.route, street.routes)}"
            )
    return scenario, street, folder
