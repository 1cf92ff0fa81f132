"""How much of bystanders is left in the copies that leave the house, on pictures with known truth.

Streets: the simulated corridor, every camera, at full size; the truth says where riders' heads are.
Pairs: two vehicles side by side, close up, with drawn plates or (--real DIR, as in plates.py) real
ones; the left one is the offender, whose plate must stay, the right one must lose its own. Judged
by what a line recogniser without scruples still reads at the plate's true place, before and after.
People: --people IMAGE x0,y0,x1,y1 ... marks heads in a picture of your own; may be repeated.

    ./bconnect python benchmarks/blur.py [--seeds 1] [--moments 6] [--pairs 20] [--real DIR]
        [--write]
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice
from math import cos, radians, sin
from pathlib import Path

import cv2
import numpy as np
import plate_stage as stage
from numpy.typing import NDArray
from plate_pictures import any_plate, draw, paste
from plates import interval, letters
from results_page import put

from bconnect_detect import releasing
from bconnect_detect.adapters import blurring, drawing
from bconnect_detect.adapters.plate_detector import FoundPlate, rectified
from bconnect_detect.adapters.plate_reader import NUMBER_ROW, OnnxPlateReader, make_reader
from bconnect_detect.core.bystanders import Veil
from bconnect_detect.core.plate_grammar import Doubt
from bconnect_detect.core.sheet import Sheet
from bconnect_sim.adapters.render import Renderer
from bconnect_sim.core.optics import Optics
from bconnect_sim.core.seen import Eyes
from bconnect_sim.core.world import Moment, VehicleState
from bconnect_sim.stage import open_stage
from bconnect_site.kinds import word
from bconnect_site.settings import PlateSettings

Image = NDArray[np.uint8]
Box = tuple[float, float, float, float]
HEADING = "## Blur"
SIZE = (1920, 1080)
HEAD = 0.145  # m, radius of a head or helmet
SIZES = ((9, 18), (18, 36), (36, 999))  # px of a head; 18 and 36: to observe, to know (IEC 62676-4)
COVERED = 0.9  # of a head's pixels
MOST_BLOCKS = 4.0  # across a covered head: more would show a face
PLATE_SIZES = (16, 24, 32, 48)  # px
NIGHTS = {"harian": False, "malam": True}


@dataclass
class Tally:
    """Counts of one line of the table."""

    all: int = 0
    before: int = 0  # legible in the original
    after: int = 0  # legible in the copy
    kept: int = 0  # of offenders: legible in the copy too
    offenders: int = 0
    worst: list[str] = field(default_factory=list)


class Watched:
    """The house's own blurring, with a note of where it blurred and how coarsely."""

    def __init__(self, reader: OnnxPlateReader) -> None:
        self.releaser = releasing.Releaser(releasing.default_detector, reader.find_plates)
        if why := self.releaser.ready():
            raise SystemExit(f"blur: {why}")
        self._cover = blurring.cover
        self.blocks: NDArray[np.float64] = np.zeros((0, 0))
        blurring.cover = self._noted

    def _noted(self, image: Image, veil: Veil) -> Image:
        if self.blocks.shape != image.shape[:2]:
            self.blocks = np.zeros(image.shape[:2])
        for spot in veil.blur:
            x0, y0, x1, y1 = blurring._pixels(spot.box, image)
            part = self.blocks[y0:y1, x0:x1]
            np.maximum(part, spot.block, out=part)
        for box in veil.keep:
            x0, y0, x1, y1 = blurring._pixels(box, image)
            self.blocks[y0:y1, x0:x1] = 0.0
        return self._cover(image, veil)

    def context(self, image: Image) -> Image:
        """The copy of a picture in which nobody is accused."""
        self.blocks = np.zeros((0, 0))
        return drawing.decode(self.releaser.context(drawing.encode(image)))

    def scene(self, image: Image, offender: stage.Backdrop, plate: Box | None) -> Image:
        """The copy of the deciding moment."""
        self.blocks = np.zeros((0, 0))
        high, wide = image.shape[:2]
        box = tuple(v / s for v, s in zip(offender.box, (wide, high) * 2, strict=True))
        sheet = Sheet("", "", "", "", (), "", box, ())  # type: ignore[arg-type]
        made = self.releaser.scene(drawing.encode(image), sheet, offender.kind, plate, exact=True)
        return drawing.decode(made[0])


