"""How much of a true event a camera could have seen: pixels, whatever any rule makes of them.

A road user is in clear sight while at least half of its outline lies in the picture with nothing
in front, ``LEAST`` px of its height among them, and with it the end that carries the evidence:
where it stands shows at its foot, who rides it and with what on the head at the heads, where the
picture is fine enough (``OBSERVE``) for a human to tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from bconnect_sim.core.seen import RIDER, Mask, Seen
from bconnect_sim.core.world import Moment, Truth

HALF = 0.5  # share of its outline
END = 0.2  # share of its height that may be hidden at the end that tells
LEAST = 16.0  # px of height, of a detection image
OBSERVE = 62.5  # px/m at which clothes can be told (IEC 62676-4, "observe"), of a camera's picture
AROUND = 1.0  # s before and after an event that are looked at too
RIDERS = frozenset({"no_helmet", "overloaded_motorcycle"})

_FOOT, _HEADS = 0, 1


class Sights:
    """When each camera had whom in clear sight; moments come in order. Remembers one run, as the
    list of what was true in it does."""

    def __init__(self, cameras: Sequence[str], rate: float, scale: float = 0.5) -> None:
        """rate: Hz of the images; scale: their width in widths of the camera's picture."""
        self._names, self._period = tuple(cameras), 1.0 / rate
        self._heads = OBSERVE * RIDER * scale
        self._spans: dict[tuple[int, str, int], list[list[float]]] = {}

    def look(self, moment: Moment, seen: Seen) -> None:
        """Takes in one moment as the cameras saw it."""
        for end, clear in enumerate(_clear(seen, self._heads)):
            for row in np.flatnonzero(clear).tolist():
                name = moment.vehicles[int(seen.vehicle[row])].id
                spans = self._spans.setdefault((int(seen.camera[row]), name, end), [])
                if spans and moment.time - spans[-1][1] < 1.5 * self._period:
                    spans[-1][1] = moment.time
                else:
                    spans.append([moment.time, moment.time])

    def tell(self, events: Iterable[Truth]) -> list[Truth]:
        """The events with their ``sight``: for each of their cameras the seconds of clear sight
        just before, during and just after."""
        return [replace(event, sight=self._sight(event)) for event in events]

    def _sight(self, event: Truth) -> dict[str, tuple[float, float, float]]:
        end = _HEADS if event.kind in RIDERS else _FOOT
        bounds = (event.start - AROUND, event.start, event.end, event.end + AROUND)
        told = {}
        for number, name in enumerate(self._names):
            if name in event.cameras:
                spans = self._spans.get((number, event.vehicle, end), [])
                parts = [self._within(spans, *span) for span in pairwise(bounds)]
                told[name] = (parts[0], parts[1], parts[2])
        return told

    def _within(self, spans: Iterable[Sequence[float]], begin: float, end: float) -> float:
        """Seconds of spans of images between two times; an image stands for its period."""
        half = self._period / 2
        shared = (min(end, last + half) - max(begin, first - half) for first, last in spans)
        return round(sum(s for s in shared if s > 0.0), 3)


def _clear(seen: Seen, least: float) -> tuple[Mask, Mask]:
    """Rows in clear sight with their foot, and with their heads (``least`` px of height)."""
    whole = seen.boxes if seen.whole is None else seen.whole
    size = whole[:, 2:] - whole[:, :2]
    kept = (seen.boxes[:, 2:] - seen.boxes[:, :2]) / size
    height = size[:, 1]
    shown = seen.cut[:, 3] - seen.cut[:, 1]
    clear = (seen.visible * kept.prod(axis=1) >= HALF) & (shown >= LEAST)
    foot = whole[:, 3] - seen.cut[:, 3] <= END * height
    heads = (seen.cut[:, 1] - whole[:, 1] <= END * height) & (height >= least)
    return np.asarray(clear & foot), np.asarray(clear & heads)
