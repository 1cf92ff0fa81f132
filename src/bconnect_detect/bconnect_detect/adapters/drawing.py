"""Draws on copies of stills, and cuts the vehicle out of them. OpenCV.

OpenCV 5 writes with real fonts; OpenCV 4, which ROS distributions carry, with its
stroke font, which knows ASCII only.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.sheet import Sheet, ZoneShape
from bconnect_detect.core.types import Box, Pair
from bconnect_site.kinds import SignalAspect

Image = NDArray[np.uint8]  # (h, w, 3) BGR
Color = tuple[int, int, int]  # BGR
Rect = tuple[int, int, int, int]  # x0, y0, x1, y1, pixels

INK: Color = (255, 255, 255)
PAPER: Color = (38, 30, 24)
MUTED: Color = (190, 180, 170)
ALARM: Color = (64, 64, 245)
TRAIL: Color = (0, 200, 255)
ZONE: Color = (235, 170, 40)
LAMPS: dict[SignalAspect, Color] = {
    SignalAspect.RED: (50, 50, 240),
    SignalAspect.AMBER: (30, 180, 255),
    SignalAspect.GREEN: (90, 200, 60),
    SignalAspect.FLASHING: (30, 180, 255),
    SignalAspect.DARK: (60, 60, 60),
    SignalAspect.UNKNOWN: (130, 130, 130),
}
QUALITY = 95
MARGIN = 0.15  # of the box, around the vehicle
MIN_CROP = 32  # pixels
PLATE_HEIGHT = 96  # pixels; a smaller plate is enlarged by a whole factor
THUMBNAIL = 7.0  # text sizes high, the vehicle in the footer
_ASCII = str.maketrans({"·": "|", "°": " deg"})
_FONT = cv2.FontFace("sans") if hasattr(cv2, "FontFace") else None


class PictureError(ValueError):
    """A picture that cannot be read or written; the text says why."""


def annotate(jpeg: bytes, sheet: Sheet) -> bytes:
    """The scene with zone, track, box and words on it, as JPEG.

    The words stand on strips above and below, so no pixel of the scene is hidden by
    them. Raises PictureError when ``jpeg`` is no picture.
    """
    return encode(draw(decode(jpeg), sheet))


def crop_vehicle(jpeg: bytes, box: Box) -> bytes:
    """The vehicle with a margin, at the scene's own pixels, as JPEG.

    ``box`` in fractions of the image. Raises PictureError for no picture, or a box too small.
    """
    return encode(cut_vehicle(decode(jpeg), box))


def cut_vehicle(image: Image, box: Box) -> Image:
    """The vehicle with a margin. ``box`` in fractions. Raises PictureError: too small."""
    x0, y0, x1, y1 = crop_window(box, image.shape[1], image.shape[0])
    if x1 - x0 < MIN_CROP or y1 - y0 < MIN_CROP:
        raise PictureError(
            f"the vehicle covers {x1 - x0} x {y1 - y0} pixels with its margin, "
            f"at least {MIN_CROP} x {MIN_CROP} are needed"
        )
    return image[y0:y1, x0:x1]


def crop_plate(jpeg: bytes, box: Box) -> bytes:
    """A plate with a margin, enlarged where it is small, as JPEG. ``box`` in pixels.

    Raises PictureError for no picture, or a box that is not in it.
    """
    image = decode(jpeg)
    height, width = image.shape[:2]
    if not (0 <= box[0] < box[2] <= width + 1 and 0 <= box[1] < box[3] <= height + 1):
        raise PictureError(f"the plate's box {[round(v) for v in box]} is not in the picture")
    parts = box[0] / width, box[1] / height, box[2] / width, box[3] / height
    x0, y0, x1, y1 = crop_window(parts, width, height)
    plate = image[y0:y1, x0:x1]
    scale = min(max(PLATE_HEIGHT // max(y1 - y0, 1), 1), 8)
    if scale > 1:
        plate = cv2.resize(plate, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return encode(np.asarray(plate, np.uint8))


def crop_window(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Pixels x0, y0, x1, y1 of a box in fractions with its margin, inside the image."""
    x0, y0, x1, y1 = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    dx, dy = MARGIN * (x1 - x0), MARGIN * (y1 - y0)
    return (
        max(int(x0 - dx), 0),
        max(int(y0 - dy), 0),
        min(round(x1 + dx), width),
        min(round(y1 + dy), height),
    )


