"""The map around a vehicle as a picture from above, north up, so that the rules on zones of a
picture judge by zones of the map unchanged.

Each road user whose foot lies on calibrated ground is put on the map with its covariance: of its
foot in the image, the calibration, the vehicle's heading (which turns all that is seen about the
vehicle) and the vehicle's place. It is in a zone only if all of the ellipse of so many standard
deviations lies inside, and that of a point half a width further from the camera too.
"""

from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core import geometry
from bconnect_detect.core.footprint import WIDTHS
from bconnect_detect.core.ground import feet_on_ground
from bconnect_detect.core.pose import Pose
from bconnect_detect.core.types import Pair, Tracks
from bconnect_site.calibration import Calibration, CalibrationFile
from bconnect_site.kinds import RoadUserKind
from bconnect_site.mapzones import MapZone
from bconnect_site.model import Zone
from bconnect_site.wgs84 import Degrees, offset

Vector = NDArray[np.float64]
_DAY = date(2026, 11, 24)  # when the picture was defined

SIDE = 400.0  # m
PIXELS = 4000  # of the picture's side
REACH = 120.0  # m from the anchor at which zones are looked for
_SMALL, _LARGE, _WIDTH = 2.0, 4.0, 1.75  # m, sides of a road user's box; its usual width
_SLIM = (RoadUserKind.MOTORCYCLE, RoadUserKind.BICYCLE, RoadUserKind.PEDESTRIAN)


@dataclass(frozen=True, slots=True)
class Laid:
    """Road users of one image on the map, and how sure each place is."""

    tracks: Tracks  # in the picture from above
    rows: NDArray[np.intp]  # of the image's tracks
    at: Vector  # (n, 2) m east and north of the anchor, feet
    beyond: Vector  # (n, 2) m, half a width further from the camera
    covariance: Vector  # (n, 2, 2) m²
    reach: Vector  # (n,) m from the vehicle
    pose: Pose


def zone_of(zone: MapZone, anchor: Degrees) -> list[tuple[Zone, Vector]]:
    """A zone of the map as zones of the picture, each with its corners in m; a road has one for
    each straight piece."""
    local = np.array([offset(anchor, place) for place in zone.points])
    if not zone.width:
        return [(_zone(zone, local, None), local)]
    made = []
    for a, b in pairwise(local):
        way = (b - a) / np.hypot(*(b - a))
        aside = zone.width / 2 * np.array((-way[1], way[0]))
        corners = np.array((a + aside, b + aside, b - aside, a - aside))
        made.append((_zone(zone, corners, np.array((a, b))), corners))
    return made


def _zone(zone: MapZone, corners: Vector, way: Vector | None) -> Zone:
    # Not checked: it may reach beyond the picture.
    return Zone.model_construct(
        kind=zone.kind,
        region=_points(corners),
        direction=None if way is None else _points(way),
        line=None,
        signal=None,
        basis=zone.basis,
        dwell=zone.dwell,
        active=zone.active,
        applies_to=zone.applies_to,
    )


def _points(local: Vector) -> tuple[Pair, ...]:
    return tuple((float(x), float(y)) for x, y in to_fractions(local))


def to_fractions(local: Vector) -> Vector:
    """m east and north of the anchor as fractions of the picture."""
    return np.asarray(np.array((0.5, 0.5)) + local * (1.0, -1.0) / SIDE, np.float64)


def chart_calibration() -> Calibration:
    """Of the picture from above: its ground is m east and north of the anchor."""
    half, corners = SIDE / 2, ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    points = [
        {"image": (x, y), "ground": (SIDE * x - half, half - SIDE * y), "residual": 0.0}
        for x, y in corners
    ]
    ground = {
        "homography": ((SIDE, 0.0, -half), (0.0, -SIDE, half), (0.0, 0.0, 1.0)),
        "region": corners,
        "stddev": 0.0,
        "points": points,
        "method": "map",
    }
    plain = {
        "calibration": "peta",
        "date": _DAY,
        "author": "B-Connect",
        "image": {"width": PIXELS, "height": PIXELS},
        "ground": ground,
    }
    return Calibration(CalibrationFile.model_validate(plain))


