"""How well plates are read: exact match and wrong accepts by height, blur, night and angle.

Plates are drawn, put on rendered vehicles and spoiled; the reader gets five stills of each and a
finding, as the sealer gives them. Beside it, on the same pictures, a naive baseline: the line
recogniser on the middle still, without grammar and vote. The second part reads many more plates
whose place is given, so that the share of wrong readings is known well. A folder of real plates
with labels.csv (file,plate), never part of this repository, is measured with --real.

    ./bconnect python benchmarks/plates.py [--plates 8] [--lines 5600] [--jobs 1] [--real DIR]
        [--write]
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from math import exp, lgamma, log
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import plate_stage as stage
from numpy.typing import NDArray
from plate_pictures import Plate, any_plate, draw, paste
from results_page import put

from bconnect_detect.adapters.plate_detector import FoundPlate, rectified
from bconnect_detect.adapters.plate_reader import NUMBER_ROW, OnnxPlateReader, make_reader
from bconnect_detect.core.plate import Look, PlateNeeds, conclude
from bconnect_detect.core.plate_grammar import Doubt, Parsed
from bconnect_detect.core.plate_vote import VoteNeeds
from bconnect_detect.core.types import SECOND, Finding, RoadUser
from bconnect_detect.core.violation import PlateReading
from bconnect_site.kinds import PlateState, ViolationType, word
from bconnect_site.plates import load_plates
from bconnect_site.settings import PlateSettings

Image = NDArray[np.uint8]
Sets = dict[bool, list[stage.Backdrop]]  # by night
HEADING = "## Plates"
HEIGHTS = (8, 10, 12, 14, 16, 20, 24, 32, 40)  # pixels
LINE_HEIGHTS = (14, 16, 18, 20, 24, 28, 32)
CONDITIONS = ("clear", "motion", "defocus", "night", "oblique")
MOTION, DEFOCUS = 3.0, 0.9  # pixels smeared; sigma
STILLS = 5
T0 = 1_764_000_000 * SECOND
CHUNKS = 80
_sets: Sets = {}
LOOSE = PlateNeeds(height=8.0)  # the benchmark finds the least height itself


@dataclass
class Tally:
    """Counts of one cell."""

    plates: int = 0
    exact: int = 0
    wrong: int = 0
    naive_exact: int = 0
    naive_wrong: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        for name in ("plates", "exact", "wrong", "naive_exact", "naive_wrong"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def spoil(
    image: Image, condition: str, plate: NDArray[np.float64], rng: np.random.Generator
) -> Image:
    """What lens, motion, night and the encoder do to a still with a plate at corners (4, 2)."""
    out = image.astype(np.float32)
    if condition == "motion":
        out = _moved(out, MOTION, float(rng.uniform(-20, 20)))
    if condition == "defocus":
        out = cv2.GaussianBlur(out, (0, 0), DEFOCUS)
    noise = 3.0
    if condition == "night":
        out = _glare(out * 0.55, plate, rng) + 6.0
        noise = 7.0
    out += rng.normal(0.0, noise, out.shape) + rng.normal(0.0, noise / 2, (*out.shape[:2], 1))
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(80, 93))]
    _, data = cv2.imencode(".jpg", np.clip(out, 0, 255).astype(np.uint8), quality)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _moved(image: NDArray[np.float32], length: float, angle: float) -> NDArray[np.float32]:
    """Smeared over ``length`` pixels."""
    ends = np.linspace(-length / 2, length / 2, 9)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    total = np.zeros_like(image)
    for t in ends:
        shift = np.array([(1, 0, t * c), (0, 1, t * s)], np.float32)
        total += cv2.warpAffine(image, shift, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(total / len(ends), np.float32)


def _glare(
    image: NDArray[np.float32], plate: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Two headlamps with their halo beside and above the plate."""
    (x, y), wide = plate.mean(axis=0), float(np.linalg.norm(plate[1] - plate[0]))
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    for side in (-1.0, 1.0):
        middle = x + side * wide * rng.uniform(1.1, 1.5), y - wide * rng.uniform(0.2, 0.5)
        far = (columns - middle[0]) ** 2 + (rows - middle[1]) ** 2
        halo = 230 * np.exp(-far / (2 * (0.18 * wide) ** 2))
        veil = 70 * np.exp(-far / (2 * (0.8 * wide) ** 2))
        image = image + (halo + veil)[..., None]
    return image