def read(reader: OnnxPlateReader, image: Image, corners: NDArray[np.float64]) -> list[str]:
    """What can be made out at a plate's true place: by the bare recogniser, as it is and with its
    contrast raised, and by the whole reader."""
    flat = rectified(image, FoundPlate((0, 0, 1, 1), 1.0, corners.astype(np.float32)))
    row = flat[: max(round(NUMBER_ROW * len(flat)), 2)]
    found = [reader._ocr.read(part).text for part in (row, flat, _stretched(row))]
    parsed = reader.parse(flat)
    return found + ([] if isinstance(parsed, Doubt) else [parsed.letters])


def _stretched(image: Image) -> Image:
    made = cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]
    return np.asarray(made, np.uint8)


def legible(found: Sequence[str], want: str) -> bool:
    """Whether somebody who knows the plate's build could name it: one character may be wrong."""
    return any(_apart(one, letters(want)) <= 1 for one in found)


def _apart(a: str, b: str) -> int:
    """Changes that take one text to the other."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


# -- streets -----------------------------------------------------------------------------------


def streets(watched: Watched, name: str, seed: int, moments: int) -> Iterator[tuple[int, bool]]:
    """Pixels of each rider's head that can be seen, and whether it was made illegible."""
    opened = open_stage(name, duration=40.0 + 20.0 * moments)
    picture = replace(opened.scenario.picture, width=SIZE[0], height=SIZE[1])
    opened = replace(opened, scenario=replace(opened.scenario, picture=picture))
    renderer = Renderer(opened, opened.cameras[0].name, seed)
    eyes = Eyes(opened.cameras, SIZE[0] / SIZE[1], SIZE, moves=tuple(opened.scenario.moves))
    every = _spaced(opened.world(seed).moments(), 20.0)
    try:
        for moment in islice(every, moments):
            seen = eyes.look(moment)
            for number, view in enumerate(opened.cameras):
                rows = [
                    moment.vehicles[int(v)]
                    for c, v, s in zip(seen.camera, seen.vehicle, seen.visible, strict=True)
                    if c == number and s >= COVERED
                ]
                heads = list(_heads(eyes.optics(moment.time)[number], rows))
                if not heads:
                    continue
                image = np.ascontiguousarray(renderer.draw(moment, view.name)[..., ::-1])
                watched.context(image)
                for box in heads:
                    yield round(box[3] - box[1]), hidden(watched.blocks, box)
    finally:
        renderer.close()


def _spaced(moments: Iterator[Moment], apart: float) -> Iterator[Moment]:
    due = 30.0
    for moment in moments:
        if moment.time >= due:
            due = moment.time + apart
            yield moment


def _heads(optics: Optics, vehicles: Sequence[VehicleState]) -> Iterator[Box]:
    """Boxes of riders' heads inside a picture, px."""
    wide, high = SIZE
    for vehicle in vehicles:
        c, s = cos(radians(vehicle.heading)), sin(radians(vehicle.heading))
        space, first = (0.42, -0.12) if vehicle.riders < 3 else (0.34, 0.02)
        for rider in range(vehicle.riders):
            along, up = first - space * rider + 0.14, 0.76 + 0.05 * rider + 0.76
            place = np.array([[vehicle.x + along * c, vehicle.y + along * s, up]])
            u, v, depth = optics.project(place)[0]
            radius = HEAD * optics.focal / depth * wide if depth > 0 else 0.0
            x, y = u * wide, v * high
            if radius < SIZES[0][0] / 2 or not (0 < x < wide and 0 < y < high):
                continue
            yield x - radius, y - radius, x + radius, y + radius


