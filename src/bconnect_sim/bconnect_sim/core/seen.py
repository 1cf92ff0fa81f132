"""Which road users each camera has in its picture, how large, and how much of them.

All cameras are looked through at once. A road user is a cuboid; its box bounds the corners. What
is nearer covers what is farther, poles too; the share left visible is counted on a grid of points
within its outline. Whoever shows less than a quarter of himself is not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bconnect_sim.core.aiming import turned
from bconnect_sim.core.optics import NEAR, Array, Optics, corners, homogeneous
from bconnect_sim.core.world import CameraView, Moment, Move, Pole, VehicleState

Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]

LEAST_VISIBLE = 0.25  # share below which nobody is seen
SMALLEST = 8.0  # px of height below which nobody is seen, by the best detector either
FAR = 450.0  # m of depth beyond which nobody is tall enough
REACH = 10.0  # m from its middle to the end of the longest vehicle, and some more
RIDER = 1.6  # m, top of a rider's head

_GRID = 8  # points across and down a box
_TURNS = np.pi * np.arange(6) / 6
_DIRECTIONS = np.stack((np.cos(_TURNS), np.sin(_TURNS)))  # outlines are bounded along these
_SAMPLES = (np.stack(np.meshgrid(*2 * (np.arange(_GRID),)), axis=2).reshape(-1, 2) + 0.5) / _GRID


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Road users in pictures, one per row. Boxes: x_min, y_min, x_max, y_max in pixels."""

    camera: Rows  # which camera
    vehicle: Rows  # which of the moment's vehicles
    boxes: Array  # of the whole road user, clipped to the picture
    visible: Array  # share of it that nothing covers
    cut: Array  # boxes of what is visible
    whole: Array | None = None  # boxes as they go on beyond the picture; None: none does

    def __len__(self) -> int:
        return len(self.camera)

    def taller(self, height: float) -> Seen:
        """Those of at least so many px."""
        kept = self.boxes[:, 3] - self.boxes[:, 1] >= height
        return Seen(
            self.camera[kept], self.vehicle[kept], self.boxes[kept], self.visible[kept],
            self.cut[kept], None if self.whole is None else self.whole[kept],
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Solids:
    """Cuboids: vehicles first, then poles."""

    place: Array  # (m, 2)
    heading: Array  # (m,) degrees
    size: Array  # (m, 3) length, width, height
    vehicles: int

    @classmethod
    def of(cls, vehicles: Sequence[VehicleState], poles: Array) -> _Solids:
        rows = [
            (v.x, v.y, v.heading, v.length, v.width, max(v.height, RIDER) if v.riders else v.height)
            for v in vehicles
        ]
        table = np.concatenate((np.array(rows, float).reshape(-1, 6), poles))
        return cls(table[:, :2], table[:, 2], table[:, 3:], len(rows))


@dataclass(frozen=True, slots=True, eq=False)
class _Images:
    """Solids in pictures, one per row."""

    camera: Rows
    solid: Rows
    low: Array  # (r, 2) px of the upper left corner
    high: Array
    middle: Array  # (r, 2) px
    depth: Array
    reach_low: Array  # (r, k) bounds of the outline along _DIRECTIONS
    reach_high: Array


class Eyes:
    """The cameras of a corridor, with heads that may turn."""

    def __init__(
        self,
        views: Sequence[CameraView],
        aspect: float,
        size: tuple[int, int],
        poles: Sequence[Pole] = (),
        moves: Sequence[Move] = (),
    ) -> None:
        """aspect: width / height of the cameras' pictures; size: pixels of detection images."""
        self.straight = [Optics.of(view, aspect) for view in views]
        self._views, self._aspect, self._moves = tuple(views), aspect, tuple(moves)
        self._size = np.array(size, float)
        self._poles = np.array(
            [(p.x, p.y, 0.0, 2 * p.radius, 2 * p.radius, p.height) for p in poles], float
        ).reshape(-1, 6)

    def optics(self, time: float) -> list[Optics]:
        """The cameras as they hang at a time, s."""
        made = list(self.straight)
        for name in {move.camera for move in self._moves}:
            pan, tilt = turned(self._moves, name, time)
            for i, view in enumerate(self._views):
                if view.name == name and (pan or tilt):
                    made[i] = Optics.of(view, self._aspect, pan, tilt)
        return made

    def look(self, moment: Moment, smallest: float = SMALLEST) -> Seen:
        """Who is seen. smallest: px of height."""
        optics = self.optics(moment.time)
        solids = _Solids.of(moment.vehicles, self._poles)
        images = _project(solids, optics, self._size)
        low, high = np.maximum(images.low, 0.0), np.minimum(images.high, self._size)
        inside = ((images.middle >= 0) & (images.middle < self._size)).all(axis=1)
        tall = high[:, 1] - low[:, 1] >= smallest
        rows = np.flatnonzero(inside & tall & (images.solid < solids.vehicles))
        eyes = np.array([o.eye[:2] for o in optics]).reshape(-1, 2)
        visible, cut = _visible(images, rows, low[rows], high[rows], solids, eyes)
        kept = visible >= LEAST_VISIBLE
        rows = rows[kept]
        boxes = np.concatenate((low[rows], high[rows]), axis=1)
        whole = np.concatenate((images.low[rows], images.high[rows]), axis=1)
        columns = (images.camera[rows], images.solid[rows], boxes, visible[kept], cut[kept])
        return Seen(*columns, whole)


def _project(solids: _Solids, optics: Sequence[Optics], size: Array) -> _Images:
    """Every solid of which some may be in a picture, and none of it behind the camera."""
    matrices = np.array([o.matrix for o in optics]).reshape(-1, 3, 4)
    camera, solid = np.nonzero(_near(solids, matrices, np.array([o.focal for o in optics])))
    points = corners(solids.place, solids.heading, solids.size)[solid]
    made = homogeneous(matrices[camera][:, None], points)
    ahead = (made[..., 2] > NEAR).all(axis=1)
    made, camera, solid = made[ahead], camera[ahead], solid[ahead]
    pixels = made[..., :2] / made[..., 2:] * size
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    shown = ((high > 0) & (low < size)).all(axis=1)
    made, pixels, low, high = (a[shown] for a in (made, pixels, low, high))
    middle = made.mean(axis=1)
    reach = pixels @ _DIRECTIONS
    return _Images(
        camera[shown],
        solid[shown],
        low,
        high,
        middle[:, :2] / middle[:, 2:] * size,
        middle[:, 2],
        reach.min(axis=1),
        reach.max(axis=1),
    )


def _near(solids: _Solids, matrices: Array, focal: Array) -> Mask:
    """Which solids (cameras, m) may be in a picture, by their middles: generous and quick."""
    middle = np.column_stack((solids.place, solids.size[:, 2] / 2))
    made = homogeneous(matrices[:, None], middle[None])
    depth, across = made[..., 2], made[..., 0] - 0.5 * made[..., 2]
    return np.asarray((np.abs(across) <= 0.5 * depth + REACH * focal[:, None]) & (depth < FAR))


def _visible(
    images: _Images, rows: Rows, low: Array, high: Array, solids: _Solids, eyes: Array
) -> tuple[Array, Array]:
    """Visible shares (t,) of rows and boxes (t, 4) of what is visible; low, high: their boxes."""
    share, cut = np.ones(len(rows)), np.concatenate((low, high), axis=1)
    target, other = _overlapping(images, rows)
    hides = _in_front(images, other, rows[target], solids, eyes)
    target, other = target[hides], other[hides]
    if not len(target):
        return share, cut
    starts = np.flatnonzero(np.diff(target, prepend=-1))
    covered = target[starts]
    which = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(target)))
    low, span = low[covered], (high - low)[covered]
    points = low[:, None] + _SAMPLES * span[:, None]
    own = _within(points, images, rows[covered])
    hidden = np.logical_or.reduceat(_within(points[which], images, other), starts, axis=0)
    free: Mask = np.asarray(own & ~hidden)
    count = own.sum(axis=1)
    share[covered] = np.where(count > 0, free.sum(axis=1) / np.maximum(count, 1), 1.0)
    # Where nothing covers an end it is exact; where something does the grid says how far.
    ends, whole = _ends(free), _ends(own)
    found = np.tile(low, 2) + ends / _GRID * np.tile(span, 2)
    cut[covered] = np.where(ends == whole, cut[covered], found)
    return share, cut


