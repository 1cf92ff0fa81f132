"""An ambulance on duty: drives between the lanes, through red when nobody crosses.

SUMO knows nothing of it: it is led along the middle of its carriageway and minds the others
itself, while they make way for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan2, degrees, hypot, sqrt

import numpy as np
from numpy.typing import NDArray

from bconnect_sim.core.motion import Body
from bconnect_sim.core.network import Network
from bconnect_sim.core.people import Person

CRUISE, PASSING = 12.5, 6.0  # m/s on a free road; past those who make way
ACCEL, BRAKE = 1.6, 3.0  # m/s2
LOOK = 30.0  # m ahead
HEARD = 60.0  # m, how far ahead drivers make way
ROOM = 0.35  # m to either side
ASIDE_KERB, ASIDE_MEDIAN = 1.15, -0.75  # m left of their lane's middle that drivers move


@dataclass(frozen=True, slots=True)
class Other:
    """Another road user: middle [m], half its measures [m], its speed [m/s]."""

    x: float
    y: float
    length: float
    width: float
    speed: float


class Ambulance:
    """One on its way. ``body`` is what can be seen of it."""

    def __init__(self, person: Person, network: Network, edges: Sequence[str]) -> None:
        points = np.vstack([_middle(network, edge) for edge in edges])
        steps = np.hypot(*np.diff(points, axis=0).T)
        self._points, self._along = points, np.concatenate(((0.0,), np.cumsum(steps)))
        self._at, self.speed = 0.0, CRUISE
        self._sit()
        (x, y), (ux, uy) = self._seat
        self.body = Body(person, x, y, degrees(atan2(uy, ux)), "")

    @property
    def over(self) -> bool:
        """Whether it has left the street."""
        return self._at >= float(self._along[-1]) - 1.0

    def relative(self, x: float, y: float) -> tuple[float, float]:
        """A place seen from its front: m ahead, m to its left."""
        (fx, fy), (ux, uy) = self._seat
        dx, dy = x - fx, y - fy
        return dx * ux + dy * uy, dy * ux - dx * uy

    def step(self, dt: float, others: Sequence[Other], halt: float | None) -> None:
        """Drives on for ``dt`` s; ``halt``: m ahead at which it must wait, if need be."""
        wish = CRUISE
        half = self.body.width / 2
        for other in others:
            ahead, left = self.relative(other.x, other.y)
            gap = ahead - other.length
            if not -2.0 * other.length < gap < LOOK or abs(left) > 5.0:
                continue
            wish = min(wish, CRUISE if other.speed > PASSING else PASSING)
            if abs(left) < half + other.width + ROOM and gap > -1.0:
                room = max(gap - 1.5, 0.0)
                wish = min(wish, sqrt(other.speed**2 + 2.0 * 0.7 * BRAKE * room))
        if halt is not None:
            wish = min(wish, sqrt(2.0 * 0.7 * BRAKE * max(halt, 0.0)))
        change = min(max(wish - self.speed, -BRAKE * dt), ACCEL * dt)
        self.speed = max(0.0, self.speed + change)
        self._at += self.speed * dt
        self._sit()
        (x, y), _ = self._seat
        self.body.lead(x, y, "", self.speed, dt)

    def _sit(self) -> None:
        """Its front on its way, and where that leads."""
        (fx, fy), (ax, ay) = self._point(self._at), self._point(self._at + 2.0)
        far = max(hypot(ax - fx, ay - fy), 1e-6)
        self._seat = (fx, fy), ((ax - fx) / far, (ay - fy) / far)

    def _point(self, at: float) -> tuple[float, float]:
        x, y = (float(np.interp(at, self._along, self._points[:, i])) for i in (0, 1))
        return x, y


def _middle(network: Network, edge: str) -> NDArray[np.float64]:
    """Between an edge's two lanes; where there is one, its middle."""
    kerb = network.lanes[f"{edge}_0"].shape
    inner = network.lanes.get(f"{edge}_1")
    return (kerb[[0, -1]] + inner.shape[[0, -1]]) / 2 if inner else kerb[[0, -1]]


def aside(lane: str) -> float:
    """The offset at which a driver in a lane makes way."""
    return ASIDE_KERB if lane.endswith("_0") else ASIDE_MEDIAN
