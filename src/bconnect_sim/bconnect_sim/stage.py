"""A scenario on its street, ready to play: the shipped ones by name, others by path."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from bconnect_sim.core.corridor import read_corridor
from bconnect_sim.core.fleet import MODELS
from bconnect_sim.core.script import Scenario, fit_scenario, read_scenario
from bconnect_sim.core.world import CameraView, Corridor, World
from bconnect_sim.files import STREETS, find_scenario
from bconnect_site.errors import ConfigError, suggest
from bconnect_site.yamlfile import read_yaml


@dataclass(frozen=True, slots=True)
class Stage:
    """A scenario, its street and the folder the street's network lies in."""

    name: str
    scenario: Scenario
    corridor: Corridor
    folder: Path

    @property
    def cameras(self) -> tuple[CameraView, ...]:
        """The cameras the scenario uses."""
        wanted = self.scenario.cameras
        return tuple(c for c in self.corridor.cameras if not wanted or c.name in wanted)

    def world(self, seed: int) -> World:
        """The moments of this scenario. Raises SimError when SUMO is missing or refuses."""
        from bconnect_sim.adapters.sumo_world import SumoWorld

        return SumoWorld(self.scenario, self.corridor, self.folder, seed)


def open_stage(name_or_path: str | Path, duration: float | None = None) -> Stage:
    """A stage by the name of a shipped scenario or a YAML path.

    ``duration``: s, instead of the scenario's. Raises ConfigError.
    """
    path = find_scenario(name_or_path)
    where = str(path)
    scenario = read_scenario(read_yaml(path, where)[0], where)
    if duration is not None:
        scenario = replace(scenario, duration=duration)
    known = sorted(p.parent.name for p in STREETS.glob("*/street.yaml"))
    if scenario.street not in known:
        raise ConfigError(
            f'{where}: street: no street is called "{scenario.street}"'
            f"{suggest(scenario.street, known)}"
        )
    folder = STREETS / scenario.street
    file = str(folder / "street.yaml")
    corridor = read_corridor(read_yaml(folder / "street.yaml", file)[0], file)
    fit_scenario(scenario, corridor, MODELS, where)
    return Stage(path.stem, scenario, corridor, folder)
