"""A still with the ground laid over it: metres to look at before a camera is believed. OpenCV."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bconnect_site.calibration import Calibration
from bconnect_site.errors import ConfigError

Image = NDArray[np.uint8]
Vector = NDArray[np.float64]
Color = tuple[int, int, int]  # BGR

FINE: Color = (235, 200, 120)
COARSE: Color = (255, 235, 90)
REGION: Color = (80, 200, 80)
POINT: Color = (60, 60, 245)
MISS: Color = (40, 160, 255)
INK: Color = (255, 255, 255)
SHADE: Color = (20, 20, 20)

_FONT = cv2.FontFace("sans") if hasattr(cv2, "FontFace") else None  # OpenCV 5, else strokes
EVERY, STRONG = 1, 5  # m between lines
_CLOSE = 5.0  # px: fine lines nearer to each other than that are left out
_MOST = 400  # m of ground drawn each way at most
_ARROW = 10.0  # times a residual is drawn longer than it is


def read_still(path: Path) -> Image:
    """A picture. Raises ConfigError."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if image is None:
        raise ConfigError(f"{path}: is no picture that can be read")
    return np.asarray(image, np.uint8)


def blank(width: int, height: int) -> Image:
    """A grey picture where there is no still."""
    return np.full((height, width, 3), 96, np.uint8)