def stills_of(
    backdrop: stage.Backdrop, plate: Image, condition: str, height: float, rng: np.random.Generator
) -> tuple[list[tuple[int, Image]], list[stage.Backdrop]]:
    """Stills 0.2 s apart of a vehicle that comes a little nearer, and where it is in each."""
    base = backdrop.image.copy()
    light = float(rng.uniform(0.55, 1.0))
    paste(base, plate, backdrop.corners, light)
    stills, places = [], []
    for i in range(STILLS):
        factor = height / backdrop.plate_height * (1.0 + 0.015 * (i - STILLS // 2))
        size = (round(base.shape[1] * factor), round(base.shape[0] * factor))
        # The sensor's grid falls differently each time.
        slip = rng.uniform(0, 1.0 / factor, 2)
        shift = np.array([(1.0, 0.0, slip[0]), (0.0, 1.0, slip[1])], np.float32)
        moved = cv2.warpAffine(base, shift, base.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
        small = np.asarray(cv2.resize(moved, size, interpolation=cv2.INTER_AREA), np.uint8)
        spot = (backdrop.corners + slip) * factor
        picture = spoil(small, condition, spot, rng)
        stills.append((T0 + (i - STILLS // 2) * SECOND // 5, picture))
        slipped = replace(backdrop, corners=backdrop.corners + slip)
        places.append(stage.scaled(slipped, picture, factor))
    return stills, places


def finding_of(place: stage.Backdrop, rng: np.random.Generator) -> Finding:
    """The finding of a road user whose box a detector saw, a little off."""
    x, y = 640 / place.image.shape[1], 360 / place.image.shape[0]
    box = np.array(place.box) * (x, y, x, y)
    size = np.array((box[2] - box[0], box[3] - box[1]) * 2)
    box = box + rng.normal(0, 0.02, 4) * size
    user = RoadUser(place.kind, 1, 0.9, (box[0], box[1], box[2], box[3]))
    return Finding(
        "f", ViolationType.RED_LIGHT, "uji", "kamera", "z", T0, T0, user, 640, 360
    )  # fmt: skip


def letters(text: str) -> str:
    return re.sub("[^A-Z0-9]", "", text.upper())


def naive(reader: OnnxPlateReader, look: Look | None, image: Image) -> str:
    """The baseline: what the recogniser says of the middle still's plate, as it comes."""
    if look is None or look.box is None:
        return ""
    x_min, y_min, x_max, y_max = (round(v) for v in look.box)
    crop = image[y_min : max(y_max, y_min + 2), x_min : max(x_max, x_min + 2)]
    return reader._ocr.read(crop[: max(round(NUMBER_ROW * len(crop)), 2)]).text


def read_cell(
    reader: OnnxPlateReader, sets: Sets, height: int, condition: str, many: int, seed: int
) -> tuple[Tally, float]:
    """One cell of the table: counts, and seconds of CPU per reading."""
    rng = np.random.default_rng((seed, height, CONDITIONS.index(condition)))
    backdrops = _fitting(sets, condition)
    tally, spent = Tally(), 0.0
    for i in range(many):
        backdrop = backdrops[(i * 7 + height) % len(backdrops)]
        plate = any_plate(rng, word(backdrop.kind))
        stills, places = stills_of(backdrop, draw(plate), condition, height, rng)
        finding = finding_of(places[STILLS // 2], rng)
        began = time.process_time()
        reading = reader.read(stills, finding)
        spent += time.process_time() - began
        first = next((k for k in reader.looks if k.stamp == T0), None)
        guess = naive(reader, first, stills[STILLS // 2][1])
        count(tally, plate, reading, guess, f"{height} px {condition}")
    return tally, spent / max(many, 1)


def read_lines(
    reader: OnnxPlateReader, sets: Sets, many: int, seed: tuple[int, ...]
) -> dict[int, Tally]:
    """Many plates at known places: line recogniser, grammar and vote, by height."""
    rules, found = load_plates(), {h: Tally() for h in LINE_HEIGHTS}
    rng = np.random.default_rng(seed)
    for i in range(many):
        height = LINE_HEIGHTS[i % len(LINE_HEIGHTS)]
        condition = CONDITIONS[(i // len(LINE_HEIGHTS)) % len(CONDITIONS)]
        backdrops = _fitting(sets, condition)
        inner = _close(backdrops[int(rng.integers(len(backdrops)))])
        plate = any_plate(rng, word(inner.kind))
        stills, places = stills_of(inner, draw(plate), condition, height, rng)
        looks, guess = [], ""
        for k, ((stamp, image), place) in enumerate(zip(stills, places, strict=True)):
            flat = _flat(image, place.corners, rng)
            hopeless = sum(look.parsed is None for look in looks) > STILLS - VoteNeeds().votes
            parsed = Doubt("the others cannot be read") if hopeless else reader.parse(flat)
            looks.append(_look(stamp, height, parsed))
            if k == STILLS // 2:
                guess = reader._ocr.read(flat[: max(round(NUMBER_ROW * len(flat)), 2)]).text
        reading = conclude(looks, inner.kind, rules, LOOSE)
        count(found[height], plate, reading, guess, f"line of {height} px {condition}")
    return found


def count(tally: Tally, plate: Plate, reading: PlateReading, guess: str, where: str) -> None:
    """Adds one plate, read by the reader and by the baseline."""
    want, read = letters(plate.text), reading.state == PlateState.READ
    tally.plates += 1
    tally.exact += reading.text == plate.text
    tally.wrong += read and reading.text != plate.text
    tally.naive_exact += guess == want
    tally.naive_wrong += bool(guess) and guess != want
    if read and reading.text != plate.text:
        print(f"wrong: {where}: {plate} as {reading.text}", file=sys.stderr, flush=True)
    if not read:
        why = re.sub(r"[0-9][0-9.]*", "n", reading.reason)
        tally.reasons[why] = tally.reasons.get(why, 0) + 1


def _fitting(sets: Sets, condition: str) -> list[stage.Backdrop]:
    steep = condition == "oblique"
    return [b for b in sets[condition == "night"] if (b.turn > 30) == steep]


def _look(stamp: int, height: int, parsed: Parsed | Doubt) -> Look:
    box = (0.0, 0.0, 1.0, 1.0)
    if isinstance(parsed, Doubt):
        return Look(stamp, box, float(height), reason=parsed.reason, seen=True)
    return Look(stamp, box, float(height), parsed=parsed, seen=True)


def _close(backdrop: stage.Backdrop) -> stage.Backdrop:
    """Only the surroundings of the plate, so that many can be drawn."""
    low, high = backdrop.corners.min(axis=0), backdrop.corners.max(axis=0)
    margin = 0.6 * (high[0] - low[0])
    x, y = (int(max(v, 0)) for v in low - margin)
    right, bottom = (int(v) for v in high + margin)
    image = np.ascontiguousarray(backdrop.image[y:bottom, x:right])
    return replace(backdrop, image=image, corners=backdrop.corners - (x, y))


def _flat(image: Image, corners: NDArray[np.float64], rng: np.random.Generator) -> Image:
    """The plate cut out upright, its place off by what the detector is off."""
    middle = corners.mean(axis=0)
    wide = float(np.linalg.norm(corners[1] - corners[0]))
    grown = middle + (corners - middle) * rng.uniform(0.99, 1.06, 2)
    grown = grown + rng.normal(0, 0.008 * wide, 2)
    along = corners[1] - corners[0]
    angle = np.arctan2(along[1], along[0]) + rng.normal(0, 0.01)
    c, s = np.cos(angle), np.sin(angle)
    turned = (grown - middle) @ np.array([(c, -s), (s, c)])
    low, high = turned.min(axis=0), turned.max(axis=0)
    upright = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
    back = upright @ np.array([(c, s), (-s, c)]) + middle
    return rectified(image, FoundPlate((0, 0, 1, 1), 1.0, back.astype(np.float32)))


def interval(hits: int, of: int) -> tuple[float, float]:
    """Clopper-Pearson at 95 %."""
    return _bound(hits, of, low=True), _bound(hits, of, low=False)


def _bound(hits: int, of: int, low: bool) -> float:
    if not of or (low and not hits) or (not low and hits == of):
        return 0.0 if low else 1.0
    least, most = 0.0, 1.0
    for _ in range(60):
        p = (least + most) / 2
        terms = range(hits) if low else range(hits + 1)
        below = sum(_chance(k, of, p) for k in terms)
        over = below < 0.975 if low else below < 0.025
        least, most = (least, p) if over else (p, most)
    return (least + most) / 2


def _chance(k: int, n: int, p: float) -> float:
    if p <= 0.0 or p >= 1.0:
        return float(k == (0 if p <= 0 else n))
    ways = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
    return exp(ways + k * log(p) + (n - k) * log(1 - p))


def real(reader: OnnxPlateReader, folder: Path) -> tuple[int, int, int, int, int]:
    """Real plates, one picture each: all, read, wrong; of the baseline exact and wrong."""
    least = VoteNeeds().chance
    counts = [0, 0, 0, 0, 0]
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        for name, want in csv.reader(file):
            image = cv2.imread(str(folder / name))
            if image is None:
                continue
            parsed = reader.parse(np.asarray(image, np.uint8))
            good = not isinstance(parsed, Doubt) and min(parsed.chances) >= least
            row = np.asarray(image[: round(NUMBER_ROW * len(image))], np.uint8)
            guess = reader._ocr.read(row).text
            counts[0] += 1
            if good and not isinstance(parsed, Doubt):
                counts[1] += 1
                counts[2] += parsed.letters != want
            counts[3] += guess == want
            counts[4] += guess != want
    return counts[0], counts[1], counts[2], counts[3], counts[4]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plates", type=int, default=8, help="per height and condition")
    parser.add_argument("--lines", type=int, default=5600)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    args = parser.parse_args(arguments)
    if not isinstance(make_reader(PlateSettings()), OnnxPlateReader):
        raise SystemExit("plates: the plate models are not installed")
    _sets.update({night: stage.backdrops(args.seed, night) for night in (False, True)})
    cells = [("cell", h, c, args.plates, args.seed) for h in HEIGHTS for c in CONDITIONS]
    chunks = [("lines", 0, "", args.lines // CHUNKS, args.seed + 1000 * k) for k in range(CHUNKS)]
    with get_context("fork").Pool(args.jobs) as pool:
        done = pool.map(_work, [*cells, *(chunks if args.lines else [])], chunksize=1)
    text = report(dict(zip(cells, done, strict=False)), done[len(cells) :], args)
    print(text)
    if args.write:
        put(text, HEADING)


def _work(task: tuple[str, int, str, int, int]) -> Any:
    """In a process of its own."""
    what, height, condition, many, seed = task
    reader = _reader()
    if what == "cell":
        made: Any = read_cell(reader, _sets, height, condition, many, seed)
    else:
        made = read_lines(reader, _sets, many, (seed, 99))
    print(task, made, file=sys.stderr, flush=True)
    return made


@cache
def _reader() -> OnnxPlateReader:
    reader = make_reader(PlateSettings(min_height=8.0, timeout=600.0))
    assert isinstance(reader, OnnxPlateReader)
    return reader


def report(
    done: dict[Any, tuple[Tally, float]], chunks: list[dict[int, Tally]], args: argparse.Namespace
) -> str:
    """The section of docs/benchmarks.md."""
    cells = {(task[1], task[2]): tally for task, (tally, _) in done.items()}
    seconds = [spent for _, spent in done.values()]
    reasons: Counter[str] = Counter()
    for tally in cells.values():
        reasons.update(tally.reasons)
    lines = {h: Tally() for h in LINE_HEIGHTS} if chunks else {}
    for chunk in chunks:
        for height, tally in chunk.items():
            lines[height].add(tally)
    out = [
        HEADING,
        "",
        f"{date.today()}, 2 cores, Debian 12, no GPU, load average {os.getloadavg()[0]:.0f}, "
        f"Python {platform.python_version()}; seed {args.seed}, `python benchmarks/plates.py`.",
        f"Plates drawn in two fonts on {sum(map(len, _sets.values()))} rendered views of six "
        f"vehicles. Motion: {MOTION:g} px; defocus: sigma {DEFOCUS:g} px; night: noise and two "
        "headlamps beside the plate; oblique: 35 degrees. No Indonesian street is among them.",
        "",
        *_cells(cells),
        *(_lines(lines) if lines else []),
    ]
    need, enough = PlateNeeds().height, Tally()
    for height, tally in (*lines.items(), *((h, t) for (h, _), t in cells.items())):
        if height >= need:
            enough.add(tally)
    _, high = interval(enough.wrong, enough.exact + enough.wrong)
    out += [
        f"From {need:.0f} px up, both tables: {enough.exact + enough.wrong} of {enough.plates} "
        f"read, {enough.wrong} of them wrong (95 %: at most {100 * high:.2f} %).",
        "",
        f"One reading of {STILLS} stills took {median(seconds):.2f} s of CPU (median over the "
        f"cells; {max(seconds):.2f} s at most).",
        "",
    ]
    if args.real:
        out += [_real(args.real), ""]
    common = "; ".join(f"{why} ({n})" for why, n in reasons.most_common(6))
    return "\n".join([*out, f"Why plates of the first table were not read: {common}.", ""])


def _cells(cells: dict[tuple[int, str], Tally]) -> list[str]:
    out = [
        f"**The whole reader**, {sum(t.plates for t in cells.values())} plates, {STILLS} stills "
        "each: read exactly / read wrongly, per cent of all.",
        "",
        "| height, px | " + " | ".join(CONDITIONS) + " | naive, all five |",
        "|---|" + "---|" * (len(CONDITIONS) + 1),
    ]
    for height in HEIGHTS:
        total = Tally()
        row = []
        for condition in CONDITIONS:
            tally = cells[height, condition]
            total.add(tally)
            row.append(_shares(tally.exact, tally.wrong, tally.plates))
        row.append(_shares(total.naive_exact, total.naive_wrong, total.plates))
        out.append(f"| {height} | " + " | ".join(row) + " |")
    return [*out, "", _ratios("The whole reader", list(cells.values())), ""]


def _lines(lines: dict[int, Tally]) -> list[str]:
    out = [
        f"**Line, grammar and vote alone**, {sum(t.plates for t in lines.values())} plates whose "
        "place is given a little wrongly, all five conditions alike.",
        "",
        "| height, px | plates | exact, % | wrong | wrong of read, 95 % interval, % | "
        "naive exact / wrong, % |",
        "|---|---|---|---|---|---|",
    ]
    for height, t in lines.items():
        low, high = interval(t.wrong, t.exact + t.wrong)
        out.append(
            f"| {height} | {t.plates} | {100 * t.exact / max(t.plates, 1):.1f} | {t.wrong} | "
            f"{100 * low:.2f} to {100 * high:.2f} | "
            f"{_shares(t.naive_exact, t.naive_wrong, t.plates)} |"
        )
    return [*out, "", _ratios("Line, grammar and vote", list(lines.values())), ""]


def _shares(exact: int, wrong: int, of: int) -> str:
    return f"{100 * exact / max(of, 1):.0f} / {100 * wrong / max(of, 1):.0f}"


def _real(folder: Path) -> str:
    n, read, wrong, naive_exact, naive_wrong = real(_reader(), folder)
    low, high = interval(wrong, read)
    return (
        f"**{n} real Indonesian plates** (close-ups of a public set, one picture each, so without "
        f"a vote): {read} read, {wrong} of them wrong (95 %: {100 * low:.1f} to "
        f"{100 * high:.1f} %); "
        f"naive: {naive_exact} right, {naive_wrong} wrong."
    )


def _ratios(name: str, tallies: list[Tally]) -> str:
    total = Tally()
    for tally in tallies:
        total.add(tally)
    exact = total.exact / max(total.naive_exact, 1)
    fewer = f"1 to {total.naive_wrong / total.wrong:.0f}" if total.wrong else "0"
    return (
        f"{name} over all heights against the baseline: {exact:.2f} times its exact readings, "
        f"{total.wrong} wrong ones for its {total.naive_wrong} ({fewer})."
    )


if __name__ == "__main__":
    main()
