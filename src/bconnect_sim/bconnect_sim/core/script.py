"""What happens in a simulated corridor: an immutable description, read from a small YAML file.

Seconds since the scenario's start (t = 0), metres, metres per second unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bconnect_sim.core.strict import build
from bconnect_sim.core.world import (
    VEHICLE_KINDS,
    Corridor,
    Move,
    NoiseModel,
    Picture,
    Weather,
)
from bconnect_site.errors import ConfigError, suggest

OFFENCES = (
    "run_red",  # crosses in red, the junction clear
    "stop_past_line",  # rolls over the line in red and stands before the junction
    "wrong_way",  # a way against the arrow
    "park_illegally",  # stands 1.3 to 2 times the dwell in a no_parking place
    "stop_illegally",  # likewise in a no_stopping place
    "speed",  # 26 to 60 % above the limit, where the way is free
    "race",  # two or three motorcycles side by side, 1.6 times the limit and more
    "no_helmet",  # fewer helmets than riders
    "triple_riding",  # three on a motorcycle
    "cross_marking",  # changes lane over a solid line
    "u_turn",  # turns back where a sign forbids it
)
NEAR_MISSES = (
    "stand_on_line_at_green",  # over the line in green, held up there until the next green
    "late_amber",  # crosses in the last 0.1 to 0.3 s of amber
    "short_stop",  # stands up to 0.83 of the dwell in a no_stopping or no_parking place
    "park_outside",  # stands long, its bumper 1 m outside the place
    "park_off_hours",  # stands long in a place that does not hold at that hour
    "at_limit",  # drives at the limit exactly
    "lawful_u_turn",  # turns back where it is allowed
    "ambulance",  # drives through; others make way, over the line where they must
)
HABITS = (*OFFENCES, *NEAR_MISSES)
ACTS = ("drive", *HABITS)
MIX = {"motorcycle": 70.0, "car": 21.0, "minibus": 5.0, "truck": 3.0, "bus": 1.0}


def _number(low: float, high: float, **more: Any) -> Any:
    return field(metadata={"minimum": low, "maximum": high}, **more)


@dataclass(frozen=True, slots=True)
class Program:
    """One cycle of a light: main green, amber, all red, cross green, amber, all red. s."""

    light: str
    green: float = _number(5.0, 600.0, default=32.0)  # of phases 2 and 6, the main road
    cross: float = _number(5.0, 600.0, default=22.0)  # green of the others
    amber: float = _number(1.0, 10.0, default=3.0)
    clear: float = _number(0.0, 10.0, default=3.0)  # all red
    offset: float = _number(0.0, 600.0, default=0.0)  # of the cycle at t = 0

    @property
    def cycle(self) -> float:
        return self.green + self.cross + 2 * (self.amber + self.clear)


@dataclass(frozen=True, slots=True)
class Flow:
    """Ordinary traffic of one route."""

    route: str
    per_hour: float = _number(0.0, 3000.0)
    mix: dict[str, float] = field(
        metadata={"minimum": 0.0, "maximum": 1000.0, "names": VEHICLE_KINDS},
        default_factory=lambda: dict(MIX),
    )
    pauses: tuple[tuple[float, float], ...] = ()  # no departures in [from, to], s


@dataclass(frozen=True, slots=True)
class Habit:
    """How often a behaviour occurs: as a share of the drivers it fits, or as drivers per hour.

    At a stop line the share is of those who get the chance: first in their lane, at the right time.
    """

    share: float = _number(0.0, 1.0, default=0.0)
    per_hour: float = _number(0.0, 1000.0, default=0.0)
    places: tuple[str, ...] = ()  # only there; none given: wherever it fits


@dataclass(frozen=True, slots=True)
class Actor:
    """One scripted driver. at: s at which it enters the street."""

    name: str
    act: str = field(metadata={"choices": ACTS})
    at: float = _number(-600.0, 36000.0)
    model: str = ""  # none given: drawn
    route: str = ""  # none given: one that fits
    place: str = ""  # where it acts; none given: drawn
    lane: int = _number(-1, 8, default=-1)  # 0 = kerb lane; -1: drawn
    speed: float = _number(0.0, 60.0, default=0.0)  # m/s it strives for; 0: the habit's
    dwell: float = _number(0.0, 3600.0, default=0.0)  # s it stands; 0: the habit's
    riders: int = _number(0, 5, default=0)  # 0: drawn
    helmets: int = _number(-1, 5, default=-1)  # -1: drawn
    plate: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A street and everything that happens on it during ``duration`` seconds."""

    title: str
    street: str
    start: str  # local time of the site at t = 0, ISO 8601
    flows: tuple[Flow, ...]
    duration: float = _number(1.0, 36000.0, default=600.0)
    warm_up: float = _number(0.0, 600.0, default=90.0)  # s of traffic before t = 0
    cameras: tuple[str, ...] = ()  # none given: all
    picture: Picture = field(default_factory=Picture)
    weather: Weather = field(default_factory=Weather)
    noise: NoiseModel = field(default_factory=NoiseModel)
    moves: tuple[Move, ...] = ()
    programs: tuple[Program, ...] = ()
    habits: dict[str, Habit] = field(metadata={"names": HABITS}, default_factory=dict)
    actors: tuple[Actor, ...] = ()

    def local(self, time: float) -> datetime:
        """Local time of the site at ``time``, without a zone."""
        begin = datetime.fromisoformat(self.start)
        return begin.replace(tzinfo=None) + timedelta(seconds=time)

    def program(self, light: str) -> Program:
        """The program of a light; its defaults where the scenario gives none."""
        return next((p for p in self.programs if p.light == light), Program(light))


