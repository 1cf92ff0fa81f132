"""``bconnect calibrate SURVEY``: where each place of a camera's image lies on the ground.

Reads marked points (or lane lines, or number plates), fits, says how good it is, writes the
calibration file and a picture with a metric grid to look at. Knows no ROS.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import cos, radians, sin, tan
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.adapters.grid_picture import blank, read_still, write_grid
from bconnect_detect.adapters.survey_file import Lanes as LanesFile
from bconnect_detect.adapters.survey_file import Plates as PlatesFile
from bconnect_detect.adapters.survey_file import Survey, read_survey
from bconnect_detect.core.calibrating import apply, fit, hull, marking
from bconnect_detect.core.calibrating_lanes import Lanes, fit_lanes
from bconnect_detect.core.calibrating_plates import HANGS, SIZES, Plate, Plates, fit_plates
from bconnect_site.calibration import Calibration, CalibrationFile, Lens, distortion_of
from bconnect_site.errors import ConfigError
from bconnect_site.find import resolve_site, shown
from bconnect_site.geometry import region_fault
from bconnect_site.loader import load_site
from bconnect_site.wgs84 import offset
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
    method: Literal["survey", "map", "lane_width", "plate"]
    doubt: float | None = None  # share of a place's distance, where the scale is in doubt


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
        "ground": ground_of(plane, survey.region),
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
        description="Fits an image-to-ground homography to marked points, lanes or plates.",
    )
    parser.add_argument("survey", type=Path, help="YAML or CSV of what was marked and measured")
    parser.add_argument("--camera", help="the camera's name")
    parser.add_argument("--author", help="who marked it")
    parser.add_argument("--date", type=_day, help="when, e.g. 2026-11-24")
    parser.add_argument("--still", type=Path, help="a picture of the camera to draw the grid on")
    parser.add_argument(
        "--lane-width",
        type=_width,
        metavar="M",
        help="m between lane lines that have no offset of their own, right to left",
    )
    parser.add_argument("--plate", choices=sorted(SIZES),
                        help="kind of plates that do not say theirs")  # fmt: skip
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


def _width(text: str) -> float:
    try:
        width = float(text)
    except ValueError:
        width = 0.0
    if not 1.5 <= width <= 10.0:
        raise argparse.ArgumentTypeError(f'found "{text}", needs m from 1.5 to 10')
    return width


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
        return _of_lanes(survey.lanes, survey.intrinsics, size, options.lane_width)
    if survey.plates is not None:
        return _of_plates(survey.plates, survey.intrinsics, size, options.plate)
    image = _fractions(np.array([p.image for p in survey.points], np.float64), size)
    degrees = any(p.ground is None for p in survey.points)
    ground = np.array([p.ground or _local(p, options.site) for p in survey.points], np.float64)
    return of_points(image, ground, survey.intrinsics, "map" if degrees else "survey")


def of_points(
    image: Vector, ground: Vector, lens: Lens | None, method: Literal["survey", "map"]
) -> Plane:
    """Fitted to points (n, 2) of the image, fractions, and of the ground, m. Raises ConfigError."""
    fitted = fit(_straight(image, lens), ground)
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
    return offset((origin.latitude, origin.longitude), (point.latitude, point.longitude))


def _of_lanes(
    lanes: LanesFile, lens: Lens | None, size: tuple[int, int], width: float | None
) -> Plane:
    marks = np.array([line.ends for line in lanes.lines], np.float64).reshape(-1, 2)
    along = np.array([a.ends for a in lanes.along], np.float64).reshape(-1, 2)
    image = _fractions(np.vstack((marks, along)), size)
    straight = _straight(image, lens)
    focal = _focal(lanes.field_of_view, lens)
    fitted = fit_lanes(
        Lanes(
            straight[: len(marks)].reshape(-1, 2, 2),
            np.array(_offsets(lanes, width)),
            size[1] / size[0],
            straight[len(marks) :].reshape(-1, 2, 2),
            np.array([a.length for a in lanes.along]),
            focal,
        )
    )
    to_map = _to_map(lanes.origin, lanes.heading)
    ground = apply(to_map, fitted.ground)
    unknown = np.full(len(ground), np.nan)
    matrix = to_map @ fitted.homography
    columns = image[: len(marks)], ground, fitted.residuals, unknown
    return Plane(matrix, *columns, fitted.stddev, "lane_width")


def _offsets(lanes: LanesFile, width: float | None) -> list[float]:
    """Of all lines, m to the left; those without one follow each other, ``width`` apart."""
    bare = [i for i, line in enumerate(lanes.lines) if line.offset is None]
    if bare and (width is None or len(bare) < len(lanes.lines)):
        key = f"lanes.lines[{bare[0]}].offset"
        raise ConfigError(f"{key}: is missing; write all of them, or none and give --lane-width")
    given = [line.offset for line in lanes.lines if line.offset is not None]
    return given or [(width or 0.0) * i for i in range(len(lanes.lines))]


def _focal(field_of_view: float | None, lens: Lens | None) -> float | None:
    """Image widths."""
    if field_of_view is not None:
        return 0.5 / tan(radians(field_of_view) / 2)
    return None if lens is None else lens.fx / lens.width


def _to_map(origin: tuple[float, float], heading: float) -> Vector:
    c, s = cos(radians(heading)), sin(radians(heading))
    return np.array(((c, -s, origin[0]), (s, c, origin[1]), (0.0, 0.0, 1.0)))


def _of_plates(
    given: PlatesFile, lens: Lens | None, size: tuple[int, int], kind: str | None
) -> Plane:
    focal = _focal(given.field_of_view, lens)
    if focal is None:
        raise ConfigError("plates.field_of_view: is missing; write it, or intrinsics")
    corners = np.array([p.corners for p in given.seen], np.float64).reshape(-1, 2)
    straight = _straight(_fractions(corners, size), lens).reshape(-1, 4, 2)
    plates = []
    for index, (plate, own) in enumerate(zip(given.seen, straight, strict=True)):
        called = plate.kind or kind
        if called is None:
            raise ConfigError(f"plates.seen[{index}].kind: is missing; write it or give --plate")
        plates.append(Plate(own, plate.size or SIZES[called], plate.hangs or HANGS[called]))
    measured = all(p.size is not None for p in given.seen)
    tall = size[1] / size[0]
    fitted = fit_plates(Plates(tuple(plates), focal, tall, given.height, measured))
    to_map = _to_map(given.origin, given.heading)
    bent = distortion_of(lens)
    image = fitted.image if bent is None else bent.bend(fitted.image)
    unknown = np.full(len(image), np.nan)
    return Plane(to_map @ fitted.homography, image, apply(to_map, fitted.ground), fitted.residuals,
                 unknown, fitted.stddev, "plate", fitted.doubt)  # fmt: skip


def ground_of(plane: Plane, region: Sequence[tuple[float, float]] | None = None) -> dict[str, Any]:
    """``ground`` of a calibration file; ``region``: where it holds, else around the points.

    Raises ConfigError.
    """
    grown = region or hull(plane.image, MARGIN)
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
    if plane.doubt is not None:
        print(f"scale and distance in doubt by {100 * plane.doubt:.0f} %: good for where vehicles "
              "are, not for how fast they are")  # fmt: skip
    elif len(plane.image) < 6 and plane.method != "lane_width":
        print("few points check each other here; six or more, spread out, are better")


if __name__ == "__main__":
    sys.exit(main())
