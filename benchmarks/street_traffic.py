"""A made street for benchmarks: detections of so many road users, and a site that judges them.

A pinhole camera 6 m above a straight street. Some stand in zones, some queue at a red light,
the others drive through and come again; boxes jitter as a detector's do.
"""

from __future__ import annotations

from math import cos, radians, sin
from pathlib import Path
from typing import Any

import numpy as np

SIZE = 640, 360
RATE = 10.0  # Hz
START = 1_764_000_000_000_000_000  # ns
FOCAL, HEIGHT, TILT = 700.0, 6.0, radians(14.0)  # px, m, down
NEAR, FAR = 13.0, 68.0  # m along the street in which road users are
BLOCKS = {0: (0.5, 0.5, 1.7), 3: (1.95, 0.7, 1.7), 4: (4.3, 1.7, 1.5), 6: (10.5, 2.5, 3.2)}
WORDS = {1: "pedestrian", 3: "motorcycle", 4: "car", 6: "bus"}
# Zones in metres: x to the right of the camera, y ahead of it.
ZONES: dict[str, dict[str, Any]] = {
    "parkir": {"kind": "no_parking", "region": [(4.5, 14), (8, 14), (8, 40), (4.5, 40)]},
    "henti": {"kind": "no_stopping", "region": [(-9, 14), (-5.5, 14), (-5.5, 40), (-9, 40)]},
    "arah": {"kind": "direction", "region": [(0, 13), (4, 13), (4, 60), (0, 60)]},
    "putar": {"kind": "no_u_turn", "region": [(-5, 20), (5, 20), (5, 50), (-5, 50)]},
    "cepat": {"kind": "speed", "region": [(-5, 14), (4, 14), (4, 45), (-5, 45)], "limit": 13.9},
    "jalan": {"kind": "road", "region": [(-9, 13), (8, 13), (8, 60), (-9, 60)], "limit": 13.9},
    "garis": {"kind": "stop_line", "line": [(0.2, 46), (4, 46)], "signal": "lampu"},
    "simpang": {"kind": "junction", "region": [(-9, 50), (8, 50), (8, 66), (-9, 66)]},
    "marka": {"kind": "lane_marking", "line": [(0, 13), (0, 45)]},
}
RULES = {
    "illegal_parking": "parkir",
    "illegal_stopping": "henti",
    "wrong_way": "arah",
    "illegal_u_turn": "putar",
    "speeding": "cepat",
    "racing": "jalan",
    "no_helmet": "jalan",
    "overloaded_motorcycle": "jalan",
    "red_light": "garis",
    "stop_line": "garis",
    "lane_marking": "marka",
}
# What one pole of a street usually watches; every rule at once is the dearest there is.
USUAL = ("illegal_parking", "wrong_way", "red_light", "stop_line")


def pixels(points: Any) -> np.ndarray:
    """Where places (n, 3), m, appear."""
    p = np.asarray(points, float).reshape(-1, 3)
    ahead, up = p[:, 1], p[:, 2] - HEIGHT
    depth = ahead * cos(TILT) - up * sin(TILT)
    rise = ahead * sin(TILT) + up * cos(TILT)
    return np.column_stack(
        (SIZE[0] / 2 + FOCAL * p[:, 0] / depth, SIZE[1] / 2 - FOCAL * rise / depth)
    )


def fractions(ground: Any) -> list[list[float]]:
    """Places on the ground (n, 2) as a site file writes them."""
    flat = np.asarray(ground, float).reshape(-1, 2)
    made = pixels(np.column_stack((flat, np.zeros(len(flat))))) / SIZE
    return np.clip(made, 0.0, 1.0).round(5).tolist()


