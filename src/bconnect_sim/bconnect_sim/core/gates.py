"""Number plates read at gates, said only as salted digests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from math import cos, log, pi, sqrt

import numpy as np

from bconnect_sim.core.draws import key, uniforms
from bconnect_sim.core.seen import Seen
from bconnect_sim.core.world import CameraView, Moment, NoiseModel, Place, Point, VehicleState

STDDEV = 0.03  # s, of the time of a crossing
LONGEST = 1.0  # s between two moments; whoever was away longer has not crossed


@dataclass(frozen=True, slots=True)
class Sighting:
    """A plate crossed a gate. time: s since the scenario's start."""

    time: float
    camera: int
    gate: str
    digest: str
    confidence: float
    stddev: float = STDDEV


class Gates:
    """The gates of a corridor's cameras; moments come in order.

    With a noise model plates are missed and misread and times are off by ``STDDEV``; without one
    every plate seen is read. Forgets a road user in the moment in which it leaves the street.
    """

    def __init__(
        self,
        views: Sequence[CameraView],
        places: Sequence[Place],
        salt: str,
        seed: int = 0,
        noise: NoiseModel | None = None,
    ) -> None:
        gates = {p.name: p for p in places if p.kind == "gate"}
        self._gates = [[gates[n] for n in view.places if n in gates] for view in views]
        self._names = [view.name for view in views]
        self._salt, self._seed, self._noise = salt, seed, noise
        self.became: dict[tuple[str, str], str] = {}  # by vehicle and gate, over one run
        self._before: dict[str, Point] = {}
        self._time = float("-inf")

    def __len__(self) -> int:
        """Road users remembered."""
        return len(self._before)

    def watch(self, moment: Moment, seen: Seen) -> list[Sighting]:
        """Crossings since the moment before, by time. Only who is seen is read."""
        found: list[Sighting] = []
        shown = zip(seen.camera.tolist(), seen.vehicle.tolist(), strict=True)
        recent = moment.time - self._time <= LONGEST
        for camera, i in shown if recent else ():
            vehicle = moment.vehicles[i]
            before = self._before.get(vehicle.id)
            if before is None or not vehicle.plate:
                continue
            for gate in self._gates[camera]:
                share = _crossed(gate, before, vehicle.front)
                if share is not None:
                    time = self._time + share * (moment.time - self._time)
                    found += self._read(time, camera, gate, vehicle)
        self._before = {v.id: v.front for v in moment.vehicles}
        self._time = moment.time
        return sorted(found, key=lambda s: (s.time, s.camera, s.digest))

    def _read(self, time: float, camera: int, gate: Place, vehicle: VehicleState) -> list[Sighting]:
        exact = Sighting(time, camera, gate.name, self._digest(vehicle.plate), 1.0)
        self.became[vehicle.id, gate.name] = "read"
        if self._noise is None:
            return [exact]
        bits = key(self._seed, self._names[camera], vehicle.id, gate.name)
        u = uniforms(np.array([bits], np.uint64), round(time), 8)[0]
        if u[0] < self._noise.plate_missed:
            self.became[vehicle.id, gate.name] = "missed"
            return []
        off = STDDEV * sqrt(-2.0 * log(u[1])) * cos(2.0 * pi * u[2])
        plate = vehicle.plate
        if u[3] < self._noise.plate_wrong:
            plate = misread(plate, u[4], u[5])
            self.became[vehicle.id, gate.name] = "misread"
        sure = 0.98 - 0.3 * u[6] ** 2
        made = replace(exact, time=time + off, digest=self._digest(plate), confidence=float(sure))
        return [made]

    def _digest(self, plate: str) -> str:
        return sha256(f"{self._salt}/{plate}".encode()).hexdigest()


def misread(plate: str, which: float, what: float) -> str:
    """The plate with one character wrong; which, what: chance, 0..1."""
    at = [i for i, c in enumerate(plate) if c.isalnum()]
    if not at:
        return plate
    i = at[int(which * len(at))]
    letters = "0123456789" if plate[i].isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    others = letters.replace(plate[i], "")
    return plate[:i] + others[int(what * len(others))] + plate[i + 1 :]


def _crossed(gate: Place, before: Point, after: Point) -> float | None:
    """Share of the way from before to after at which the line is crossed; None: not crossed, or
    against the gate's arrow."""
    (ax, ay), (bx, by) = gate.line
    dx, dy = bx - ax, by - ay
    sx, sy = after[0] - before[0], after[1] - before[1]
    across = sx * dy - sy * dx
    if abs(across) < 1e-12:
        return None
    share = ((ax - before[0]) * dy - (ay - before[1]) * dx) / across
    along = ((ax - before[0]) * sy - (ay - before[1]) * sx) / across
    if not (0.0 < share <= 1.0 and 0.0 <= along <= 1.0):
        return None
    if gate.direction:
        (px, py), (qx, qy) = gate.direction
        if sx * (qx - px) + sy * (qy - py) <= 0.0:
            return None
    return share
