"""``bconnect calibrate SURVEY``: where each place of a camera's image lies on the ground.

Reads marked points (or lane lines), fits, says how good it is, writes the calibration file and a
picture with a metric grid to look at. Knows no ROS.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import cos, radians, sin, sqrt, tan
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.adapters.grid_picture import blank, read_still, write_grid
from bconnect_detect.adapters.survey_file import Lanes as LanesFile
from bconnect_detect.adapters.survey_file import Survey, read_survey
from bconnect_detect.core.calibrating import apply, fit, hull, marking
from bconnect_detect.core.calibrating_lanes import Lanes, fit_lanes
from bconnect_site.calibration import Calibration, CalibrationFile, Lens, distortion_of
from bconnect_site.errors import ConfigError
from bconnect_site.find import resolve_site, shown
from bconnect_site.geometry import region_fault
from bconnect_site.loader import load_site
from bconnect_site.yamlwrite import to_yaml

Vector = NDArray[np.float64]

DONE = 0
MARGIN = 0.10  # by which the region reaches beyond the marked points


@dataclass(frozen=True, slots=True)
class Plane:
    """A fitted ground: everything the file says of it but the region."""

    homography: Vector
    image: Vector  # (n, 2) fractions as marked
    ground: Vector  # (n, 2) m
    residuals: Vector
    left_out: Vector
    stddev: float
    method: Literal["survey", "map", "lane_width"]


def main(argv: Sequence[str] | None = None) -> int:
    """Calibrates one camera. Raises ConfigError for anything wrong in what it is given."""
    options = _options(argv)
    survey = read_survey(options.survey)
    camera = options.camera or survey.calibration
    author, day = options.author or survey.author, options.date or survey.date
    where = shown(options.survey)
    _needed(where, calibration=(camera, "--camera utara"), author=(author, '--author "A. Name"'),
            date=(day, "--date 2026-11-24"))  # fmt: skip
    still = read_still(options.still) if options.still else None
    size = _size(survey, still, where)
    try:
        plane = _plane(survey, size, options)
    except ConfigError as error:
        raise ConfigError(*(f"{where}: {sentence}" for sentence in error.sentences)) from None
    plain = {
        "calibration": camera,
        "date": day,
        "author": author,
        "image": {"width": size[0], "height": size[1]},
        "ground": _ground(plane, survey),
        "intrinsics": survey.intrinsics and survey.intrinsics.model_dump(),
    }
    made = Calibration(CalibrationFile.model_validate(plain))
    _say(plane, made)
    out = options.out or Path(f"{camera}.yaml")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("# Written by bconnect calibrate.\n" + to_yaml(plain), encoding="utf-8")
    preview = options.preview or out.with_suffix(".png")
    write_grid(preview, still if still is not None else blank(*size), made)
    print(f"{shown(out)}: written; look at {shown(preview)} before you use it")
    return DONE


def _options(argv: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(
        prog="bconnect calibrate",
        description="Fits an image-to-ground homography to marked points or lane lines.",
    )
    parser.add_argument("survey", type=Path, help="YAML or CSV of what was marked and measured")
    parser.add_argument("--camera", help="the camera's name")
    parser.add_argument("--author", help="who marked it")
    parser.add_argument("--date", type=_day, help="when, e.g. 2026-11-24")
    parser.add_argument("--still", type=Path, help="a picture of the camera to draw the grid on")
    parser.add_argument("--site", help="site whose location is the map's origin, for degrees")
    parser.add_argument("--out", type=Path, help="calibration file; else CAMERA.yaml here")
    parser.add_argument("--preview", type=Path, help="picture with the grid; else beside the file")
    return parser.parse_args(argv)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'found "{text}", needs a day such as 2026-11-24'
        ) from None


def _needed(where: str, **given: tuple[object, str]) -> None:
    wrong = [
        f"{where}: {key}: is missing; write it there or give {option}"
        for key, (value, option) in given.items()
        if not value
    ]
    if wrong:
        raise ConfigError(*wrong)


def _size(survey: Survey, still: Any, where: str) -> tuple[int, int]:
    """Width and height of the image the points were marked in, pixels."""
    seen = None if still is None else (int(still.shape[1]), int(still.shape[0]))
    if survey.image is None:
        if seen is None:
            raise ConfigError(f"{where}: image: is missing; write width and height or give --still")
        return seen
    size = survey.image.width, survey.image.height
    if seen is not None and abs(seen[0] * size[1] / (seen[1] * size[0]) - 1.0) > 0.01:
        raise ConfigError(
            f"--still: has {seen[0]} x {seen[1]} pixels, another aspect ratio than the "
            f"{size[0]} x {size[1]} of {where}"
        )
    return size


def _plane(survey: Survey, size: tuple[int, int], options: Any) -> Plane:
    if survey.lanes is not None:
        return _of_lanes(survey.lanes, survey.intrinsics, size)
    image = _fractions(np.array([p.image for p in survey.points], np.float64), size)
    degrees = any(p.ground is None for p in survey.points)
    ground = np.array([p.ground or _local(p, options.site) for p in survey.points], np.float64)
    fitted = fit(_straight(image, survey.intrinsics), ground)
    method: Literal["survey", "map"] = "map" if degrees else "survey"
    columns = fitted.homography, image, ground, fitted.residuals, fitted.left_out
    return Plane(*columns, fitted.stddev, method)


def _fractions(marks: Vector, size: tuple[int, int]) -> Vector:
    """Pixels as fractions; what is nowhere above 1 is taken for fractions already."""
    return marks if (marks <= 1.0).all() else marks / np.array(size, np.float64)


def _straight(image: Vector, lens: Lens | None) -> Vector:
    bent = distortion_of(lens)
    return image if bent is None else bent.straighten(image)


def _local(point: Any, site: str | None) -> tuple[float, float]:
    """Degrees as m east and north of a site's location (WGS 84)."""
    if site is None:
        raise ConfigError("points: are in degrees; give --site, whose location is the origin")
    origin = load_site(resolve_site(site)).site.location
    if origin is None:
        raise ConfigError(f"{site}: location: is missing; it is the origin of the map")
    a, e2 = 6378137.0, 6.69437999014e-3
    w = sqrt(1 - e2 * sin(radians(origin.latitude)) ** 2)
    north = a * (1 - e2) / w**3 * radians(point.latitude - origin.latitude)
    across = a / w * cos(radians(origin.latitude))
    return across * radians(point.longitude - origin.longitude), north


