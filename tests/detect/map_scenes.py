"""A vehicle on a map: where it is and looks, what its receiver says, what its camera sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import cos, radians, sin
from typing import Any

import numpy as np
from detect_scenes import T0
from ground_scenes import SIZE, Street

from bconnect_detect.core.ego import Fix, Heading, Velocity
from bconnect_detect.core.judge import Judge
from bconnect_detect.core.types import SECOND, Finding, RoadUser, Tracks
from bconnect_site.kinds import CameraState, RoadUserKind, ZoneKind
from bconnect_site.mapzones import MapZone
from bconnect_site.model import Site
from bconnect_site.wgs84 import moved

HOME = (-1.2463, 116.8563)
CAMERA = Street(position=(1.0, 0.0, 1.9), look_at=(21.0, 0.0, 0.4), field_of_view=75.0)
Way = Callable[[float], tuple[float, float, float]]  # s to m east, m north, degrees from east


def site(
    rules: Iterable[str] = ("illegal_parking",), parked: dict[str, Any] | None = None, **keys: Any
) -> Site:
    """A vehicle with one camera and a map."""
    on_map: dict[str, Any] = {"file": "peta.geojson", "parked": parked, **keys}
    return Site.model_validate(
        {
            "site": "mobil",
            "kind": "vehicle",
            "title": "Mobil",
            "gnss": {"source": "gpsd://localhost"},
            "map_zones": on_map,
            "cameras": {
                "depan": {
                    "source": "file:///x",
                    "detect": {"width": SIZE[0], "height": SIZE[1]},
                    "calibration": "x.yaml",
                    "rules": list(rules),
                }
            },
        }
    )


def stated(heading: float = 90.0, stddev: float = 0.3, **keys: Any) -> dict[str, Any]:
    """A surveyed place; the heading is a compass's, 90 looks east."""
    made = {"heading": heading, "heading_stddev": 1.0, "stddev": stddev}
    return made | {"latitude": HOME[0], "longitude": HOME[1]} | keys


def area(
    east: tuple[float, float],
    north: tuple[float, float],
    kind: ZoneKind = ZoneKind.NO_PARKING,
    **keys: Any,
) -> MapZone:
    """A rectangle, m from HOME."""
    corners = [(x, y) for x, y in zip(east, (north[0], north[0]), strict=True)]
    corners += [(x, north[1]) for x in reversed(east)]
    points = tuple(moved(HOME, x, y) for x, y in corners)
    return MapZone("bahu", kind, points, "sign S-12", **keys)


def road(*points: tuple[float, float], width: float = 8.0) -> MapZone:
    """A one-way street, m from HOME."""
    places = tuple(moved(HOME, x, y) for x, y in points)
    return MapZone("jalan", ZoneKind.DIRECTION, places, "sign S-1b", width=width)


def still(x: float, y: float, heading: float = 0.0) -> Way:
    """Who stands at m from HOME."""
    return lambda _: (x, y, heading)


def along(x: float, y: float, vx: float, vy: float = 0.0) -> Way:
    """Who drives from m from HOME with m/s."""
    heading = float(np.degrees(np.arctan2(vy, vx)))
    return lambda t: (x + vx * t, y + vy * t, heading)


@dataclass
class Receiver:
    """What the vehicle's GNSS says: m of standard deviation, m/s likewise; off by so many m."""

    stddev: float = 1.0
    speed_stddev: float = 0.1
    off: tuple[float, float] = (0.0, 0.0)
    late: float = 0.3  # s after its moment
    silent: Callable[[float], bool] = lambda _: False
    antennas: float | None = None  # degrees by which two of them are off; None: it has one


def boxes_of(
    vehicle: tuple[float, float, float], others: Iterable[Way], t: float
) -> list[RoadUser]:
    """What the camera of a vehicle sees of others at a moment."""
    east, north, heading = vehicle
    c, s = cos(radians(heading)), sin(radians(heading))
    seen = []
    for id_, way in enumerate(others, 1):
        x, y, turned = way(t)
        dx, dy = x - east, y - north
        box = CAMERA.box(c * dx + s * dy, -s * dx + c * dy, turned - heading)
        if np.isfinite(box).all():
            sides = tuple(float(v) for v in box)
            seen.append(RoadUser(RoadUserKind.CAR, id_, 0.9, sides))  # type: ignore[arg-type]
    return seen


def drive(
    judge: Judge,
    seconds: float,
    others: Iterable[Way],
    vehicle: Way | None = None,
    receiver: Receiver | None = None,
    start: float = 0.0,
) -> list[Finding]:
    """All findings of so many seconds, ten images a second, one fix a second."""
    receiver, others = receiver or Receiver(), list(others)
    vehicle = vehicle or still(0.0, 0.0)
    judge.on_camera_status("depan", CameraState.OK)
    found: list[Finding] = []
    said = -1
    for tick in range(int(start * 10), int((start + seconds) * 10)):
        t = tick / 10
        while said + 1 + receiver.late <= t:
            said += 1
            if said >= start - 1 and not receiver.silent(said):
                _say(judge, float(said), vehicle, receiver)
        stamp = T0 + round(t * SECOND)
        seen = boxes_of(vehicle(t), others, t)
        found += judge.on_tracks(Tracks.of(stamp, "depan", SIZE, seen))
    return found


def _say(judge: Judge, t: float, vehicle: Way, receiver: Receiver) -> None:
    stamp = T0 + round(t * SECOND)
    east, north, _ = vehicle(t)
    latitude, longitude = moved(HOME, east + receiver.off[0], north + receiver.off[1])
    judge.on_fix(Fix(stamp, latitude, longitude, receiver.stddev))
    if receiver.antennas is not None:
        angle = radians(vehicle(t)[2] + receiver.antennas)
        judge.on_heading(Heading(stamp, angle, radians(0.3)))
    ahead, behind = vehicle(t + 0.05), vehicle(t - 0.05)
    speed = [(a - b) / 0.1 for a, b in zip(ahead[:2], behind[:2], strict=True)]
    judge.on_velocity(Velocity(stamp, speed[0], speed[1], receiver.speed_stddev))
