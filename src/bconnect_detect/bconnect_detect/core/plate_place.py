"""Whose plate it is: finds the offender again in another still, and the plate that is its own.

+-------------+            upper part: a parked car's plate behind it, a shop's sign
|   no plate  |
|- - - - - - -|
|  [KT 1234]  |            lower part, of a plate's shape, of a size that fits the vehicle,
+-------------+            not in another vehicle's box, and the only one
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bconnect_detect.core.geometry import area, clipped, intersection, iou, size
from bconnect_detect.core.types import VEHICLES, Box, Pair
from bconnect_site.kinds import RoadUserKind

SAME = 0.6  # IoU of two boxes on one vehicle in one still
FOUND_AGAIN = 0.3  # IoU of a vehicle's box with where it was expected
APART = 2.0  # the best must be this much better than the next
NEAR = 2.0  # in sizes of the box: how far a vehicle may have come between two stills
ALIKE = 0.75  # likeness of colours [0, 1] of a vehicle that has moved on
CLEARER = 0.1  # likeness by which it must lead
INSIDE = 0.9  # share of a plate's box that lies in the vehicle's
LOWER_PART = 0.35  # of the vehicle's height: plates lie below
ASPECT = (1.4, 6.5)  # width by height of a plate's box; oblique views narrow it
# Width of the plate by the width of the vehicle's box: head on and oblique.
SHARE = {
    RoadUserKind.MOTORCYCLE: (0.08, 0.80),
    RoadUserKind.CAR: (0.06, 0.50),
    RoadUserKind.MINIBUS: (0.05, 0.45),
    RoadUserKind.BUS: (0.03, 0.35),
    RoadUserKind.TRUCK: (0.03, 0.50),
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that looks like a plate, pixels of the still."""

    box: Box
    confidence: float


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle in a still; likeness: of its colours to the offender's, [0, 1]."""

    kind: RoadUserKind
    box: Box
    likeness: float = 0.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no plate is the offender's; ``seen``: one is there, but whose or which is not sure."""

    reason: str
    seen: bool


def follow(before: Box, move: Pair, kind: RoadUserKind, vehicles: Sequence[Vehicle]) -> int | None:
    """Which vehicle of a still is the one that stood at ``before`` in a neighbouring still.

    ``move``: pixels it is expected to have come. None: none, or not sure which.
    """
    expected = (
        before[0] + move[0], before[1] + move[1], before[2] + move[0], before[3] + move[1],
    )  # fmt: skip
    may = [i for i, v in enumerate(vehicles) if _comparable(kind, v.kind)]
    by_place = sorted(((iou(expected, vehicles[i].box), i) for i in may), reverse=True)
    best, second = (*(share for share, _ in by_place[:2]), 0.0, 0.0)[:2]
    if best >= FOUND_AGAIN and best >= APART * second:
        return by_place[0][1]
    near = [i for i in may if _near(expected, vehicles[i].box)]
    by_look = sorted(((vehicles[i].likeness, i) for i in near), reverse=True)
    if not by_look or by_look[0][0] < ALIKE:
        return None
    if len(by_look) > 1 and by_look[0][0] - by_look[1][0] < CLEARER:
        return None
    return by_look[0][1]


def own_plate(
    vehicle: Box,
    kind: RoadUserKind,
    others: Sequence[Box],
    candidates: Sequence[Candidate],
    still: tuple[int, int],
) -> Candidate | Refusal:
    """The one plate that lies on the vehicle, or why none is. ``still``: width, height."""
    on_it = [c for c in candidates if _lies_on(c.box, vehicle)]
    fitting = [c for c in on_it if _fits(c.box, vehicle, kind)]
    if not fitting:
        return Refusal("no plate was found on the vehicle", seen=False)
    if len(fitting) > 1:
        return Refusal("there are two plates on the vehicle", seen=True)
    plate = fitting[0]
    if any(_contests(plate.box, other, vehicle) for other in others):
        return Refusal("another vehicle covers the place of the plate", seen=True)
    if clipped(plate.box, *still):
        return Refusal("the plate is cut by the picture's border", seen=False)
    return plate


def _comparable(a: RoadUserKind, b: RoadUserKind) -> bool:
    """Models take a van for a car or a truck, but no motorcycle for a car."""
    motorcycle = RoadUserKind.MOTORCYCLE
    return b in VEHICLES and (a not in VEHICLES or (a == motorcycle) == (b == motorcycle))


def _near(expected: Box, box: Box) -> bool:
    far = NEAR * max(size(expected), size(box))
    ratio = size(box) / size(expected) if size(expected) > 0 else 0.0
    return (
        0.6 <= ratio <= 1.67
        and abs(expected[0] + expected[2] - box[0] - box[2]) <= 2 * far
        and abs(expected[1] + expected[3] - box[1] - box[3]) <= 2 * far
    )


def _lies_on(plate: Box, vehicle: Box) -> bool:
    height = vehicle[3] - vehicle[1]
    middle = (plate[1] + plate[3]) / 2
    inside = intersection(plate, vehicle) >= INSIDE * area(plate) > 0
    return inside and middle >= vehicle[1] + LOWER_PART * height


def _fits(plate: Box, vehicle: Box, kind: RoadUserKind) -> bool:
    wide, high = plate[2] - plate[0], plate[3] - plate[1]
    least, most = SHARE.get(kind, (0.03, 0.80))
    return (
        ASPECT[0] * high <= wide <= ASPECT[1] * high
        and least <= wide / (vehicle[2] - vehicle[0]) <= most
    )


def _contests(plate: Box, other: Box, vehicle: Box) -> bool:
    x, y = (plate[0] + plate[2]) / 2, (plate[1] + plate[3]) / 2
    within = other[0] <= x <= other[2] and other[1] <= y <= other[3]
    return within and iou(other, vehicle) < SAME