def decode(jpeg: bytes) -> Image:
    """Pixels of a whole JPEG. Raises PictureError; OpenCV alone would fill what is cut off."""
    if not jpeg.startswith(b"\xff\xd8") or b"\xff\xd9" not in jpeg[-64:]:
        raise PictureError(f"these {len(jpeg)} bytes are no whole JPEG picture")
    data = np.frombuffer(jpeg, np.uint8)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:
        image = None
    if image is None:
        raise PictureError(f"these {len(jpeg)} bytes are no picture that can be read")
    return image


def encode(image: Image) -> bytes:
    """JPEG at evidence quality. Raises PictureError."""
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise PictureError("the picture could not be written as JPEG")
    return bytes(data)


def strip_height(height: int, width: int) -> int:
    """Pixels added above a scene for the title."""
    return round(4.2 * _unit(height, width))


def draw(scene: Image, sheet: Sheet) -> Image:
    """A new picture: title strip, scene with drawings, footer strip with the vehicle."""
    height, width = scene.shape[:2]
    unit = _unit(height, width)
    image = scene.copy()
    (x0, y0), (x1, y1) = _pixels((sheet.box[:2], sheet.box[2:]), width, height)
    box = int(x0), int(y0), int(x1), int(y1)
    if sheet.zone:
        _draw_zone(image, sheet.zone, box)
    _draw_trail(image, sheet.trail)
    _draw_box(image, box)
    taken = [box, _pill(image, sheet.label, _around(box), unit * 0.85, ALARM, [box])]
    if sheet.zone and sheet.zone.points:
        hull = cv2.boundingRect(_pixels(sheet.zone.points, width, height))
        around = _around((hull[0], hull[1], hull[0] + hull[2], hull[1] + hull[3]))
        _pill(image, sheet.zone.label or sheet.zone.name, around, unit * 0.8, ZONE, taken)
    top = _title(width, strip_height(height, width), unit, sheet)
    return np.vstack([top, image, _footer(width, unit, sheet, _thumbnail(scene, sheet.box, unit))])


def _unit(height: int, width: int) -> float:
    """Text size in pixels that reads well on a picture of this size."""
    return max(min(height / 32, width / 56), 11.0)


def _draw_zone(image: Image, zone: ZoneShape, vehicle: Rect) -> None:
    """Tint, outline and arrow; the tint leaves the vehicle its colours."""
    height, width = image.shape[:2]
    unit = _unit(height, width)
    points = _pixels(zone.points, width, height)
    thick = max(round(unit / 8), 2)
    if len(zone.points) > 2:
        tint = image.copy()
        cv2.fillPoly(tint, [points], ZONE)
        cv2.addWeighted(tint, 0.22, image, 0.78, 0, tint)
        x0, y0, x1, y1 = vehicle
        tint[y0:y1, x0:x1] = image[y0:y1, x0:x1]
        image[:] = tint
    cv2.polylines(image, [points], len(zone.points) > 2, PAPER, thick + 2, cv2.LINE_AA)
    cv2.polylines(image, [points], len(zone.points) > 2, ZONE, thick, cv2.LINE_AA)
    if zone.arrow:
        start, end = _pixels(zone.arrow, width, height)
        tip = 0.9 * unit / max(float(np.hypot(*(end - start))), 1.0)
        for color, extra in ((PAPER, 3), (ZONE, 0)):
            cv2.arrowedLine(
                image, _at(start), _at(end), color, thick + 1 + extra, cv2.LINE_AA, 0, tip
            )