def lay(tracks: Tracks, calibration: Calibration, pose: Pose, anchor: Degrees) -> Laid:
    """The road users of one image on the map; those whose foot is not known are left out."""
    feet = feet_on_ground(calibration, tracks.boxes, (tracks.width, tracks.height))
    known = np.isfinite(feet.places).all(axis=1) & np.isfinite(feet.slopes).all(axis=(1, 2))
    rows = np.flatnonzero(known & (tracks.track_id > 0))
    seen, slopes = feet.places[rows], feet.slopes[rows]
    turn = _rotation(pose.heading)
    east_north = seen @ turn.T
    at = east_north + np.array(offset(anchor, pose.place))
    noise = np.hypot(feet.jitter, feet.drift)[rows]
    spread = turn @ (slopes * noise[:, None, :])
    aside = np.column_stack((-east_north[:, 1], east_north[:, 0])) * pose.heading_stddev
    covariance = spread @ spread.transpose(0, 2, 1) + aside[:, :, None] * aside[:, None, :]
    covariance += np.eye(2) * (pose.stddev**2 + calibration.stddev**2)
    # The camera looks along the foot's way through the image: further up is further away.
    away = -(turn @ slopes[:, :, 1, None])[:, :, 0]
    lengths = np.hypot(*away.T)
    away = np.divide(away, lengths[:, None], out=np.zeros_like(away), where=lengths[:, None] > 0)
    halves = np.array([_width(int(k)) / 2 for k in tracks.kind[rows]]).reshape(-1, 1)
    return Laid(
        _from_above(tracks.select(rows), at, turn, pose),
        rows,
        at,
        at + halves * away,
        covariance,
        np.hypot(*east_north.T),
        pose,
    )


def surely_inside(laid: Laid, corners: Vector, sigmas: float) -> Vector:
    """1: all of a road user's uncertainty lies in a zone, 0: all of it outside, else 0.5."""
    made = np.full(len(laid.rows), 0.5)
    for index in range(len(laid.rows)):
        inside = [
            _clearance(point, laid.covariance[index], corners)
            for point in (laid.at[index], laid.beyond[index])
        ]
        if min(inside) >= sigmas:
            made[index] = 1.0
        elif max(inside) <= -sigmas:
            made[index] = 0.0
    return made


def spread_of(laid: Laid, index: int) -> float:
    """m, standard deviation of a place in its worst direction."""
    return float(np.sqrt(np.linalg.eigvalsh(laid.covariance[index])[-1]))


def _clearance(point: Vector, covariance: Vector, corners: Vector) -> float:
    """Standard deviations between a place and a zone's border; below 0: it lies outside."""
    narrow = np.linalg.inv(np.linalg.cholesky(covariance + np.eye(2) * 1e-6))
    a = (corners - point) @ narrow.T
    way = np.roll(a, -1, axis=0) - a
    share = np.clip(-(a * way).sum(axis=1) / np.maximum((way**2).sum(axis=1), 1e-12), 0.0, 1.0)
    far = float(np.hypot(*(a + share[:, None] * way).T).min())
    return far if geometry.inside(point[None], corners)[0] else -far


def _from_above(tracks: Tracks, at: Vector, turn: Vector, pose: Pose) -> Tracks:
    feet = to_fractions(at) * PIXELS
    slim = np.isin(tracks.kind, [int(kind) for kind in _SLIM])
    side = np.where(slim, _SMALL, _LARGE) * PIXELS / SIDE
    boxes = np.column_stack(
        (feet[:, 0] - side / 2, feet[:, 1] - side, feet[:, 0] + side / 2, feet[:, 1])
    )
    velocity = doubt = None
    if pose.parked and tracks.velocity is not None and tracks.velocity_stddev is not None:
        velocity = (tracks.velocity @ turn.T).astype(np.float32)
        doubt = np.sqrt(tracks.velocity_stddev**2 @ (turn**2).T).astype(np.float32)
    return replace(
        tracks,
        boxes=boxes.astype(np.float32),
        width=PIXELS,
        height=PIXELS,
        position=None,
        position_stddev=None,
        velocity=velocity,
        velocity_stddev=doubt,
        ground_frame="",
    )


def _rotation(heading: float) -> Vector:
    c, s = np.cos(heading), np.sin(heading)
    return np.array(((c, -s), (s, c)))


def _width(kind: int) -> float:
    return WIDTHS.get(RoadUserKind(kind), _WIDTH)
