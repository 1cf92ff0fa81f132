"""Finds scenarios: the shipped ones by name, others by path."""

from __future__ import annotations

from pathlib import Path

from bconnect_site.errors import ConfigError, suggest

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