def _draw_trail(image: Image, trail: Sequence[Pair]) -> None:
    height, width = image.shape[:2]
    thick = max(round(_unit(height, width) / 8), 2)
    points = _pixels(trail, width, height)
    cv2.polylines(image, [points], False, PAPER, thick + 2, cv2.LINE_AA)
    cv2.polylines(image, [points], False, TRAIL, thick, cv2.LINE_AA)
    if len(points):
        cv2.circle(image, _at(points[0]), thick + 2, PAPER, -1, cv2.LINE_AA)
        cv2.circle(image, _at(points[0]), thick + 1, TRAIL, -1, cv2.LINE_AA)
        cv2.circle(image, _at(points[-1]), 2 * thick, PAPER, -1, cv2.LINE_AA)
        cv2.circle(image, _at(points[-1]), 2 * thick - 1, TRAIL, -1, cv2.LINE_AA)


def _draw_box(image: Image, box: Rect) -> None:
    thick = max(round(_unit(*image.shape[:2]) / 9), 2)
    cv2.rectangle(image, box[:2], box[2:], PAPER, thick + 2, cv2.LINE_AA)
    cv2.rectangle(image, box[:2], box[2:], ALARM, thick, cv2.LINE_AA)


def _around(box: Rect) -> list[tuple[int, int, int, int]]:
    """Places for a label: anchor x, y and by which share of its size it moves left and up [%]."""
    x0, y0, x1, y1 = box
    return [(x0, y0, 0, 100), (x0, y1, 0, 0), (x0, y0, 100, 0), (x1, y0, 0, 0)]


