"""A corridor's traffic by SUMO inside this process (libsumo); one simulation at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bconnect_sim.core.fleet import DYNAMICS, MODELS
from bconnect_sim.core.lights import Aspect, aspect
from bconnect_sim.core.motion import Body
from bconnect_sim.core.network import Network
from bconnect_sim.core.people import Person, Town, active
from bconnect_sim.core.script import Scenario
from bconnect_sim.core.traffic import SimError
from bconnect_sim.core.world import Corridor, Moment

LETTER = {"red": "r", "amber": "y", "green": "G"}
LONGEST = 0.1  # s, of SUMO's step


class SumoWorld:
    """The moments of one scenario. Equal scenario and seed give equal moments.

    Raises SimError when libsumo is missing or SUMO refuses the street.
    """

    def __init__(self, scenario: Scenario, corridor: Corridor, folder: Path, seed: int) -> None:
        self._scenario, self._corridor, self._seed = scenario, corridor, seed
        self._path = folder / corridor.network
        self._network = _read(self._path, corridor)
        approaches = {s.name: s.approaches for s in corridor.signals}
        self._passes = self._network.passes(corridor.places, corridor.routes, approaches)
        self._parts = 1  # SUMO's steps per image
        while 1.0 / scenario.picture.rate / self._parts > LONGEST + 1e-9:
            self._parts += 1
        self._step = 1.0 / scenario.picture.rate / self._parts
        self._bodies: dict[str, Body] = {}
        self._aspects: dict[str, Aspect] = {}
        try:
            import libsumo
        except ImportError as error:
            raise SimError(
                f"traffic needs the package libsumo, which cannot be loaded ({error}); "
                "install requirements/sim.txt"
            ) from None
        self._sumo: Any = libsumo

    def moments(self) -> Iterator[Moment]:
        """One per image, from t = 0 on."""
        sumo, scenario = self._sumo, self._scenario
        self._start()
        try:
            queue = Town(scenario, self._corridor, self._passes, self._seed).people()[::-1]
            waiting: dict[str, Person] = {}
            first = -round(scenario.warm_up / self._step)
            last = round(scenario.duration / self._step)
            for number in range(first, last):
                time = round(number * self._step, 6)
                self._lights(time)
                while queue and queue[-1].time <= time:
                    self._enter(person := queue.pop())
                    waiting[person.id] = person
                sumo.simulationStep()
                speeds = self._move(waiting)
                if number >= 0 and number % self._parts == 0:
                    yield Moment(
                        round(time, 4),
                        tuple(self._bodies[name].state(v) for name, v in speeds.items()),
                        {name: a.word for name, a in self._aspects.items()},
                    )
        except (sumo.TraCIException, sumo.FatalTraCIError) as error:
            raise SimError(f"SUMO stopped the scenario: {_line(error)}") from None
        finally:
            self._bodies.clear()
            sumo.close()

    def _start(self) -> None:
        sumo = self._sumo
        command = [
            "sumo", "-n", str(self._path), "--step-length", f"{self._step:.6f}",
            "--seed", str(self._seed), "--no-step-log", "--no-warnings", "--collision.action",
            "none", "--time-to-teleport", "-1", "--xml-validation", "never",
        ]  # fmt: skip
        try:
            sumo.start(command)
        except (sumo.TraCIException, sumo.FatalTraCIError, RuntimeError) as error:
            raise SimError(f"SUMO refuses {self._path.name}: {_line(error)}") from None
        for name, edges in self._corridor.routes.items():
            sumo.route.add(name, list(edges))
        kind = sumo.vehicletype
        for name, model in MODELS.items():
            how = DYNAMICS[model.kind]
            kind.copy("DEFAULT_VEHTYPE", name)
            kind.setLength(name, model.length)
            kind.setWidth(name, model.width)
            kind.setAccel(name, how.accel)
            kind.setDecel(name, how.decel)
            kind.setMaxSpeed(name, how.top)
            kind.setMinGap(name, how.gap)
            kind.setTau(name, how.headway)
            kind.setImperfection(name, 0.15)
            kind.setSpeedDeviation(name, 0.0)
        self._limits()
        self._links = {
            head.light: [link[0][0].rsplit("_", 1)[0] for link in
                         sumo.trafficlight.getControlledLinks(head.light)]
            for head in self._corridor.signals
        }  # fmt: skip

    def _limits(self) -> None:
        """Drivers obey the speed places that hold at the scenario's start."""
        for place in self._corridor.places:
            if place.kind != "speed" or not active(place, self._scenario, 0.0):
                continue
            for found in self._passes.values():
                if place.name in found:
                    edge = found[place.name].edge
                    lanes = self._sumo.edge.getLaneNumber(edge)
                    for lane in range(lanes):
                        self._sumo.lane.setMaxSpeed(f"{edge}_{lane}", place.limit)

    def _lights(self, time: float) -> None:
        for head in self._corridor.signals:
            shown = self._aspects.get(head.name)
            if shown is None or time >= shown.until - 1e-6:
                program = self._scenario.program(head.light)
                self._aspects[head.name] = aspect(program, head.phase, time)
        letters = {
            edge: LETTER[self._aspects[head.name].word]
            for head in self._corridor.signals
            for edge in head.approaches
        }
        for light, edges in self._links.items():
            state = "".join(letters.get(edge, "G") for edge in edges)
            self._sumo.trafficlight.setRedYellowGreenState(light, state)

    def _enter(self, who: Person) -> None:
        sumo = self._sumo
        vehicle = sumo.vehicle
        lane = "best" if who.lane < 0 else str(who.lane)
        vehicle.add(who.id, who.route, who.model, departLane=lane, departSpeed="max")
        vehicle.setSpeedFactor(who.id, who.factor)
        if who.top > 0:
            vehicle.setMaxSpeed(who.id, who.top)
        vehicle.subscribe(
            who.id, (sumo.VAR_POSITION, sumo.VAR_SPEED, sumo.VAR_LANE_ID, sumo.VAR_ANGLE)
        )

    def _move(self, waiting: dict[str, Person]) -> dict[str, float]:
        """Leads every body on; speeds by id, in SUMO's order."""
        sumo, bodies = self._sumo, self._bodies
        at, fast, where, turn = (
            sumo.VAR_POSITION, sumo.VAR_SPEED, sumo.VAR_LANE_ID, sumo.VAR_ANGLE,
        )  # fmt: skip
        speeds = {}
        for name, seen in sumo.vehicle.getAllSubscriptionResults().items():
            (x, y), speed, lane = seen[at], seen[fast], seen[where]
            if not lane:
                continue
            body = bodies.get(name)
            if body is None:
                heading = 90.0 - seen[turn]
                bodies[name] = Body(waiting.pop(name), x, y, heading, lane)
            else:
                body.lead(x, y, lane, speed, self._step)
            speeds[name] = speed
        for name in [n for n in bodies if n not in speeds]:
            del bodies[name]
        return speeds


def _read(path: Path, corridor: Corridor) -> Network:
    """libsumo ends the whole process over a file that is no network: look first."""
    try:
        network = Network(path.read_text())
        edges = {e for route in corridor.routes.values() for e in route}
        edges |= {e for signal in corridor.signals for e in signal.approaches}
        if missing := edges - network.edges:
            raise ValueError(f"it holds no edge {min(missing)}")
        if dark := {s.light for s in corridor.signals} - network.lights:
            raise ValueError(f"it holds no traffic light {min(dark)}")
    except OSError as error:
        raise SimError(f"SUMO refuses {path.name}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SimError(f"SUMO refuses {path.name}: {error}") from None
    return network


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