class Street:
    """So many road users; ``seed`` decides everything."""

    def __init__(self, users: int, seed: int = 0) -> None:
        self._dice = np.random.default_rng(seed)
        parked, queue, walking = users // 6, users // 5, users // 10
        kinds, lanes, places, speeds = [], [], [], []
        for i in range(users):
            if i < parked:  # on both sides
                side = 6.0 if i % 2 else -7.0
                row = (4, side, 18.0 + 7.0 * (i // 2), 0.0)
            elif i < parked + queue:
                at = i - parked
                row = (4 if at % 3 else 3, 1.2 + 1.9 * (at % 2), 44.0 - 6.5 * (at // 2), 0.0)
            elif i < parked + queue + walking:
                row = (1, float(self._dice.uniform(9, 10)), float(self._dice.uniform(20, 50)), 1.2)
            else:
                lane = (-1.4, -3.9)[i % 2]
                gap = (FAR - NEAR) / max(1, users - parked - queue - walking)
                at = FAR - gap * (i - parked - queue - walking)
                row = ((4, 3, 4, 6, 3)[i % 5], lane, at, -(7.0, 8.5)[i % 2])
            for column, value in zip((kinds, lanes, places, speeds), row, strict=True):
                column.append(value)
        self.kind = np.array(kinds, np.uint8)
        self._x, self._y, self._v = np.array(lanes), np.array(places), np.array(speeds)

    def image(self, seconds: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Kinds (n,), boxes (n, 4) px and confidences (n,) of one image."""
        y = NEAR + (self._y + self._v * seconds - NEAR) % (FAR - NEAR)
        blocks = np.array([BLOCKS.get(int(k), BLOCKS[0]) for k in self.kind])
        signs = np.array([(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (0, 2)]) / 2
        x_off = blocks[:, 1, None] * signs[:, 0]
        y_off = blocks[:, 0, None] * signs[:, 1]
        z_off = blocks[:, 2, None] * signs[:, 2]
        corners = np.stack((self._x[:, None] + x_off, y[:, None] + y_off, z_off), axis=2)
        seen = pixels(corners.reshape(-1, 3)).reshape(len(self.kind), 8, 2)
        boxes = np.concatenate((seen.min(axis=1), seen.max(axis=1)), axis=1)
        sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        boxes += self._dice.normal(0, 0.012, boxes.shape) * sides
        boxes = np.clip(boxes, 0, np.tile(SIZE, 2)).astype(np.float32)
        sure = self._dice.uniform(0.4, 0.9, len(boxes)).astype(np.float32)
        seen_now = self._dice.random(len(boxes)) > 0.02
        return self.kind[seen_now], boxes[seen_now], sure[seen_now]


def calibration_file(name: str) -> dict[str, Any]:
    """Of this camera, exact."""
    ground = np.array(((-8.0, 12.0), (8.0, 12.0), (20.0, 70.0), (-20.0, 70.0)))
    flat = np.column_stack((ground, np.zeros(4)))
    rows = []
    for (x, y), (u, v) in zip(pixels(flat) / SIZE, ground, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    h = np.append(np.linalg.solve(np.array(rows), ground.ravel()), 1.0).reshape(3, 3)
    points = [
        {"image": list(i), "ground": list(g), "residual": 0.0}
        for i, g in zip((pixels(flat) / SIZE).tolist(), ground.tolist(), strict=True)
    ]
    return {
        "calibration": name,
        "date": "2026-05-01",
        "author": "benchmark",
        "image": {"width": SIZE[0], "height": SIZE[1]},
        "ground": {
            "homography": h.tolist(),
            "region": [[0.0, 0.05], [1.0, 0.05], [1.0, 1.0], [0.0, 1.0]],
            "stddev": 0.05,
            "points": points,
            "method": "survey",
        },
    }


def site_of(rules: tuple[str, ...], cameras: tuple[str, ...]) -> dict[str, Any]:
    """A site whose cameras all judge by these rules."""
    zones: dict[str, Any] = {}
    wanted = {RULES[rule] for rule in rules}
    if wanted & {"garis"}:
        wanted.add("simpang")
    for name in sorted(wanted):
        zone = {**ZONES[name], "basis": "marking"}
        for key in ("line", "region"):
            if key in zone:
                zone[key] = fractions(zone[key])
        if zone["kind"] == "direction" or zone["kind"] == "stop_line":
            zone["direction"] = fractions([(2, 20), (2, 40)])
        if zone["kind"] in ("no_parking", "no_stopping"):
            zone["dwell"] = 86_400.0  # everybody is watched for ever, nobody is found
        if zone["kind"] == "junction":
            zone.pop("basis")
        zones[name] = zone
    made = {"detect": {"width": SIZE[0], "height": SIZE[1], "rate": RATE}}
    return {
        "site": "jalan",
        "kind": "corridor",
        "title": "Benchmark",
        "signals": {"lampu": {"adapter": "recorded", "address": "file://none.jsonl"}},
        "cameras": {
            name: {**made, "source": "file://none.avi", "zones": zones, "rules": list(rules)}
            for name in cameras
        },
    }


def write_site(folder: Path, rules: tuple[str, ...], cameras: tuple[str, ...]) -> Path:
    """The site as a file."""
    import yaml

    path = folder / "jalan.yaml"
    path.write_text(yaml.safe_dump(site_of(rules, cameras)))
    return path
