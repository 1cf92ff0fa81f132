"""What is made illegible in a copy that leaves the house: heads and plates of everybody else.

In doubt it is blurred. A nearer road user hides a farther one, and the nearer stands lower in
the picture: where boxes overlap, the pixels are taken for the nearer one's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bconnect_detect.core import geometry
from bconnect_detect.core.types import Box
from bconnect_site.kinds import RoadUserKind

TWO_WHEELS = frozenset({RoadUserKind.MOTORCYCLE, RoadUserKind.BICYCLE})
FOUR_WHEELS = frozenset(
    {RoadUserKind.CAR, RoadUserKind.MINIBUS, RoadUserKind.BUS, RoadUserKind.TRUCK}
)
HEAD = 0.36  # of a person's height from above, bowed heads and helmets included
SIDE = 0.12  # of a box's width, on either side
LOW = 0.5  # of a vehicle's height from below: no plate is higher
FACES = 110.0  # px; in a vehicle this high a face behind the glass may be known: all is blurred
SAME = 0.45  # IoU of two boxes of one vehicle
PART = 0.8  # of a box inside the offender's: a part of it seen once more
NEARER = 0.04  # of the offender's height that a foot must stand lower to be nearer
PLATE = 0.25  # of a plate's box added around it
# Sizes of the blocks that replace the picture: a letter, or half a face, and no smaller.
BLOCK = 14.0  # px at least
BLOCK_VEHICLE = 1 / 14  # of a vehicle's height: as high as its plate
BLOCK_TWO_WHEELS = 1 / 8
BLOCK_HEAD = 0.13  # of a person's width, and of the region's height: half a face


@dataclass(frozen=True, slots=True)
class Seen:
    """A road user found in a picture, in its pixels."""

    kind: RoadUserKind
    box: Box


@dataclass(frozen=True, slots=True)
class Spot:
    """A region that is replaced by blocks of their mean colour. Pixels."""

    box: Box
    block: float  # side of a block


@dataclass(frozen=True, slots=True)
class Veil:
    """What to make illegible, and over that what to leave as it was. Pixels."""

    blur: tuple[Spot, ...] = ()
    keep: tuple[Box, ...] = ()


def veil(
    seen: Sequence[Seen],
    plates: Sequence[Box],
    offender: Seen | None = None,
    plate: Box | None = None,
) -> Veil:
    """What to make illegible.

    Args:
        seen: everybody found in the picture, people on machines too; doubles do no harm.
        plates: every plate found in it.
        offender: whom the finding accuses, where the picture is of that moment; None: nobody
            is exempt.
        plate: the offender's plate; None: not known.
    """
    others = [one for one in seen if offender is None or not _is(one, offender, seen)]
    blur: list[Spot] = []
    for one in others:
        spot = _head(one.box) if one.kind == RoadUserKind.PEDESTRIAN else _low(one)
        blur += [Spot(box, spot.block) for box in _not_hidden(spot.box, one, offender)]
    own = [found for found in plates if offender and _owns(offender, found, others)]
    spared = [plate] if plate and _finite(plate) else own
    keep = [_grown(box, PLATE) for box in spared]
    blur += [
        Spot(_grown(found, PLATE), max(BLOCK, found[3] - found[1]))
        for found in plates
        if found not in own and all(_share(found, box) < 0.5 for box in keep)
    ]
    return Veil(tuple(blur), tuple(keep))


def _is(one: Seen, offender: Seen, seen: Sequence[Seen]) -> bool:
    """Whether a box is the offender, a part of it, or somebody who sits on it."""
    if one.kind == RoadUserKind.PEDESTRIAN:
        return offender.kind in TWO_WHEELS and _rides(one.box, offender, seen)
    alike = any({one.kind, offender.kind} <= group for group in (TWO_WHEELS, FOUR_WHEELS))
    if not alike and offender.kind != RoadUserKind.UNKNOWN:
        return False
    return geometry.iou(one.box, offender.box) >= SAME or (
        _share(one.box, offender.box) >= PART and not _nearer(one.box, offender.box)
    )


def _rides(person: Box, machine: Seen, seen: Sequence[Seen]) -> bool:
    """A person in the saddle of the offender, and of no other machine just as well."""
    others = [
        s.box for s in seen if s.kind in TWO_WHEELS and geometry.iou(s.box, machine.box) < SAME
    ]
    return _sits(person, machine.box) and not any(_sits(person, other) for other in others)


def _sits(person: Box, machine: Box) -> bool:
    width, height = machine[2] - machine[0], machine[3] - machine[1]
    middle, foot = (person[0] + person[2]) / 2, person[3]
    return (
        machine[0] - 0.1 * width <= middle <= machine[2] + 0.1 * width
        and machine[1] + 0.2 * height <= foot <= machine[3] + 0.08 * height
        and person[1] <= machine[1] + 0.25 * height
        and _share(person, machine) >= 0.3
    )


def _low(one: Seen) -> Spot:
    """Where a vehicle bears its plates; the whole of it where faces may be known, or on two."""
    x0, y0, x1, y1 = one.box
    whole = one.kind not in FOUR_WHEELS or y1 - y0 >= FACES
    height = y1 - y0
    top = y0 if whole else y1 - LOW * height
    share = BLOCK_VEHICLE if one.kind in FOUR_WHEELS else BLOCK_TWO_WHEELS
    return Spot(_wider((x0, top, x1, y1 + 0.03 * height)), max(BLOCK, share * height))


def _head(person: Box) -> Spot:
    x0, y0, x1, y1 = person
    top, bottom = y0 - 0.06 * (y1 - y0), y0 + HEAD * (y1 - y0)
    block = BLOCK_HEAD * max(x1 - x0, bottom - top)
    return Spot(_wider((x0, top, x1, bottom)), max(BLOCK, block))


def _not_hidden(spot: Box, one: Seen, offender: Seen | None) -> list[Box]:
    """The parts of a spot that are not the offender's own pixels."""
    if offender is None or one.kind == RoadUserKind.PEDESTRIAN:
        return [spot]
    if one.kind in TWO_WHEELS and offender.kind not in TWO_WHEELS:
        return [spot]  # small before large: it would be hidden behind
    if _nearer(one.box, offender.box):
        return [spot]
    return _without(spot, offender.box)