def read_scenario(data: object, where: str) -> Scenario:
    """A scenario from plain values. Raises ConfigError naming file, key, found and allowed."""
    scenario = build(Scenario, data, where)
    try:
        datetime.fromisoformat(scenario.start)
    except ValueError:
        raise ConfigError(
            f'{where}: start: found "{scenario.start}", must be a local time such as '
            '"2025-11-25T16:10:00"'
        ) from None
    for i, flow in enumerate(scenario.flows):
        if sum(flow.mix.values()) <= 0:
            raise ConfigError(f"{where}: flows[{i}].mix: is empty; give shares of {VEHICLE_KINDS}")
        for j, (begin, end) in enumerate(flow.pauses):
            if begin >= end:
                raise ConfigError(
                    f"{where}: flows[{i}].pauses[{j}]: must be [from, to] with from before to, "
                    f"found [{begin}, {end}]"
                )
    return scenario


def fit_scenario(
    scenario: Scenario, corridor: Corridor, models: Collection[str], where: str
) -> None:
    """Checks every name of a scenario against its street. Raises ConfigError."""
    cameras = {c.name for c in corridor.cameras}
    places = {p.name for p in corridor.places}
    routes = set(corridor.routes)

    def known(key: str, name: str, what: str, names: Collection[str]) -> None:
        if name and name not in names:
            raise ConfigError(f'{where}: {key}: no {what} is called "{name}"{suggest(name, names)}')

    for i, name in enumerate(scenario.cameras):
        known(f"cameras[{i}]", name, "camera", cameras)
    for i, move in enumerate(scenario.moves):
        known(f"moves[{i}].camera", move.camera, "camera", cameras)
    for i, program in enumerate(scenario.programs):
        known(f"programs[{i}].light", program.light, "light", {s.light for s in corridor.signals})
    for i, flow in enumerate(scenario.flows):
        known(f"flows[{i}].route", flow.route, "route", routes)
    for word, habit in scenario.habits.items():
        for i, name in enumerate(habit.places):
            known(f"habits.{word}.places[{i}]", name, "place", places)
    seen: set[str] = set()
    for i, actor in enumerate(scenario.actors):
        known(f"actors[{i}].model", actor.model, "vehicle model", models)
        known(f"actors[{i}].route", actor.route, "route", routes)
        known(f"actors[{i}].place", actor.place, "place", places)
        if actor.name in seen:
            raise ConfigError(f'{where}: actors[{i}].name: "{actor.name}" is used twice')
        seen.add(actor.name)
