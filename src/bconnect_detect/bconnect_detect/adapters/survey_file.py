"""What a person marked and measured to calibrate a camera: a YAML or CSV file.

    calibration: utara                 # the camera
    author: Dishub Balikpapan
    date: 2026-11-24
    image: {width: 1920, height: 1080}
    points:                            # image: pixels, or fractions where none is above 1
      - {image: [512, 700], ground: [12.5, 3.0]}                    # m east, north
      - {image: [930, 512], latitude: -1.246310, longitude: 116.856300}

Instead of points, lane lines; offsets in m to the left of travel away from the camera:

    lanes:
      lines:
        - {offset: 0.0, ends: [[200, 1000], [880, 420]]}
        - {offset: 3.5, ends: [[60, 1000], [860, 420]]}
      along: [{ends: [[700, 700], [760, 600]], length: 8.0}]        # or field_of_view: 62
      origin: [0.0, 0.0]               # of the first line's first end on the map, m
      heading: 15.0                    # degrees from east, counter-clockwise

Or number plates of vehicles on a level road, corners clockwise from the upper left one:

    plates:
      field_of_view: 40.0              # degrees across; or intrinsics
      height: 6.5                      # m, of the camera above the road, where it was measured
      seen:
        - {kind: car, corners: [[600, 500], [640, 501], [640, 515], [600, 514]]}
        - {kind: motorcycle, size: [0.275, 0.11], hangs: 0.6, corners: [...]}   # m, measured
      origin: [0.0, 0.0]               # the camera's foot on the map, m
      heading: 15.0                    # where the camera looks, degrees from east

CSV: a header with x, y and east, north or latitude, longitude; the rest comes from options.
"""

import csv
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from bconnect_site.calibration import ImageSize, Lens, Pair
from bconnect_site.describe import validate
from bconnect_site.errors import ConfigError
from bconnect_site.fields import Day, Name, Region, Strict, Text
from bconnect_site.find import shown
from bconnect_site.yamlfile import read_yaml

_COLUMNS = ({"x", "y", "east", "north"}, {"x", "y", "latitude", "longitude"})


class Point(Strict):
    """A place in the image and on the ground."""

    image: Pair
    ground: Pair | None = None
    latitude: float | None = Field(default=None, ge=-90.0, le=90.0)
    longitude: float | None = Field(default=None, ge=-180.0, le=180.0)


Ends = Annotated[tuple[Pair, Pair], Field(strict=False)]


class Line(Strict):
    """A lane line."""

    offset: float | None = Field(default=None, ge=-100.0, le=100.0)
    ends: Ends


class Along(Strict):
    """A measured length on the road."""

    ends: Ends
    length: float = Field(gt=0.5, le=500.0)


class Lanes(Strict):
    """Parallel lines."""

    lines: Annotated[tuple[Line, ...], Field(strict=False, min_length=2)]
    along: Annotated[tuple[Along, ...], Field(strict=False)] = ()
    field_of_view: float | None = Field(default=None, gt=5.0, lt=150.0)
    origin: Pair = (0.0, 0.0)
    heading: float = 0.0


Corners = Annotated[tuple[Pair, Pair, Pair, Pair], Field(strict=False)]
Length = Annotated[float, Field(gt=0.02, lt=1.5)]


class Plate(Strict):
    """A number plate; ``size``: m, length and height, where it was measured."""

    kind: Literal["car", "motorcycle"] | None = None
    corners: Corners
    size: Annotated[tuple[Length, Length], Field(strict=False)] | None = None
    hangs: float | None = Field(default=None, gt=0.1, lt=3.0)


class Plates(Strict):
    """Number plates."""

    seen: Annotated[tuple[Plate, ...], Field(strict=False, min_length=1, max_length=40)]
    field_of_view: float | None = Field(default=None, gt=5.0, lt=150.0)
    height: float | None = Field(default=None, gt=1.5, lt=60.0)
    origin: Pair = (0.0, 0.0)
    heading: float = 0.0


class Survey(Strict):
    """A whole file."""

    calibration: Name | None = None
    author: Text | None = None
    date: Day | None = None
    image: ImageSize | None = None
    intrinsics: Lens | None = None
    region: Region | None = None
    points: Annotated[tuple[Point, ...], Field(strict=False)] = ()
    lanes: Lanes | None = None
    plates: Plates | None = None


def read_survey(path: Path) -> Survey:
    """A survey. Raises ConfigError with every mistake."""
    name = shown(path)
    if path.suffix.lower() == ".csv":
        plain: dict[str, Any] = {"points": _rows(path, name)}
        lines: dict[Any, int] = {}
    else:
        plain, lines, _ = read_yaml(path, name)
    survey = validate(Survey, plain, name, lines)
    wrong = [
        f"{name}: points[{index}]: needs either ground, or latitude and longitude"
        for index, p in enumerate(survey.points)
        if (p.ground is None) == (p.latitude is None or p.longitude is None)
    ]
    given = (bool(survey.points), survey.lanes is not None, survey.plates is not None)
    if sum(given) != 1:
        wrong.append(f"{name}: needs either points or lanes or plates")
    if wrong:
        raise ConfigError(*wrong)
    return survey


def _rows(path: Path, name: str) -> list[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: cannot be read: {error}") from None
    rows = csv.DictReader(text.splitlines())
    header = {(column or "").strip() for column in rows.fieldnames or ()}
    if not any(columns <= header for columns in _COLUMNS):
        raise ConfigError(
            f"{name}: found the columns {', '.join(sorted(header)) or 'none'}; needs x, y and "
            "either east, north or latitude, longitude"
        )
    return [_point(row, number, name) for number, row in enumerate(rows, start=2)]


def _point(row: dict[str, Any], line: int, name: str) -> dict[str, Any]:
    def number(column: str) -> float:
        try:
            return float(row[column])
        except (TypeError, ValueError):
            raise ConfigError(
                f'{name}: line {line}: {column}: found "{row[column]}", needs a number'
            ) from None

    row = {(key or "").strip(): value for key, value in row.items()}
    point: dict[str, Any] = {"image": [number("x"), number("y")]}
    if "east" in row and "north" in row:
        return point | {"ground": [number("east"), number("north")]}
    return point | {"latitude": number("latitude"), "longitude": number("longitude")}
