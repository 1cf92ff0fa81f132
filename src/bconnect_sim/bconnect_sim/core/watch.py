"""What watching one place means: the ground the watchers of bconnect_sim.core.witness stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from bconnect_sim.core.world import Place, Point, Truth, VehicleState

STANDING = 0.3  # m/s


@dataclass(frozen=True, slots=True)
class Light:
    """What a signal shows since when, and what it showed before."""

    word: str
    since: float
    before: str = ""

    def at(self, time: float) -> str:
        """What it showed at a time not long ago."""
        return self.word if time >= self.since else self.before


@dataclass(frozen=True, slots=True)
class Scene:
    """One moment as the watchers see it. last: the vehicles of the moment before."""

    time: float
    before: float
    last: dict[str, VehicleState]
    lights: dict[str, Light]
    ambulances: tuple[VehicleState, ...]
    fast: tuple[VehicleState, ...]  # who might be racing

    def yields(self, vehicle: VehicleState) -> bool:
        """Whether an ambulance on duty is within 60 m."""
        return any(
            a.id != vehicle.id and (a.x - vehicle.x) ** 2 + (a.y - vehicle.y) ** 2 <= 3600.0
            for a in self.ambulances
        )


class Watch(Protocol):
    """Watches one place. ``margin``: m around the place in which a vehicle is shown to it."""

    place: Place
    margin: float

    def see(self, vehicle: VehicleState, inside: bool, scene: Scene) -> None:
        """A vehicle near the place; inside: its middle lies in the region."""
        ...

    def gone(self, name: str, time: float) -> None:
        """A vehicle that was near the place is not any more."""
        ...


@dataclass(slots=True)
class Note:
    """An event as a watcher tells it; why: what made it lawful, empty: nothing did."""

    kind: str
    vehicle: VehicleState
    start: float
    end: float
    points: tuple[Point, ...]  # where it went on, the first where it began
    why: str = ""
    speed: float | None = None
    limit: float | None = None


Tell = Callable[[Place, Note], Any]


def truth_of(note: Note, place: str, cameras: tuple[str, ...]) -> Truth:
    """The line of truth.jsonl or lawful.jsonl."""
    (x, y), who = note.points[0], note.vehicle
    speed = None if note.speed is None else round(note.speed, 3)
    return Truth(
        note.kind, who.id, who.plate, who.kind, round(note.start, 3), round(note.end, 3), place,
        round(x, 2), round(y, 2), cameras, speed, note.limit, note.why,
    )  # fmt: skip


def off(heading: float, other: float) -> float:
    """Degrees between two headings, 0 to 180."""
    return abs((heading - other + 180.0) % 360.0 - 180.0)
