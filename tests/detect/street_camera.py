"""A pinhole camera 6 m above a straight street: boxes of vehicles in metres, its calibration."""

from math import cos, radians, sin
from typing import Any

import numpy as np
from detect_scenes import CAR, SIZE, T0, place, tracks, zone

from bconnect_detect.core.rule import Context, Place, Rule
from bconnect_detect.core.signals import SignalBook
from bconnect_detect.core.types import SECOND, Finding, RoadUser
from bconnect_site.calibration import Calibration, CalibrationFile
from bconnect_site.kinds import RoadUserKind

FOCAL, HEIGHT, TILT = 700.0, 6.0, radians(14.0)  # px, m, down
MEASURES = {  # length, width, height in m
    RoadUserKind.CAR: (4.3, 1.7, 1.5),
    RoadUserKind.MOTORCYCLE: (1.95, 0.7, 1.7),
    RoadUserKind.BUS: (10.5, 2.5, 3.2),
}


def pixels(points: Any) -> np.ndarray:
    """Where (n, 3) places [m] appear; the camera hangs over (0, 0) and looks north."""
    p = np.asarray(points, float).reshape(-1, 3)
    ahead, up = p[:, 1], p[:, 2] - HEIGHT
    depth = ahead * cos(TILT) - up * sin(TILT)
    rise = ahead * sin(TILT) + up * cos(TILT)
    return np.column_stack(
        (SIZE[0] / 2 + FOCAL * p[:, 0] / depth, SIZE[1] / 2 - FOCAL * rise / depth)
    )


def fractions(points: Any) -> list[list[float]]:
    """Ground places (n, 2) as a site file writes them."""
    ground = np.asarray(points, float).reshape(-1, 2)
    return (pixels(np.column_stack((ground, np.zeros(len(ground))))) / SIZE).tolist()


def vehicle(
    x: float,
    y: float,
    heading: float = 90.0,
    track_id: int = 1,
    kind: RoadUserKind = CAR,
    noise: Any = None,
    **said: float,
) -> RoadUser:
    """A vehicle whose middle stands at (x, y); heading in degrees from east."""
    length, width, height = MEASURES[kind]
    c, s = cos(radians(heading)), sin(radians(heading))
    corners = [
        (x + c * a * length / 2 - s * b * width / 2, y + s * a * length / 2 + c * b * width / 2, z)
        for a in (-1, 1)
        for b in (-1, 1)
        for z in (0.0, height)
    ]
    seen = pixels(corners)
    box = np.concatenate((seen.min(axis=0), seen.max(axis=0)))
    if noise is not None:
        box = box + noise.normal(0, 0.015, 4) * np.tile(box[2:] - box[:2], 2)
    box = np.clip(box, 0, np.tile(SIZE, 2))
    return RoadUser(kind, track_id, 0.8, tuple(float(v) for v in box), **said)


def calibration(stddev: float = 0.05) -> Calibration:
    """Of this camera, exact."""
    ground = np.array(((-8.0, 12.0), (8.0, 12.0), (20.0, 70.0), (-20.0, 70.0)))
    image = np.array(fractions(ground))
    rows = []
    for (x, y), (u, v) in zip(image, ground, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    h = np.append(np.linalg.solve(np.array(rows), ground.ravel()), 1.0).reshape(3, 3)
    points = [
        {"image": list(i), "ground": list(g), "residual": 0.0}
        for i, g in zip(image.tolist(), ground.tolist(), strict=True)
    ]
    return Calibration(
        CalibrationFile.model_validate(
            {
                "calibration": "c",
                "date": "2026-05-01",
                "author": "test",
                "image": {"width": SIZE[0], "height": SIZE[1]},
                "ground": {
                    "homography": h.tolist(),
                    "region": [[0.0, 0.05], [1.0, 0.05], [1.0, 1.0], [0.0, 1.0]],
                    "stddev": stddev,
                    "points": points,
                    "method": "survey",
                },
            }
        )
    )


def street(kind: str, calibrated: bool = True, junction: Any = None, **keys: Any) -> Place:
    """The zone "z" of this camera; line, region and direction in metres."""
    for name in ("line", "region", "direction"):
        if name in keys:
            keys[name] = fractions(keys[name])
    made = zone(kind=kind, **keys)
    junctions = (tuple(map(tuple, fractions(junction))),) if junction else ()
    where = place(made, junctions)
    return Place(
        where.site,
        where.camera,
        where.name,
        made,
        where.timezone,
        junctions,
        calibration=calibration() if calibrated else None,
    )


def drive(
    rule: Rule, seconds: float, users_at: Any, book: SignalBook | None = None
) -> list[Finding]:
    """Every finding over a scene at 10 Hz whose signal is told as it comes."""
    context = Context(book or SignalBook({}))
    found: list[Finding] = []
    for tick in range(int(seconds * 10)):
        found += rule.check(tracks(T0 + tick * SECOND // 10, users_at(tick / 10)), context)
    return found