def _without(spot: Box, hole: Box) -> list[Box]:
    """A rectangle less another, as rectangles."""
    x0, y0 = max(spot[0], hole[0]), max(spot[1], hole[1])
    x1, y1 = min(spot[2], hole[2]), min(spot[3], hole[3])
    if x0 >= x1 or y0 >= y1:
        return [spot]
    parts = [
        (spot[0], spot[1], spot[2], y0),
        (spot[0], y1, spot[2], spot[3]),
        (spot[0], y0, x0, y1),
        (x1, y0, spot[2], y1),
    ]
    return [part for part in parts if part[2] > part[0] and part[3] > part[1]]


def _owns(offender: Seen, plate: Box, others: Sequence[Seen]) -> bool:
    """Whether a plate lies on the offender and on nobody nearer."""
    if _share(plate, offender.box) < 0.9:
        return False
    return not any(
        _share(plate, other.box) >= 0.5
        for other in others
        if other.kind != RoadUserKind.PEDESTRIAN
        and (_nearer(other.box, offender.box) or other.kind in TWO_WHEELS)
    )


def _nearer(one: Box, than: Box) -> bool:
    return one[3] > than[3] + NEARER * (than[3] - than[1])


def _grown(box: Box, share: float) -> Box:
    dx, dy = share * (box[2] - box[0]), share * (box[3] - box[1])
    return box[0] - dx, box[1] - dy, box[2] + dx, box[3] + dy


def _wider(box: Box) -> Box:
    dx = SIDE * (box[2] - box[0])
    return box[0] - dx, box[1], box[2] + dx, box[3]


def _finite(box: Box) -> bool:
    return bool(np.isfinite(box).all()) and box[2] > box[0] and box[3] > box[1]


def _share(one: Box, other: Box) -> float:
    """How much of ``one`` lies in ``other``."""
    return geometry.intersection(one, other) / max(geometry.area(one), 1e-9)