def write_grid(path: Path, still: Image, calibration: Calibration) -> None:
    """The still with grid, region, points and residuals. Raises ConfigError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), draw_grid(still, calibration)):
        raise ConfigError(f"{path}: cannot be written")


def draw_grid(still: Image, calibration: Calibration) -> Image:
    """A copy of the still: 1 m and 5 m lines, the region, points with their residuals."""
    image = still.copy()
    height, width = image.shape[:2]
    scale = np.array((width, height), np.float64)
    unit = max(0.4, width / 1600)
    mask = _inside(calibration, width, height)
    lines = still.copy()
    for strong in (False, True):
        _draw_lines(lines, calibration, scale, strong, unit)
    image[mask] = cv2.addWeighted(lines, 0.75, still, 0.25, 0)[mask]
    ground = calibration.file.ground
    assert ground is not None
    region = np.round(np.array(ground.region) * scale).astype(np.int32)
    cv2.polylines(image, [region], True, REGION, max(1, round(2 * unit)), cv2.LINE_AA)
    _draw_labels(image, calibration, scale, mask, unit)
    for index, point in enumerate(ground.points):
        _draw_point(image, calibration, index, point.image, point.ground, scale, unit)
    _draw_legend(image, calibration, unit)
    return image


def _inside(calibration: Calibration, width: int, height: int) -> NDArray[np.bool_]:
    ground = calibration.file.ground
    assert ground is not None
    mask = np.zeros((height, width), np.uint8)
    region = np.round(np.array(ground.region) * (width, height)).astype(np.int32)
    cv2.fillPoly(mask, [region], 1)
    return mask.astype(np.bool_)


def _extent(calibration: Calibration) -> tuple[Vector, Vector]:
    """Whole metres that hold the region."""
    ground = calibration.file.ground
    assert ground is not None
    corners = np.array(ground.region)
    edge = np.concatenate(
        [a + (b - a) * np.linspace(0, 1, 20)[:, None] for a, b in zip(
            corners, np.roll(corners, -1, axis=0), strict=True)]
    )  # fmt: skip
    at = calibration.to_ground(edge, anywhere=True)
    low, high = np.floor(np.nanmin(at, axis=0)), np.ceil(np.nanmax(at, axis=0))
    return low, np.minimum(high, low + _MOST)


def _draw_lines(
    image: Image, calibration: Calibration, scale: Vector, strong: bool, unit: float
) -> None:
    low, high = _extent(calibration)
    for axis in (0, 1):
        for value in np.arange(low[axis], high[axis] + 1, EVERY):
            if (value % STRONG == 0) != strong:
                continue
            other = np.arange(low[1 - axis], high[1 - axis] + 0.5, 0.5)
            points = np.empty((len(other), 2))
            points[:, axis], points[:, 1 - axis] = value, other
            beside = points.copy()
            beside[:, axis] += 1.0
            at, near = (calibration.to_image(p) * scale for p in (points, beside))
            gap = np.hypot(*(near - at).T)
            keep = np.isfinite(at).all(axis=1) & (np.abs(at) < 20_000).all(axis=1)
            keep &= strong | (gap > _CLOSE * unit)
            _draw_run(
                image, at, keep, COARSE if strong else FINE, round((2 if strong else 1) * unit)
            )


def _draw_run(image: Image, at: Vector, keep: NDArray[np.bool_], color: Color, thick: int) -> None:
    """The pieces of a line that are kept."""
    for run in np.split(np.arange(len(at)), np.flatnonzero(~keep)):
        run = run[keep[run]]
        if len(run) > 1:
            line = np.round(at[run] * 8).astype(np.int32)
            cv2.polylines(image, [line], False, color, max(1, thick), cv2.LINE_AA, 3)


def _draw_labels(
    image: Image, calibration: Calibration, scale: Vector, mask: NDArray[np.bool_], unit: float
) -> None:
    """Metres at crossings of strong lines, where there is room."""
    low, high = _extent(calibration)
    taken: list[Vector] = []
    axes = [np.arange(np.ceil(lo / STRONG) * STRONG, hi + 1, STRONG) for lo, hi in zip(
        low, high, strict=True)]  # fmt: skip
    places = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    at = calibration.to_image(places) * scale
    for place, (x, y) in sorted(
        zip(places.tolist(), at.tolist(), strict=True), key=lambda p: -p[1][1]
    ):
        if not (0 <= x < scale[0] and 0 <= y < scale[1] and mask[int(y), int(x)]):
            continue
        here = np.array((x, y))
        if any(abs(here - t) @ (0.5, 2.0) < 60 * unit for t in taken):
            continue
        taken.append(here)
        _say(
            image,
            f"{place[0]:.0f} | {place[1]:.0f}",
            (x + 4 * unit, y - 4 * unit),
            0.5 * unit,
            COARSE,
        )


def _draw_point(
    image: Image,
    calibration: Calibration,
    index: int,
    marked: tuple[float, float],
    ground: tuple[float, float],
    scale: Vector,
    unit: float,
) -> None:
    at = np.array(marked) * scale
    surveyed = calibration.to_image(np.array([ground]))[0] * scale
    x, y = (round(float(v)) for v in at)
    cv2.circle(image, (x, y), round(5 * unit), SHADE, -1, cv2.LINE_AA)
    cv2.circle(image, (x, y), round(4 * unit), POINT, -1, cv2.LINE_AA)
    if np.isfinite(surveyed).all():
        tip = at + (surveyed - at) * _ARROW
        end = tuple(round(float(v)) for v in np.clip(tip, -10_000, 10_000))
        cv2.arrowedLine(image, (x, y), end, MISS, max(1, round(2 * unit)), cv2.LINE_AA, 0, 0.2)
    file = calibration.file.ground
    assert file is not None
    said = f"{index}: {file.points[index].residual:.2f} m"
    _say(image, said, (x + 7 * unit, y + 12 * unit), 15 * unit, INK)


def _draw_legend(image: Image, calibration: Calibration, unit: float) -> None:
    file = calibration.file
    assert file.ground is not None
    lines = (
        f"{file.calibration}, {file.date}, {file.author}",
        f"lines every {EVERY} m and {STRONG} m; east | north; stddev {file.ground.stddev:.2f} m",
        f"red: marked; arrow: {_ARROW:.0f} times the way to where the survey puts it",
    )
    for row, line in enumerate(lines):
        _say(image, line, (8 * unit, (row + 1) * 20 * unit), 17 * unit, INK)


def _say(image: Image, text: str, at: tuple[float, float], size: float, color: Color) -> None:
    """Text with a dark rim, its lower left corner at a point; size: pixels high."""
    plain = text.encode("ascii", "replace").decode()
    x, y = round(at[0]), round(at[1])
    rim = [(dx, dy, SHADE) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    for right, down, ink in (*rim, (0, 0, color)):
        place = x + right, y + down
        if _FONT is not None:
            cv2.putText(image, plain, place, ink, _FONT, max(round(size), 9), 500)
        else:
            cv2.putText(image, plain, place, 0, size / 30, ink, 1, cv2.LINE_AA)
