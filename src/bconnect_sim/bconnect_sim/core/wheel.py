"""What a driver with an errand sees and does. The adapter stands behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bconnect_sim.core.lights import Aspect
from bconnect_sim.core.network import Network, Stretch


class Wheel(Protocol):
    """One vehicle's seat. Speeds m/s, lengths m; ``position``: of the front along its lane."""

    time: float  # s, of what is seen
    step: float  # s until it is asked again
    edge: str
    position: float
    speed: float
    lane: int  # 0 = kerb lane

    def ahead(self, reach: float) -> tuple[float, float] | None:
        """Gap and speed of the vehicle in front within ``reach``."""
        ...

    def aspect(self, signal: str) -> Aspect:
        """What a signal shows."""
        ...

    def clear(self, signal: str) -> bool:
        """Whether nobody crosses the junction behind a signal, or is about to."""
        ...

    def drive(self, speed: float, blind: bool = False) -> None:
        """Holds a speed, whatever the lights show; blind: whoever is in front, too."""
        ...

    def ignore_lights(self) -> None:
        """Drives as ever but for the lights and the right of way."""
        ...

    def release(self) -> None:
        """Drives like everybody again."""
        ...

    def strive(self, factor: float) -> None:
        """Takes another share of the limit for its speed on a free road."""
        ...

    def book(self, edge: str, low: float, high: float) -> float | None:
        """Reserves room at the kerb with the front between two positions; None: there is none."""
        ...

    def stand(self, edge: str, position: float, seconds: float) -> None:
        """Will halt at the kerb with its front at a position."""
        ...

    def stands(self) -> bool:
        """Whether it halts there by its will."""
        ...

    def ask_in(self) -> None:
        """Wants to leave the kerb: somebody behind slows down to let it in."""
        ...

    def leave(self) -> None:
        """Gives the room at the kerb back."""
        ...

    def steer(self, offset: float | None) -> None:
        """Strives for an offset to the left of the lane's middle; None: its usual one."""
        ...

    def change_lane(self, lane: int) -> None:
        """Changes lane as soon as there is a gap, over a solid line too."""
        ...


class Manoeuvre(Protocol):
    """Something a driver does beyond driving."""

    def step(self, wheel: Wheel) -> bool:
        """Acts for one step; False: it is over."""
        ...


@dataclass(frozen=True, slots=True)
class Way:
    """A route as one length: m of driving from its beginning to each edge's."""

    begins: Mapping[str, float]

    @classmethod
    def of(cls, network: Network, edges: Sequence[str]) -> Way:
        """Junctions between the edges count nothing."""
        begins, so_far = {}, 0.0
        for edge in edges:
            begins[edge] = so_far
            so_far += network.length(edge)
        return cls(begins)

    def until(self, wheel: Wheel, stretch: Stretch, position: float) -> float | None:
        """m to a position on a stretch's edge; negative: it lies behind; None: unknown."""
        if wheel.edge not in self.begins:
            return None
        here = self.begins[wheel.edge] + wheel.position
        return self.begins[stretch.edge] + position - here


def to_line(wheel: Wheel, stretch: Stretch, near: bool) -> float | None:
    """m from the front to the stop line at the end of an edge, negative beyond it; None: the
    vehicle is elsewhere. ``near``: it was on that edge, so a junction it is on is that line's."""
    if wheel.edge == stretch.edge:
        return stretch.end - wheel.position
    return -wheel.position if near and wheel.edge.startswith(":") else None
