"""Light and weather of a picture, as numbers a renderer can use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bconnect_sim.core.meshes import Colour, Point
from bconnect_sim.core.shapes import Array
from bconnect_sim.core.world import Weather

POOL = 11.0  # m, how far from below it a street lamp lights the ground


@dataclass(frozen=True, slots=True)
class Light:
    """ambient and sun: colours of the two lights; toward: direction to the sun; haze: colour of
    distance, sight: m in which two thirds fade into it; base: share of the light where no lamp
    shines; glow: strength of lamps in the picture; shadow: darkness of the sun's shadows."""

    ambient: Colour
    sun: Colour
    toward: Point
    sky: Colour
    haze: Colour
    sight: float
    base: float = 1.0
    glow: float = 0.0
    shadow: float = 0.0
    grain: float = 1.0  # times the sensor's noise
    wet: float = 0.0

    @property
    def lamps(self) -> bool:
        """Whether street lamps and headlights are on."""
        return self.glow > 0.0


def light(weather: Weather) -> Light:
    """The light of a scenario's weather."""
    rain = min(1.0, max(0.0, weather.rain))
    if weather.light == "night":
        return Light(
            (0.50, 0.48, 0.44), (0.32, 0.30, 0.26), (0.1, 0.2, 1.0), (0.04, 0.05, 0.08),
            (0.05, 0.055, 0.07), 260.0 - 120.0 * rain, 0.30, 1.0, 0.0, 2.5, rain,
        )  # fmt: skip
    if weather.light == "dusk":
        return Light(
            (0.56, 0.54, 0.57), (0.22, 0.17, 0.13), (-0.9, 0.3, 0.35), (0.46, 0.42, 0.48),
            (0.44, 0.40, 0.42), 420.0 - 240.0 * rain, 0.80, 0.6, 0.0, 1.6, rain,
        )  # fmt: skip
    overcast = min(1.0, 2.0 * rain)
    ambient = _mix((0.50, 0.52, 0.56), (0.62, 0.64, 0.67), overcast)
    sun = _mix((0.66, 0.62, 0.54), (0.14, 0.14, 0.14), overcast)
    shadow = 0.5 * (1.0 - overcast) if weather.shadows else 0.0
    return Light(
        ambient, sun, (-0.45, 0.55, 0.85), _mix((0.56, 0.70, 0.86), (0.66, 0.68, 0.70), overcast),
        (0.70, 0.73, 0.76), 900.0 - 720.0 * rain, shadow=shadow, grain=1.0 + 0.5 * rain, wet=rain,
    )  # fmt: skip


def _mix(a: Colour, b: Colour, share: float) -> Colour:
    x, y, z = (u * (1 - share) + v * share for u, v in zip(a, b, strict=True))
    return x, y, z


class Lamplight:
    """How much of the full light reaches a place: street lamps over the dark."""

    def __init__(self, light: Light, lamps: Sequence[Point]) -> None:
        self._base = light.base
        self._lamps = np.array(lamps, float).reshape(-1, 3)

    def at(self, points: Array) -> Array:
        """Share 0..1 at points (n, 2)."""
        if self._base >= 1.0 or not len(self._lamps):
            return np.full(len(points), self._base)
        share = np.empty(len(points))
        for start in range(0, len(points), 4096):
            part = points[start : start + 4096]
            away = ((part[:, None] - self._lamps[None, :, :2]) ** 2).sum(axis=2)
            share[start : start + 4096] = np.exp(-away / POOL**2).sum(axis=1)
        return self._base + (1.0 - self._base) * np.minimum(1.0, 0.9 * share)
