"""How a detector errs on what cameras see: the noise model of a scenario.

For each road user in each image, with chance that hangs on nothing but seed, camera, road user
and image (``core.draws``):

- it is missed, rarely when large and often when small or half covered; from time to time it is
  missed for longer, so that a tracker loses it;
- each edge of its box is off by a part that is new in every image and one that drifts (correlated
  over ``MEMORY`` s), both in shares of the box's size; an edge on the picture's border stays there;
- over runs of ``RUN`` s its class or its riders may be wrong, its warning lights unnoticed, its
  box cut to what is visible;
- there are boxes where nothing is, and some stay for up to four images.

What the model leaves out: errors that stick to one road user for good (a cap taken for a helmet),
reflections, and shadows taken for vehicles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bconnect_sim.core.detections import Detections, Facts, split
from bconnect_sim.core.draws import Keys, key, normals, uniforms
from bconnect_sim.core.optics import Array
from bconnect_sim.core.phantoms import Phantoms
from bconnect_sim.core.seen import Rows, Seen
from bconnect_sim.core.world import Moment, NoiseModel, VehicleState
from bconnect_site.kinds import RoadUserKind

MEMORY = 1.0  # s over which drifting edges are correlated
RUN = 0.5  # s an error of class, riders or cut lasts
SMALL, LARGE = 20.0, 80.0  # px of height between which the share of misses falls
CLEAR = 0.6  # visible share from which being covered causes no misses
CUTTABLE = 0.8  # visible share below which a box may be cut
LEAST, MOST = 0.26, 0.98  # confidences; a detector says nothing below 0.25

_OFTEN = {  # what a road user is taken for when its class is wrong
    RoadUserKind.MOTORCYCLE: {RoadUserKind.BICYCLE: 0.8, RoadUserKind.CAR: 0.2},
    RoadUserKind.CAR: {RoadUserKind.MINIBUS: 0.7, RoadUserKind.TRUCK: 0.3},
    RoadUserKind.MINIBUS: {RoadUserKind.CAR: 0.7, RoadUserKind.TRUCK: 0.2, RoadUserKind.BUS: 0.1},
    RoadUserKind.BUS: {RoadUserKind.TRUCK: 0.7, RoadUserKind.MINIBUS: 0.3},
    RoadUserKind.TRUCK: {RoadUserKind.BUS: 0.6, RoadUserKind.CAR: 0.2, RoadUserKind.MINIBUS: 0.2},
}
_CONFUSED = np.zeros((len(RoadUserKind), len(RoadUserKind)))
for _kind, _others in _OFTEN.items():
    for _other, _share in _others.items():
        _CONFUSED[_kind, _other] = _share
_CONFUSED = _CONFUSED.cumsum(axis=1)


class Errors:
    """The noise model at work on the cameras of a corridor; images come in order.

    Forgets a road user in the image in which it leaves the street.
    """

    def __init__(
        self,
        noise: NoiseModel,
        seed: int,
        cameras: Sequence[str],
        size: tuple[int, int],
        rate: float,
    ) -> None:
        """size: pixels of the images; rate: Hz."""
        self.noise, self._seed, self._names, self._rate = noise, seed, tuple(cameras), rate
        self._size = np.array(size, float)
        self._phantoms = Phantoms(noise.false_boxes, seed, cameras, size)
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self._state = _State.empty(len(self._names), 0)

    def __len__(self) -> int:
        """Road users remembered."""
        return len(self._slots)

    def detect(self, seen: Seen, moment: Moment) -> list[Detections]:
        """What a detector says of one image of each camera, the surest first."""
        tick = round(moment.time * self._rate)
        slots = self._remember(moment.vehicles)
        row = seen.camera, slots[seen.vehicle]
        keys = self._state.keys[row]
        often = uniforms(keys, tick, 14)
        run = np.floor(moment.time / RUN + (keys >> np.uint64(40)) * 2.0**-24).astype(np.int64)
        seldom = uniforms(~keys, run, 6)
        spread = normals(often[:, 4:])
        facts = Facts.of(moment.vehicles, seen.vehicle)
        boxes = self._boxes(seen, row, tick, spread[:, :8], seldom[:, 0])
        height = seen.boxes[:, 3] - seen.boxes[:, 1]
        kind = _confused(facts.kind, seldom[:, 1] < self.noise.confusion, seldom[:, 2])
        riders, helmets = self._people(facts, kind, height, seldom[:, 3], seldom[:, 4])
        unseen = seldom[:, 5] < self.noise.emergency_missed
        sure = np.where(facts.emergency & ~unseen, 0.88, 0.04) + 0.03 * spread[:, 8]
        confidence = (0.25 + 0.75 * np.interp(height, (16.0, SMALL, LARGE), (0.25, 0.4, 0.9))) * (
            0.5 + 0.5 * seen.visible
        ) + 0.06 * spread[:, 9]
        found = self._found(height, seen.visible, row, moment.time, often)
        columns = (np.clip(confidence, LEAST, MOST), boxes, riders, helmets, np.clip(sure, 0, 1))
        whole = Detections(kind, *(c.astype(np.float32) for c in columns)).select(found)
        false, where = self._phantoms.at(tick)
        whole = Detections.join((whole, false))
        camera = np.concatenate((seen.camera[found], where))
        return split(whole, camera, -whole.confidence.astype(float), len(self._names))

    def _boxes(
        self, seen: Seen, row: tuple[Rows, Rows], tick: int, spread: Array, chance: Array
    ) -> Array:
        state, noise = self._state, self.noise
        keep = np.exp(-1.0 / (self._rate * MEMORY))
        fresh = (state.tick[row] != tick - 1)[:, None]
        drift = keep * state.drift[row] + np.sqrt(1.0 - keep**2) * spread[:, 4:]
        state.drift[row] = drift = np.where(fresh, spread[:, 4:], drift)
        state.tick[row] = tick
        is_cut = (seen.visible < CUTTABLE) & (chance < noise.cut)
        boxes = np.where(is_cut[:, None], seen.cut, seen.boxes)
        span = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        border = np.concatenate((boxes[:, :2] <= 0, boxes[:, 2:] >= self._size), axis=1)
        off = np.where(border, 0.0, noise.jitter * spread[:, :4] + noise.drift * drift)
        made = boxes + off * span
        made[:, 2:] = np.maximum(made[:, 2:], made[:, :2] + 1.0)
        return np.clip(made, 0.0, np.tile(self._size, 2))

    def _found(
        self, height: Array, visible: Array, row: tuple[Rows, Rows], time: float, often: Array
    ) -> NDArray[np.bool_]:
        noise, until = self.noise, self._state.gone_until[row]
        begins = (time >= until) & (often[:, 1] < noise.break_rate / self._rate)
        lasts = time - np.log(often[:, 2]) * noise.break_length
        self._state.gone_until[row] = until = np.where(begins, lasts, until)
        miss = np.interp(height, (SMALL, LARGE), (noise.miss_small, noise.miss))
        seen = (1.0 - miss) * np.minimum(1.0, visible / CLEAR)
        return np.asarray((time >= until) & (often[:, 0] < seen))

    def _people(
        self, facts: Facts, kind: NDArray[np.uint8], height: Array, chance: Array, which: Array
    ) -> tuple[Array, Array]:
        """Riders and helmets as counted: a wrong count is off by one, never impossible."""
        riders, helmets = facts.riders.copy(), facts.helmets.copy()
        wrong = chance < self.noise.riders_wrong
        fewer = wrong & (which < 0.25) & (riders > 1)
        more = wrong & (which < 0.5) & ~fewer
        riders = riders + more - np.where(fewer, 1.0, 0.0)
        helmets = np.minimum(helmets, riders)
        wrong &= which >= 0.5
        up = ((which >= 0.75) & (helmets < riders)) | (helmets <= 0)
        helmets = np.where(wrong, np.where(up, helmets + 1, helmets - 1), helmets)
        two = (kind == RoadUserKind.MOTORCYCLE) | (kind == RoadUserKind.BICYCLE)
        known = two & (height >= self.noise.count_height)
        return np.where(known, riders, np.nan), np.where(known, helmets, np.nan)

    def _remember(self, vehicles: Sequence[VehicleState]) -> Rows:
        """Each vehicle's slot; those who left are forgotten."""
        present = {v.id for v in vehicles}
        for name in [n for n in self._slots if n not in present]:
            self._free.append(self._slots.pop(name))
        for vehicle in vehicles:
            if vehicle.id not in self._slots:
                self._slots[vehicle.id] = self._new(vehicle.id)
        return np.array([self._slots[v.id] for v in vehicles], np.intp)

    def _new(self, vehicle: str) -> int:
        if not self._free:
            size = self._state.keys.shape[1]
            self._state = self._state.grown(max(64, size))
            self._free = list(range(self._state.keys.shape[1] - 1, size - 1, -1))
        slot = self._free.pop()
        self._state.keys[:, slot] = [key(self._seed, camera, vehicle) for camera in self._names]
        self._state.tick[:, slot], self._state.gone_until[:, slot] = -9, -np.inf
        return slot


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """Per camera and slot of a road user."""

    keys: Keys
    tick: NDArray[np.int64]  # image in which it was last seen
    gone_until: Array  # s; the end of a longer gap
    drift: Array  # (cameras, slots, 4) of edges, in standard deviations

    @classmethod
    def empty(cls, cameras: int, slots: int) -> _State:
        shape = (cameras, slots)
        return cls(
            np.zeros(shape, np.uint64),
            np.full(shape, -9, np.int64),
            np.full(shape, -np.inf),
            np.zeros((*shape, 4)),
        )

    def grown(self, more: int) -> _State:
        new = self.empty(len(self.keys), more)
        return _State(
            np.concatenate((self.keys, new.keys), axis=1),
            np.concatenate((self.tick, new.tick), axis=1),
            np.concatenate((self.gone_until, new.gone_until), axis=1),
            np.concatenate((self.drift, new.drift), axis=1),
        )


def _confused(kind: NDArray[np.uint8], wrong: NDArray[np.bool_], which: Array) -> NDArray[np.uint8]:
    other = (_CONFUSED[kind] <= which[:, None]).sum(axis=1)
    return np.where(wrong & (other < len(RoadUserKind)), other, kind).astype(np.uint8)