def _ends(mask: Mask) -> NDArray[np.intp]:
    """First and last cells (t, 4) of masks (t, s) across and down: x, y, x + 1, y + 1."""
    cells = mask.reshape(-1, _GRID, _GRID)
    sides: list[Mask] = [np.asarray(cells.any(axis=axis)) for axis in (1, 2)]  # across, down
    first = [side.argmax(axis=1) for side in sides]
    last = [_GRID - side[:, ::-1].argmax(axis=1) for side in sides]
    return np.stack((*first, *last), axis=1)


def _within(points: Array, images: _Images, rows: Rows) -> Mask:
    """Which points (p, s) lie in the outlines of rows (p,)."""
    x, y = points[..., 0], points[..., 1]
    low, high = images.reach_low[rows], images.reach_high[rows]
    inside = np.ones(x.shape, np.bool_)
    for i, (c, s) in enumerate(_DIRECTIONS.T):
        along = c * x + s * y
        inside &= (along >= low[:, i, None]) & (along <= high[:, i, None])
    return inside


def _overlapping(images: _Images, rows: Rows) -> tuple[Rows, Rows]:
    """Pairs (index into rows, other row) of one picture whose boxes overlap."""
    low, high = images.low, images.high
    both = images.camera[rows][:, None] == images.camera
    for axis in (0, 1):
        both &= low[rows, axis][:, None] < high[:, axis]
        both &= high[rows, axis][:, None] > low[:, axis]
    both[np.arange(len(rows)), rows] = False
    target, other = np.nonzero(both)
    return target, other


