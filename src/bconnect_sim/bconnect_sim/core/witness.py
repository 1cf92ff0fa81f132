"""What really happened: read off the simulated motion and the places, never off the script.

Only ``halted`` (whether a driver stands by will) is taken from the driver. What each kind of
violation means stands with its watcher in ``watch_lines`` and ``watch_regions``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bconnect_sim.core.doubts import Doubts
from bconnect_sim.core.errands import tolerance
from bconnect_sim.core.network import contains
from bconnect_sim.core.people import active
from bconnect_sim.core.script import Scenario
from bconnect_sim.core.watch import Light, Note, Scene, Watch, truth_of
from bconnect_sim.core.watch_lines import GateWatch, MarkingWatch, StopLineWatch
from bconnect_sim.core.watch_regions import (
    DirectionWatch,
    RoadWatch,
    SpeedWatch,
    StandWatch,
    TurnWatch,
)
from bconnect_sim.core.world import CameraView, Corridor, Moment, Outcome, Place, VehicleState

FAST = 8.0  # m/s below which nobody races
TURNING = 1.0  # degrees per image below which a vehicle drives straight
STRAIGHT = 2.0  # s of which end a turn
U_TURN = 150.0  # degrees
REGIONS: dict[str, Callable[..., Watch]] = {
    "no_stopping": StandWatch, "no_parking": StandWatch, "direction": DirectionWatch,
    "speed": SpeedWatch, "road": RoadWatch, "no_u_turn": TurnWatch,
}  # fmt: skip

# whether a point of the street is in a camera's picture: a bool, or its place as fractions
Project = Callable[[str, float, float], object]


class _Stage(Protocol):
    """A stage as far as a witness needs it."""

    @property
    def scenario(self) -> Scenario: ...
    @property
    def corridor(self) -> Corridor: ...
    @property
    def cameras(self) -> tuple[CameraView, ...]: ...


class TruthRecorder:
    """Watches moments in order; ``finish`` tells what was true over the whole run.

    A vehicle is forgotten in the moment in which it has left the street.
    """

    def __init__(self, stage: _Stage, project: Project) -> None:
        self._scenario, self._project = stage.scenario, project
        self._corridor = stage.corridor
        self._judges = {
            p.name: tuple(c.name for c in stage.cameras if p.name in c.places)
            for p in stage.corridor.places
        }
        self._watches = self._make(stage.corridor)
        self._boxes = np.array([_box(w) for w in self._watches]).reshape(-1, 4)
        self._near: list[set[str]] = [set() for _ in self._watches]
        self._last: dict[str, VehicleState] = {}
        self._time = 0.0
        self._lights: dict[str, Light] = {}
        self._entries: dict[str, dict[str, Note]] = {s.name: {} for s in stage.corridor.sections}
        self._turns: dict[str, tuple[float, float, float]] = {}  # turned, since, straight since
        self._hours: dict[tuple[str, int], bool] = {}
        self._outcome = Outcome()
        self._doubts = Doubts(stage.corridor.places)

    def observe(self, moment: Moment) -> None:
        """Takes in the next moment."""
        time = moment.time
        self._look_at_lights(moment)
        vehicles = moment.vehicles
        at = np.array([(v.x, v.y) for v in vehicles]).reshape(-1, 2)
        scene = Scene(
            time, self._time, self._last, self._lights,
            tuple(v for v in vehicles if v.emergency),
            tuple(v for v in vehicles if v.speed > FAST),
        )  # fmt: skip
        self._doubts.look(time, scene.ambulances)
        for number, rows in enumerate(self._rows(at)):
            watch, old = self._watches[number], self._near[number]
            if not rows and not old:
                continue
            region, now = watch.place.region, set()
            for row in rows:
                who = vehicles[row]
                now.add(who.id)
                watch.see(who, bool(region) and contains(region, who.x, who.y), scene)
            for name in sorted(old - now):
                watch.gone(name, time)
            self._near[number] = now
        self._turn_backs(vehicles, time)
        self._last, self._time = {v.id: v for v in vehicles}, time
        memories: list[dict[str, Any]] = [*self._entries.values(), self._turns]
        for known in memories:
            for name in [n for n in known if n not in self._last]:
                del known[name]

    def finish(self) -> Outcome:
        """Everything that was true, in order of time."""
        for watch, names in zip(self._watches, self._near, strict=True):
            for name in sorted(names):
                watch.gone(name, self._time)
            names.clear()
        self._outcome.violations[:] = map(self._doubts.tell, self._outcome.violations)
        for events in (self._outcome.violations, self._outcome.lawful):
            events.sort(key=lambda t: (t.start, t.kind, t.vehicle, t.place))
        return self._outcome

    def __len__(self) -> int:
        """How many vehicles are remembered."""
        return len(self._last)

    def _make(self, corridor: Corridor) -> list[Watch]:
        found: list[Watch] = []
        junctions = [p for p in corridor.places if p.kind == "junction"]
        for place in corridor.places:
            if place.kind == "stop_line":
                found.append(StopLineWatch(place, _nearest(place, junctions), self._tell))
            elif place.kind == "lane_marking":
                found.append(MarkingWatch(place, self._tell))
            elif place.kind == "gate":
                found.append(GateWatch(place, self._pass))
            elif (made := REGIONS.get(place.kind)) is not None:
                found.append(made(place, self._tell, self._hours_of(place)))
        return found

    def _hours_of(self, place: Place) -> Callable[[float], bool]:
        def holds(time: float) -> bool:
            key = (place.name, int(time // 10))
            if key not in self._hours:
                self._hours[key] = active(place, self._scenario, key[1] * 10.0)
                while len(self._hours) > 256:
                    del self._hours[next(iter(self._hours))]
            return self._hours[key]

        return holds if place.active else lambda _: True

    def _rows(self, at: NDArray[np.float64]) -> list[list[int]]:
        """For each watch the rows of the vehicles near its place."""
        x, y, boxes = at[:, 0], at[:, 1], self._boxes
        near = (x >= boxes[:, 0:1]) & (x <= boxes[:, 1:2])
        near &= (y >= boxes[:, 2:3]) & (y <= boxes[:, 3:4])
        found: list[list[int]] = [[] for _ in boxes]
        for number, row in zip(*(part.tolist() for part in near.nonzero()), strict=True):
            found[number].append(row)
        return found

    def _look_at_lights(self, moment: Moment) -> None:
        for name, word in moment.aspects.items():
            light = self._lights.get(name)
            if light is None or light.word != word:
                self._lights[name] = Light(word, moment.time, light.word if light else word)
                self._outcome.aspects.append((moment.time, name, word))

    def _tell(self, place: Place, note: Note) -> None:
        if note.vehicle.emergency and not note.why:
            note.why = "emergency vehicle on duty"
        cameras = tuple(
            name for name in self._judges[place.name]
            if any(self._seen(name, x, y) for x, y in note.points)
        )  # fmt: skip
        found = self._outcome.lawful if note.why else self._outcome.violations
        found.append(truth_of(note, place.name, cameras))

    def _seen(self, camera: str, x: float, y: float) -> bool:
        at = self._project(camera, x, y)
        if isinstance(at, tuple):
            return all(0.0 <= float(part) <= 1.0 for part in at[:2])
        return bool(at)

    def _pass(self, place: Place, note: Note) -> None:
        """A gate was passed: section speed between two of them."""
        for section in self._corridor.sections:
            entries = self._entries[section.name]
            if place.name == section.entry:
                entries[note.vehicle.id] = note
            elif place.name == section.exit and (begun := entries.pop(note.vehicle.id, None)):
                seconds = note.start - begun.start
                mean = section.length / seconds if seconds > 0 else 0.0
                over = section.limit + tolerance(
                    Place("", "speed", limit=section.limit, tolerance=section.tolerance)
                )
                why = "" if mean > over else "at the limit"
                if mean >= 0.97 * section.limit:
                    self._section(section.name, begun, note, mean, section.limit, why)

    def _section(
        self, name: str, begun: Note, note: Note, mean: float, limit: float, why: str
    ) -> None:
        if note.vehicle.emergency and not why:
            why = "emergency vehicle on duty"
        told = Note("section_speed", note.vehicle, begun.start, note.start,
                    note.points, why, mean, limit)  # fmt: skip
        section = next(s for s in self._corridor.sections if s.name == name)
        cameras = tuple(dict.fromkeys(self._judges[section.entry] + self._judges[section.exit]))
        found = self._outcome.lawful if why else self._outcome.violations
        found.append(truth_of(told, name, cameras))

    def _turn_backs(self, vehicles: Sequence[VehicleState], time: float) -> None:
        """Turning back where no place forbids it is a lawful near miss."""
        for vehicle in vehicles:
            last = self._last.get(vehicle.id)
            if last is None:
                continue
            turn = (vehicle.heading - last.heading + 180.0) % 360.0 - 180.0
            known = self._turns.get(vehicle.id)
            if known is None and abs(turn) < TURNING:
                continue
            turned, since, straight = known or (0.0, time, time)
            turned += turn
            straight = straight if abs(turn) < TURNING else time
            if time - straight <= STRAIGHT:
                self._turns[vehicle.id] = (turned, since, straight)
                continue
            del self._turns[vehicle.id]
            forbidden = any(
                p.kind == "no_u_turn" and contains(_grown(p), vehicle.x, vehicle.y)
                for p in self._corridor.places
            )
            if abs(turned) > U_TURN and not forbidden:
                points, why = ((vehicle.x, vehicle.y),), "turned back where it is allowed"
                note = Note("illegal_u_turn", vehicle, since, straight, points, why)
                self._outcome.lawful.append(truth_of(note, "", ()))


def _box(watch: Watch) -> tuple[float, float, float, float]:
    """x from, x to, y from, y to in which a vehicle is shown to a watch."""
    points = np.array(watch.place.region or watch.place.line)
    (x0, y0), (x1, y1) = points.min(axis=0) - watch.margin, points.max(axis=0) + watch.margin
    return float(x0), float(x1), float(y0), float(y1)


def _grown(place: Place, by: float = 40.0) -> list[tuple[float, float]]:
    points = np.array(place.region)
    (x0, y0), (x1, y1) = points.min(axis=0) - by, points.max(axis=0) + by
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def _nearest(line: Place, junctions: Sequence[Place]) -> Place | None:
    middle = np.mean(np.array(line.line), axis=0)

    def far(place: Place) -> float:
        return float(np.hypot(*(np.mean(np.array(place.region), axis=0) - middle)))

    near = [p for p in junctions if far(p) < 60.0]
    return min(near, key=far) if near else None
