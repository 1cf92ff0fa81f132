"""The roads of a SUMO network as lines and polygons, read from the text of its net file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from bconnect_sim.core.shapes import Array, aside, inside, resample, tangents
from bconnect_sim.core.world import Point


@dataclass(frozen=True, slots=True)
class Lane:
    """Its middle line, in the direction of travel, and its width [m]."""

    line: Array
    width: float


@dataclass(frozen=True, slots=True)
class Road:
    """One direction of a street; lanes from the kerb to the middle."""

    name: str
    start: str
    end: str
    lanes: tuple[Lane, ...]

    @property
    def marked(self) -> bool:
        """False for a way that only those take who break a rule: nothing is painted for it."""
        return not self.name.startswith("wrong")


@dataclass(frozen=True, slots=True)
class RoadNet:
    """``kerb``: +1 where traffic keeps left (the kerb is left of the lanes), else -1."""

    roads: tuple[Road, ...]
    crossings: tuple[Array, ...]  # polygons of the junctions
    kerb: int

    def edge(self, road: Road) -> Array:
        """The line where a road's lanes meet its kerb."""
        lane = road.lanes[0]
        return aside(lane.line, self.kerb * lane.width / 2)

    def middle(self, road: Road) -> Array:
        """The line where a road's lanes end on the other side."""
        lane = road.lanes[-1]
        return aside(lane.line, -self.kerb * lane.width / 2)

    def opposite(self, road: Road) -> Road | None:
        """The other direction of the same street."""
        for other in self.roads:
            if (other.start, other.end) == (road.end, road.start):
                return other
        return None


class RoadMap:
    """Answers where the asphalt is. Distances in m, points (n, 2)."""

    def __init__(self, net: RoadNet, surfaces: Iterable[Sequence[Point]] = ()) -> None:
        lanes = [lane for road in net.roads for lane in road.lanes]
        self._from = np.concatenate([lane.line[:-1] for lane in lanes])
        self._step = np.concatenate([np.diff(lane.line, axis=0) for lane in lanes])
        self._half = np.concatenate([np.full(len(n.line) - 1, n.width / 2) for n in lanes])
        lines = [resample(lane.line, 2.0) for lane in lanes]
        self.points = np.concatenate(lines)
        lawful = [lane.line for road in net.roads if road.marked for lane in road.lanes]
        lawful = [resample(line, 2.0) for line in lawful]
        self._lawful = np.concatenate(lawful)
        self._ways = np.concatenate([tangents(line) for line in lawful])
        self.surfaces = tuple(np.array(s, float) for s in surfaces if len(s) > 2)
        self._areas = (*net.crossings, *self.surfaces)

    def gap(self, points: Array) -> Array:
        """How far points are from the nearest lane's edge; negative on a lane."""
        found = np.empty(len(points))
        for start in range(0, len(points), 512):
            part = points[start : start + 512]
            to = part[:, None] - self._from
            share = (to * self._step).sum(axis=2) / (self._step**2).sum(axis=1)
            away = to - np.clip(share, 0.0, 1.0)[:, :, None] * self._step
            found[start : start + 512] = (np.linalg.norm(away, axis=2) - self._half).min(axis=1)
        return found

    def holds(self, points: Array) -> npt.NDArray[np.bool_]:
        """Which points lie on lanes, junctions or other asphalt."""
        found = self.gap(points) < 0.05
        if not len(points):
            return found
        low, high = points.min(axis=0), points.max(axis=0)
        for area in self._areas:
            if (area.min(axis=0) <= high).all() and (area.max(axis=0) >= low).all():
                found |= inside(points, area)
        return found

    def way(self, point: Array) -> Array:
        """Direction of travel of the lane nearest to a point (2,), as the law wants it."""
        nearest = np.linalg.norm(self._lawful - point, axis=1).argmin()
        return self._ways[nearest]  # type: ignore[no-any-return]


def read_net(text: str) -> RoadNet:
    """Parses a net file. Raises ValueError where it is not one."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"is not a SUMO network ({error})") from None
    roads = []
    for edge in root.iter("edge"):
        lanes = [
            Lane(
                _longer(_line(lane.get("shape", "")), float(lane.get("endOffset", "0"))),
                float(lane.get("width", "3.2")),
            )
            for lane in sorted(edge.iter("lane"), key=lambda n: int(n.get("index", "0")))
            if lane.get("allow", "") != "pedestrian"
        ]
        if edge.get("function", "normal") == "normal" and lanes:
            ends = edge.get("from", ""), edge.get("to", "")
            roads.append(Road(edge.get("id", ""), *ends, tuple(lanes)))
    crossings = [
        _line(junction.get("shape", ""))
        for junction in root.iter("junction")
        if junction.get("type") not in ("internal", "dead_end") and junction.get("shape")
    ]
    if not roads:
        raise ValueError("holds no road")
    kerb = 1 if root.get("lefthand") in ("true", "1") else -1
    return RoadNet(tuple(roads), tuple(c for c in crossings if len(c) > 2), kerb)


def _longer(line: Array, more: float) -> Array:
    """Up to the junction: SUMO's lanes end at the stop line."""
    if more <= 0:
        return line
    way = (line[-1] - line[-2]) / np.linalg.norm(line[-1] - line[-2])
    return np.concatenate([line, [line[-1] + more * way]])


def _line(shape: str) -> Array:
    points = np.array([[float(n) for n in p.split(",")[:2]] for p in shape.split()], float)
    keep = np.ones(len(points), bool)
    keep[1:] = np.linalg.norm(np.diff(points, axis=0), axis=1) > 1e-3
    return points[keep]  # type: ignore[no-any-return]
