"""Calibration from points marked in the browser, by the code of `bconnect calibrate`."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bconnect_site.calibration import Calibration, CalibrationFile, Lens
from bconnect_site.errors import ConfigError
from bconnect_site.model import Location
from bconnect_site.wgs84 import offset
from bconnect_site.yamlwrite import to_yaml

Vector = NDArray[np.float64]
STRIDE = 5.0  # m between lines of the grid
MOST = 60  # lines each way


@dataclass(frozen=True, slots=True)
class Mark:
    """A place of the image, fractions, and of the ground: m east and north, or degrees."""

    image: tuple[float, float]
    ground: tuple[float, float] | None = None
    degrees: tuple[float, float] | None = None  # latitude, longitude


@dataclass(frozen=True, slots=True)
class Survey:
    """All that makes a calibration file. ``size``: pixels of the picture it was marked in."""

    camera: str
    author: str
    day: date
    size: tuple[int, int]
    marks: tuple[Mark, ...]
    intrinsics: Lens | None = None


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A fit. ``residuals`` and ``left_out``: m for each mark; ``grid``: lines in the image."""

    residuals: list[float]
    left_out: list[float | None]
    marking: list[float]  # m by which one pixel in 1280 moves the place
    stddev: float
    grid: list[list[tuple[float, float]]]
    region: list[tuple[float, float]]
    raw: bytes


def survey(given: Survey, origin: Location | None) -> Surveyed:
    """Fits. Raises ConfigError: each sentence begins with ``points`` or ``points[n]``."""
    from bconnect_detect import calibrate  # brings OpenCV: only where it is asked for
    from bconnect_detect.core.calibrating import marking

    image = np.array([m.image for m in given.marks], np.float64).reshape(-1, 2)
    ground = np.array([_metres(m, origin) for m in given.marks], np.float64).reshape(-1, 2)
    method: Literal["survey", "map"] = "map" if any(m.degrees for m in given.marks) else "survey"
    plane = calibrate.of_points(image, ground, given.intrinsics, method)
    plain = {
        "calibration": given.camera,
        "date": given.day,
        "author": given.author,
        "image": {"width": given.size[0], "height": given.size[1]},
        "ground": calibrate.ground_of(plane),
        "intrinsics": given.intrinsics and given.intrinsics.model_dump(),
    }
    made = Calibration(CalibrationFile.model_validate(plain))
    assert made.file.ground is not None
    return Surveyed(
        [round(float(v), 3) for v in plane.residuals],
        [round(float(v), 3) if np.isfinite(v) else None for v in plane.left_out],
        [round(float(v), 3) for v in marking(plane.homography, plane.image)],
        round(made.stddev, 3),
        grid(made),
        list(made.file.ground.region),
        f"# Marked in the command centre.\n{to_yaml(plain)}".encode(),
    )


def _metres(mark: Mark, origin: Location | None) -> tuple[float, float]:
    if mark.ground is not None:
        return mark.ground
    if mark.degrees is None:
        return float("nan"), float("nan")
    if origin is None:
        raise ConfigError("points: are in degrees, but the site has no location to count from")
    return offset((origin.latitude, origin.longitude), mark.degrees)


def grid(calibration: Calibration) -> list[list[tuple[float, float]]]:
    """Lines every 5 m on the ground, as they lie in the calibrated region of the image."""
    ground = calibration.file.ground
    if ground is None:
        return []
    corners = np.array(ground.region)
    share = np.linspace(0, 1, 16)[:, None]
    edge = np.concatenate([a + (b - a) * share for a, b in zip(
        corners, np.roll(corners, -1, axis=0), strict=True)])  # fmt: skip
    at = calibration.to_ground(edge, anywhere=True)
    at = at[np.isfinite(at).all(axis=1)]
    if not len(at):
        return []
    low, high = np.floor(at.min(axis=0) / STRIDE), np.ceil(at.max(axis=0) / STRIDE)
    lines: list[list[tuple[float, float]]] = []
    for axis in (0, 1):
        for value in np.arange(low[axis], min(high[axis], low[axis] + MOST) + 1) * STRIDE:
            other = np.arange(low[1 - axis] * STRIDE, high[1 - axis] * STRIDE + 0.5, 0.5)[:2000]
            points = np.empty((len(other), 2))
            points[:, axis], points[:, 1 - axis] = value, other
            seen = calibration.to_image(points)
            keep = calibration.covers(np.nan_to_num(seen, nan=-1.0))
            lines += _runs(seen, keep)
    return lines


def _runs(points: Vector, keep: NDArray[np.bool_]) -> list[list[tuple[float, float]]]:
    """The pieces of a line that are kept, thinned."""
    made = []
    for run in np.split(np.arange(len(points)), np.flatnonzero(np.diff(keep.astype(int))) + 1):
        if keep[run[0]] and len(run) > 1:
            thin = [*run[:: max(1, len(run) // 12)].tolist(), int(run[-1])]
            made.append([(round(float(x), 4), round(float(y), 4)) for x, y in points[thin]])
    return made


def marks_of(file: CalibrationFile) -> list[dict[str, Any]]:
    """The points of a file as marks in metres."""
    points = file.ground.points if file.ground else ()
    return [{"image": p.image, "ground": p.ground, "residual": p.residual} for p in points]
