"""A street as plain numbers: which way its lanes run and where its stop line is."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Judged:
    """The approach that the camera judges. It runs along +x; metres, degrees."""

    route: str
    heading: float = field(metadata={"minimum": 0.0, "maximum": 0.0})
    stop_line: float = 0.0
    junction: tuple[float, ...] = field(default=(0.0, 0.0), metadata={"size": 2})
    lanes: tuple[float, ...] = ()
    carriageway: tuple[float, ...] = field(default=(0.0, 0.0), metadata={"size": 2})


@dataclass(frozen=True, slots=True)
class Street:
    """A road network and what its parts mean."""

    network: str
    traffic_light: str
    approaches: dict[str, str]
    routes: dict[str, tuple[str, ...]]
    judged: Judged
