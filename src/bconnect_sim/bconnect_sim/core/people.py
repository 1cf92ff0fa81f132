"""Who drives when, with what in mind: drawn from a scenario by a seed, and by nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from bconnect_sim.core.fleet import MODELS
from bconnect_sim.core.network import Stretch
from bconnect_sim.core.script import Actor, Flow, Scenario
from bconnect_sim.core.world import Corridor, Place
from bconnect_site.schedule import covers, parse_clock, parse_days

Passes = Mapping[str, Mapping[str, Stretch]]  # route: place: where

SHORT = ("motorcycle", "car", "minibus")
LIGHT = ("motorcycle", "car")
AT_LINE = ("run_red", "stop_past_line", "stand_on_line_at_green", "late_amber")
STANDS = ("park_illegally", "stop_illegally", "short_stop", "park_outside", "park_off_hours")
GROUND = {  # habit: kinds of place it happens at
    **{habit: ("stop_line",) for habit in AT_LINE},
    "park_illegally": ("no_parking",),
    "stop_illegally": ("no_stopping",),
    "short_stop": ("no_stopping", "no_parking"),
    "park_outside": ("no_stopping", "no_parking"),
    "park_off_hours": ("no_stopping", "no_parking"),
    "cross_marking": ("lane_marking",),
}
FITS = {  # habit: kinds of road user
    "run_red": SHORT, "stop_past_line": SHORT, "stand_on_line_at_green": SHORT,
    "late_amber": SHORT, "park_illegally": SHORT, "stop_illegally": SHORT, "short_stop": SHORT,
    "park_outside": SHORT, "park_off_hours": SHORT, "cross_marking": LIGHT, "speed": LIGHT,
    "at_limit": LIGHT, "u_turn": LIGHT, "lawful_u_turn": LIGHT,
}  # fmt: skip
TWO_WHEELS = ("wrong_way", "race", "no_helmet", "triple_riding")


@dataclass(frozen=True, slots=True)
class Errand:
    """What a driver is up to, where, and how much of it.

    amount: s it stands (stops), m past the line (stop_past_line, stand_on_line_at_green), s before
    red (late_amber), s it waits at the line first (run_red), m from the place (park_outside).
    """

    act: str
    place: str = ""
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class Person:
    """A driver entering the street at ``time``. shift: m left of the lane's middle."""

    id: str
    time: float
    route: str
    model: str
    paint: float
    shift: float
    riders: int
    helmets: int
    plate: str
    factor: float  # of the limit, its speed on a free road
    lane: int = -1  # -1: SUMO chooses
    top: float = 0.0  # m/s it strives for; 0: by factor
    errands: tuple[Errand, ...] = ()

    @property
    def stands(self) -> bool:
        """Whether it means to halt at the kerb."""
        return any(e.act in STANDS for e in self.errands)


