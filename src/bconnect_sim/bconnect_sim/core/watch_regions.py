"""Watchers of regions: standing, speed, direction, turning back, riders, racing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import atan2, degrees, hypot

from bconnect_sim.core.errands import tolerance
from bconnect_sim.core.watch import STANDING, Note, Scene, Tell, off
from bconnect_sim.core.world import Place, Point, VehicleState

Holds = Callable[[float], bool]  # whether a place holds at a time

AGAINST, AGAINST_WAY = 120.0, 10.0  # degrees off the arrow; m driven so
TURNED = 120.0  # degrees that make a U-turn
RACE_FACTOR, RACE_TIME, RACE_NEAR = 1.4, 3.0, 40.0  # of the limit; s; m to another
OUTSIDE = 8.0  # m around a place that are just outside
QUEUED = 5.0  # s of standing in a queue that are worth telling


@dataclass(slots=True)
class _Stay:
    """One vehicle's time in a region."""

    first: VehicleState
    start: float
    last: VehicleState
    time: float
    way: float = 0.0  # m
    against: float = 0.0  # m
    turn: float = 0.0  # degrees, to the left
    fast: float | None = None  # since when it races
    alone: float | None = None
    races: list[tuple[float, float, Point]] = field(default_factory=list)
    whole: bool = True  # it was seen entering

    def go(self, vehicle: VehicleState, time: float) -> float:
        """Takes in the next moment; m moved."""
        step = hypot(vehicle.x - self.last.x, vehicle.y - self.last.y)
        self.way += step
        self.turn += (vehicle.heading - self.last.heading + 180.0) % 360.0 - 180.0
        self.last, self.time = vehicle, time
        return step

    @property
    def points(self) -> tuple[Point, ...]:
        first, last = self.first, self.last
        middle = ((first.x + last.x) / 2, (first.y + last.y) / 2)
        return ((first.x, first.y), middle, (last.x, last.y))


class RegionWatch:
    """Keeps a ``_Stay`` for each vehicle whose middle is in the region; ``_over`` judges it."""

    margin = 8.0  # further than anybody drives between two moments: leaving is to be seen

    def __init__(self, place: Place, tell: Tell, holds: Holds) -> None:
        self.place, self._tell, self._holds = place, tell, holds
        self._stays: dict[str, _Stay] = {}

    def see(self, vehicle: VehicleState, inside: bool, scene: Scene) -> None:
        """See ``Watch.see``."""
        stay = self._stays.get(vehicle.id)
        if not inside:
            if stay is not None:
                self._over(self._stays.pop(vehicle.id), True)
            return
        if stay is None:
            whole = vehicle.id in scene.last
            stay = _Stay(vehicle, scene.time, vehicle, scene.time, whole=whole)
            self._stays[vehicle.id] = stay
            self._during(stay, vehicle, 0.0, scene)
        else:
            self._during(stay, vehicle, stay.go(vehicle, scene.time), scene)

    def gone(self, name: str, time: float) -> None:
        """See ``Watch.gone``."""
        if (stay := self._stays.pop(name, None)) is not None:
            self._over(stay, False)

    def _during(self, stay: _Stay, vehicle: VehicleState, step: float, scene: Scene) -> None:
        """A moment of a stay."""

    def _over(self, stay: _Stay, left: bool) -> None:
        """The stay's end; left: it was seen leaving the region."""

    def _say(self, kind: str, stay: _Stay, why: str = "", speed: float | None = None) -> None:
        limit = self.place.limit if speed is not None else None
        note = Note(kind, stay.last, stay.start, stay.time, stay.points, why, speed, limit)
        self._tell(self.place, note)


class SpeedWatch(RegionWatch):
    """speeding: the mean speed on the way through."""

    def _over(self, stay: _Stay, left: bool) -> None:
        limit, seconds = self.place.limit, stay.time - stay.start
        if limit is None or not (stay.whole and left) or seconds <= 0.0:
            return
        mean, over = stay.way / seconds, limit + tolerance(self.place)
        if not self._holds(stay.start):
            if mean > over:
                self._say("speeding", stay, "outside the hours", mean)
        elif mean > over:
            self._say("speeding", stay, "", mean)
        elif mean >= 0.97 * limit:
            self._say("speeding", stay, "at the limit", mean)


class DirectionWatch(RegionWatch):
    """wrong_way: 10 m and more against the arrow."""

    def __init__(self, place: Place, tell: Tell, holds: Holds) -> None:
        super().__init__(place, tell, holds)
        (ax, ay), (bx, by) = place.direction
        self._arrow = degrees(atan2(by - ay, bx - ax))

    def _during(self, stay: _Stay, vehicle: VehicleState, step: float, scene: Scene) -> None:
        if off(vehicle.heading, self._arrow) > AGAINST:
            stay.against += step

    def _over(self, stay: _Stay, left: bool) -> None:
        if stay.against >= AGAINST_WAY:
            self._say("wrong_way", stay, "" if self._holds(stay.start) else "outside the hours")


