"""A pinhole over the street: where a place of the map appears in a camera's picture.

One 3x4 matrix per camera takes (x, y, z, 1) [m] to (u w, v w, w): u, v fractions of the image,
(0, 0) top left, and w the depth along the optical axis [m].
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin, tan

import numpy as np
from numpy.typing import NDArray

from bconnect_sim.core.world import CameraView

Array = NDArray[np.float64]

NEAR = 0.5  # m of depth before which nothing is projected

# Corners of a cuboid in halves of length, width and whole heights; bottom four first.
_ALONG = np.array([1.0, 1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0]) / 2
_ASIDE = np.array([1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0]) / 2
_ABOVE = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True, eq=False)
class Optics:
    """One camera as it hangs. matrix (3, 4); eye (3,) m; focal: in widths of the image."""

    matrix: Array
    eye: Array
    focal: float
    aspect: float  # width / height of the picture

    @classmethod
    def of(cls, view: CameraView, aspect: float, pan: float = 0.0, tilt: float = 0.0) -> Optics:
        """The camera of a view; pan (to the left) and tilt (up) in degrees turn its head."""
        eye = np.array(view.position, float)
        ahead = np.array(view.look_at, float) - eye
        ahead = _turned(ahead / np.linalg.norm(ahead), pan, tilt)
        right = np.cross(ahead, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        down = np.cross(ahead, right)
        focal = 0.5 / tan(radians(view.field_of_view / 2))
        rows = np.stack((focal * right + 0.5 * ahead, focal * aspect * down + 0.5 * ahead, ahead))
        return cls(np.column_stack((rows, -rows @ eye)), eye, focal, aspect)

    def project(self, points: Array) -> Array:
        """Points (n, 3) m as (n, 3): u, v in fractions, depth in m; NaN u, v when behind."""
        made = homogeneous(self.matrix, np.asarray(points, float).reshape(-1, 3))
        with np.errstate(divide="ignore", invalid="ignore"):
            made[:, :2] /= np.where(made[:, 2:] > NEAR, made[:, 2:], np.nan)
        return made

    def fraction(self, x: float, y: float, z: float = 0.0) -> tuple[float, float] | None:
        """Where (x, y, z) appears; may lie outside 0..1; None: behind the camera."""
        u, v, depth = self.project(np.array([[x, y, z]]))[0]
        return (float(u), float(v)) if depth > NEAR else None

    def to_ground(self) -> Array:
        """Homography (3, 3) from fractions of the image to m on the ground (z = 0).

        Its last row gives something positive for ground ahead, 1 at the middle of the
        picture's lower edge when that is ground.
        """
        made = np.linalg.inv(self.matrix[:, (0, 1, 3)])
        return np.asarray(made / abs(made[2] @ (0.5, 1.0, 1.0)), np.float64)


def homogeneous(matrix: Array, points: Array) -> Array:
    """(..., 3) m through matrices (..., 3, 4), broadcast. Sums in a fixed order: the same
    numbers however many points there are."""
    x, y, z = (points[..., i, None] for i in range(3))
    m = matrix
    return np.asarray(m[..., 0] * x + m[..., 1] * y + (m[..., 2] * z + m[..., 3]), np.float64)


def corners(place: Array, heading: Array, size: Array) -> Array:
    """Cuboids on the ground as corners (n, 8, 3) m.

    place (n, 2): middle of the footprint; heading (n,) degrees; size (n, 3): length, width,
    height. The first four corners lie on the ground.
    """
    turn = np.radians(heading)
    c, s = np.cos(turn)[:, None], np.sin(turn)[:, None]
    along, aside = _ALONG * size[:, 0, None], _ASIDE * size[:, 1, None]
    return np.stack(
        (
            place[:, 0, None] + along * c - aside * s,
            place[:, 1, None] + along * s + aside * c,
            _ABOVE * size[:, 2, None],
        ),
        axis=2,
    )


def _turned(ahead: Array, pan: float, tilt: float) -> Array:
    """A direction turned left by pan, then up by tilt, degrees."""
    c, s = cos(radians(pan)), sin(radians(pan))
    x, y, z = c * ahead[0] - s * ahead[1], s * ahead[0] + c * ahead[1], ahead[2]
    flat = float(np.hypot(x, y))
    c, s = cos(radians(tilt)), sin(radians(tilt))
    along, up = c * flat - s * z, s * flat + c * z
    return np.array((x / flat * along, y / flat * along, up))
