"""A camera's calibration file: its lens, and where each place of the image lies on the ground.

The homography maps fractions of the (undistorted) image to metres in ``<site>/map`` (REP-105,
ENU), so it holds for every size of the same picture, but not for another aspect ratio. Outside
the region the points were surveyed in it says nothing (NaN).
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
from bconnect_site.yamlfile import read_yaml

Array = NDArray[np.float64]
Pair = Annotated[tuple[float, float], Field(strict=False)]
Row = Annotated[tuple[float, float, float], Field(strict=False)]
Matrix = Annotated[tuple[Row, Row, Row], Field(strict=False)]

ASPECT = 0.01  # share by which the image's aspect ratio may differ from the calibrated one


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
        """Raises ConfigError when the homography cannot be turned around."""
        self.file = file
        self._out: Array | None = None
        if file.ground is not None:
            self._in = np.array(file.ground.homography, np.float64)
            if not np.isfinite(self._in).all() or abs(np.linalg.det(self._in)) < 1e-12:
                raise ConfigError("ground.homography: maps the image onto a line, not a plane")
            self._out = np.asarray(np.linalg.inv(self._in), np.float64)
            self._region = np.array(file.ground.region, np.float64)

    @property
    def has_ground(self) -> bool:
        """Whether places on the ground can be had."""
        return self._out is not None

    @property
    def stddev(self) -> float:
        """m, standard deviation of a place the fit gives; NaN without a ground."""
        return self.file.ground.stddev if self.file.ground else float("nan")

    def fits(self, width: int, height: int) -> bool:
        """Whether it was made for images of this aspect ratio."""
        made = self.file.image.width / self.file.image.height
        return abs(width / height / made - 1.0) <= ASPECT

    def to_ground(self, fractions: Array) -> Array:
        """Places (n, 2) of the image, in fractions, as (n, 2) m in the map.

        NaN where there is no ground calibration, or outside its region.
        """
        fractions = np.asarray(fractions, np.float64).reshape(-1, 2)
        if self._out is None:
            return np.full_like(fractions, np.nan)
        made = _map(self._in, fractions)
        made[~self.covers(fractions)] = np.nan
        return made

    def to_image(self, ground: Array) -> Array:
        """Places (n, 2) of the map, m, as (n, 2) fractions; NaN without a ground calibration."""
        ground = np.asarray(ground, np.float64).reshape(-1, 2)
        return np.full_like(ground, np.nan) if self._out is None else _map(self._out, ground)

    def jacobian(self, fractions: Array) -> Array:
        """How places move with the image, (n, 2, 2): m per fraction, row is east or north."""
        fractions = np.asarray(fractions, np.float64).reshape(-1, 2)
        if self._out is None:
            return np.full((len(fractions), 2, 2), np.nan)
        h, (x, y) = self._in, fractions.T
        w = h[2, 0] * x + h[2, 1] * y + h[2, 2]
        at = _map(h, fractions)
        made = np.empty((len(fractions), 2, 2))
        for row in range(2):
            for column in range(2):
                made[:, row, column] = (h[row, column] - at[:, row] * h[2, column]) / w
        return made

    def covers(self, fractions: Array) -> NDArray[np.bool_]:
        """Which places (n, 2) of the image lie in the calibrated region."""
        fractions = np.asarray(fractions, np.float64).reshape(-1, 2)
        if self._out is None:
            return np.zeros(len(fractions), np.bool_)
        x, y = fractions[:, 0:1], fractions[:, 1:2]
        a, b = self._region, np.roll(self._region, -1, axis=0)
        spans = (a[:, 1] > y) != (b[:, 1] > y)
        rise = np.where(b[:, 1] == a[:, 1], 1.0, b[:, 1] - a[:, 1])
        odd = (spans & (x < a[:, 0] + (y - a[:, 1]) / rise * (b[:, 0] - a[:, 0]))).sum(axis=1)
        return np.asarray(odd % 2 == 1, np.bool_)


def _map(matrix: Array, points: Array) -> Array:
    made = np.column_stack((points, np.ones(len(points)))) @ matrix.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(made[:, :2] / made[:, 2:], np.float64)


def load_calibration(path: str | Path) -> Calibration:
    """A calibration from its file. Raises ConfigError with every mistake."""
    path = Path(path)
    plain, lines, _ = read_yaml(path, shown(path))
    file = validate(CalibrationFile, plain, shown(path), lines)
    try:
        return Calibration(file)
    except ConfigError as error:
        raise ConfigError(*(f"{shown(path)}: {s}" for s in error.sentences)) from None
