"""How much worse a detector errs by night and in rain than its noise model says for a dry day.

These factors are assumptions that point the right way; nobody has measured them.
"""

from __future__ import annotations

from dataclasses import fields, replace
from math import isfinite

from bconnect_sim.core.world import NoiseModel, Weather
from bconnect_site.errors import ConfigError

DARK = {"day": 0.0, "dusk": 0.4, "night": 1.0}  # hardship of the light
WET = 0.6  # and of the heaviest rain

# How much a value grows at hardship 1, as a share of it.
GROWS = {
    "miss": 1.0,
    "miss_small": 0.5,
    "smallest": 0.25,
    "break_rate": 1.0,
    "jitter": 0.4,
    "drift": 0.4,
    "false_boxes": 1.5,
    "confusion": 1.5,
    "riders_wrong": 2.0,
    "plate_wrong": 1.0,
    "plate_missed": 1.5,
    "count_height": 0.5,
}
MOST = {"smallest": 500.0, "break_rate": 10.0, "break_length": 60.0, "false_boxes": 1.5,
        "count_height": 500.0}  # fmt: skip


def hardship(weather: Weather) -> float:
    """0 on a dry day, 1 in a dry night."""
    return DARK[weather.light] + WET * weather.rain


def worsened(noise: NoiseModel, weather: Weather) -> NoiseModel:
    """The noise model of a dry day in another weather; shares stay below 1."""
    hard = hardship(weather)
    grown = {
        name: min(getattr(noise, name) * (1.0 + more * hard), _most(noise, name))
        for name, more in GROWS.items()
    }
    return replace(noise, **grown)


def _most(noise: NoiseModel, name: str) -> float:
    """A value never shrinks for being large already."""
    return max(float(getattr(noise, name)), MOST.get(name, 0.95))


def check_noise(noise: NoiseModel, where: str) -> None:
    """Raises ConfigError for values that are no shares or measures."""
    wrong = []
    for field in fields(noise):
        value, most = float(getattr(noise, field.name)), MOST.get(field.name, 1.0)
        if not (isfinite(value) and 0.0 <= value <= most):
            wrong.append(f"{where}: noise.{field.name}: found {value:g}, allowed 0 to {most:g}")
    if wrong:
        raise ConfigError(*wrong)