def _in_front(images: _Images, first: Rows, second: Rows, solids: _Solids, eyes: Array) -> Mask:
    """Whether each first row stands before its second, seen from their camera.

    Two footprints are told apart by a side of one of them that has the other beyond it: whoever
    is on the eye's side of it is in front. Footprints that overlap are told apart by depth.
    """
    eye = eyes[images.camera[first]]
    a, b = images.solid[first], images.solid[second]
    beyond_a, eye_a = _sides(solids, a, b, eye)
    beyond_b, eye_b = _sides(solids, b, a, eye)
    a_first = (beyond_a & ~eye_a).any(axis=1) | (beyond_b & eye_b).any(axis=1)
    b_first = (beyond_a & eye_a).any(axis=1) | (beyond_b & ~eye_b).any(axis=1)
    nearer = images.depth[first] < images.depth[second]
    return np.asarray(np.where(a_first ^ b_first, a_first, nearer))


def _sides(solids: _Solids, frame: Rows, other: Rows, eye: Array) -> tuple[Mask, Mask]:
    """Whether the other's whole footprint, and the eye, lie beyond each of four sides (p, 4)."""
    foot = corners(solids.place[other], solids.heading[other], solids.size[other])[:, :4, :2]
    points = np.concatenate((foot, eye[:, None]), axis=1) - solids.place[frame][:, None]
    turn = np.radians(solids.heading[frame])[:, None]
    c, s = np.cos(turn), np.sin(turn)
    x, y = points[..., 0], points[..., 1]
    ahead, left = x * c + y * s, y * c - x * s
    half = solids.size[frame, :2] / 2
    long, wide = half[:, :1], half[:, 1:]
    beyond = (ahead >= long, -ahead >= long, left >= wide, -left >= wide)
    sides: Mask = np.stack(beyond, axis=2)  # (p, 5, 4)
    return np.asarray(sides[:, :4].all(axis=1)), sides[:, 4]