def hidden(blocks: NDArray[np.float64], box: Box) -> bool:
    """Whether a head lies under blocks that are coarse enough."""
    x0, y0, x1, y1 = (max(0, round(v)) for v in box)
    part = blocks[y0:y1, x0:x1]
    if not part.size or (part > 0).mean() < COVERED:
        return False
    return bool((x1 - x0) / np.median(part[part > 0]) <= MOST_BLOCKS)


# -- pairs -------------------------------------------------------------------------------------


def pairs(
    watched: Watched, reader: OnnxPlateReader, many: int, seed: int, real: list[tuple[Image, str]]
) -> dict[int, Tally]:
    """Two vehicles side by side, at each height of a plate."""
    found = {height: Tally() for height in PLATE_SIZES}
    rng = np.random.default_rng((seed, len(real)))
    backdrops = [b for night in (False, True) for b in stage.backdrops(seed, night)]
    for number in range(many * len(PLATE_SIZES)):
        height = PLATE_SIZES[number % len(PLATE_SIZES)]
        night = bool(rng.integers(2))
        left, right = (
            _dressed(backdrops, night, height, rng, real, turn) for turn in (number, number * 5 + 3)
        )
        image, right_at = _beside(left[0], right[0])
        tally = found[height]
        tally.all += 1
        before = legible(read(reader, image, right_at), right[1])
        box = _around(left[0].corners)
        copy = watched.scene(image, left[0], box)
        after = read(reader, copy, right_at)
        tally.before += before
        if legible(after, right[1]):
            tally.after += 1
            tally.worst.append(f"{right[1]} as {after}, {right[0].model}, {height} px")
        if legible(read(reader, image, left[0].corners), left[1]):
            tally.offenders += 1
            tally.kept += legible(read(reader, copy, left[0].corners), left[1])
        alone = watched.context(right[0].image)
        if legible(read(reader, alone, right[0].corners), right[1]):
            tally.after += 1
            tally.worst.append(f"{right[1]} alone, {right[0].model}, {height} px")
    return found


