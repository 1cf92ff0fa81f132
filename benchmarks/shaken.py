"""Identity switches of the tracker on a shaken camera, with the camera's motion told and without.

python benchmarks/shaken.py [--seeds N] [--pictures FOLDER]

Drawn pictures (a textured street from above at a slant, sixteen vehicles that pass one another,
hide behind two signs and are missed now and then), seen by a camera that stands, trembles (an
idling engine), shakes (a rough road) or turns (a patrol car that pulls out). The motion is measured
from these pictures by what the detector uses, never taken from the drawing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from bconnect_detect.adapters.bytetrack import ByteTrack
from bconnect_detect.adapters.global_motion import GlobalMotion
from bconnect_detect.core.geometry import iou_matrix
from bconnect_detect.core.types import SECOND, Tracks
from bconnect_site.kinds import RoadUserKind

SIZE = (640, 360)
RATE = 10.0  # Hz
WORLD = (2600, 1400)
START = 1_780_000_000 * SECOND


@dataclass(frozen=True)
class Shake:
    """How the camera moves: px and rad of amplitude, px/s of turning, times of zoom."""

    name: str
    shift: float = 0.0
    turn: float = 0.0
    pan: float = 0.0
    zoom: float = 0.0


SHAKES = (
    Shake("stands"),
    Shake("trembles", 3.0, 0.003),
    Shake("shakes", 18.0, 0.02, zoom=0.01),
    Shake("rough road", 35.0, 0.035, zoom=0.02),
    Shake("turns", 4.0, 0.004, pan=90.0),
)


def street(rng: np.random.Generator) -> np.ndarray:
    """The ground: noise of three sizes, and lanes."""
    made = np.full((WORLD[1], WORLD[0], 3), 110.0, np.float32)
    for size, strength in ((4, 30.0), (16, 30.0), (64, 25.0)):
        shape = (WORLD[1] // size + 1, WORLD[0] // size + 1)
        noise = rng.normal(0.0, strength, shape).astype(np.float32)
        made += cv2.resize(noise, WORLD, interpolation=cv2.INTER_CUBIC)[:, :, None]
    for y in range(0, WORLD[1], 60):
        made[y : y + 3, (np.arange(WORLD[0]) // 40) % 2 == 0] = 230.0
    return np.clip(made, 0, 255).astype(np.uint8)


class Scene:
    """Vehicles in lanes and a camera over them."""

    def __init__(self, shake: Shake, seed: int, seconds: float = 30.0) -> None:
        self.rng = np.random.default_rng(seed)
        self.shake, self.images = shake, int(seconds * RATE)
        self.ground = street(self.rng)
        n = 16
        self.lane = 500.0 + 60.0 * self.rng.integers(0, 6, n)
        self.start = self.rng.uniform(600.0, 1900.0, n)
        self.speed = self.rng.choice((-1.0, 1.0), n) * self.rng.uniform(15.0, 110.0, n)
        self.size = np.column_stack((self.rng.uniform(45, 70, n), self.rng.uniform(26, 36, n)))
        self.colour = self.rng.integers(20, 235, (n, 3))
        self.phase = self.rng.uniform(0.0, 6.28, (4, 3))

    def camera(self, t: float) -> np.ndarray:
        """World to image, (2, 3): sums of three waves of 0.7 to 3 Hz, as suspensions do."""
        s = self.shake
        wave = np.sin(np.outer(t * 6.283, (0.7, 1.6, 2.9)) + self.phase).mean(axis=1) * 1.7
        turn, scale = s.turn * wave[2], 1.0 + s.zoom * wave[3]
        c, d = scale * np.cos(turn), scale * np.sin(turn)
        middle = np.array((1300.0 + s.pan * (t - self.images / RATE / 2), 660.0))
        shift = np.array(SIZE) / 2 + s.shift * wave[:2] - np.array(((c, -d), (d, c))) @ middle
        return np.array(((c, -d, shift[0]), (d, c, shift[1])))

    def frames(self) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        """Stamp, picture, true boxes (n, 4) and which of them are in sight."""
        for number in range(self.images):
            t = number / RATE
            at = np.column_stack((self.start + self.speed * t, self.lane))
            world, view = self.ground.copy(), self.camera(t)
            for place, size, colour in zip(at, self.size, self.colour, strict=True):
                self._car(world, place, size, colour)
            for sign in (1080, 1500):  # in front of all
                cv2.rectangle(world, (sign, 440), (sign + 26, 900), (60, 60, 60), -1)
            picture = cv2.warpAffine(world, view, SIZE, flags=cv2.INTER_LINEAR)
            corners = at[:, None] + np.array(((-1, -1), (1, -1), (1, 1), (-1, 1))) * (
                self.size[:, None] / 2
            )
            seen = corners @ view[:, :2].T + view[:, 2]
            boxes = np.concatenate((seen.min(axis=1), seen.max(axis=1)), axis=1)
            inside = (boxes[:, :2] > 2).all(axis=1) & (boxes[:, 2:] < np.array(SIZE) - 2).all(
                axis=1
            )
            hidden = [(abs(at[:, 0] - sign - 13) < 26) for sign in (1080, 1500)]
            yield START + round(t * SECOND), picture, boxes, inside & ~np.any(hidden, axis=0)

    def _car(self, world: np.ndarray, at: np.ndarray, size: np.ndarray, colour: np.ndarray) -> None:
        (x, y), (w, h) = at, size / 2
        ends = (int(x - w), int(y - h)), (int(x + w), int(y + h))
        cv2.rectangle(world, *ends, tuple(int(v) for v in colour), -1)
        cv2.rectangle(world, (int(x - w / 3), int(y - h / 1.5)), (int(x + w / 4), int(y)), 0, -1)


def switches(scene: Scene, told: bool) -> tuple[int, int, float, float]:
    """Identity switches, looks, ms per image of measuring, share of motions that were known."""
    tracker, motion = ByteTrack(RATE), GlobalMotion()
    rng = np.random.default_rng(scene.images)
    last: dict[int, int] = {}
    count = looks = known = 0
    spent = 0.0
    for stamp, picture, boxes, seen in scene.frames():
        rows = np.flatnonzero(seen & (rng.random(len(boxes)) > 0.05))
        noisy = boxes[rows] + rng.normal(0.0, 1.0, (len(rows), 4))
        found = _found(stamp, noisy)
        if told:
            began = time.perf_counter()
            warp = motion.update(picture, found.boxes, stamp)
            spent += time.perf_counter() - began
            known += warp is not None
            found = replace(found, warp=warp)
        tracks = tracker.update(found)
        if not len(tracks):
            continue
        share = iou_matrix(boxes[rows], tracks.boxes)
        for row, mine in zip(rows.tolist(), share, strict=True):
            best = int(mine.argmax())
            if mine[best] < 0.5:
                continue
            id_ = int(tracks.track_id[best])
            looks += 1
            count += last.get(row, id_) != id_
            last[row] = id_
    return count, looks, 1000 * spent / scene.images, known / max(1, scene.images - 1)


def _found(stamp: int, boxes: np.ndarray) -> Tracks:
    n = len(boxes)
    return Tracks(
        stamp=stamp,
        camera="depan",
        width=SIZE[0],
        height=SIZE[1],
        kind=np.full(n, RoadUserKind.CAR, np.uint8),
        track_id=np.zeros(n, np.int64),
        confidence=np.full(n, 0.8, np.float32),
        boxes=boxes.astype(np.float32),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--pictures", type=Path, help="writes one picture of each camera here")
    arguments = parser.parse_args()
    print("camera       switches without   with   looks    motion known   ms per image")
    for shake in SHAKES:
        plain, told, looks, cost, known = 0, 0, 0, [], []
        for seed in range(arguments.seeds):
            plain += switches(Scene(shake, seed), told=False)[0]
            found = switches(Scene(shake, seed), told=True)
            told, looks = told + found[0], looks + found[1]
            cost.append(found[2])
            known.append(found[3])
        print(
            f"{shake.name:12} {plain:16} {told:6} {looks:7} {np.mean(known):13.1%} "
            f"{np.mean(cost):12.1f}"
        )
        if arguments.pictures:
            arguments.pictures.mkdir(parents=True, exist_ok=True)
            _, picture, boxes, seen = list(Scene(shake, 0).frames())[70]
            for x0, y0, x1, y1 in boxes[seen].astype(int).tolist():
                cv2.rectangle(picture, (x0, y0), (x1, y1), (0, 0, 255), 1)
            cv2.imwrite(str(arguments.pictures / f"{shake.name.replace(' ', '_')}.png"), picture)


if __name__ == "__main__":
    main()
