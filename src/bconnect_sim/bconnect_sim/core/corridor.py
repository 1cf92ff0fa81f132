"""A street's description (street.yaml) into a Corridor, with one sentence per mistake."""

from __future__ import annotations

from collections.abc import Collection

from bconnect_sim.core.script import HABITS
from bconnect_sim.core.strict import build
from bconnect_sim.core.world import Corridor, Place
from bconnect_site.errors import ConfigError, suggest
from bconnect_site.kinds import ViolationType, ZoneKind, words

LINES = ("stop_line", "lane_marking", "gate")


def read_corridor(data: object, where: str) -> Corridor:
    """A corridor from plain values. Raises ConfigError naming file, key, found and allowed."""
    corridor = build(Corridor, data, where)

    def known(key: str, name: str, what: str, names: Collection[str]) -> None:
        if name not in names:
            raise ConfigError(f'{where}: {key}: no {what} is called "{name}"{suggest(name, names)}')

    signals = {s.name for s in corridor.signals}
    places = {p.name: p for p in corridor.places}
    for i, place in enumerate(corridor.places):
        known(f"places[{i}].kind", place.kind, "kind of place", words(ZoneKind))
        _shape(place, f"{where}: places[{i}]")
        if place.signal:
            known(f"places[{i}].signal", place.signal, "signal", signals)
    for i, section in enumerate(corridor.sections):
        known(f"sections[{i}].entry", section.entry, "place", places)
        known(f"sections[{i}].exit", section.exit, "place", places)
    for i, camera in enumerate(corridor.cameras):
        for j, name in enumerate(camera.places):
            known(f"cameras[{i}].places[{j}]", name, "place", places)
        for j, rule in enumerate(camera.rules):
            known(f"cameras[{i}].rules[{j}]", rule, "rule", words(ViolationType))
    for habit, routes in corridor.ways.items():
        known(f"ways.{habit}", habit, "habit", HABITS)
        for j, route in enumerate(routes):
            known(f"ways.{habit}[{j}]", route, "route", corridor.routes)
    return corridor


def _shape(place: Place, where: str) -> None:
    key, found, least = (
        ("line", len(place.line), 2) if place.kind in LINES else ("region", len(place.region), 3)
    )
    if found < least:
        raise ConfigError(f"{where}.{key}: needs at least {least} points, found {found}")
    if place.kind == "direction" and len(place.direction) != 2:
        raise ConfigError(f"{where}.direction: needs 2 points, found {len(place.direction)}")
    if place.kind == "speed" and place.limit is None:
        raise ConfigError(f"{where}.limit: is missing; a place of kind speed has a limit in m/s")
    if place.kind == "stop_line" and not place.signal:
        raise ConfigError(f"{where}.signal: is missing; a stop line obeys a signal")
