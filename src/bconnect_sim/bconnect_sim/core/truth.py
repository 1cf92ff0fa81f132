"""What really happened, read off the simulated motion itself, never off the script.

Violations: ``wrong_way``, ``stop_line`` (crossed the line in red and stood before the junction),
``red_light`` (crossed the line in red and entered the junction in red). Lawful near misses:
``stopped_before_line``, ``passed_line_on_green``, ``stood_past_line_from_green``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bconnect_sim.core.projection import Projection
from bconnect_sim.core.street import Judged
from bconnect_sim.core.traffic import Moment, VehicleState

STANDING = 0.3  # m/s
STOOD = 1.0  # s of standing that make a stop
CLOSE = 4.0  # m before the line that still are "at the line"
APPROACH = 80.0  # m of the approach that are looked at


@dataclass(frozen=True, slots=True)
class Record:
    """One true event. Times: s since the video's start; (x, y): where it began [m].

    seen_start, seen_end: while its middle was inside the picture; None: never.
    """

    kind: str
    vehicle: str
    road_user: str
    model: str
    start: float
    end: float
    x: float
    y: float
    seen_start: float | None = None
    seen_end: float | None = None


@dataclass(frozen=True, slots=True)
class Lamp:
    """The judged signal shows ``aspect`` from ``start`` on (s since the video's start)."""

    signal: str
    aspect: str
    start: float


@dataclass(slots=True)
class _Memory:
    last: VehicleState
    crossed: float | None = None
    crossed_in: str = ""
    stood_since: float | None = None
    open: dict[str, Record] = field(default_factory=dict)


class TruthRecorder:
    """Watches moments in order; ``finish`` gives violations, near misses and the lamp history.

    Forgets a vehicle in the moment in which it leaves the street.
    """

    def __init__(self, judged: Judged, signal: str, projection: Projection) -> None:
        self._street = judged
        self._projection = projection
        self._signal = signal
        self._vehicles: dict[str, _Memory] = {}
        self._violations: list[Record] = []
        self._lawful: list[Record] = []
        self._lamps: list[Lamp] = []

    def observe(self, moment: Moment) -> None:
        if not self._lamps or self._lamps[-1].aspect != moment.aspect:
            self._lamps.append(Lamp(self._signal, moment.aspect, moment.time))
        present = set()
        for vehicle in moment.vehicles:
            present.add(vehicle.id)
            memory = self._vehicles.setdefault(vehicle.id, _Memory(vehicle))
            self._watch(vehicle, memory, moment)
            memory.last = vehicle
        for name in [n for n in self._vehicles if n not in present]:
            self._leave(self._vehicles.pop(name))

    def finish(self) -> tuple[list[Record], list[Record], list[Lamp]]:
        for memory in self._vehicles.values():
            self._leave(memory)
        self._vehicles.clear()

        def order(record: Record) -> tuple[float, str, str]:
            return record.start, record.kind, record.vehicle

        return sorted(self._violations, key=order), sorted(self._lawful, key=order), self._lamps

    def _watch(self, vehicle: VehicleState, memory: _Memory, moment: Moment) -> None:
        low, high = self._street.carriageway
        if not low <= vehicle.y <= high or abs(vehicle.x) > APPROACH:
            return
        against = 90.0 < vehicle.heading % 360.0 < 270.0
        if against:
            if vehicle.speed > STANDING:
                self._note(memory, "wrong_way", vehicle, moment.time)
            return
        line, (begin, _) = self._street.stop_line, self._street.junction
        front = vehicle.x + vehicle.length / 2
        before = memory.last.x + memory.last.length / 2
        if before < line <= front:
            memory.crossed, memory.crossed_in = moment.time, moment.aspect
            if moment.aspect == "green":
                self._note(memory, "passed_line_on_green", vehicle, moment.time)
        self._standing(vehicle, memory, moment, front)
        red = memory.crossed_in == "red" and moment.aspect == "red"
        if red and before < begin <= front:
            self._note(memory, "red_light", vehicle, memory.crossed or moment.time)

    def _standing(
        self, vehicle: VehicleState, memory: _Memory, moment: Moment, front: float
    ) -> None:
        if vehicle.speed > STANDING:
            memory.stood_since = None
            return
        if memory.stood_since is None:
            memory.stood_since = moment.time
        if moment.time - memory.stood_since < STOOD:
            return
        line, (begin, _) = self._street.stop_line, self._street.junction
        if line - CLOSE <= front < line and moment.aspect == "red":
            self._note(memory, "stopped_before_line", vehicle, memory.stood_since, moment.time)
        elif line <= front < begin and memory.crossed is not None:
            kind = "stop_line" if memory.crossed_in == "red" else "stood_past_line_from_green"
            self._note(memory, kind, vehicle, memory.crossed, moment.time)

    def _note(
        self,
        memory: _Memory,
        kind: str,
        vehicle: VehicleState,
        start: float,
        end: float | None = None,
    ) -> None:
        old = memory.open.get(kind)
        until = start if end is None else end
        seen = until if self._seen(vehicle) else None
        memory.open[kind] = Record(
            kind,
            vehicle.id,
            vehicle.kind,
            vehicle.model,
            old.start if old else start,
            until,
            old.x if old else vehicle.x,
            old.y if old else vehicle.y,
            old.seen_start if old and old.seen_start is not None else seen,
            seen if seen is not None or not old else old.seen_end,
        )

    def _seen(self, vehicle: VehicleState) -> bool:
        at = self._projection.fraction(vehicle.x, vehicle.y, 0.5)
        return at is not None and 0.0 <= at[0] <= 1.0 and 0.0 <= at[1] <= 1.0

    def _leave(self, memory: _Memory) -> None:
        for kind, record in memory.open.items():
            unlawful = kind in ("wrong_way", "stop_line", "red_light")
            (self._violations if unlawful else self._lawful).append(record)
