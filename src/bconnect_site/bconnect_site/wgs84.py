"""Degrees near a place as metres east and north of it, and back.

The WGS 84 ellipsoid by its two radii of curvature at the origin, M along the meridian and N
across it (e.g. Torge and Müller, Geodesy, 4.1): north = M dφ, east = N cos φ dλ. Off by
d² tan φ / 2R, at 1° of latitude 2 mm in 1 km.
"""

from math import cos, degrees, radians, sin, sqrt

SEMI_MAJOR = 6378137.0  # m
FLATTENING = 1 / 298.257223563
_E2 = FLATTENING * (2.0 - FLATTENING)

Degrees = tuple[float, float]  # latitude, longitude


def radii(latitude: float) -> tuple[float, float]:
    """m for one radian of latitude, and of longitude."""
    w = sqrt(1.0 - _E2 * sin(radians(latitude)) ** 2)
    return SEMI_MAJOR * (1.0 - _E2) / w**3, SEMI_MAJOR / w * cos(radians(latitude))


def offset(origin: Degrees, place: Degrees) -> tuple[float, float]:
    """m east and north from an origin to a place near it."""
    along, across = radii(origin[0])
    turn = (place[1] - origin[1] + 180.0) % 360.0 - 180.0
    return across * radians(turn), along * radians(place[0] - origin[0])


def moved(origin: Degrees, east: float, north: float) -> Degrees:
    """The place so many m from an origin."""
    along, across = radii(origin[0])
    turned = (origin[1] + degrees(east / across) + 180.0) % 360.0 - 180.0
    return origin[0] + degrees(north / along), turned
