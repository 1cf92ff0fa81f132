"""A camera above a road as plain geometry, written apart from the code under test.

A pinhole at a place looks at another; blocks drive; their boxes are what it sees.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bconnect_detect.core.types import RoadUser
from bconnect_site.calibration import Calibration, CalibrationFile
from bconnect_site.kinds import RoadUserKind

SIZE = (640, 360)
CAR = (4.3, 1.75, 1.6)


@dataclass
class Street:
    """A camera; metres, degrees. Its image is a pinhole's."""

    position: tuple[float, float, float] = (0.0, 0.0, 6.0)
    look_at: tuple[float, float, float] = (40.0, 0.0, 0.0)
    field_of_view: float = 45.0
    size: tuple[int, int] = SIZE
    axes: Any = field(init=False)

    def __post_init__(self) -> None:
        ahead = np.subtract(self.look_at, self.position)
        ahead = ahead / np.linalg.norm(ahead)
        right = np.cross(ahead, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        self.axes = np.stack((right, np.cross(ahead, right), ahead))
        self.focal = self.size[0] / 2 / np.tan(np.radians(self.field_of_view) / 2)

    def pixels(self, points: Any) -> Any:
        """(n, 3) m as (n, 2) px; NaN behind the camera."""
        seen = (np.asarray(points, float) - self.position) @ self.axes.T
        depth = np.where(seen[:, 2:] > 0.3, seen[:, 2:], np.nan)
        return self.focal * seen[:, :2] / depth + np.array(self.size) / 2

    def box(self, x: float, y: float, heading: float, block: Any = CAR) -> Any:
        """Box (4,) px of a block at (x, y), heading degrees from east; NaN: not in sight."""
        turn = np.radians(heading)
        along, across = (
            np.array((np.cos(turn), np.sin(turn))),
            np.array((-np.sin(turn), np.cos(turn))),
        )
        corners = [
            (*((x, y) + a * block[0] / 2 * along + b * block[1] / 2 * across), c * block[2])
            for a in (-1, 1)
            for b in (-1, 1)
            for c in (0, 1)
        ]
        at = self.pixels(corners)
        box = np.concatenate((at.min(axis=0), at.max(axis=0)))
        width, height = self.size
        if not np.isfinite(box).all() or box[0] >= width or box[2] <= 0:
            return np.full(4, np.nan)
        if box[1] >= height or box[3] <= 0:
            return np.full(4, np.nan)
        return np.clip(box, 0, (width, height, width, height))

    def fractions(self, ground: Any) -> Any:
        """(n, 2) m of the road as fractions of the image."""
        ground = np.asarray(ground, float).reshape(-1, 2)
        return self.pixels(np.column_stack((ground, np.zeros(len(ground))))) / self.size

    def homography(self) -> Any:
        """(3, 3) fractions to m, from the pinhole's own numbers."""
        width, height = self.size
        intrinsics = np.array(
            ((self.focal / width, 0, 0.5), (0, self.focal / height, 0.5), (0, 0, 1.0))
        )
        outward = self.axes @ np.column_stack(
            ((1.0, 0, 0), (0, 1.0, 0), np.negative(self.position))
        )
        made = np.linalg.inv(intrinsics @ outward)
        return made / np.abs(made).max()

    def calibration(self, region: Any = None, stddev: float = 0.05, **keys: Any) -> Calibration:
        """What a perfect survey of this camera would give."""
        if region is None:
            horizon = 0.5 - self.focal / self.size[1] * np.tan(self._tilt())
            top = max(0.0, horizon + 0.03)
            region = ((0.0, top), (1.0, top), (1.0, 1.0), (0.0, 1.0))
        matrix = self.homography()
        marks = np.array(region)
        ground = np.column_stack((marks, np.ones(len(marks)))) @ matrix.T
        ground = ground[:, :2] / ground[:, 2:]
        points = [
            {"image": tuple(m), "ground": tuple(g), "residual": 0.0}
            for m, g in zip(marks.tolist(), ground.tolist(), strict=True)
        ]
        plain = {
            "calibration": "c",
            "date": "2026-11-01",
            "author": "Uji",
            "image": {"width": self.size[0], "height": self.size[1]},
            "ground": {
                "homography": matrix.tolist(),
                "region": region,
                "stddev": stddev,
                "points": points,
                "method": "simulation",
            },
            **keys,
        }
        return Calibration(CalibrationFile.model_validate(plain))

    def _tilt(self) -> float:
        return float(np.arcsin(-self.axes[2][2]))


def driver(
    street: Street,
    way: Callable[[float], tuple[float, float, float]],
    track_id: int = 1,
    kind: RoadUserKind = RoadUserKind.CAR,
    block: Any = CAR,
    noise: "Noise | None" = None,
) -> Callable[[float], list[RoadUser]]:
    """Road users over time of one block; way: s to (x, y, heading)."""

    def at(t: float) -> list[RoadUser]:
        box = street.box(*way(t), block)
        if noise is not None:
            box = noise.spoil(box, t)
        if not np.isfinite(box).all():
            return []
        return [RoadUser(kind, track_id, 0.9, tuple(float(v) for v in box))]

    return at


class Noise:
    """Edges that jitter and drift, shares of the box's width and height."""

    def __init__(self, seed: int, jitter: float = 0.015, drift: float = 0.01) -> None:
        self._random = np.random.default_rng(seed)
        self._jitter, self._drift = jitter, drift
        self._slow = self._random.normal(size=4)
        self._last: float | None = None

    def spoil(self, box: Any, t: float) -> Any:
        """The box as a detector finds it."""
        if self._last is not None:
            keep = np.exp(-(t - self._last))
            fresh = self._random.normal(size=4) * np.sqrt(1 - keep**2)
            self._slow = self._slow * keep + fresh
        self._last = t
        sides = np.tile(box[2:] - box[:2], 2)
        return box + sides * (self._jitter * self._random.normal(size=4) + self._drift * self._slow)


def straight(
    start: tuple[float, float], heading: float, speed: float, push: float = 0.0
) -> Callable[[float], tuple[float, float, float]]:
    """A way that begins at start with a speed [m/s] and an acceleration [m/s2]."""
    turn = np.radians(heading)

    def at(t: float) -> tuple[float, float, float]:
        s = speed * t + push * t * t / 2
        return start[0] + s * np.cos(turn), start[1] + s * np.sin(turn), heading

    return at
