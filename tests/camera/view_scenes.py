"""Pictures for the guard's tests: a street that can be panned, zoomed, darkened and driven on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bconnect_camera.core.guard import RATE, ViewGuard
from bconnect_camera.core.health import HEIGHT, WIDTH, Condition

Grey = NDArray[np.uint8]
STEP = round(1e9 / RATE)
CLIP = Path(__file__).parents[2] / "var" / "footage" / "vtest.avi"


def street(seed: int = 1) -> Grey:
    """640 x 360: houses with windows, kerbs, marks, texture."""
    rng = np.random.default_rng(seed)
    image = np.full((360, 640), 110, np.uint8)
    far = int(rng.integers(100, 500))
    road = [(0, int(rng.integers(200, 360))), (far, 90), (far + 80, 90), (640, 330), (640, 360)]
    cv2.fillPoly(image, [np.array([*road, (0, 360)])], 80)
    for _ in range(14):
        x, w, h = rng.integers(0, 600), rng.integers(30, 90), rng.integers(30, 100)
        image[100 - h : 100, x : x + w] = rng.integers(60, 200)
        for _ in range(6):
            u, v = x + rng.integers(0, max(1, w - 8)), 100 - h + rng.integers(0, max(1, h - 10))
            image[v : v + 9, u : u + 7] = rng.integers(20, 250)
    for _ in range(110):
        x, y = (int(v) for v in rng.integers((0, 100), (640, 360)))
        dx, dy = (int(v) for v in rng.integers(-40, 40, 2))
        cv2.line(image, (x, y), (x + dx, y + dy), int(rng.integers(30, 240)), 2)
    return image


def seen(image: Grey, x: float = 0.0, y: float = 0.0, zoom: float = 1.0, turn: float = 0.0) -> Grey:
    """The picture with its content moved (shares of its width), zoomed, turned (deg, clockwise)."""
    height, width = image.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -turn, zoom)
    matrix[:, 2] += (x * width, y * width)
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


def lit(image: Grey, light: float, noise: float, rng: np.random.Generator) -> Grey:
    """Under little light, a lamp, and a sensor that makes noise (grey levels)."""
    height, width = image.shape
    y, x = np.mgrid[0:height, 0:width]
    lamp = np.exp(-(((x / width - 0.4) / 0.3) ** 2 + ((y / height - 0.6) / 0.4) ** 2))
    made = image * (light + (1 - light) * 0.7 * lamp) + rng.normal(0, noise, image.shape)
    return np.clip(made, 0, 255).astype(np.uint8)


def traffic(image: Grey, step: int, seed: int = 5, share: float = 0.5) -> Grey:
    """Large vehicles drive through about ``share`` of the picture, each at its own speed."""
    made, rng = image.copy(), np.random.default_rng(seed)
    for lane in range(4):
        width = int(640 * share)
        speed = int(rng.integers(20, 60)) * (1 if lane % 2 else -1)
        body = street(100 + lane)[60 : 60 + 80, :width]
        start = (int(rng.integers(0, 640)) + speed * step) % (640 + width) - width
        a, b = max(0, start), min(640, start + width)
        if b > a:
            made[40 + lane * 80 : 120 + lane * 80, a:b] = body[:, a - start : b - start]
    return made


def small(image: Grey) -> Grey:
    """As the guard looks at it."""
    if image.shape == (HEIGHT, WIDTH):
        return image
    return cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


class Watcher:
    """Shows pictures to a guard, four a second, and notes every change of the condition."""

    def __init__(self, guard: ViewGuard | None = None) -> None:
        self.guard = guard or ViewGuard()
        self.stamp = 1_000_000_000_000
        self.changes: list[tuple[float, Condition]] = []  # s since the last call of mark()
        self._zero = self.stamp

    def mark(self) -> None:
        self._zero, self.changes = self.stamp, []

    def show(self, pictures: Iterable[Grey]) -> Condition:
        for picture in pictures:
            made = self.guard.look(self.stamp, small(picture))
            if not self.changes or self.changes[-1][1].state != made.state:
                self.changes.append(((self.stamp - self._zero) / 1e9, made))
            self.stamp += STEP
        assert self.guard.condition is not None
        return self.guard.condition
