"""A camera's calibration file: its lens, and where each place of the image lies on the ground.

Places of the image are fractions of it *as taken*. The homography maps the pinhole's image
(what a bending lens would have shown without its distortion) to metres in ``<site>/map``
(REP-105, ENU). So it holds for every size of the same picture, but not for another aspect
ratio. Outside the region the points were surveyed in it says nothing (NaN), and nothing at or
above the horizon.
"""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bconnect_site.describe import validate
from bconnect_site.errors import ConfigError
from bconnect_site.fields import Day, Name, Region, Strict, Text
from bconnect_site.find import shown
from bconnect_site.lens import Distortion
from bconnect_site.yamlfile import read_yaml

Array = NDArray[np.float64]
Pair = Annotated[tuple[float, float], Field(strict=False)]
Row = Annotated[tuple[float, float, float], Field(strict=False)]
Matrix = Annotated[tuple[Row, Row, Row], Field(strict=False)]

ASPECT = 0.01  # share by which the image's aspect ratio may differ from the calibrated one
MISFIT = 1.0  # m a point may lie from where the homography puts it, beside 3 of its residuals
_STEP = 1e-5  # of the image, for slopes through a bending lens


class ImageSize(Strict):
    """Pixels of the image the points were marked in."""

    width: int = Field(ge=16, le=15360)
    height: int = Field(ge=16, le=8640)


class Lens(Strict):
    """Pinhole intrinsics at one image size, as in sensor_msgs/CameraInfo; pixels."""

    width: float = Field(gt=0.0)
    height: float = Field(gt=0.0)
    fx: float = Field(gt=0.0)
    fy: float = Field(gt=0.0)
    cx: float = Field(gt=0.0)
    cy: float = Field(gt=0.0)
    model: Text = "plumb_bob"
    distortion: Annotated[tuple[float, ...], Field(strict=False)] = ()


class GroundPoint(Strict):
    """One surveyed point."""

    image: Pair = Field(description="fractions of the image")
    ground: Pair = Field(description="m in the site's map")
    residual: float = Field(ge=0.0, description="m between survey and fit")


class Ground(Strict):
    """The ground plane as the camera sees it."""

    homography: Matrix = Field(description="fractions of the image to m in the site's map")
    region: Region = Field(description="where it holds, fractions of the image")
    stddev: float = Field(ge=0.0, description="m, of a place the fit gives")
    points: Annotated[tuple[GroundPoint, ...], Field(strict=False, min_length=4)]
    method: Literal["survey", "map", "plate", "lane_width", "simulation"]


class CalibrationFile(Strict):
    """What a file of config/calibration may hold."""

    calibration: Name = Field(description="the camera it belongs to")
    date: Day
    author: Text
    image: ImageSize
    ground: Ground | None = None
    intrinsics: Lens | None = None