def _pill(
    image: Image,
    text: str,
    places: Sequence[tuple[int, int, int, int]],
    size: float,
    color: Color,
    taken: Sequence[Rect],
) -> Rect:
    """A label at the place that hides least of what is taken, inside the picture."""
    height, width = image.shape[:2]
    pad = round(size * 0.35)
    wide, high = _measure(text, size, 600) + 2 * pad, round(size * 1.25) + pad
    rects = []
    for x, y, left, up in places:
        x0 = min(max(x - wide * left // 100, 0), max(width - wide, 0))
        y0 = min(max(y - high * up // 100, 0), max(height - high, 0))
        rects.append((x0, y0, x0 + wide, y0 + high))
    best = min(rects, key=lambda rect: sum(_overlap(rect, other) for other in taken))
    cv2.rectangle(image, best[:2], best[2:], color, -1)
    bright = 0.11 * color[0] + 0.59 * color[1] + 0.3 * color[2] > 130
    ink = PAPER if bright else INK
    _write(image, text, (best[0] + pad, best[1] + round(size * 1.2)), size, ink, 600)
    return best


def _overlap(one: Rect, other: Rect) -> int:
    """Pixels two rectangles share."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0) * max(high, 0)


def _thumbnail(scene: Image, box: Box, unit: float) -> Image | None:
    """The vehicle, larger or smaller, to stand in the footer; None where it is too small."""
    height, width = scene.shape[:2]
    x0, y0, x1, y1 = crop_window(box, width, height)
    if x1 - x0 < MIN_CROP // 2 or y1 - y0 < MIN_CROP // 2:
        return None
    scale = min(THUMBNAIL * unit / (y1 - y0), 0.4 * width / (x1 - x0))
    size = max(round((x1 - x0) * scale), 1), max(round((y1 - y0) * scale), 1)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(scene[y0:y1, x0:x1], size, interpolation=how), np.uint8)


def _title(width: int, height: int, unit: float, sheet: Sheet) -> Image:
    strip = _paper(width, height)
    strip[:, : max(round(unit * 0.35), 3)] = ALARM
    left, right = round(unit), width - round(unit)
    _write(strip, sheet.title, (left, round(unit * 1.75)), unit * 1.25, INK, 800)
    _write(strip, sheet.where, (left, round(unit * 3.3)), unit * 0.85, MUTED)
    end = left + _measure(sheet.title, unit * 1.25, 800)
    if sheet.aspect is not None:
        x = end + round(unit * 1.6)
        middle = round(unit * 1.3)
        cv2.circle(strip, (x, middle), round(unit * 0.6), LAMPS[sheet.aspect], -1, cv2.LINE_AA)
        cv2.circle(strip, (x, middle), round(unit * 0.6), INK, 1, cv2.LINE_AA)
        _write(strip, sheet.signal, (x + round(unit), round(unit * 1.65)), unit * 0.85, INK)
        end = x + round(unit) + _measure(sheet.signal, unit * 0.85)
    room = right - end - round(unit)
    _write_right(strip, sheet.verdict, (right, round(unit * 1.75)), unit, TRAIL, room)
    room = right - left - _measure(sheet.where, unit * 0.85) - round(unit)
    _write_right(strip, sheet.when, (right, round(unit * 3.3)), unit * 0.95, INK, room)
    return strip


def _footer(width: int, unit: float, sheet: Sheet, vehicle: Image | None) -> Image:
    size, edge = unit * 0.78, round(unit * 0.4)
    wide = vehicle.shape[1] + 2 * edge if vehicle is not None else 0
    room = width - wide - round(1.5 * unit)
    first = [(part, INK) for part in _wrap(sheet.footer[0], size, room)] if sheet.footer else []
    rest = [(part, MUTED) for line in sheet.footer[1:] for part in _wrap(line, size, room)]
    height = round(size * 1.6 * len(first + rest) + unit * 0.8)
    strip = _paper(width, max(height, vehicle.shape[0] + 2 * edge if vehicle is not None else 0))
    for index, (line, color) in enumerate(first + rest, 1):
        _write(strip, line, (round(unit), round(size * 1.6 * index + 0.2 * unit)), size, color)
    if vehicle is not None:
        y, x = edge, width - wide + edge
        strip[y : y + vehicle.shape[0], x : x + vehicle.shape[1]] = vehicle
        corner = x + vehicle.shape[1], y + vehicle.shape[0]
        cv2.rectangle(strip, (x - 1, y - 1), corner, ALARM, max(round(unit / 12), 1))
    return strip


def _wrap(text: str, size: float, width: int) -> list[str]:
    lines = [""]
    for part in text.split(" "):
        longer = f"{lines[-1]} {part}".strip()
        if lines[-1] and _measure(longer, size) > width:
            lines.append(part)
        else:
            lines[-1] = longer
    return lines


def _paper(width: int, height: int) -> Image:
    return np.full((height, width, 3), PAPER, np.uint8)


def _pixels(points: Sequence[Sequence[float]], width: int, height: int) -> NDArray[np.int32]:
    """(n, 2) pixels from fractions."""
    scaled = np.array(points, np.float64).reshape(-1, 2) * (width, height)
    return np.rint(np.clip(scaled, -4 * width, 5 * width)).astype(np.int32)


def _at(point: Sequence[int] | NDArray[np.int32]) -> tuple[int, int]:
    return int(point[0]), int(point[1])


def _write_right(
    image: Image, text: str, at: tuple[int, int], size: float, color: Color, room: int
) -> None:
    """Semibold, ending at ``at``, smaller where ``room`` pixels are not enough."""
    size *= min(1.0, max(room, 1) / max(_measure(text, size, 600), 1))
    _write(image, text, (at[0] - _measure(text, size, 600), at[1]), size, color, 600)


def _write(
    image: Image, text: str, at: tuple[int, int], size: float, color: Color, weight: int = 400
) -> None:
    if _FONT is not None:
        cv2.putText(image, text, at, color, _FONT, max(round(size), 8), weight)
        return
    scale, thick = size / 30, 2 if weight > 500 else 1
    face = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(image, text.translate(_ASCII), at, face, scale, color, thick, cv2.LINE_AA)


def _measure(text: str, size: float, weight: int = 400) -> int:
    """Width of a text in pixels."""
    if _FONT is not None:
        return int(cv2.getTextSize((0, 0), text, (0, 0), _FONT, max(round(size), 8), weight)[2])
    thick = 2 if weight > 500 else 1
    face = cv2.FONT_HERSHEY_SIMPLEX
    return int(cv2.getTextSize(text.translate(_ASCII), face, size / 30, thick)[0][0])
