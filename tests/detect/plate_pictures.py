"""Number plates drawn as Indonesian ones look, and pictures of vehicles that bear them.

Used by the tests and by benchmarks/plates.py. The fonts are Roboto Medium, which comes with
sumo-data, and OpenCV's own; the real typeface is narrower and its O bears a slash, so glyphs are
squeezed and the O is slashed.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (h, w, 3) BGR
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"  # no I, O, Q: what the reader refuses anyway
# base, writing (BGR)
COLOURS = {
    "white": ((232, 236, 236), (28, 26, 26)),
    "black": ((30, 28, 28), (225, 228, 228)),
    "yellow": ((38, 190, 232), (26, 26, 26)),
    "red": ((40, 36, 176), (228, 228, 232)),
    "green": ((96, 168, 62), (26, 26, 26)),
}
CAR, MOTORCYCLE = (516, 162), (330, 132)  # pixels, 12 to the cm: 430 x 135 mm and 275 x 110 mm


@dataclass(frozen=True)
class Plate:
    """What is written on a plate and how it looks."""

    text: str  # KT 1234 AB
    colour: str = "white"
    expiry: str = "08-28"
    motorcycle: bool = False
    font: int = 0


def fonts() -> list[cv2.FontFace]:
    """The typefaces there are, always in the same order."""
    found = [cv2.FontFace("sans")]
    try:
        files = metadata.files("sumo-data") or []
    except metadata.PackageNotFoundError:
        files = []
    paths = [Path(str(f.locate())) for f in files if f.name == "Roboto-Medium.ttf"]
    return [*(cv2.FontFace(str(p)) for p in paths if p.is_file()), *found]


_FONTS = fonts()


def draw(plate: Plate) -> Image:
    """A plate, flat and sharp."""
    base, ink = COLOURS[plate.colour]
    width, height = MOTORCYCLE if plate.motorcycle else CAR
    image = np.empty((height, width, 3), np.uint8)
    image[:] = base
    cv2.rectangle(image, (5, 5), (width - 6, height - 6), ink, 2)
    cell, tall = round(0.091 * width), round(0.50 * height)
    groups = plate.text.split(" ")
    free = width - 2 * round(0.035 * width) - cell * sum(map(len, groups))
    gap = free / max(len(groups) - 1, 1) if len(groups) > 1 else 0.0
    gap, x = min(gap, 1.6 * cell), 0.0
    total = cell * sum(map(len, groups)) + gap * (len(groups) - 1)
    x = (width - total) / 2
    top = round(0.11 * height)
    for number, group in enumerate(groups):
        for letter in group:
            slashed = letter == "O" and number != 1
            _glyph(image, letter, (round(x), top, cell - 4, tall), ink, plate.font, slashed)
            x += cell
        x += gap
    small, place = round(0.20 * height), (0.5 if not plate.motorcycle else 0.72)
    row = round(0.70 * height)
    x = place * width - 2.5 * 0.55 * small
    for letter in plate.expiry:
        _glyph(image, letter, (round(x), row, round(0.5 * small), small), ink, plate.font)
        x += 0.55 * small
    return image


def _glyph(
    image: Image,
    letter: str,
    place: tuple[int, int, int, int],
    ink: tuple[int, int, int],
    font: int,
    slashed: bool = False,
) -> None:
    """One character, squeezed into x, y, width, height."""
    face, size = _FONTS[font % len(_FONTS)], 120
    sheet = np.zeros((200, 240, 3), np.uint8)
    cv2.putText(sheet, letter, (60, 150), (255, 255, 255), face, size, 600)
    mask = sheet[..., 0]
    ys, xs = np.nonzero(mask > 40)
    if not len(xs):
        return
    x, y, width, height = place
    cut = mask[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    share = cut.shape[1] / cut.shape[0]
    if letter == "-":
        wide, high, down = width, max(height // 6, 1), height // 2
    else:
        wide, high, down = min(width, max(round(1.15 * share * height * 0.62), 3)), height, 0
    cut = cv2.resize(cut, (wide, high), interpolation=cv2.INTER_AREA)
    if slashed:
        cv2.line(cut, (2, high - 8), (wide - 3, 8), 255, max(high // 12, 1), cv2.LINE_AA)
    left, above = x + (width - wide) // 2, y + down
    part = image[above : above + high, left : left + wide]
    alpha = cut[: part.shape[0], : part.shape[1], None].astype(np.float32) / 255
    part[:] = (part * (1 - alpha) + np.array(ink, np.float32) * alpha).astype(np.uint8)


def paste(image: Image, plate: Image, corners: NDArray[np.floating], light: float = 1.0) -> None:
    """Puts a plate onto a picture; corners (4, 2) from the upper left, clockwise."""
    corners = np.asarray(corners, np.float32)
    high = float(np.linalg.norm(corners[3] - corners[0]))
    share = min(1.0, 1.5 * high / plate.shape[0])  # near its final size: nothing aliases
    size = max(round(plate.shape[1] * share), 8), max(round(plate.shape[0] * share), 4)
    plate = np.asarray(cv2.resize(plate, size, interpolation=cv2.INTER_AREA), np.uint8)
    flat = np.array([(0, 0), (size[0], 0), (size[0], size[1]), (0, size[1])], np.float32)
    matrix = cv2.getPerspectiveTransform(flat, corners)
    whole = (image.shape[1], image.shape[0])
    mask = cv2.warpPerspective(np.ones(size[::-1], np.float32), matrix, whole)[..., None]
    warped = cv2.warpPerspective(
        plate, matrix, whole, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    image[:] = (image * (1 - mask) + np.clip(warped * light, 0, 255) * mask).astype(np.uint8)


# kind: number blocks that fit it, colours and their shares
NUMBERS = {
    "motorcycle": (2000, 6999),
    "car": (1000, 1999),
    "bus": (7000, 7999),
    "truck": (8000, 9999),
}
SHARES = {
    "motorcycle": {"white": 0.55, "black": 0.40, "red": 0.05},
    "car": {"white": 0.52, "black": 0.38, "yellow": 0.04, "red": 0.04, "green": 0.02},
    "bus": {"yellow": 0.60, "white": 0.20, "black": 0.20},
    "truck": {"yellow": 0.40, "white": 0.30, "black": 0.30},
}
AREAS = ("KT", "KT", "KT", "KT", "B", "L", "DA", "KB", "N", "AD", "DD", "KH", "W", "KU")


def any_plate(rng: np.random.Generator, kind: str = "car") -> Plate:
    """A plate of a number that fits the vehicle, of the colours one meets, often from KT."""
    first, last = NUMBERS[kind]
    number = int(rng.integers(first, last + 1))
    if kind == "car" and rng.random() < 0.1:
        number = int(rng.integers(1, 1000))
    many = 3 if rng.random() < 0.25 else 2
    suffix = "".join(rng.choice(list(LETTERS), many))
    shares = SHARES[kind]
    colour = str(rng.choice(list(shares), p=list(shares.values())))
    expiry = f"{int(rng.integers(1, 13)):02d}-{int(rng.integers(26, 31)):02d}"
    text = f"{AREAS[int(rng.integers(len(AREAS)))]} {number} {suffix}"
    return Plate(text, colour, expiry, kind == "motorcycle", int(rng.integers(len(_FONTS))))


def vehicle(
    image: Image, box: tuple[int, int, int, int], colour: tuple[int, int, int] = (60, 50, 140)
) -> None:
    """A car from behind, drawn plainly: body, window, lamps, bumper, wheels."""
    x, y, right, bottom = box
    wide, high = right - x, bottom - y

    def part(a: float, b: float, c: float, d: float, ink: tuple[int, int, int]) -> None:
        start = (round(x + a * wide), round(y + b * high))
        end = (round(x + c * wide), round(y + d * high))
        cv2.rectangle(image, start, end, ink, -1)

    dark = tuple(round(0.6 * v) for v in colour)
    part(0.08, 0.88, 0.24, 1.0, (25, 25, 25))
    part(0.76, 0.88, 0.92, 1.0, (25, 25, 25))
    part(0.0, 0.35, 1.0, 0.92, colour)
    part(0.12, 0.0, 0.88, 0.4, (dark[0], dark[1], dark[2]))
    part(0.18, 0.06, 0.82, 0.34, (70, 62, 55))
    part(0.02, 0.42, 0.16, 0.56, (40, 40, 200))
    part(0.84, 0.42, 0.98, 0.56, (40, 40, 200))
    part(0.0, 0.78, 1.0, 0.84, (dark[0], dark[1], dark[2]))


def corners(x: float, y: float, width: float, height: float, lean: float = 0.0) -> NDArray:
    """The corners of a plate with its middle at (x, y), leaning by ``lean`` degrees."""
    c, s = np.cos(np.radians(lean)), np.sin(np.radians(lean))
    half = np.array([(-width, -height), (width, -height), (width, height), (-width, height)]) / 2
    return half @ np.array([(c, s), (-s, c)]) + (x, y)


def street(width: int = 960, height: int = 540, seed: int = 1) -> Image:
    """A grey road under a pale sky, with a sensor's noise."""
    image = np.empty((height, width, 3), np.uint8)
    image[: height // 4] = (205, 190, 175)
    image[height // 4 :] = (105, 105, 105)
    noise = np.random.default_rng(seed).normal(0, 3, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)
