"""Who drives when: departures drawn from a scenario's flows by a seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from bconnect_sim.core.scenario import Flow, Scenario
from bconnect_sim.core.traffic import MODELS


@dataclass(frozen=True, slots=True)
class Departure:
    """A road user entering the street. time: s since the video's start (warm-up: negative)."""

    id: str
    time: float
    route: str
    model: str
    paint: float
    shift: float  # m to the left of the lane's centre
    riders: int
    helmets: int


def departures(scenario: Scenario, seed: int) -> list[Departure]:
    """All departures in order of time; equal seeds give equal lists."""
    found: list[Departure] = []
    for number, flow in enumerate(scenario.flows):
        found += _flow(flow, number, scenario, Random(f"{seed}/{number}/{flow.route}"))
    return sorted(found, key=lambda d: (d.time, d.id))


def _flow(flow: Flow, number: int, scenario: Scenario, rng: Random) -> list[Departure]:
    time = -scenario.warm_up
    found: list[Departure] = []
    kinds, shares = zip(*sorted(flow.mix.items()), strict=True)
    while True:
        # at least 1.2 s apart: the entry of one lane
        time += 1.2 + rng.expovariate(flow.per_hour / 3600.0)
        if time >= scenario.duration:
            return found
        kind = rng.choices(kinds, shares)[0]
        departure = dress(f"{flow.route}{number}_{len(found)}", time, flow.route, kind, rng)
        if not any(low <= time <= high for low, high in flow.pauses):
            found.append(departure)


def dress(name: str, time: float, route: str, kind: str, rng: Random) -> Departure:
    """A departure with model, paint and riders drawn from ``rng``."""
    model = rng.choice(sorted(m for m, (k, _) in MODELS.items() if k == kind))
    two_wheels = kind == "motorcycle"
    riders = rng.choices((1, 2), (0.7, 0.3))[0] if two_wheels else 0
    helmets = riders - (rng.random() < 0.2) if two_wheels else 0
    shift = rng.uniform(-0.7, 0.9) if two_wheels else rng.uniform(-0.2, 0.2)
    return Departure(name, time, route, model, rng.random(), shift, riders, max(0, helmets))
