"""The vehicle models and how they drive."""

from __future__ import annotations

from dataclasses import dataclass

from bconnect_sim.core.world import Model

# the meshes of bconnect_sim/models carry these names
MODELS: dict[str, Model] = {
    "suv": Model("car", 4.63, 1.85, 1.72),
    "city_car": Model("car", 2.70, 1.56, 1.54),
    "hatchback": Model("car", 4.20, 1.75, 1.48),
    "mpv": Model("car", 4.26, 1.69, 1.70),
    "van": Model("minibus", 5.20, 1.92, 2.00),
    "coach": Model("bus", 10.5, 2.50, 3.30),
    "city_bus": Model("bus", 10.0, 2.50, 3.00),
    "box_truck": Model("truck", 6.30, 2.20, 2.90),
    "scooter": Model("motorcycle", 1.95, 0.72, 1.65),
    "sport_bike": Model("motorcycle", 2.00, 0.75, 1.65),
}


@dataclass(frozen=True, slots=True)
class Dynamics:
    """Acceleration and braking [m/s2], top speed [m/s], gap when standing [m], headway [s]."""

    accel: float
    decel: float
    top: float
    gap: float
    headway: float


DYNAMICS: dict[str, Dynamics] = {
    "motorcycle": Dynamics(2.8, 4.5, 36.0, 1.0, 0.9),
    "car": Dynamics(2.3, 4.5, 40.0, 1.6, 1.1),
    "minibus": Dynamics(1.8, 4.0, 32.0, 1.6, 1.2),
    "bus": Dynamics(1.1, 3.8, 26.0, 2.0, 1.3),
    "truck": Dynamics(1.1, 3.8, 26.0, 2.0, 1.3),
}
