"""Boxes where nothing is: most for one image, some for up to four."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bconnect_sim.core.detections import Detections
from bconnect_sim.core.draws import key, uniforms
from bconnect_sim.core.seen import Rows
from bconnect_site.kinds import RoadUserKind

LONGEST = 4  # images
ONCE = 0.6  # share that lasts one image; the rest lasts two to four, alike often
_MEAN = ONCE + (1.0 - ONCE) * 3.0
_KINDS = np.array([RoadUserKind.MOTORCYCLE, RoadUserKind.CAR, RoadUserKind.TRUCK], np.uint8)


class Phantoms:
    """False boxes of each camera's images; ``rate``: mean number in an image, at most 1.8."""

    def __init__(
        self, rate: float, seed: int, cameras: Sequence[str], size: tuple[int, int]
    ) -> None:
        self._begin = rate / _MEAN
        self._size = np.array(size, float)
        keys = [key(seed, camera, "nobody", "") for camera in cameras]
        self._keys = np.repeat(np.array(keys, np.uint64), LONGEST)
        self._camera = np.repeat(np.arange(len(cameras)), LONGEST)
        self._age = np.tile(np.arange(LONGEST), len(cameras))

    def at(self, tick: int) -> tuple[Detections, Rows]:
        """False boxes of one image of each camera, and which camera each is in."""
        u = uniforms(self._keys, tick - self._age, 8)
        lasts = np.where(u[:, 1] < ONCE, 1.0, 2.0 + np.floor((u[:, 1] - ONCE) / (1.0 - ONCE) * 3))
        rows = np.flatnonzero((u[:, 0] < self._begin) & (self._age < lasts))
        u, age = u[rows], self._age[rows]
        high = 14.0 * 8.0 ** u[:, 2]  # px
        span = np.stack((high * (0.5 + 1.3 * u[:, 3]), high), axis=1)
        middle = np.stack((u[:, 4], 0.25 + 0.75 * u[:, 5]), axis=1) * self._size
        still = 0.02 * span * np.sin(7.0 * age + 50.0 * u[:, 6])[:, None]
        corners = np.concatenate((middle - span / 2 + still, middle + span / 2 + still), axis=1)
        boxes = np.clip(corners, 0.0, np.tile(self._size, 2)).astype(np.float32)
        none = np.full(len(rows), np.nan, np.float32)
        kind = _KINDS[(u[:, 7] * len(_KINDS)).astype(int)]
        sure = (0.26 + 0.3 * u[:, 6] ** 2).astype(np.float32)
        made = Detections(kind, sure, boxes, none, none, np.zeros(len(rows), np.float32))
        return made, self._camera[rows]
