"""Who sits behind a windscreen: what a model marks there, joined to the vehicle as its driver's.

       image                     Indonesia drives on the left, so the driver sits on the right,
    ._______________.            which in a windscreen seen from the front is the image's left.
    | [D]  |    [p] |            A mark counts for the driver if its middle lies in that half of
    |______|________|            the one windscreen found in the vehicle's box; a model that
      windscreen                 marks no windscreens tells nothing of anybody.

Marks travel as kinds of their own, from ``MARKS`` up, until they are joined; then they are gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from bconnect_site.kinds import RoadUserKind

Vector = NDArray[np.float64]


class Mark(IntEnum):
    """What a model may find behind a windscreen, and the windscreen."""

    WINDSCREEN = 200
    DRIVER = 201
    BELT = 202
    NO_BELT = 203
    PHONE = 204


MARKS = min(Mark)
MARK_OF_NAME: Mapping[str, Mark] = {
    "windscreen": Mark.WINDSCREEN,
    "windshield": Mark.WINDSCREEN,
    "driver": Mark.DRIVER,
    "belt": Mark.BELT,
    "seatbelt": Mark.BELT,
    "seat_belt": Mark.BELT,
    "no_belt": Mark.NO_BELT,
    "no_seatbelt": Mark.NO_BELT,
    "noseatbelt": Mark.NO_BELT,
    "no_seat_belt": Mark.NO_BELT,
    # Not COCO's "cell phone": anywhere in the picture is not at a driver's ear.
    "phone_use": Mark.PHONE,
    "using_phone": Mark.PHONE,
    "driver_phone": Mark.PHONE,
}
CABINS = (RoadUserKind.CAR, RoadUserKind.MINIBUS, RoadUserKind.BUS, RoadUserKind.TRUCK)


@dataclass(frozen=True, slots=True)
class CabinSettings:
    """When a windscreen is a vehicle's, and whose side a mark is on."""

    inside: float = 0.9  # share of a windscreen that lies in the vehicle's box
    width: float = 0.35  # of the box's, at least: it is seen from the front, not aslant
    sure: float = 0.15  # of the windscreen's width that a mark's middle is off its middle


DEFAULT = CabinSettings()


def drivers(
    kind: NDArray[np.uint8],
    confidence: NDArray[np.floating],
    boxes: NDArray[np.floating],
    settings: CabinSettings = DEFAULT,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """For each row how surely its driver is belted, and holds a telephone; NaN: not to be seen."""
    belted, phone = (np.full(len(kind), np.nan, np.float32) for _ in range(2))
    marks = np.flatnonzero(kind >= MARKS)
    screens = marks[kind[marks] == Mark.WINDSCREEN]
    for row in np.flatnonzero(np.isin(kind, CABINS)):
        own = [s for s in screens if _lies_in(boxes[s], boxes[row], settings)]
        others = sum(_holds(boxes[other], boxes[s]) for s in own for other in _cabins(kind))
        if len(own) != 1 or others > 1:
            continue  # none, several, or one that may be another vehicle's
        seen = [m for m in marks if _on_drivers_side(boxes[m], boxes[own[0]], settings)]
        best = {
            mark: max((float(confidence[m]) for m in seen if kind[m] == mark), default=0.0)
            for mark in Mark
        }
        on, off = best[Mark.BELT], best[Mark.NO_BELT]
        if on + off > 0.0:
            belted[row] = on / (on + off) if on and off else (on or 1.0 - off)
        if best[Mark.PHONE] or best[Mark.DRIVER] or on or off:
            phone[row] = best[Mark.PHONE]
    return belted, phone


def _cabins(kind: NDArray[np.uint8]) -> list[int]:
    return [int(row) for row in np.flatnonzero(np.isin(kind, CABINS))]


def _share(inner: NDArray[np.floating], outer: NDArray[np.floating]) -> float:
    """Share of a box that lies in another."""
    sides = np.minimum(inner[2:], outer[2:]) - np.maximum(inner[:2], outer[:2])
    area = float(np.prod(inner[2:] - inner[:2]))
    return float(np.prod(np.maximum(sides, 0.0))) / area if area > 0.0 else 0.0


def _holds(outer: NDArray[np.floating], inner: NDArray[np.floating]) -> bool:
    return _share(inner, outer) >= 0.5


def _lies_in(screen: NDArray[np.floating], vehicle: NDArray[np.floating], s: CabinSettings) -> bool:
    wide = (screen[2] - screen[0]) >= s.width * (vehicle[2] - vehicle[0])
    return bool(wide) and _share(screen, vehicle) >= s.inside


def _on_drivers_side(
    mark: NDArray[np.floating], screen: NDArray[np.floating], s: CabinSettings
) -> bool:
    x, y = (mark[0] + mark[2]) / 2, (mark[1] + mark[3]) / 2
    width = screen[2] - screen[0]
    within = screen[0] <= x and screen[1] <= y <= screen[3]
    return bool(within and x <= (screen[0] + screen[2]) / 2 - s.sure * width / 2)