def _of_lanes(lanes: LanesFile, lens: Lens | None, size: tuple[int, int]) -> Plane:
    marks = np.array([line.ends for line in lanes.lines], np.float64).reshape(-1, 2)
    along = np.array([a.ends for a in lanes.along], np.float64).reshape(-1, 2)
    image = _fractions(np.vstack((marks, along)), size)
    straight = _straight(image, lens)
    focal = None if lens is None else lens.fx / lens.width
    if lanes.field_of_view is not None:
        focal = 0.5 / tan(radians(lanes.field_of_view) / 2)
    fitted = fit_lanes(
        Lanes(
            straight[: len(marks)].reshape(-1, 2, 2),
            np.array([line.offset for line in lanes.lines]),
            size[1] / size[0],
            straight[len(marks) :].reshape(-1, 2, 2),
            np.array([a.length for a in lanes.along]),
            focal,
        )
    )
    turn = radians(lanes.heading)
    to_map = np.array(
        (
            (cos(turn), -sin(turn), lanes.origin[0]),
            (sin(turn), cos(turn), lanes.origin[1]),
            (0.0, 0.0, 1.0),
        )
    )
    ground = apply(to_map, fitted.ground)
    unknown = np.full(len(ground), np.nan)
    matrix = to_map @ fitted.homography
    columns = image[: len(marks)], ground, fitted.residuals, unknown
    return Plane(matrix, *columns, fitted.stddev, "lane_width")


def _ground(plane: Plane, survey: Survey) -> dict[str, Any]:
    grown = survey.region or hull(plane.image, MARGIN)
    region = [(round(float(x), 4), round(float(y), 4)) for x, y in grown]
    if (why := region_fault(region)) is not None:
        raise ConfigError(f"points: the region around them {why}")
    matrix = plane.homography / np.abs(plane.homography).max()
    return {
        "homography": [[float(v) for v in row] for row in matrix],
        "region": [list(point) for point in region],
        "stddev": round(plane.stddev, 3),
        "points": [
            {
                "image": [round(float(v), 6) for v in image],
                "ground": [round(float(v), 4) for v in ground],
                "residual": round(float(residual), 4),
            }
            for image, ground, residual in zip(
                plane.image, plane.ground, plane.residuals, strict=True
            )
        ],
        "method": plane.method,
    }


def _say(plane: Plane, made: Calibration) -> None:
    marked = marking(plane.homography, plane.image)
    print("point     east    north   residual   left out   one pixel in 1280   [m]")
    for index, (east, north) in enumerate(plane.ground):
        out = plane.left_out[index]
        print(
            f"{index:5d} {east:8.2f} {north:8.2f} {plane.residuals[index]:10.3f} "
            f"{'-' if np.isnan(out) else f'{out:.3f}':>10} {marked[index]:19.3f}"
        )
    print(f"standard deviation of a place: {made.stddev:.3f} m, by {plane.method}")
    if len(plane.image) < 6 and plane.method != "lane_width":
        print("few points check each other here; six or more, spread out, are better")


if __name__ == "__main__":
    sys.exit(main())
