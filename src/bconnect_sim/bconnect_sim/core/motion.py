"""From SUMO's points on lanes to vehicles that move smoothly: no jumps, no sudden turns."""

from __future__ import annotations

from math import atan2, cos, degrees, hypot, radians, sin

from bconnect_sim.core.fleet import MODELS
from bconnect_sim.core.people import Person
from bconnect_sim.core.world import VehicleState

CHANGE = 3.2  # s a change of lane takes at speed
CHANGE_WAY = 11.0  # m it takes at least
SIDEWAYS = 1.0  # m/s, how fast a driver moves inside the lane
LEAP = 1.2  # m sideways within one step: not driven, but SUMO's change of lane
SWERVE = 1.5  # m/s2, how fast that begins and ends
AXLE = 0.72  # of its length, how far behind the front the trailing axle follows


def ease(share: float) -> float:
    """0 to 1 with neither jerk at the ends (minimum-jerk curve)."""
    s = min(max(share, 0.0), 1.0)
    return s * s * s * (10.0 + s * (6.0 * s - 15.0))


class Body:
    """One road user's body: its front is led along the lanes, its rear follows.

    ``offset``: m left of the lane's middle it strives for, changed by those who steer it.
    """

    __slots__ = (
        "_drift", "_heading", "_jump", "_model", "_share", "_side", "_start", "_x", "_y",
        "halted", "lane", "offset", "person", "rail",
    )  # fmt: skip

    def __init__(self, person: Person, x: float, y: float, heading: float, lane: str) -> None:
        self.person = person
        self.offset = person.shift
        self.halted = False
        self._model = MODELS[person.model]
        self._heading = (cos(radians(heading)), sin(radians(heading)))
        self.rail = False  # led along the lane's middle even where SUMO draws it beside the road
        self._side = person.shift
        self._drift = 0.0
        self._jump = (0.0, 0.0)  # still to be travelled sideways after a change of lane
        self._start = (0.0, 0.0)
        self._share = 1.0
        self.lane = lane
        self._x, self._y = x, y  # SUMO's point

    def lead(self, x: float, y: float, lane: str, speed: float, dt: float) -> None:
        """Moves on to SUMO's next point of its front [m]."""
        hx, hy = self._heading
        side, jump = self._side, self._jump
        axle = AXLE * self._model.length
        rear_x = self._x - side * hy + jump[0] - axle * hx
        rear_y = self._y + side * hx + jump[1] - axle * hy
        if lane != self.lane:
            self._change(x, y, speed * dt)
            self.lane = lane
        self._x, self._y = x, y
        if side != self.offset or self._drift:
            self._sidle(speed, dt)
        if self._share < 1.0:
            self._share = min(1.0, self._share + dt * min(1.0 / CHANGE, speed / CHANGE_WAY))
            rest = 1.0 - ease(self._share)
            self._jump = (self._start[0] * rest, self._start[1] * rest)
        dx = x - self._side * hy + self._jump[0] - rear_x
        dy = y + self._side * hx + self._jump[1] - rear_y
        far = hypot(dx, dy)
        if far > 1e-6:
            self._heading = (dx / far, dy / far)

    def _sidle(self, speed: float, dt: float) -> None:
        """Moves sideways in the lane towards the offset it strives for."""
        most, step = min(SIDEWAYS, 0.5 * speed), SWERVE * dt
        wish = min(max(1.8 * (self.offset - self._side), -most), most)
        self._drift += min(max(wish - self._drift, -step), step)
        if speed < 0.05:
            self._drift = 0.0
        self._side += self._drift * dt
        if abs(self.offset - self._side) < 1e-3 and abs(self._drift) < 1e-2:
            self._side, self._drift = self.offset, 0.0

    def _change(self, x: float, y: float, step: float) -> None:
        """SUMO changes lane at once; the body takes its time."""
        hx, hy = self._heading
        dx, dy = self._x + hx * step - x, self._y + hy * step - y
        across = dy * hx - dx * hy  # to the left
        if abs(across) < LEAP:
            return
        self._start = (self._jump[0] - across * hy, self._jump[1] + across * hx)
        self._jump, self._share = self._start, 0.0

    @property
    def width(self) -> float:
        """m"""
        return self._model.width

    def middle(self) -> tuple[float, float]:
        """Middle of its footprint [m]."""
        (hx, hy), half = self._heading, self._model.length / 2
        x = self._x - self._side * hy + self._jump[0]
        return x - half * hx, self._y + self._side * hx + self._jump[1] - half * hy

    def state(self, speed: float, emergency: bool = False) -> VehicleState:
        """What can be seen of it. Three decimals: sums stay equal between machines."""
        who, model = self.person, self._model
        hx, hy = self._heading
        half, jump = model.length / 2, self._jump
        x = self._x - self._side * hy + jump[0] - half * hx
        y = self._y + self._side * hx + jump[1] - half * hy
        return VehicleState(
            who.id, model.kind, who.model,
            round(x, 3), round(y, 3),
            round(degrees(atan2(hy, hx)), 2) % 360.0, round(speed, 3),
            model.length, model.width, model.height,
            who.paint, who.riders, who.helmets, who.plate, emergency, self.halted,
        )  # fmt: skip
