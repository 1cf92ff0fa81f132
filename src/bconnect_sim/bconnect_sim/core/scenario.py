"""What happens in a simulated street: an immutable description, read from a small YAML file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bconnect_sim.core.strict import build
from bconnect_site.errors import ConfigError, suggest

KINDS = ("motorcycle", "car", "minibus", "bus", "truck")
ACTS = ("wrong_way", "stop_past_line", "wait_past_line", "arrive")


def _number(low: float, high: float, **more: Any) -> Any:
    return field(metadata={"minimum": low, "maximum": high}, **more)


@dataclass(frozen=True, slots=True)
class Picture:
    """What the camera writes. Pixels, frames per second."""

    width: int = _number(64, 3840, default=1280)
    height: int = _number(64, 2160, default=720)
    rate: float = _number(1.0, 30.0, default=10.0)
    noise: float = _number(0.0, 30.0, default=2.0)  # standard deviation, of 255


@dataclass(frozen=True, slots=True)
class View:
    """Where the camera hangs and looks. Metres in the street's coordinates, degrees."""

    name: str
    position: tuple[float, ...] = field(metadata={"size": 3})
    look_at: tuple[float, ...] = field(metadata={"size": 3})
    field_of_view: float = _number(5.0, 120.0, default=40.0)  # horizontal


@dataclass(frozen=True, slots=True)
class SignalProgram:
    """One cycle of the judged approach's light; the rest of the cycle is red. Seconds."""

    name: str
    green: float = _number(3.0, 600.0, default=16.0)
    amber: float = _number(1.0, 10.0, default=3.0)
    red: float = _number(5.0, 600.0, default=20.0)
    offset: float = _number(0.0, 600.0, default=0.0)  # of the cycle at the video's start

    @property
    def cycle(self) -> float:
        return self.green + self.amber + self.red


@dataclass(frozen=True, slots=True)
class Flow:
    """Ordinary traffic of one route."""

    route: str
    per_hour: float = _number(1.0, 3000.0)
    mix: dict[str, float] = field(
        metadata={"minimum": 0.0, "maximum": 1000.0, "names": KINDS}, default_factory=dict
    )
    pauses: tuple[tuple[float, ...], ...] = ()  # no departures in [from, to], s of video


@dataclass(frozen=True, slots=True)
class Actor:
    """One scripted road user. Seconds of video, metres, metres per second."""

    name: str
    act: str = field(metadata={"choices": ACTS})
    model: str
    at: float = _number(-300.0, 36000.0)
    lane: int = _number(0, 8, default=0)  # 0 = kerb lane
    speed: float = _number(1.0, 40.0, default=8.0)
    shift: float = _number(-3.0, 3.0, default=0.0)  # to the left of the lane's centre
    halt: float = _number(-50.0, 50.0, default=7.0)  # of the front, past the stop line


@dataclass(frozen=True, slots=True)
class Scenario:
    """A street, its camera and everything that happens during ``duration`` seconds."""

    title: str
    street: str
    camera: View
    signal: SignalProgram
    flows: tuple[Flow, ...]
    duration: float = _number(1.0, 36000.0)
    picture: Picture = Picture()
    warm_up: float = _number(0.0, 600.0, default=30.0)  # s of traffic before the video
    actors: tuple[Actor, ...] = ()


def read_scenario(data: object, where: str, models: frozenset[str]) -> Scenario:
    """A scenario from plain values. Raises ConfigError naming file, key, found and allowed."""
    scenario = build(Scenario, data, where)
    for i, flow in enumerate(scenario.flows):
        if not flow.mix or sum(flow.mix.values()) <= 0:
            raise ConfigError(f"{where}: flows[{i}].mix: is empty; give shares of {KINDS}")
        for j, pause in enumerate(flow.pauses):
            if len(pause) != 2 or pause[0] >= pause[1]:
                raise ConfigError(
                    f"{where}: flows[{i}].pauses[{j}]: must be [from, to] with from before to, "
                    f"found {list(pause)}"
                )
    names: set[str] = set()
    for i, actor in enumerate(scenario.actors):
        if actor.model not in models:
            raise ConfigError(
                f'{where}: actors[{i}].model: no vehicle model is called "{actor.model}"'
                f"{suggest(actor.model, models)}"
            )
        if actor.name in names:
            raise ConfigError(f'{where}: actors[{i}].name: "{actor.name}" is used twice')
        names.add(actor.name)
    return scenario
