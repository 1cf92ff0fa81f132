"""Traffic by SUMO inside this process (libsumo). One simulation at a time per process."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

from bconnect_sim.core.demand import Departure, departures, dress
from bconnect_sim.core.scenario import Actor, Scenario
from bconnect_sim.core.signal_plan import cross_aspect, main_aspect
from bconnect_sim.core.street import Street
from bconnect_sim.core.traffic import MODELS, Moment, SimError, VehicleState

LETTER = {"red": "r", "amber": "y", "green": "G"}
DYNAMICS = {  # acceleration, deceleration [m/s2], top speed [m/s], gap when standing [m]
    "motorcycle": (3.0, 4.5, 13.0, 1.0),
    "car": (2.4, 4.5, 13.0, 1.5),
    "minibus": (2.0, 4.0, 12.0, 1.5),
    "bus": (1.2, 4.0, 11.0, 2.0),
    "truck": (1.2, 4.0, 11.0, 2.0),
}
STEPS = 2  # of SUMO per frame
HELD_UP = 25.0  # s after its departure during which wait_past_line ignores a green light
# A wrong-way actor appears AWAY metres beyond the junction and hurries to NEAR [m/s].
AWAY, NEAR, HURRY = 60.0, 12.0, 9.0


class SumoTraffic:
    """The moments of one scenario. Equal scenario and seed give equal moments.

    Raises SimError when libsumo is missing or refuses the network.
    """

    def __init__(self, scenario: Scenario, street: Street, folder: Path, seed: int) -> None:
        self._scenario, self._street, self._seed = scenario, street, seed
        self._network = folder / street.network
        self._step = 1.0 / scenario.picture.rate / STEPS
        self._people: dict[str, Departure] = {}
        self._ghosts: dict[str, tuple[float, float]] = {}  # wrong-way actors: x of middle, speed
        try:
            import libsumo
        except ImportError as error:
            raise SimError(
                f"traffic needs the package libsumo, which cannot be loaded ({error}); "
                "install requirements/sim.txt"
            ) from None
        self._sumo: Any = libsumo

    def moments(self) -> Iterator[Moment]:
        scenario, sumo = self._scenario, self._sumo
        self._start()
        try:
            queue = departures(scenario, self._seed)
            actors = sorted(scenario.actors, key=lambda a: a.at)
            first = -round(scenario.warm_up / self._step)
            last = round(scenario.duration / self._step)
            for number in range(first, last):
                time = number * self._step
                self._lights(time)
                while queue and queue[0].time <= time:
                    self._enter(queue.pop(0))
                for actor in actors:
                    self._act(actor, time)
                sumo.simulationStep()
                if number >= 0 and number % STEPS == 0:
                    yield self._moment(time)
        except (sumo.TraCIException, sumo.FatalTraCIError) as error:
            raise SimError(f"SUMO stopped the scenario: {_line(error)}") from None
        finally:
            sumo.close()

    def _start(self) -> None:
        sumo = self._sumo
        self._check_network()
        command = [
            "sumo", "-n", str(self._network), "--step-length", f"{self._step:.4f}",
            "--seed", str(self._seed), "--no-step-log", "--no-warnings", "--collision.action",
            "none", "--time-to-teleport", "-1", "--xml-validation", "never",
        ]  # fmt: skip
        try:
            sumo.start(command)
        except (sumo.TraCIException, sumo.FatalTraCIError, RuntimeError) as error:
            raise SimError(f"SUMO refuses {self._network.name}: {_line(error)}") from None
        for name, edges in self._street.routes.items():
            sumo.route.add(name, list(edges))
        for model, (kind, length) in MODELS.items():
            sumo.vehicletype.copy("DEFAULT_VEHTYPE", model)
            accel, decel, top, gap = DYNAMICS[kind]
            sumo.vehicletype.setLength(model, length)
            sumo.vehicletype.setAccel(model, accel)
            sumo.vehicletype.setDecel(model, decel)
            sumo.vehicletype.setMaxSpeed(model, top)
            sumo.vehicletype.setMinGap(model, gap)
            sumo.vehicletype.setImperfection(model, 0.2)

    def _check_network(self) -> None:
        """libsumo ends the whole process over a file that is no network: look first."""
        name = self._network.name
        try:
            root = ElementTree.parse(self._network).getroot()
        except OSError as error:
            raise SimError(f"SUMO refuses {name}: cannot be read: {error.strerror}") from None
        except ElementTree.ParseError as error:
            raise SimError(f"SUMO refuses {name}: is not XML: {error}") from None
        edges = {edge.get("id") for edge in root.iter("edge")}
        missing = {e for route in self._street.routes.values() for e in route} - edges
        if root.tag != "net" or missing:
            raise SimError(f"SUMO refuses {name}: it holds no edge {min(missing, default='')}")
        if self._street.traffic_light not in {t.get("id") for t in root.iter("tlLogic")}:
            raise SimError(
                f"SUMO refuses {name}: it holds no traffic light {self._street.traffic_light}"
            )

    def _lights(self, time: float) -> None:
        program = self._scenario.signal
        aspects = {"main": main_aspect(program, time), "cross": cross_aspect(program, time)}
        light = self._street.traffic_light
        links = self._sumo.trafficlight.getControlledLinks(light)
        state = ""
        for link in links:
            edge = link[0][0].rsplit("_", 1)[0]
            state += LETTER[aspects[self._street.approaches[edge]]]
        self._sumo.trafficlight.setRedYellowGreenState(light, state)

    def _enter(self, who: Departure, lane: str = "best", speed: str = "max") -> None:
        vehicle = self._sumo.vehicle
        vehicle.add(who.id, who.route, who.model, departLane=lane, departSpeed=speed)
        # no lane changes in front of the camera: 0 = only what this program asks
        vehicle.setLaneChangeMode(who.id, 0)
        self._people[who.id] = who

    def _act(self, actor: Actor, time: float) -> None:
        if actor.act == "wrong_way":
            self._wrong_way(actor, time)
        elif time >= actor.at and actor.name not in self._people:
            who = self._dressed(actor)
            self._enter(who, lane=str(actor.lane))
            self._sumo.vehicle.setMaxSpeed(who.id, actor.speed)
        elif actor.act.endswith("_past_line") and actor.name in self._present():
            self._halt_past_line(actor, time)

    def _dressed(self, actor: Actor) -> Departure:
        kind = MODELS[actor.model][0]
        drawn = dress(actor.name, actor.at, self._street.judged.route, kind,
                      Random(f"{self._seed}/{actor.name}"))  # fmt: skip
        return Departure(actor.name, actor.at, drawn.route, actor.model, drawn.paint,
                         actor.shift, drawn.riders, drawn.helmets)  # fmt: skip

    def _present(self) -> tuple[str, ...]:
        return self._sumo.vehicle.getIDList()

    def _halt_past_line(self, actor: Actor, time: float) -> None:
        """Rolls over the line and halts with its front ``halt`` metres past it: in red, and in
        red only (stop_past_line), or from any light and until the next green (wait_past_line)."""
        vehicle = self._sumo.vehicle
        ahead = self._street.judged.stop_line + actor.halt - vehicle.getPosition(actor.name)[0]
        red = main_aspect(self._scenario.signal, time) == "red"
        holds = red or (actor.act == "wait_past_line" and time < actor.at + HELD_UP)
        if not holds or ahead > 40.0 or ahead < -0.5:
            vehicle.setSpeedMode(actor.name, 31)
            vehicle.setSpeed(actor.name, -1.0)
            return
        vehicle.setSpeedMode(actor.name, 0)
        brake = 2.0  # m/s2
        vehicle.setSpeed(actor.name, min(actor.speed, math.sqrt(2 * brake * max(0.0, ahead - 0.1))))

    def _wrong_way(self, actor: Actor, time: float) -> None:
        """Drives towards -x in the judged approach; not SUMO's to move, so placed by hand."""
        near = self._street.judged.junction[1] + NEAR
        hurry = (AWAY - NEAR) / HURRY  # s until it is near and takes its own speed
        past = time - actor.at
        speed = HURRY if past < hurry else actor.speed
        x = near + (hurry - past) * speed
        if time < actor.at or x < -AWAY * 2:
            self._ghosts.pop(actor.name, None)
            return
        if actor.name not in self._people:
            self._people[actor.name] = self._dressed(actor)
        self._ghosts[actor.name] = (x, speed)

    def _moment(self, time: float) -> Moment:
        vehicle = self._sumo.vehicle
        found = []
        present = self._present()
        for name in present:
            x, y = vehicle.getPosition(name)
            heading = (90.0 - vehicle.getAngle(name)) % 360.0
            found.append(self._state(name, x, y, heading, vehicle.getSpeed(name), front=True))
        lanes = self._street.judged.lanes
        for actor in self._scenario.actors:
            if actor.name in self._ghosts:
                y = lanes[min(actor.lane, len(lanes) - 1)]
                x, speed = self._ghosts[actor.name]
                found.append(self._state(actor.name, x, y, 180.0, speed, front=False))
        gone = self._people.keys() - {*present, *self._ghosts, *self._waiting(time)}
        for name in gone:
            del self._people[name]
        return Moment(round(time, 4), tuple(found), main_aspect(self._scenario.signal, time))

    def _waiting(self, time: float) -> set[str]:
        """Road users not yet on the street, and actors, who enter once only."""
        return {*self._sumo.simulation.getPendingVehicles(),
                *(a.name for a in self._scenario.actors)}  # fmt: skip

    def _state(
        self, name: str, x: float, y: float, heading: float, speed: float, *, front: bool
    ) -> VehicleState:
        who = self._people[name]
        kind, length = MODELS[who.model]
        turn = math.radians(heading)
        back = length / 2 if front else 0.0
        # three decimals: the picture needs no more, and sums stay equal between machines
        return VehicleState(
            name, kind, who.model,
            round(x - back * math.cos(turn) - who.shift * math.sin(turn), 3),
            round(y - back * math.sin(turn) + who.shift * math.cos(turn), 3),
            round(heading, 2), round(speed, 3), length, who.paint, who.riders, who.helmets,
        )  # fmt: skip


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
