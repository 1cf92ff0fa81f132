"""Body colours judged on rendered vehicles whose paint is known, and what a look costs.

    ./bconnect python benchmarks/colour.py [SCENARIO] [--seconds 90]

Every vehicle of the simulated corridor is painted in one of 17 known paints; its true box (three
quarters visible or more) is what a perfect detector would give. Prints, for single looks, how
many were judged rightly, wrongly and not at all, and the microseconds per box.
"""

from __future__ import annotations

import argparse
import timeit
from collections import Counter, defaultdict
from functools import partial

import cv2
import numpy as np

from bconnect_detect.core.colour import body_colours
from bconnect_sim.adapters.render import Renderer
from bconnect_sim.core import look
from bconnect_sim.core.seen import Eyes
from bconnect_sim.stage import open_stage
from bconnect_site.kinds import Colour, RoadUserKind, word

PAINTS = {
    "white": ((0.90, 0.90, 0.90), (0.82, 0.82, 0.79)),
    "black": ((0.10, 0.10, 0.11), (0.04, 0.04, 0.045)),
    "grey": ((0.62, 0.64, 0.66), (0.30, 0.33, 0.35)),
    "red": ((0.55, 0.06, 0.07), (0.78, 0.10, 0.08)),
    "orange": ((0.90, 0.42, 0.06),),
    "yellow": ((0.90, 0.75, 0.10), (0.80, 0.62, 0.12)),
    "green": ((0.10, 0.38, 0.15), (0.15, 0.55, 0.28)),
    "blue": ((0.10, 0.18, 0.45), (0.10, 0.38, 0.70)),
    "brown": ((0.36, 0.20, 0.10), (0.45, 0.30, 0.17)),
}
NAMES = {paint: name for name, paints in PAINTS.items() for paint in paints}
SIZE = (640, 360)
# A truck's load has a colour of its own; of a motorcycle nothing is said.
JUDGED = (RoadUserKind.CAR, RoadUserKind.MINIBUS, RoadUserKind.BUS)
EVERY = 6.0  # s between two pictures
Look = tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]  # image, boxes, kinds, paints


def looks(scenario: str, seconds: float, seed: int) -> list[Look]:
    """Pictures of all cameras with the true boxes, kinds and paints."""
    for kind in look.PAINTS:
        look.PAINTS[kind] = tuple(NAMES)
    stage = open_stage(scenario)
    picture = stage.scenario.picture
    eyes = Eyes(stage.corridor.cameras, picture.width / picture.height, SIZE)
    renderer = Renderer(stage, seed=seed)
    made: list[Look] = []
    last = -EVERY
    for moment in stage.world(seed).moments():
        if moment.time - last < EVERY:
            continue
        if moment.time > seconds:
            return made
        last = moment.time
        seen = eyes.look(moment, 20.0)
        for number, view in enumerate(stage.corridor.cameras):
            rows = np.flatnonzero((seen.camera == number) & (seen.visible > 0.75))
            vehicles = [moment.vehicles[i] for i in seen.vehicle[rows]]
            if not vehicles:
                continue
            image = cv2.resize(
                renderer.draw(moment, view.name)[..., ::-1], SIZE, interpolation=cv2.INTER_AREA
            )
            kinds = np.array([RoadUserKind[v.kind.upper()] for v in vehicles], np.uint8)
            paints = [NAMES.get(look.paint(v), "") for v in vehicles]
            made.append((image, seen.boxes[rows].astype(np.float32), kinds, paints))
    return made


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="?", default="harian")
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--seed", type=int, default=1005)
    args = parser.parse_args()
    table: dict[str, Counter[str]] = defaultdict(Counter)
    found = looks(args.scenario, args.seconds, args.seed)
    for image, boxes, kinds, paints in found:
        for kind, paint, colour in zip(
            kinds, paints, body_colours(image, boxes, kinds), strict=True
        ):
            if paint and kind in JUDGED:
                table[paint][word(Colour(int(colour)))] += 1
    total = sum(sum(row.values()) for row in table.values())
    right = sum(row[paint] for paint, row in table.items())
    none = sum(row["unknown"] for row in table.values())
    print(f"{args.scenario}: {total} looks; right {right}, unknown {none}", end="; ")
    print(f"wrong {total - right - none} of {total - none} said")
    for paint, row in sorted(table.items()):
        print(f"  {paint:8s}", ", ".join(f"{name} {count}" for name, count in row.most_common()))
    image = found[0][0]
    for count in (1, 5, 10, 20):
        boxes = np.tile(np.array([[100, 100, 180, 160]], np.float32), (count, 1))
        kinds = np.full(count, RoadUserKind.CAR, np.uint8)
        call = partial(body_colours, image, boxes, kinds)
        runs = timeit.repeat(call, number=50, repeat=9)
        print(f"  {count:2d} boxes: {min(runs) / 50 / count * 1e6:.0f} us per box")


if __name__ == "__main__":
    main()