def _dressed(
    backdrops: Sequence[stage.Backdrop],
    night: bool,
    height: float,
    rng: np.random.Generator,
    real: list[tuple[Image, str]],
    number: int,
) -> tuple[stage.Backdrop, str]:
    """A vehicle with a plate of some height, and what is written on it."""
    fitting = [b for b in backdrops if b.night == night]
    backdrop = fitting[number % len(fitting)]
    if real:
        plate, text = real[int(rng.integers(len(real)))]
    else:
        drawn = any_plate(rng, word(backdrop.kind))
        plate, text = draw(drawn), drawn.text
    base = backdrop.image.copy()
    paste(base, plate, backdrop.corners, float(rng.uniform(0.7, 1.0)))
    factor = height / backdrop.plate_height
    small = cv2.resize(base, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    made = np.clip(small + rng.normal(0, 3, small.shape), 0, 255).astype(np.uint8)
    return stage.scaled(replace(backdrop, image=made), made, factor), text


def _beside(left: stage.Backdrop, right: stage.Backdrop) -> tuple[Image, NDArray[np.float64]]:
    """One picture of both, and where the right one's plate is in it."""
    high = max(len(left.image), len(right.image))
    parts = [
        cv2.copyMakeBorder(b.image, 0, high - len(b.image), 0, 0, cv2.BORDER_REPLICATE)
        for b in (left, right)
    ]
    shift = (left.image.shape[1], 0)
    return np.asarray(np.hstack(parts), np.uint8), right.corners + shift


def _around(corners: NDArray[np.float64]) -> Box:
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def real_plates(folder: Path) -> list[tuple[Image, str]]:
    """The close-ups of a set as plates.py takes it."""
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = [(cv2.imread(str(folder / name)), text) for name, text in csv.reader(file)]
    return [(np.asarray(image, np.uint8), text) for image, text in rows if image is not None]


# -- report ------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--moments", type=int, default=6, help="per scenario and seed")
    parser.add_argument("--pairs", type=int, default=20, help="per height of plate")
    parser.add_argument("--real", type=Path)
    parser.add_argument("--only-real", action="store_true", help="no drawn plates")
    parser.add_argument("--people", action="append", nargs="+", default=[])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    args = parser.parse_args(arguments)
    reader = make_reader(PlateSettings(min_height=8.0, timeout=600.0))
    if not isinstance(reader, OnnxPlateReader):
        raise SystemExit("blur: the plate models are not installed")
    watched = Watched(reader)
    out = [HEADING, "", _made(args), ""]
    if args.moments:
        out += _heads_told(watched, args)
    if args.pairs and not args.only_real:
        out += _pairs_told("Drawn plates", pairs(watched, reader, args.pairs, args.seed, []))
    if args.real and args.pairs:
        plates = real_plates(args.real)
        told = pairs(watched, reader, args.pairs, args.seed, plates)
        out += _pairs_told(f"Real plates ({len(plates)} close-ups of a public set)", told)
    for name, *boxes in args.people:
        out += [_people_told(watched, Path(name), boxes), ""]
    text = "\n".join(out)
    print(text)
    if args.write:
        put(text, HEADING)


def _made(args: argparse.Namespace) -> str:
    return (
        f"{date.today()}, 2 cores, Debian 12, no GPU, load average {os.getloadavg()[0]:.0f}; seed "
        f"{args.seed}, `python benchmarks/blur.py`. The house's own releaser (YOLOv8n and the "
        "plate detector) makes the copies; a plate counts as legible where a bare line recogniser, "
        "the same with contrast raised, or the whole reader names it with at most one character "
        "wrong at its true place; a head as hidden where "
        f"{100 * COVERED:.0f} % of it lie under blocks, "
        f"at most {MOST_BLOCKS:g} across."
    )


def _heads_told(watched: Watched, args: argparse.Namespace) -> list[str]:
    counts = {size: [0, 0] for size in SIZES}
    for scenario in NIGHTS:
        for seed in range(args.seed, args.seed + args.seeds):
            for pixels, gone in streets(watched, scenario, seed, args.moments):
                size = next(s for s in SIZES if s[0] <= pixels < s[1] or s is SIZES[-1])
                counts[size][0] += 1
                counts[size][1] += gone
            print(scenario, seed, counts, file=sys.stderr, flush=True)
    out = [
        f"**Heads of riders** in rendered streets of {SIZE[0]} x {SIZE[1]} px, nobody exempt "
        f"({', '.join(NIGHTS)}; all cameras):",
        "",
        "| head, px | heads | hidden | % (95 %) |",
        "|---|---|---|---|",
    ]
    for (low, high), (n, gone) in counts.items():
        least, most = interval(gone, n)
        told = f"{low} to {high}" if high < 999 else f"{low} and more"
        share = f"{100 * gone / n:.1f} ({100 * least:.1f} to {100 * most:.1f})" if n else "-"
        out.append(f"| {told} | {n} | {gone} | {share} |")
    return [*out, ""]


def _pairs_told(title: str, found: dict[int, Tally]) -> list[str]:
    out = [
        f"**{title}**, two vehicles side by side and the bystander alone:",
        "",
        "| plate, px | bystanders | legible before | legible after (of twice as many copies) | "
        "offender's plate legible before / after |",
        "|---|---|---|---|---|",
    ]
    for height, t in found.items():
        out.append(f"| {height} | {t.all} | {t.before} | {t.after} | {t.offenders} / {t.kept} |")
        for line in t.worst:
            print("legible:", line, file=sys.stderr)
    return [*out, ""]


def _people_told(watched: Watched, path: Path, boxes: Sequence[str]) -> str:
    image = np.asarray(cv2.imread(str(path)), np.uint8)
    watched.context(image)
    gone = sum(hidden(watched.blocks, tuple(map(float, b.split(",")))) for b in boxes)  # type: ignore[arg-type]
    return f"{path.name}: {gone} of {len(boxes)} marked heads are hidden."


if __name__ == "__main__":
    main()
