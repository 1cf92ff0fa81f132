"""A corridor's traffic by SUMO inside this process (libsumo); one simulation at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from bconnect_sim.adapters.sumo_seat import Seat
from bconnect_sim.core.ambulance import HEARD, Ambulance, Other, aside
from bconnect_sim.core.at_light import MakeWay
from bconnect_sim.core.errands import Errands
from bconnect_sim.core.fleet import DYNAMICS, MODELS
from bconnect_sim.core.lights import Aspect, aspect
from bconnect_sim.core.motion import Body
from bconnect_sim.core.network import Network, Stretch
from bconnect_sim.core.people import Person, Town, active
from bconnect_sim.core.script import Scenario
from bconnect_sim.core.traffic import SimError
from bconnect_sim.core.wheel import Manoeuvre
from bconnect_sim.core.world import Corridor, Moment

LETTER = {"red": "r", "amber": "y", "green": "G"}
LONGEST = 0.1  # s, of SUMO's step
KEEPS_LANE = 0  # SUMO's lane change mode
ROOM = 9.0  # m between two who stand at the kerb: to draw in and out
CROSSING = 35.0  # m before the junction at which somebody is about to cross


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
        self._busy: dict[str, tuple[Seat, list[Manoeuvre]]] = {}
        self._kerbs: dict[str, tuple[str, float, float]] = {}  # vehicle: edge, rear, front
        self._ambulances: dict[str, Ambulance] = {}
        self._aside: set[str] = set()  # who makes way
        self._rolled: dict[str, float] = {}  # lane: the red in which its first made way
        self._errands = Errands(scenario, corridor, self._network, self._passes)
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
                self._steer(time, speeds)
                self._make_way(time, speeds)
                if number >= 0 and number % self._parts == 0:
                    yield self._moment(time, speeds)
        except (sumo.TraCIException, sumo.FatalTraCIError) as error:
            raise SimError(f"SUMO stopped the scenario: {_line(error)}") from None
        finally:
            self._bodies.clear()
            self._busy.clear()
            self._kerbs.clear()
            self._ambulances.clear()
            self._aspects.clear()
            sumo.close()

    def _moment(self, time: float, speeds: dict[str, float]) -> Moment:
        seen = [self._bodies[name].state(speed) for name, speed in speeds.items()]
        seen += [a.body.state(a.speed, emergency=True) for a in self._ambulances.values()]
        aspects = {name: shown.word for name, shown in self._aspects.items()}
        return Moment(round(time, 4), tuple(seen), aspects)

    def _start(self) -> None:
        sumo = self._sumo
        command = [
            "sumo", "-n", str(self._path), "--step-length", f"{self._step:.6f}",
            "--seed", str(self._seed), "--no-step-log", "--no-warnings", "--collision.action",
            "none", "--time-to-teleport", "-1", "--xml-validation", "never",
            "--ignore-junction-blocker", "6",
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
        for lane in self._network.lanes:  # nobody changes lane inside a junction
            if lane.startswith(":"):
                for side in (1, -1):
                    sumo.lane.setChangePermissions(lane, ["custom2"], side)
        self._limits()
        self._links = {
            light: [(link[0][0].rpartition("_")[0], link[0][2]) for link in
                    sumo.trafficlight.getControlledLinks(light)]
            for light in sorted({head.light for head in self._corridor.signals})
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
            state = "".join(letters.get(edge, "G") for edge, _ in edges)
            self._sumo.trafficlight.setRedYellowGreenState(light, state)

    def _enter(self, who: Person) -> None:
        sumo = self._sumo
        if any(e.act == "ambulance" for e in who.errands):
            edges = self._corridor.routes[who.route]
            self._ambulances[who.id] = Ambulance(who, self._network, edges)
            return
        vehicle = sumo.vehicle
        lane = "0" if who.stands else "best" if who.lane < 0 else str(who.lane)
        vehicle.add(who.id, who.route, who.model, departLane=lane, departSpeed="max")
        vehicle.setSpeedFactor(who.id, who.factor)
        if who.top > 0:
            vehicle.setMaxSpeed(who.id, who.top)
        if who.stands:
            vehicle.setLaneChangeMode(who.id, KEEPS_LANE)
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
            body = bodies.get(name)
            if not lane:  # not yet on the street, or parked
                if body is None:
                    continue
                lane = body.lane
            if body is None:
                heading = 90.0 - seen[turn]
                person = waiting.pop(name)
                body = bodies[name] = Body(person, x, y, heading, lane)
                if manoeuvres := self._errands.of(person):
                    self._busy[name] = (self._seat(body), manoeuvres)
            else:
                if body.rail:
                    x, y = self._network.lanes[lane].point(sumo.vehicle.getLanePosition(name))
                body.lead(x, y, lane, speed, self._step)
            speeds[name] = speed
        for name in [n for n in bodies if n not in speeds]:
            del bodies[name]
            self._busy.pop(name, None)
            self._kerbs.pop(name, None)
        return speeds

    def _steer(self, time: float, speeds: dict[str, float]) -> None:
        """Those who are up to something act."""
        for name in [n for n in self._busy if n in speeds]:
            seat, manoeuvres = self._busy[name]
            seat.look(time, speeds[name])
            for manoeuvre in list(manoeuvres):
                if seat.holder is not None and seat.holder is not manoeuvre:
                    continue
                over = not manoeuvre.step(seat)
                seat.holder = manoeuvre if seat.held else None
                if over:
                    manoeuvres.remove(manoeuvre)
            if not manoeuvres:
                del self._busy[name]

    def _make_way(self, time: float, speeds: dict[str, float]) -> None:
        """Ambulances drive on; the others move aside, the first at a red light over the line."""
        near: set[str] = set()
        for name, ambulance in list(self._ambulances.items()):
            others = []
            for other, speed in speeds.items():
                body = self._bodies[other]
                x, y = body.middle()
                model = MODELS[body.person.model]
                ahead, left = ambulance.relative(x, y)
                if -20.0 < ahead < HEARD and abs(left) < 7.0:
                    others.append(Other(x, y, model.length / 2, model.width / 2, speed))
                    if ahead > -8.0 and body.lane[:1] != ":" and not body.halted:
                        near.add(other)
                        body.offset = aside(body.lane)
            ambulance.step(self._step, others, self._gate(time, ambulance))
            if ambulance.over:
                del self._ambulances[name]
        for name in self._aside - near:
            if name in self._bodies:
                self._bodies[name].offset = self._bodies[name].person.shift
        self._aside = near

    def _gate(self, time: float, ambulance: Ambulance) -> float | None:
        """m to a red light behind which somebody crosses; lets those in front make way."""
        for head in self._corridor.signals:
            shown = self._aspects[head.name]
            for edge in head.approaches:
                lane = self._network.lanes[f"{edge}_0"]
                ahead, left = ambulance.relative(*lane.point(lane.length))
                if not -12.0 < ahead < HEARD or abs(left) > 4.0 or shown.word != "red":
                    continue
                if ahead < 45.0 and time - shown.since > 2.5 and shown.until - time > 6.0:
                    self._roll_over(head.name, edge)
                if ahead > -3.0 and self.crossing(head.name):
                    return ahead + 6.0
        return None

    def _roll_over(self, signal: str, edge: str) -> None:
        length = self._network.length(edge)
        first: dict[str, tuple[float, str]] = {}
        for name in self._sumo.edge.getLastStepVehicleIDs(edge):
            at = self._sumo.vehicle.getLanePosition(name)
            lane = self._sumo.vehicle.getLaneID(name)
            first[lane] = max(first.get(lane, (0.0, "")), (at, name))
        for lane, (at, name) in first.items():
            key, since = f"{signal}/{lane}", self._aspects[signal].since
            fits = length - at < 5.0 and name not in self._busy and name in self._bodies
            if fits and self._rolled.get(key) != since:
                self._rolled[key] = since
                body = self._bodies[name]
                past = 3.6 + 2.0 * body.person.paint
                stretch = Stretch(edge, length, length)
                self._busy[name] = (self._seat(body), [MakeWay(signal, stretch, past, 1.0)])

    def _seat(self, body: Body) -> Seat:
        return Seat(self, self._sumo, body, self._step)

    def shown(self, signal: str) -> Aspect:
        """What a signal shows."""
        return self._aspects[signal]

    def crossing(self, signal: str) -> bool:
        """Whether somebody crosses the junction behind a signal, or is about to."""
        head = next(s for s in self._corridor.signals if s.name == signal)
        vehicle = self._sumo.vehicle
        for edge, inside in self._links[head.light]:
            other = next(s for s in self._corridor.signals if edge in s.approaches)
            if other.phase % 4 == head.phase % 4:
                continue
            if self._sumo.lane.getLastStepVehicleNumber(inside):
                return True
            if self._aspects[other.name].word == "red":
                continue
            length = self._network.length(edge)
            for name in self._sumo.edge.getLastStepVehicleIDs(edge):
                if vehicle.getLanePosition(name) > length - CROSSING:
                    return True
        return False

    def room(self, name: str, edge: str, length: float, low: float, high: float) -> float | None:
        """Reserves a place at the kerb; the front's position, None: there is no room."""
        taken = [k for k in self._kerbs.values() if k[0] == edge]
        fits = []
        front = low
        while front <= high + 1e-6:
            if all(front - length > f + ROOM or front < r - ROOM for _, r, f in taken):
                fits.append(front)
            front += 0.5
        if not fits:
            return None
        paint = self._bodies[name].person.paint
        front = fits[min(int(paint * len(fits)), len(fits) - 1)]
        self._kerbs[name] = (edge, front - length, front)
        return front

    def let_in(self, name: str) -> None:
        """The nearest behind in the kerb lane who can slow down smoothly does so."""
        edge, _, front = self._kerbs[name]
        route = self._corridor.routes[self._bodies[name].person.route]
        before = route[max(0, route.index(edge) - 1)]
        best: tuple[float, str, float] | None = None
        for lane, back in ((edge, 0.0), (before, self._network.length(before))):
            for other in self._sumo.lane.getLastStepVehicleIDs(f"{lane}_0"):
                gap = front - self._sumo.vehicle.getLanePosition(other) + back
                speed = self._sumo.vehicle.getSpeed(other)
                fits = gap > 8.0 + speed * speed / 4.0 and other not in self._busy
                if fits and (best is None or gap < best[0]):
                    best = gap, other, speed
        if best is not None and best[0] < 70.0:
            self._sumo.vehicle.slowDown(best[1], max(1.5, best[2] - 1.0), 1.0)

    def free(self, name: str) -> None:
        """Gives a place at the kerb back."""
        self._kerbs.pop(name, None)


def _read(path: Path, corridor: Corridor) -> Network:
    """libsumo ends the whole process over a file that is no network: look first."""
    try:
        network = Network(path.read_text())
        edges = {e for route in corridor.routes.values() for e in route}
        edges |= {e for signal in corridor.signals for e in signal.approaches}
        if missing := edges - network.edges:
            raise ValueError(f"it holds no edge {min(missing)}")
        for name, route in corridor.routes.items():
            for one, next_one in pairwise(route):
                if (one, next_one) not in network.links:
                    raise ValueError(f"route {name}: no way leads from {one} to {next_one}")
        if dark := {s.light for s in corridor.signals} - network.lights:
            raise ValueError(f"it holds no traffic light {min(dark)}")
    except OSError as error:
        raise SimError(f"SUMO refuses {path.name}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SimError(f"SUMO refuses {path.name}: {error}") from None
    return network


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
