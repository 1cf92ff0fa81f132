"""What is allowed by the loader and yet probably not meant: zones looked at as a drawing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from math import acos, degrees, hypot

import numpy as np
from numpy.typing import NDArray

from bconnect_site.geometry import Point, segments_meet
from bconnect_site.kinds import ViolationType, ZoneKind, word
from bconnect_site.model import RULE_ZONES, Camera, Zone

Mask = NDArray[np.bool_]
Covers = Callable[[NDArray[np.float64]], Mask]

GRID = 120  # places a side at which regions are compared
OUTSIDE = 0.05  # share of a zone outside the calibrated region that is worth a word
SHARED = 0.25  # share of the smaller of two zones that both cover
LEAST = 0.1  # share of a line in a lane: below, it only ends at the lane's edge
CROSSWISE = 60.0  # degrees between two lawful directions of one place
# Kinds that say the same of a place twice, or contradict each other there.
_RIVALS = (
    frozenset({ZoneKind.NO_PARKING, ZoneKind.NO_STOPPING}),
    *(frozenset({kind}) for kind in (ZoneKind.NO_PARKING, ZoneKind.NO_STOPPING, ZoneKind.SPEED,
                                     ZoneKind.NO_U_TURN, ZoneKind.JUNCTION)),
)  # fmt: skip

_CELLS = np.stack(
    np.meshgrid((np.arange(GRID) + 0.5) / GRID, (np.arange(GRID) + 0.5) / GRID), axis=-1
).reshape(-1, 2)


@dataclass(frozen=True, slots=True)
class Doubt:
    """``zone`` it is about, ``code`` of its sentence, ``values`` that fill the sentence in."""

    zone: str
    code: str
    values: Mapping[str, object] = field(default_factory=dict)


def doubts(camera: Camera, covers: Covers | None = None) -> list[Doubt]:
    """Everything worth a second look. ``covers``: which places (n, 2) are calibrated."""
    zones = camera.zones
    areas = {name: inside(zone.region, _CELLS) for name, zone in zones.items() if zone.region}
    found = [
        *_uncalibrated(camera, areas, covers),
        *_arrows(zones, areas),
        *_stop_lines(zones),
        *_overlaps(zones, areas),
        *_idle(camera),
    ]
    return sorted(found, key=lambda doubt: list(zones).index(doubt.zone))


def inside(region: tuple[Point, ...], places: NDArray[np.float64]) -> Mask:
    """Which places (n, 2) lie in a polygon."""
    corners = np.array(region, np.float64)
    ends = np.roll(corners, -1, axis=0)
    x, y = places[:, 0:1], places[:, 1:2]
    rise = np.where(ends[:, 1] == corners[:, 1], 1.0, ends[:, 1] - corners[:, 1])
    at = corners[:, 0] + (y - corners[:, 1]) * (ends[:, 0] - corners[:, 0]) / rise
    crossed = ((corners[:, 1] > y) != (ends[:, 1] > y)) & (x < at)
    return np.asarray(np.logical_xor.reduce(crossed, axis=1), np.bool_)


def _uncalibrated(
    camera: Camera, areas: Mapping[str, Mask], covers: Covers | None
) -> Iterator[Doubt]:
    speeding = ViolationType.SPEEDING in camera.rule_types
    for name, zone in camera.zones.items():
        if covers is None:
            if zone.kind is ZoneKind.SPEED and speeding:
                yield Doubt(name, "not_calibrated")
            continue
        places = _CELLS[areas[name]] if name in areas else _along(zone.points)
        if not len(places):
            places = np.array(zone.points, np.float64)
        share = float((~covers(places)).mean())
        if share > OUTSIDE:
            yield Doubt(name, "outside_calibration", {"share": round(100 * share)})


def _along(line: tuple[Point, ...]) -> NDArray[np.float64]:
    steps = np.linspace(0.0, 1.0, 41)[:, None]
    a, b = np.array(line[0], np.float64), np.array(line[-1], np.float64)
    return np.asarray(a + (b - a) * steps, np.float64)


def angle(one: tuple[Point, ...], other: tuple[Point, ...]) -> float:
    """Degrees between two arrows."""
    (ax, ay), (bx, by) = (
        (line[1][0] - line[0][0], line[1][1] - line[0][1]) for line in (one, other)
    )
    cosine = (ax * bx + ay * by) / (hypot(ax, ay) * hypot(bx, by))
    return degrees(acos(max(-1.0, min(1.0, cosine))))


def _arrows(zones: Mapping[str, Zone], areas: Mapping[str, Mask]) -> Iterator[Doubt]:
    lanes = {n: z for n, z in zones.items() if z.kind is ZoneKind.DIRECTION and z.direction}
    for name, zone in lanes.items():
        assert zone.direction is not None
        if zone.region and inside(zone.region, _along(zone.direction)).mean() < 0.5:
            yield Doubt(name, "arrow_elsewhere")
    for (name, zone), (other, beside) in combinations(lanes.items(), 2):
        assert zone.direction is not None and beside.direction is not None
        turned = angle(zone.direction, beside.direction)
        if turned > CROSSWISE and name in areas and other in areas:
            share = _shared(areas[name], areas[other])
            if share > 0.05:
                told = {"other": other, "angle": round(turned), "share": round(100 * share)}
                yield Doubt(name, "arrows_disagree", told)


def _stop_lines(zones: Mapping[str, Zone]) -> Iterator[Doubt]:
    lanes = {n: z for n, z in zones.items() if z.kind is ZoneKind.DIRECTION and z.region}
    for name, zone in zones.items():
        if zone.kind not in (ZoneKind.STOP_LINE, ZoneKind.GATE) or not zone.line:
            continue
        a, b = zone.line
        if zone.direction is not None:
            if not segments_meet(a, b, *zone.direction):
                yield Doubt(name, "arrow_beside_line")
            elif abs(90.0 - angle(zone.line, zone.direction)) > 65.0:
                yield Doubt(name, "arrow_along_line")
        touched = {n: lane for n, lane in lanes.items() if _touches(zone.line, lane)}
        # A lane of the other way may well begin beside the line: only lanes that come to it count.
        if lanes and not touched and not _led_to(zone, lanes):
            yield Doubt(name, "no_lane_crosses")
        for other, lane in touched.items():
            if zone.direction and lane.direction:
                turned = angle(zone.direction, lane.direction)
                if turned > CROSSWISE:
                    yield Doubt(name, "line_against_lane",
                                {"other": other, "angle": round(turned)})  # fmt: skip


def _touches(line: tuple[Point, ...], lane: Zone) -> bool:
    assert lane.region is not None
    return bool(inside(lane.region, _along(line)).mean() > LEAST)


def _led_to(zone: Zone, lanes: Mapping[str, Zone]) -> bool:
    """Whether every lane beside the line leads another way than it: then none has to cross."""
    if zone.direction is None:
        return False
    arrows = [lane.direction for lane in lanes.values() if lane.direction is not None]
    return all(angle(zone.direction, arrow) > CROSSWISE for arrow in arrows)


def _shared(one: Mask, other: Mask) -> float:
    """Share of the smaller one that both cover."""
    least = min(int(one.sum()), int(other.sum()))
    return float((one & other).sum()) / least if least else 0.0


def _overlaps(zones: Mapping[str, Zone], areas: Mapping[str, Mask]) -> Iterator[Doubt]:
    for name, other in combinations(areas, 2):
        kinds = frozenset({zones[name].kind, zones[other].kind})
        if kinds in _RIVALS:
            share = _shared(areas[name], areas[other])
            if share > SHARED:
                yield Doubt(name, "overlap", {"other": other, "share": round(100 * share)})


def _idle(camera: Camera) -> Iterator[Doubt]:
    """Zones on which no rule of the camera stands."""
    rules = camera.rule_types
    for name, zone in camera.zones.items():
        wanted = [rule for rule, kinds in RULE_ZONES.items() if zone.kind in kinds]
        sections = wanted == [ViolationType.SECTION_SPEED]
        if wanted and not sections and not any(rule in rules for rule in wanted):
            yield Doubt(name, "no_rule", {"rules": ", ".join(word(rule) for rule in wanted)})
