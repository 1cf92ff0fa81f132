"""Watchers of lines: stop lines, gates, solid markings."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

from bconnect_sim.core.network import contains
from bconnect_sim.core.watch import STANDING, Light, Note, Scene, Tell
from bconnect_sim.core.world import Place, Point, VehicleState

STOOD = 2.0  # s of standing that make a stop
LAST_AMBER = 0.5  # s before red that are the last of amber
CLOSE = 1.5  # m before the line that are close


class Line:
    """A directed line: how far a point is beyond it and where along it."""

    def __init__(self, place: Place) -> None:
        (ax, ay), (bx, by) = place.line[0], place.line[-1]
        self.length = hypot(bx - ax, by - ay)
        self._a = (ax, ay)
        self._along = ((bx - ax) / self.length, (by - ay) / self.length)
        nx, ny = -self._along[1], self._along[0]
        if place.direction:
            (px, py), (qx, qy) = place.direction
            if nx * (qx - px) + ny * (qy - py) < 0:
                nx, ny = -nx, -ny
        self._beyond = (nx, ny)

    def of(self, point: Point) -> tuple[float, float]:
        """(m beyond the line in its direction, m along it from its first end)."""
        dx, dy = point[0] - self._a[0], point[1] - self._a[1]
        (nx, ny), (tx, ty) = self._beyond, self._along
        return dx * nx + dy * ny, dx * tx + dy * ty

    def crossed(self, old: Point, new: Point, both: bool = False) -> float | None:
        """The share of the way from old to new at which the line was crossed; None: it was not.
        both: in either direction."""
        (a, s), (b, t) = self.of(old), self.of(new)
        if not (a < 0.0 <= b or (both and b < 0.0 <= a)):
            return None
        share = a / (a - b)
        return share if 0.0 <= s + share * (t - s) <= self.length else None


@dataclass(slots=True)
class _Crossing:
    time: float
    word: str
    into: float  # s into what was shown
    red_since: float
    point: Point
    yields: bool
    stood: float | None = None
    told: str = ""


class StopLineWatch:
    """red_light and stop_line at one stop line."""

    margin = 40.0

    def __init__(self, place: Place, junction: Place | None, tell: Tell) -> None:
        self.place, self._tell, self._line = place, tell, Line(place)
        self._junction = junction.region if junction else ()
        self._known: dict[str, _Crossing] = {}
        self._waits: dict[str, float] = {}

    def see(self, vehicle: VehicleState, inside: bool, scene: Scene) -> None:
        """See ``Watch.see``."""
        light = scene.lights.get(self.place.signal)
        last = scene.last.get(vehicle.id)
        if light is None or last is None:
            return
        share = self._line.crossed(last.front, vehicle.front)
        if share is not None:
            self._known[vehicle.id] = self._cross(share, vehicle, light, scene)
        if (crossing := self._known.get(vehicle.id)) is not None:
            self._past(vehicle, crossing, light, scene)
        elif vehicle.speed < STANDING:
            self._before(vehicle, light, scene)

    def gone(self, name: str, time: float) -> None:
        """See ``Watch.gone``."""
        self._known.pop(name, None)
        self._waits.pop(name, None)

    def _cross(self, share: float, vehicle: VehicleState, light: Light, scene: Scene) -> _Crossing:
        time = scene.before + share * (scene.time - scene.before)
        word = light.at(time)
        self._waits.pop(vehicle.id, None)
        into = time - light.since if word == light.word else 0.0
        return _Crossing(time, word, into, light.since, vehicle.front, scene.yields(vehicle))

    def _past(self, vehicle: VehicleState, crossing: _Crossing, light: Light, scene: Scene) -> None:
        entered = bool(self._junction) and contains(self._junction, vehicle.x, vehicle.y)
        same_red = light.word == "red" and light.since == crossing.red_since
        begun = crossing.word == "amber" and light.word == "red"
        if begun and light.since - crossing.time <= LAST_AMBER and not crossing.told:
            crossing.told = "amber"
            left = light.since - crossing.time
            self._say("red_light", vehicle, crossing, scene, f"crossed {left:.2f} s before red")
        if entered:
            if crossing.word == "red" and same_red and "red" not in crossing.told:
                crossing.told += "red"
                self._say("red_light", vehicle, crossing, scene, self._why(crossing))
            return
        if vehicle.speed >= STANDING or light.word != "red":
            crossing.stood = None
        elif crossing.stood is None:
            crossing.stood = scene.time
        elif scene.time - crossing.stood >= STOOD and "stood" not in crossing.told:
            crossing.told += "stood"
            why = self._why(crossing) if crossing.word == "red" and same_red else (
                f"stood on the line, crossed in {crossing.word}")  # fmt: skip
            self._say("stop_line", vehicle, crossing, scene, why)

    def _why(self, crossing: _Crossing) -> str:
        if crossing.yields:
            return "made way for an ambulance"
        return "" if crossing.into > self.place.grace else (
            f"crossed {crossing.into:.2f} s into red, within the grace")  # fmt: skip

    def _before(self, vehicle: VehicleState, light: Light, scene: Scene) -> None:
        """Waits close to the line, as one should."""
        beyond, along = self._line.of(vehicle.front)
        if light.word != "red" or not (-CLOSE <= beyond < 0.0 <= along <= self._line.length):
            return
        since = self._waits.setdefault(vehicle.id, scene.time)
        if since >= 0.0 and scene.time - since >= STOOD:
            self._waits[vehicle.id] = -1.0
            why = f"waited {-beyond:.1f} m before the line"
            note = Note("stop_line", vehicle, since, scene.time, (vehicle.front,), why)
            self._tell(self.place, note)

    def _say(
        self, kind: str, vehicle: VehicleState, crossing: _Crossing, scene: Scene, why: str
    ) -> None:
        points = (crossing.point, (vehicle.x, vehicle.y))
        self._tell(self.place, Note(kind, vehicle, crossing.time, scene.time, points, why))


class GateWatch:
    """When who passes a gate, by the front; ``passed(vehicle, time)`` is told."""

    margin = 12.0

    def __init__(self, place: Place, passed: Tell) -> None:
        self.place, self._passed, self._line = place, passed, Line(place)

    def see(self, vehicle: VehicleState, inside: bool, scene: Scene) -> None:
        """See ``Watch.see``."""
        if (last := scene.last.get(vehicle.id)) is not None:
            share = self._line.crossed(last.front, vehicle.front)
            if share is not None:
                time = scene.before + share * (scene.time - scene.before)
                note = Note("gate", vehicle, time, time, (vehicle.front,))
                self._passed(self.place, note)

    def gone(self, name: str, time: float) -> None:
        """See ``Watch.gone``."""


class MarkingWatch:
    """lane_marking: the middle crosses a solid line."""

    margin = 6.0

    def __init__(self, place: Place, tell: Tell) -> None:
        self.place, self._tell, self._line = place, tell, Line(place)

    def see(self, vehicle: VehicleState, inside: bool, scene: Scene) -> None:
        """See ``Watch.see``."""
        if (last := scene.last.get(vehicle.id)) is None:
            return
        share = self._line.crossed((last.x, last.y), (vehicle.x, vehicle.y), both=True)
        if share is not None:
            time = scene.before + share * (scene.time - scene.before)
            why = "made way for an ambulance" if scene.yields(vehicle) else ""
            x = last.x + share * (vehicle.x - last.x)
            points = ((x, last.y + share * (vehicle.y - last.y)),)
            self._tell(self.place, Note("lane_marking", vehicle, time, time, points, why))

    def gone(self, name: str, time: float) -> None:
        """See ``Watch.gone``."""
