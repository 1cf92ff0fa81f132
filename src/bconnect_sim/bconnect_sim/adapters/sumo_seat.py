"""A driver's seat in one of SUMO's vehicles: what core/wheel.py asks for, in libsumo's words."""

from __future__ import annotations

from typing import Any, Protocol

from bconnect_sim.core.fleet import DYNAMICS, MODELS
from bconnect_sim.core.lights import Aspect
from bconnect_sim.core.motion import Body
from bconnect_sim.core.wheel import Manoeuvre

AS_EVER, NO_LIGHTS, BLIND = 31, 7, 0  # SUMO's speed modes
CHANGES, ON_DEMAND = 1621, 512  # and lane change modes
PARKING = 1


class Street(Protocol):
    """What a seat asks of the world around it."""

    def shown(self, signal: str) -> Aspect: ...
    def crossing(self, signal: str) -> bool: ...
    def room(
        self, name: str, edge: str, length: float, low: float, high: float
    ) -> float | None: ...
    def free(self, name: str) -> None: ...
    def let_in(self, name: str) -> None: ...


class Seat:
    """A driver's seat in one SUMO vehicle (see ``Wheel``)."""

    def __init__(self, street: Street, sumo: Any, body: Body, step: float) -> None:
        self._world, self._body, self.step = street, body, step
        self._name = body.person.id
        self._do: Any = sumo.vehicle
        self._stop = ""
        self._length = MODELS[body.person.model].length
        self._gap = DYNAMICS[MODELS[body.person.model].kind].gap
        self.time, self.speed, self.position = 0.0, 0.0, 0.0
        self.edge, self.lane = "", 0
        self.held = False  # speed or lights are not SUMO's to decide
        self.holder: Manoeuvre | None = None

    def look(self, time: float, speed: float) -> None:
        """Takes in where the vehicle is."""
        self.time, self.speed = time, speed
        self.edge, _, lane = self._body.lane.rpartition("_")
        self.lane = int(lane)
        self.position = self._do.getLanePosition(self._name)

    def ahead(self, reach: float) -> tuple[float, float] | None:
        found = self._do.getLeader(self._name, reach)
        if not found or not found[0] or found[1] + self._gap > reach:
            return None
        return found[1] + self._gap, self._do.getSpeed(found[0])

    def aspect(self, signal: str) -> Aspect:
        return self._world.shown(signal)

    def clear(self, signal: str) -> bool:
        return not self._world.crossing(signal)

    def drive(self, speed: float, blind: bool = False) -> None:
        self.held = True
        self._do.setSpeedMode(self._name, BLIND if blind else NO_LIGHTS)
        self._do.setSpeed(self._name, max(0.0, speed))

    def ignore_lights(self) -> None:
        self.held = True
        self._do.setSpeedMode(self._name, NO_LIGHTS)
        self._do.setSpeed(self._name, -1.0)

    def release(self) -> None:
        self.held = False
        self._do.setSpeedMode(self._name, AS_EVER)
        self._do.setSpeed(self._name, -1.0)

    def strive(self, factor: float) -> None:
        self._do.setSpeedFactor(self._name, factor)

    def book(self, edge: str, low: float, high: float) -> float | None:
        return self._world.room(self._name, edge, self._length, low, high)

    def stand(self, edge: str, position: float, seconds: float) -> None:
        self._do.setStop(self._name, edge, position, 0, seconds, PARKING)
        self._stop = edge

    def stands(self) -> bool:
        self._body.rail = self.edge == self._stop
        self._body.halted = bool(self._do.isStopped(self._name))
        return self._body.halted

    def ask_in(self) -> None:
        self._world.let_in(self._name)

    def leave(self) -> None:
        self._body.rail = False
        self._world.free(self._name)
        self._do.setLaneChangeMode(self._name, CHANGES)

    def steer(self, offset: float | None) -> None:
        self._body.offset = self._body.person.shift if offset is None else offset

    def change_lane(self, lane: int) -> None:
        self._do.setVehicleClass(self._name, "custom1")
        self._do.setLaneChangeMode(self._name, ON_DEMAND)
        self._do.changeLane(self._name, lane, 2.0)
