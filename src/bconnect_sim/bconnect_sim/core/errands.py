"""From what a driver has in mind to the manoeuvre that does it."""

from __future__ import annotations

from collections.abc import Mapping

from bconnect_sim.core.at_light import LateAmber, RunRed, StandAtGreen, StopPastLine
from bconnect_sim.core.fleet import MODELS
from bconnect_sim.core.network import Network, Stretch
from bconnect_sim.core.on_road import CrossMarking, Hurry, Measured, Stand
from bconnect_sim.core.people import STANDS, Errand, Person, active
from bconnect_sim.core.script import Scenario
from bconnect_sim.core.wheel import Manoeuvre, Way
from bconnect_sim.core.world import Corridor, Place

TOLERANCE = 3.0 / 3.6  # m/s
CLEARLY = 1.13  # times limit and tolerance: fast without doubt
MEEK = 0.90  # of the limit: one who hurries goes with the others
MARGIN = 1.5  # m, a vehicle that stands in a place keeps from its ends
AT_LINE = {
    "run_red": RunRed, "stop_past_line": StopPastLine, "stand_on_line_at_green": StandAtGreen,
}  # fmt: skip


def tolerance(place: Place) -> float:
    """m/s above a place's limit that are forgiven."""
    if place.tolerance is not None:
        return place.tolerance
    limit = place.limit or 0.0
    return TOLERANCE if limit <= 100 / 3.6 else 0.03 * limit


class Errands:
    """Makes manoeuvres for one scenario on one street."""

    def __init__(
        self,
        scenario: Scenario,
        corridor: Corridor,
        network: Network,
        passes: Mapping[str, Mapping[str, Stretch]],
    ) -> None:
        self._scenario, self._network, self._passes = scenario, network, passes
        self._places = {p.name: p for p in corridor.places}
        self._sections = corridor.sections
        self._ways = {n: Way.of(network, edges) for n, edges in corridor.routes.items()}
        self._lights = {s.name: s.light for s in corridor.signals}

    def of(self, person: Person) -> list[Manoeuvre]:
        """The manoeuvres of a person; none: drives, and that is all."""
        made = [self._one(person, errand) for errand in person.errands]
        return [m for m in made if m is not None]

    def _one(self, person: Person, errand: Errand) -> Manoeuvre | None:
        way, stretches = self._ways[person.route], self._passes[person.route]
        if errand.act in ("speed", "race"):
            return self._hurry(person, way)
        if errand.place not in stretches:
            return None
        place, stretch = self._places[errand.place], stretches[errand.place]
        if errand.act in STANDS:
            return self._stand(person, errand, way, stretch)
        if errand.act == "cross_marking":
            return CrossMarking(way, stretch)
        if errand.act == "late_amber":
            late = LateAmber(place.signal, stretch, errand.amount, place.grace)
            late.amber = self._scenario.program(self._lights[place.signal]).amber
            return late
        made = AT_LINE.get(errand.act)
        return made(place.signal, stretch, errand.amount, place.grace) if made else None

    def _hurry(self, person: Person, way: Way) -> Hurry:
        places = []
        for name, stretch in self._passes[person.route].items():
            place = self._places[name]
            holds = active(place, self._scenario, person.time + 60.0)
            if place.kind == "speed" and place.limit is not None and holds:
                places.append((stretch, CLEARLY * (place.limit + tolerance(place))))
        return Hurry(way, places, self._measured(person), person.factor, MEEK)

    def _measured(self, person: Person) -> list[Measured]:
        """The sections on a person's route."""
        passed, found = self._passes[person.route], []
        for section in self._sections:
            if section.entry in passed and section.exit in passed:
                limit = Place("", "speed", limit=section.limit, tolerance=section.tolerance)
                fast = CLEARLY * (section.limit + tolerance(limit))
                ends = passed[section.entry], passed[section.exit]
                found.append(Measured(*ends, section.length, section.limit, fast))
        return found

    def _stand(self, person: Person, errand: Errand, way: Way, stretch: Stretch) -> Stand:
        length = MODELS[person.model].length
        if errand.act == "park_outside":  # its rear just behind the end
            low = stretch.end + 1.2 + length
            high = low + 0.3
        else:
            low, high = stretch.begin + length + MARGIN, stretch.end - MARGIN
        return Stand(way, stretch, low, max(low, high), errand.amount)
