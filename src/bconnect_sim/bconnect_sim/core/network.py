"""The road network as numbers: where its lanes run, and where on them the places lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from bconnect_sim.core.world import Place, Point

Edges = Mapping[str, Sequence[str]]  # of each route, or signal
STEP = 0.25  # m between the points at which a lane is looked at


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane's middle line [m], its length [m] and speed [m/s] as SUMO counts them."""

    shape: NDArray[np.float64]
    length: float
    speed: float

    def point(self, position: float) -> Point:
        """The place ``position`` m from its beginning."""
        if len(self.shape) == 2:
            (ax, ay), (bx, by) = self.shape.tolist()
            share = min(max(position, 0.0) / max(self.length, 1e-6), 1.0)
            return ax + share * (bx - ax), ay + share * (by - ay)
        x, y = self.points(np.array([position]))[0]
        return float(x), float(y)

    def points(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """The places (n, 2) at ``positions`` (n,) m from its beginning."""
        steps = np.hypot(*np.diff(self.shape, axis=0).T)
        along = np.concatenate(((0.0,), np.cumsum(steps)))
        share = np.clip(positions, 0.0, None) / max(self.length, 1e-6)
        at = np.minimum(share, 1.0) * along[-1]
        return np.column_stack([np.interp(at, along, self.shape[:, i]) for i in (0, 1)])


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of an edge that lies in a place: positions along its lanes [m]."""

    edge: str
    begin: float
    end: float


class Network:
    """The lanes of a SUMO network. Raises ValueError when the text is no network."""

    def __init__(self, text: str) -> None:
        try:
            root = ElementTree.fromstring(text)
        except ElementTree.ParseError as error:
            raise ValueError(f"is not XML: {error}") from None
        if root.tag != "net":
            raise ValueError(f"is no network: its root is <{root.tag}>")
        self.lanes: dict[str, Lane] = {}
        for lane in root.iter("lane"):
            pairs = [p.split(",")[:2] for p in lane.get("shape", "").split()]
            shape = np.array(pairs, np.float64).reshape(-1, 2)
            self.lanes[lane.get("id", "")] = Lane(
                shape, float(lane.get("length", 0)), float(lane.get("speed", 0))
            )
        self.edges = {e.get("id", "") for e in root.iter("edge")}
        self.links = {(c.get("from", ""), c.get("to", "")) for c in root.iter("connection")}
        self.lights = {t.get("id", "") for t in root.iter("tlLogic")}

    def length(self, edge: str) -> float:
        """m of an edge."""
        return self.lanes[f"{edge}_0"].length

    def stretch(self, place: Place, edges: Sequence[str]) -> Stretch | None:
        """Where a way along ``edges`` lies in a place; None: nowhere.

        A region is looked for on kerb lanes; of a line the stretch beside it is given.
        """
        for edge in edges:
            lane = self.lanes[f"{edge}_0"]
            at = np.arange(0.0, lane.length + STEP / 2, STEP)
            points = lane.points(at)
            mask = inside(points, place.region) if place.region else _beside(points, place.line)
            if mask.any():
                first, last = np.flatnonzero(mask)[[0, -1]]
                return Stretch(edge, float(at[first]), float(at[last]))
        return None

    def passes(
        self, places: Sequence[Place], routes: Edges, approaches: Edges
    ) -> dict[str, dict[str, Stretch]]:
        """For each route the places on it. ``approaches``: signal to the edges that obey it;
        a stop line lies at their end."""
        found: dict[str, dict[str, Stretch]] = {name: {} for name in routes}
        known: dict[tuple[str, str], Stretch | None] = {}
        for route, edges in routes.items():
            for place in places:
                for edge in edges:
                    key = (place.name, edge)
                    if key not in known:
                        known[key] = self._one(place, edge, approaches)
                    if (stretch := known[key]) is not None:
                        found[route].setdefault(place.name, stretch)
        return found

    def _one(self, place: Place, edge: str, approaches: Edges) -> Stretch | None:
        if place.kind == "stop_line":
            end = self.length(edge)
            return Stretch(edge, end, end) if edge in approaches.get(place.signal, ()) else None
        return self.stretch(place, (edge,))


def inside(points: NDArray[np.float64], region: Sequence[Point]) -> NDArray[np.bool_]:
    """Which of (n, 2) points lie in a polygon."""
    x, y = points[:, 0:1], points[:, 1:2]
    a = np.asarray(region, np.float64)
    b = np.roll(a, -1, axis=0)
    spans = (a[:, 1] > y) != (b[:, 1] > y)
    rise = np.where(b[:, 1] == a[:, 1], 1.0, b[:, 1] - a[:, 1])
    odd = (spans & (x < a[:, 0] + (y - a[:, 1]) / rise * (b[:, 0] - a[:, 0]))).sum(axis=1)
    return np.asarray(odd % 2 == 1, np.bool_)


def contains(region: Sequence[Point], x: float, y: float) -> bool:
    """Whether a point lies in a polygon."""
    odd = False
    ax, ay = region[-1]
    for bx, by in region:
        if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * (bx - ax):
            odd = not odd
        ax, ay = bx, by
    return odd


def _beside(points: NDArray[np.float64], line: Sequence[Point]) -> NDArray[np.bool_]:
    """Which points lie within 3 m of a line, between its ends."""
    a, b = np.asarray(line[0], float), np.asarray(line[-1], float)
    length = float(np.hypot(*(b - a)))
    along = (points - a) @ (b - a) / length
    across = np.abs((points - a) @ np.array((-(b - a)[1], (b - a)[0])) / length)
    return np.asarray((along >= 0) & (along <= length) & (across <= 3.0), np.bool_)
