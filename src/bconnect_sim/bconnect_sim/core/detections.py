"""Detections of one image as columns, and what a faultless detector would say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bconnect_sim.core.seen import Rows, Seen
from bconnect_sim.core.world import VEHICLE_KINDS, VehicleState
from bconnect_site.kinds import RoadUserKind, from_word

Floats = NDArray[np.float32]

KINDS = {word: int(from_word(RoadUserKind, word)) for word in VEHICLE_KINDS}


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """n road users. boxes (n, 4): pixels; unknown numbers are NaN."""

    kind: NDArray[np.uint8]  # RoadUserKind
    confidence: Floats
    boxes: Floats
    riders: Floats
    helmets: Floats
    emergency: Floats

    def __len__(self) -> int:
        return len(self.kind)

    def select(self, rows: Rows | NDArray[np.bool_]) -> Detections:
        """The chosen rows."""
        return Detections(*(getattr(self, f.name)[rows] for f in fields(self)))

    @classmethod
    def join(cls, parts: Sequence[Detections]) -> Detections:
        """All rows of all parts."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What is true of the road users in rows of Seen."""

    kind: NDArray[np.uint8]
    riders: NDArray[np.float64]  # NaN: not a motorcycle
    helmets: NDArray[np.float64]
    emergency: NDArray[np.bool_]

    @classmethod
    def of(cls, vehicles: Sequence[VehicleState], rows: Rows) -> Facts:
        """rows: which vehicles."""
        table = np.array(
            [(KINDS[v.kind], v.riders, v.helmets, v.emergency) for v in vehicles], float
        ).reshape(-1, 4)[rows]
        kind = table[:, 0].astype(np.uint8)
        people = np.where(kind[:, None] == RoadUserKind.MOTORCYCLE, table[:, 1:3], np.nan)
        return cls(kind, people[:, 0], people[:, 1], table[:, 3] > 0)


def perfect(seen: Seen, vehicles: Sequence[VehicleState], cameras: int) -> list[Detections]:
    """Per camera: every road user seen, whole, certain, nearest the lower edge first."""
    facts = Facts.of(vehicles, seen.vehicle)
    whole = Detections(
        facts.kind,
        np.ones(len(seen), np.float32),
        seen.boxes.astype(np.float32),
        facts.riders.astype(np.float32),
        facts.helmets.astype(np.float32),
        facts.emergency.astype(np.float32),
    )
    return split(whole, seen.camera, -seen.boxes[:, 3], cameras)


def split(
    whole: Detections, camera: Rows, order: NDArray[np.float64], cameras: int
) -> list[Detections]:
    """Rows by camera, each in rising ``order``."""
    rows = np.lexsort((whole.boxes[:, 0], order, camera))
    ends = np.searchsorted(camera[rows], np.arange(cameras + 1))
    return [whole.select(rows[a:b]) for a, b in pairwise(ends)]
