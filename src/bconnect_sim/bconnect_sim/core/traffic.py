"""What a traffic simulation tells: who is where, and what the lights show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

# model -> kind of road user, length [m]; the meshes of bconnect_sim/models carry these names
MODELS: dict[str, tuple[str, float]] = {
    "suv": ("car", 4.63),
    "city_car": ("car", 2.70),
    "hatchback": ("car", 4.20),
    "mpv": ("car", 4.26),
    "van": ("minibus", 5.20),
    "coach": ("bus", 10.5),
    "city_bus": ("bus", 10.0),
    "box_truck": ("truck", 6.30),
    "scooter": ("motorcycle", 1.95),
    "sport_bike": ("motorcycle", 2.00),
}


@dataclass(frozen=True, slots=True)
class VehicleState:
    """One road user at one moment. (x, y): middle of its footprint [m]; heading: degrees
    counter-clockwise from east; speed [m/s]; paint: 0..1, chooses its colour."""

    id: str
    kind: str
    model: str
    x: float
    y: float
    heading: float
    speed: float
    length: float
    paint: float
    riders: int = 0
    helmets: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything at one time. time: s since the video's start; aspect: of the judged light."""

    time: float
    vehicles: tuple[VehicleState, ...]
    aspect: str


class Traffic(Protocol):
    """A source of moments, one per video frame. Raises SimError when it cannot run."""

    def moments(self) -> Iterator[Moment]: ...


class SimError(RuntimeError):
    """The simulation cannot run; str() is a sentence a person can act on."""