class Calibration:
    """A loaded calibration. Construct by load_calibration or of a CalibrationFile."""

    def __init__(self, file: CalibrationFile) -> None:
        """Raises ConfigError: a homography that cannot be turned around or contradicts its
        points or its region, a lens model not known here."""
        self.file = file
        self._lens = distortion_of(file.intrinsics)
        self._out: Array | None = None
        if file.ground is None:
            return
        self._in = np.array(file.ground.homography, np.float64)
        if not np.isfinite(self._in).all() or abs(_det(self._in)) < 1e-12:
            raise ConfigError("ground.homography: maps the image onto a line, not a plane")
        self._region = np.array(file.ground.region, np.float64)
        ends = np.roll(self._region, -1, axis=0)
        self._next_y = ends[:, 1]
        step_x, step_y = (ends - self._region).T
        self._slope = step_x / np.where(step_y == 0, 1.0, step_y)
        # Before the horizon: the side of the vanishing line on which the region lies.
        self._in *= np.sign(_weight(self._in, self._straight(self._region)).mean()) or 1.0
        self._out = np.asarray(np.linalg.inv(self._in), np.float64)
        self._check(file.ground)

    @property
    def has_ground(self) -> bool:
        """Whether places on the ground can be had."""
        return self._out is not None

    @property
    def has_distortion(self) -> bool:
        """Whether straight lines of the street are bent in the image."""
        return self._lens is not None

    @property
    def stddev(self) -> float:
        """m, standard deviation of a place the fit gives; NaN without a ground."""
        return self.file.ground.stddev if self.file.ground else float("nan")

    @property
    def homography(self) -> Array:
        """(3, 3), fractions of the pinhole's image to m; NaN without a ground."""
        return np.full((3, 3), np.nan) if self._out is None else self._in.copy()

    def fits(self, width: int, height: int) -> bool:
        """Whether it was made for images of this aspect ratio."""
        if width <= 0 or height <= 0:
            return False
        made = self.file.image.width / self.file.image.height
        return abs(width / height / made - 1.0) <= ASPECT

    def to_ground(self, fractions: Array, anywhere: bool = False) -> Array:
        """Places (n, 2) of the image, in fractions, as (n, 2) m in the map.

        NaN where there is no ground calibration, above the horizon, and outside the region
        unless ``anywhere``: then the plane is prolonged, with an unknown error.
        """
        fractions = np.asarray(fractions, np.float64).reshape(-1, 2)
        if self._out is None:
            return np.full_like(fractions, np.nan)
        made = _map(self._in, self._straight(fractions))
        if not anywhere:
            made[~self.covers(fractions)] = np.nan
        return made

    def to_image(self, ground: Array) -> Array:
        """Places (n, 2) of the map, m, as (n, 2) fractions; NaN without a ground calibration
        and behind the camera."""
        ground = np.asarray(ground, np.float64).reshape(-1, 2)
        if self._out is None:
            return np.full_like(ground, np.nan)
        made = _map(self._out, ground)
        return made if self._lens is None else self._lens.bend(made)

    def jacobian(self, fractions: Array) -> Array:
        """How places move with the image, (n, 2, 2): m per fraction, row is east or north."""
        fractions = np.asarray(fractions, np.float64).reshape(-1, 2)
        if self._out is None:
            return np.full((len(fractions), 2, 2), np.nan)
        straight = self._straight(fractions)
        h, w, at = self._in, _weight(self._in, straight), _map(self._in, straight)
        with np.errstate(divide="ignore", invalid="ignore"):
            made = (h[None, :2, :2] - at[:, :, None] * h[None, 2:, :2]) / w[:, None, None]
        if self._lens is not None:
            steps = np.eye(2) * _STEP
            slopes = [self._straight(fractions + s) - self._straight(fractions - s) for s in steps]
            made = made @ (np.stack(slopes, axis=2) / (2 * _STEP))
        return np.asarray(made, np.float64)

    def covers(self, fractions: Array) -> NDArray[np.bool_]:
        """Which places (n, 2) of the image lie in the calibrated region."""
        fractions = np.asarray(fractions, np.float64).reshape(-1, 2)
        if self._out is None:
            return np.zeros(len(fractions), np.bool_)
        x, y = fractions[:, 0:1], fractions[:, 1:2]
        (a_x, a_y), b_y, slope = self._region.T, self._next_y, self._slope
        crossed = ((a_y > y) != (b_y > y)) & (x < a_x + (y - a_y) * slope)
        return np.asarray(np.logical_xor.reduce(crossed, axis=1), np.bool_)

    def _straight(self, fractions: Array) -> Array:
        return fractions if self._lens is None else self._lens.straighten(fractions)

    def _check(self, ground: Ground) -> None:
        above = np.flatnonzero(~np.isfinite(self.to_ground(self._region, True)).all(axis=1))
        wrong = [f"ground.region: corner {i + 1} lies at or above the horizon" for i in above]
        marked = np.array([p.image for p in ground.points])
        surveyed = np.array([p.ground for p in ground.points])
        miss = np.hypot(*(self.to_ground(marked, True) - surveyed).T)
        for index, point in enumerate(ground.points):
            if not miss[index] <= MISFIT + 3 * point.residual:
                wrong.append(
                    f"ground.points[{index}]: lies {miss[index]:.2f} m from where the homography "
                    f"puts it, the file says {point.residual:g} m; calibrate anew"
                )
        if wrong:
            raise ConfigError(*wrong)


def distortion_of(lens: Lens | None) -> Distortion | None:
    """What bends the image; None: nothing does. Raises ConfigError."""
    if lens is None or not any(lens.distortion):
        return None
    # CameraInfo counts from the first pixel's middle, fractions from its edge.
    center = (lens.cx + 0.5) / lens.width, (lens.cy + 0.5) / lens.height
    focal = lens.fx / lens.width, lens.fy / lens.height
    return Distortion(lens.model, lens.distortion, focal, center)


def _det(matrix: Array) -> float:
    """Determinant of the matrix scaled to its own size."""
    size = float(np.abs(matrix).max())
    return float(np.linalg.det(matrix / size)) if size > 0 else 0.0


def _weight(matrix: Array, points: Array) -> Array:
    return np.asarray(points @ matrix[2, :2] + matrix[2, 2], np.float64)


def _map(matrix: Array, points: Array) -> Array:
    """NaN on the far side of the vanishing line."""
    made = points @ matrix[:, :2].T
    made += matrix[:, 2]
    weights = made[:, 2:]
    weights[~(weights > 0)] = np.nan
    return np.asarray(made[:, :2] / weights, np.float64)


def load_calibration(path: str | Path) -> Calibration:
    """A calibration from its file. Raises ConfigError with every mistake."""
    path = Path(path)
    plain, lines, _ = read_yaml(path, shown(path))
    file = validate(CalibrationFile, plain, shown(path), lines)
    try:
        return Calibration(file)
    except ConfigError as error:
        raise ConfigError(*(f"{shown(path)}: {s}" for s in error.sentences)) from None