class TurnWatch(RegionWatch):
    """illegal_u_turn: turns by more than 120 degrees inside."""

    def _over(self, stay: _Stay, left: bool) -> None:
        if abs(stay.turn) > TURNED:
            self._say("illegal_u_turn", stay)


class RoadWatch(RegionWatch):
    """no_helmet, overloaded_motorcycle and racing on a piece of road."""

    def _during(self, stay: _Stay, vehicle: VehicleState, step: float, scene: Scene) -> None:
        limit = self.place.limit
        if limit is None:
            return
        fast = vehicle.speed > RACE_FACTOR * limit
        near = fast and any(
            o.id != vehicle.id
            and o.speed > RACE_FACTOR * limit
            and hypot(o.x - vehicle.x, o.y - vehicle.y) <= RACE_NEAR
            and off(o.heading, vehicle.heading) < 45.0
            for o in scene.fast
        )
        if near and stay.fast is None:
            stay.fast = scene.time
        if near and stay.fast is not None and scene.time - stay.fast >= RACE_TIME:
            stay.races = [(stay.fast, scene.time, (vehicle.x, vehicle.y))]
        if not near:
            stay.fast = None
        if fast and stay.alone is None:
            stay.alone = scene.time
        if not fast or near:
            stay.alone = None

    def _over(self, stay: _Stay, left: bool) -> None:
        who = stay.last
        if who.kind == "motorcycle" and who.helmets < who.riders:
            self._say("no_helmet", stay)
        if who.kind == "motorcycle" and who.riders >= 3:
            self._say("overloaded_motorcycle", stay)
        seconds = max(stay.time - stay.start, 1e-6)
        for start, end, _ in stay.races:
            mean, limit = stay.way / seconds, self.place.limit
            note = Note("racing", who, start, end, stay.points, "", mean, limit)
            self._tell(self.place, note)
        if not stay.races and stay.alone is not None and stay.time - stay.alone >= RACE_TIME:
            self._say("racing", stay, "fast, but alone", stay.way / seconds)


@dataclass(slots=True)
class _Spell:
    """Standing without a break. willing, held: s of it by will, and by will while it held."""

    vehicle: VehicleState
    start: float
    end: float
    inside: bool
    willing: float = 0.0
    held: float = 0.0
    held_from: float | None = None


class StandWatch:
    """illegal_stopping and illegal_parking: stands by its will longer than the dwell."""

    margin = OUTSIDE

    def __init__(self, place: Place, tell: Tell, holds: Holds) -> None:
        self.place, self._tell, self._holds = place, tell, holds
        self._kind = "illegal_stopping" if place.kind == "no_stopping" else "illegal_parking"
        self._spells: dict[str, _Spell] = {}

    def see(self, vehicle: VehicleState, inside: bool, scene: Scene) -> None:
        """See ``Watch.see``."""
        if vehicle.speed >= STANDING:
            self.gone(vehicle.id, scene.time)
            return
        spell = self._spells.get(vehicle.id)
        if spell is None:
            self._spells[vehicle.id] = _Spell(vehicle, scene.time, scene.time, inside)
            return
        step, spell.end = scene.time - spell.end, scene.time
        if vehicle.halted:
            spell.willing += step
            if self._holds(scene.time):
                spell.held += step
                spell.held_from = scene.time if spell.held_from is None else spell.held_from

    def gone(self, name: str, time: float) -> None:
        """See ``Watch.gone``."""
        spell = self._spells.pop(name, None)
        if spell is None:
            return
        dwell, stood = self.place.dwell, spell.end - spell.start
        if not spell.inside:
            if spell.willing > dwell:
                self._say(spell, f"stood {spell.willing:.0f} s outside the place")
        elif spell.held > dwell:
            self._say(spell, "", spell.held_from)
        elif spell.willing > dwell:
            self._say(spell, f"stood {spell.willing:.0f} s outside the hours")
        elif spell.willing >= 0.4 * dwell:
            self._say(spell, f"stood {spell.willing:.1f} s of {dwell:.0f} s")
        elif not spell.willing and stood >= QUEUED:
            self._say(spell, f"queued {stood:.0f} s")

    def _say(self, spell: _Spell, why: str, start: float | None = None) -> None:
        who = spell.vehicle
        begin = spell.start if start is None else start
        self._tell(self.place, Note(self._kind, who, begin, spell.end, ((who.x, who.y),), why))
