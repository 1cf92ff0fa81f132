"""Where the camera stands, read out of its homography, and what that does to a foot.

The lower edge of a box is the vehicle's corner nearest to the camera and the box's middle is
seldom the vehicle's: as a vehicle passes, its foot wanders against it. A block of the kind's
usual measures, seen from where the camera stands, tells by how much.

              camera
                |       far: the foot lies before the bonnet, in the middle
               /|\\      near and aside: it lies before the nearest corner, off the middle
              / | \\
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bconnect_site.calibration import Calibration
from bconnect_site.kinds import RoadUserKind as Kind

Vector = NDArray[np.float64]
Block = tuple[float, float, float]  # m: length, width, height

BLOCKS: dict[Kind, Block] = {
    Kind.BICYCLE: (1.7, 0.6, 1.7),
    Kind.MOTORCYCLE: (1.95, 0.75, 1.6),
    Kind.CAR: (4.3, 1.75, 1.6),
    Kind.MINIBUS: (4.5, 1.8, 1.95),
    Kind.BUS: (10.5, 2.5, 3.2),
    Kind.TRUCK: (7.0, 2.2, 2.7),
}
# How far a real one may differ: factors on length, width and height, one standard deviation.
SPREAD: dict[Kind, float] = {Kind.BUS: 0.25, Kind.TRUCK: 0.3}
USUAL_SPREAD = 0.15

_NEAR = 0.5  # m before the camera within which nothing is projected
_FOCAL = (0.25, 30.0)  # image widths a believable focal length has
_HEIGHT = (1.5, 150.0)  # m above the road


@dataclass(frozen=True, slots=True)
class Pose:
    """A pinhole above the road. Image points are in widths from its middle, y down."""

    focal: float  # image widths
    rotation: Vector  # (3, 3), map to camera: x right, y down, z forward
    centre: Vector  # (3,) m in the map, z up from the road

    def project(self, points: Vector) -> Vector:
        """Points (..., 3) m as (..., 2) image widths; NaN behind or beside the camera."""
        seen = (points - self.centre) @ self.rotation.T
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = np.where(seen[..., 2:] > _NEAR, seen[..., 2:], np.nan)
            return np.asarray(self.focal * seen[..., :2] / depth, np.float64)

    def onto_road(self, image: Vector) -> Vector:
        """Image points (n, 2) as the (n, 2) m of the road they show; NaN above the horizon."""
        rays = np.column_stack((image / self.focal, np.ones(len(image)))) @ self.rotation
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(rays[:, 2] < 0, -self.centre[2] / rays[:, 2], np.nan)
            return np.asarray(self.centre[:2] + reach[:, None] * rays[:, :2], np.float64)

    def foot_offset(self, middles: Vector, headings: Vector, block: Block) -> Vector:
        """How far (n, 2) m the foot of the box lies from the middle (n, 2) of a block that
        heads along unit vectors (n, 2)."""
        across = np.column_stack((-headings[:, 1], headings[:, 0]))
        corners = np.empty((len(middles), 8, 3))
        for index in range(8):
            ahead, aside, up = (index & 1) - 0.5, (index >> 1 & 1) - 0.5, index >> 2 & 1
            corners[:, index, :2] = (
                middles + ahead * block[0] * headings + aside * block[1] * across
            )
            corners[:, index, 2] = up * block[2]
        seen = self.project(corners)
        low, high = seen.min(axis=1), seen.max(axis=1)  # a NaN corner makes both NaN
        foot = np.column_stack(((low[:, 0] + high[:, 0]) / 2, high[:, 1]))
        return self.onto_road(foot) - middles


def pose_of(calibration: Calibration) -> Pose | None:
    """The camera's pose; None where the homography does not tell it.

    Square pixels and a principal point in the image's middle are assumed where the file has
    no intrinsics.
    """
    if not calibration.has_ground:
        return None
    size, lens = calibration.file.image, calibration.file.intrinsics
    tall = size.height / size.width
    centre, known = (0.5, 0.5), None
    if lens is not None:
        centre = (lens.cx + 0.5) / lens.width, (lens.cy + 0.5) / lens.height
        known = lens.fx / lens.width
    to_widths = np.array(((1.0, 0.0, -centre[0]), (0.0, tall, -tall * centre[1]), (0.0, 0.0, 1.0)))
    # Near the surveyed points for the sake of the numbers; undone at the end.
    region = calibration.to_ground(np.array(calibration.file.ground.region), True)  # type: ignore[union-attr]
    origin = region.mean(axis=0)
    shift = np.array(((1.0, 0.0, origin[0]), (0.0, 1.0, origin[1]), (0.0, 0.0, 1.0)))
    matrix = to_widths @ np.linalg.inv(calibration.homography) @ shift
    focal = known or _focal(matrix[:, 0], matrix[:, 1])
    if focal is None or not _FOCAL[0] <= focal <= _FOCAL[1]:
        return None
    return _pose(matrix, focal, origin)


def _focal(a: Vector, b: Vector) -> float | None:
    """Focal length that makes the images of two square, equal directions square and equal."""
    size = np.hypot(np.linalg.norm(a), np.linalg.norm(b))
    a, b = a / size, b / size
    planar = np.array(
        (a[0] * b[0] + a[1] * b[1], (a[0] ** 2 + a[1] ** 2 - b[0] ** 2 - b[1] ** 2) / 2)
    )
    deep = np.array((a[2] * b[2], (a[2] ** 2 - b[2] ** 2) / 2))
    power = float(planar @ planar)
    inverse = -float(planar @ deep) / power if power > 0 else 0.0
    return inverse**-0.5 if inverse > 0 else None


def _pose(matrix: Vector, focal: float, origin: Vector) -> Pose | None:
    columns = matrix / np.array((focal, focal, 1.0))[:, None]
    scale = (np.linalg.norm(columns[:, 0]) + np.linalg.norm(columns[:, 1])) / 2
    if not scale > 0:
        return None
    columns = columns / scale
    if columns[2, 2] < 0:  # the place looked at lies before the camera
        columns = -columns
    first, second = columns[:, 0], columns[:, 1]
    u, _, v = np.linalg.svd(np.column_stack((first, second, np.cross(first, second))))
    rotation = u @ v
    centre = -rotation.T @ columns[:, 2]
    if not _HEIGHT[0] <= centre[2] <= _HEIGHT[1] or np.linalg.det(rotation) < 0:
        return None
    return Pose(focal, rotation, centre + np.array((*origin, 0.0)))