class Town:
    """Draws all drivers of a scenario. Equal scenario and seed give equal people."""

    def __init__(self, scenario: Scenario, corridor: Corridor, passes: Passes, seed: int) -> None:
        self._scenario, self._corridor, self._passes = scenario, corridor, passes
        self._places = {p.name: p for p in corridor.places}
        self._seed = seed
        self._plates: set[str] = set()

    def people(self) -> list[Person]:
        """Everybody, in order of time."""
        found: list[Person] = []
        for actor in self._scenario.actors:
            found += self._actor(actor, self._dice(f"actor/{actor.name}"))
        for number, flow in enumerate(self._scenario.flows):
            found += self._flow(flow, number, self._dice(f"flow/{number}/{flow.route}"))
        for act, habit in sorted(self._scenario.habits.items()):
            if habit.per_hour > 0:
                found += self._special(act, habit.per_hour, self._dice(f"habit/{act}"))
        return sorted(found, key=lambda p: (p.time, p.id))

    def _dice(self, what: str) -> Random:
        return Random(f"{self._seed}/{what}")  # a text seeds the same in every process

    def _flow(self, flow: Flow, number: int, dice: Random) -> list[Person]:
        time = -self._scenario.warm_up
        found: list[Person] = []
        kinds, shares = zip(*sorted(flow.mix.items()), strict=True)
        count = 0
        while flow.per_hour > 0:
            time += 0.6 + dice.expovariate(1.0 / max(0.1, 3600.0 / flow.per_hour - 0.6))
            if time >= self._scenario.duration:
                break
            kind = dice.choices(kinds, shares)[0]
            name, count = f"{flow.route}{number}_{count}", count + 1
            if not any(low <= time <= high for low, high in flow.pauses):
                found.append(self._tempt(self._dress(name, time, flow.route, kind), kind))
        return found

    def _dress(self, name: str, time: float, route: str, kind: str) -> Person:
        dice = self._dice(f"person/{name}")  # its own: nobody changes because of somebody else
        model = dice.choice(sorted(m for m, made in MODELS.items() if made.kind == kind))
        two_wheels = kind == "motorcycle"
        riders = dice.choices((1, 2), (0.68, 0.32))[0] if two_wheels else 0
        shift = dice.uniform(-0.9, 0.9) if two_wheels else dice.uniform(-0.2, 0.2)
        slow = 0.1 if kind in ("bus", "truck") else 0.0
        return Person(
            name, round(time, 3), route, model, dice.random(), round(shift, 3), riders, riders,
            self._plate(kind, dice), round(dice.uniform(0.80, 0.97) - slow, 4),
        )  # fmt: skip

    def _plate(self, kind: str, dice: Random) -> str:
        low, high = {
            "motorcycle": (2000, 6999), "car": (1, 1999), "minibus": (1, 1999),
            "bus": (7000, 7999), "truck": (8000, 9999),
        }[kind]  # fmt: skip
        letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
        while True:
            area = dice.choices(("KT", "DA", "B", "L"), (0.93, 0.04, 0.02, 0.01))[0]
            first = dice.choice("AKLYZ") if area == "KT" and dice.random() < 0.9 else ""
            suffix = (first or dice.choice(letters)) + dice.choice(letters)
            plate = f"{area} {dice.randint(low, high)} {suffix}"
            if plate not in self._plates:
                self._plates.add(plate)
                return plate

    def _tempt(self, person: Person, kind: str) -> Person:
        """Gives an ordinary driver the habits of which the scenario names shares."""
        rolls = {
            act: self._dice(f"tempt/{act}/{person.id}").random() < habit.share
            for act, habit in sorted(self._scenario.habits.items())
            if habit.share > 0
        }
        dice = self._dice(f"tempted/{person.id}")
        if kind == "motorcycle":
            if rolls.get("triple_riding"):
                person = replace(person, riders=3, helmets=dice.choice((1, 2, 3)))
            elif rolls.get("no_helmet"):
                person = replace(person, helmets=dice.randrange(person.riders))
        plan = ""  # one only, beside what a chance at a stop line tempts to
        for act in (a for a, hit in rolls.items() if hit and kind in FITS.get(a, ())):
            if act in self._corridor.ways:
                continue
            places = self.places(act, person.route, person.time) if act in GROUND else [""]
            if act in AT_LINE:
                for place in places:
                    person = self.set_out(person, act, place, dice)
            elif places and not plan:
                plan = act
                person = self.set_out(person, act, dice.choice(places), dice)
        return person

    def places(self, act: str, route: str, time: float) -> list[str]:
        """Places on a route at which a habit can be had at about ``time``."""
        habit = self._scenario.habits.get(act)
        wanted = habit.places if habit else ()
        found = []
        for name in self._passes[route]:
            place = self._places[name]
            fits = place.kind in GROUND[act] and (not wanted or name in wanted)
            if fits and self._active(place, time) == (act != "park_off_hours"):
                found.append(name)
        return found

    def _active(self, place: Place, time: float) -> bool:
        return active(place, self._scenario, time + 60.0)

    def set_out(
        self, person: Person, act: str, place: str, dice: Random, amount: float = 0.0
    ) -> Person:
        """The person with an errand; ``amount`` 0: drawn."""
        kind = MODELS[person.model].kind
        drawn = self._amount(act, place, kind, person.model, dice)
        errand = Errand(act, place, round(amount or drawn, 3))
        factor = person.factor
        if act == "speed":
            factor = dice.uniform(1.30, 1.60)
        elif act == "race":
            factor = dice.uniform(1.58, 1.72)
        elif act == "at_limit":
            factor = 1.0
        return replace(person, errands=(*person.errands, errand), factor=round(factor, 4))

    def _amount(self, act: str, place: str, kind: str, model: str, dice: Random) -> float:
        dwell = self._places[place].dwell if place else 0.0
        length = MODELS[model].length
        if act in ("park_illegally", "stop_illegally", "park_outside", "park_off_hours"):
            return max(1.35 * dwell + 4.0, dwell * dice.uniform(1.35, 1.9))
        if act == "short_stop":
            # it has to wait for a gap before it can leave: room for that is kept
            return dwell * (dice.uniform(0.6, 0.8) if dwell > 40.0 else dice.uniform(0.3, 0.5))
        if act in ("stop_past_line", "stand_on_line_at_green"):
            return length + dice.uniform(1.8, 2.4 if length > 4.5 else 3.0)
        return {"late_amber": dice.uniform(0.12, 0.28), "run_red": dice.uniform(3.0, 9.0)}.get(
            act, 0
        )

    def _special(self, act: str, per_hour: float, dice: Random) -> list[Person]:
        """Drivers who enter the street for a habit's sake."""
        found: list[Person] = []
        time = -self._scenario.warm_up
        while (time := time + dice.expovariate(per_hour / 3600.0)) < self._scenario.duration:
            found += self._one(f"{act}_{len(found)}", act, time, dice)
        return found

    def _one(self, name: str, act: str, time: float, dice: Random) -> list[Person]:
        route, place = self._way(act, time, dice)
        if not route:
            return []
        kind = self._kind(act, dice)
        person = self._dress(name, time, route, kind)
        if act == "wrong_way":  # narrow ways
            person = replace(person, shift=round(person.shift / 3, 3))
        if act in ("no_helmet", "triple_riding"):
            riders = 3 if act == "triple_riding" else person.riders
            return [replace(person, riders=riders, helmets=dice.randrange(riders))]
        person = self.set_out(person, act, place, dice)
        return self._group(person, dice) if act == "race" else [person]

    def _group(self, first: Person, dice: Random) -> list[Person]:
        size = dice.choice((2, 2, 3))
        found = [replace(first, id=f"{first.id}a", lane=0, shift=0.5)]
        for number in range(1, size):
            kind = MODELS[first.model].kind
            other = self._dress(f"{first.id}{'abc'[number]}", first.time, first.route, kind)
            factor = round(first.factor + dice.uniform(-0.02, 0.02), 4)
            found.append(
                replace(other, errands=first.errands, factor=factor, lane=number % 2, shift=-0.5,
                        time=round(first.time + 0.3 * number, 3))
            )  # fmt: skip
        return found

    def _kind(self, act: str, dice: Random) -> str:
        if act == "ambulance":
            return "minibus"
        if act in TWO_WHEELS:
            return "motorcycle"
        kinds = FITS.get(act, ("motorcycle", "car"))
        return dice.choices(kinds, [{"motorcycle": 5, "car": 4, "minibus": 1}[k] for k in kinds])[0]

    def _way(self, act: str, time: float, dice: Random) -> tuple[str, str]:
        """A route for a habit, and a place on it; empty words: it fits nowhere."""
        if act in self._corridor.ways:
            return dice.choice(self._corridor.ways[act]), ""
        flows = [f.route for f in self._scenario.flows if f.per_hour > 0] or list(self._passes)
        if act not in GROUND:
            return dice.choice(flows), ""
        pairs = [(r, p) for r in flows for p in self.places(act, r, time)]
        names = sorted({p for _, p in pairs})
        if not names:
            return "", ""
        place = dice.choice(names)  # places in turn, however many routes lead there
        return dice.choice([r for r, p in pairs if p == place]), place

    def _actor(self, actor: Actor, dice: Random) -> list[Person]:
        act = actor.act
        route, place = actor.route, actor.place
        if not route:
            route, drawn = self._way(act, actor.at, dice) if act != "drive" else ("", "")
            route = route or next(iter(self._passes))
            place = place or drawn
        if act in GROUND and not place:
            place = next(iter(self.places(act, route, actor.at)), "")
        kind = MODELS[actor.model].kind if actor.model else self._kind(act, dice)
        person = self._dress(actor.name, actor.at, route, kind)
        person = replace(
            person, model=actor.model or person.model, lane=actor.lane, top=actor.speed,
            plate=actor.plate or person.plate, riders=actor.riders or person.riders,
        )  # fmt: skip
        helmets = actor.helmets if actor.helmets >= 0 else person.riders - (act == "no_helmet")
        person = replace(person, helmets=max(0, min(helmets, person.riders)))
        if act in ("drive", "no_helmet", "triple_riding"):
            return [person]
        return [self.set_out(person, act, place, dice, actor.dwell)]


def active(place: Place, scenario: Scenario, time: float) -> bool:
    """Whether a place holds at ``time`` [s]."""
    local = scenario.local(time)
    return not place.active or any(
        covers(parse_days(w.days), parse_clock(w.start), parse_clock(w.end), local)
        for w in place.active
    )
