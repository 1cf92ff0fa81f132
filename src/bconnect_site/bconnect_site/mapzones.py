"""Zones on the map, for vehicles: a GeoJSON file (RFC 7946) a site names under ``map_zones``.

A Polygon is a zone of kind no_parking or no_stopping; a LineString is a road of kind direction,
drawn the way traffic must go, ``width`` m wide. Their properties are called as in a site file.
"""

from dataclasses import dataclass
from math import hypot
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from bconnect_site import geometry
from bconnect_site.describe import validate
from bconnect_site.errors import ConfigError
from bconnect_site.fields import Basis, Kind, Name, RoadUserWord, Seconds, Strict, Text, fault
from bconnect_site.find import shown
from bconnect_site.hours import Window
from bconnect_site.kinds import ViolationType, ZoneKind, word
from bconnect_site.wgs84 import Degrees, offset
from bconnect_site.yamlfile import read_yaml

ON_MAP: dict[ViolationType, ZoneKind] = {
    ViolationType.ILLEGAL_PARKING: ZoneKind.NO_PARKING,
    ViolationType.ILLEGAL_STOPPING: ZoneKind.NO_STOPPING,
    ViolationType.WRONG_WAY: ZoneKind.DIRECTION,
}
LEAST = 1.0  # m²; m of a piece of road
WIDEST = 100_000.0  # m a zone may reach


class Stated(Strict):
    """Where the vehicle stands whenever it is parked, as surveyed; void while it moves."""

    heading: float = Field(
        ge=0.0, lt=360.0, description="degrees from north, clockwise, of the vehicle's front"
    )
    heading_stddev: float = Field(default=2.0, gt=0.0, le=45.0, description="degrees")
    latitude: float | None = Field(default=None, ge=-90.0, le=90.0, description="degrees")
    longitude: float | None = Field(default=None, ge=-180.0, le=180.0, description="degrees")
    stddev: float = Field(
        default=0.5, gt=0.0, le=100.0, description="m, how well it is put on its marks"
    )

    @model_validator(mode="after")
    def _whole(self) -> "Stated":
        if (self.latitude is None) != (self.longitude is None):
            raise fault("latitude and longitude are given together, or GNSS tells the place")
        return self

    @property
    def place(self) -> Degrees | None:
        """Latitude and longitude; None: GNSS tells."""
        if self.latitude is None or self.longitude is None:
            return None
        return self.latitude, self.longitude


class MapSettings(Strict):
    """Zones on the map, and how well the vehicle must know where it is to judge by them."""

    file: Text = Field(description="GeoJSON (RFC 7946), from the config folder")
    max_stddev: float = Field(
        default=3.0, gt=0.0, le=100.0, description="m, of the vehicle's place"
    )
    max_heading_stddev: float = Field(default=5.0, gt=0.0, le=45.0, description="degrees")
    max_speed: float = Field(
        default=8.0, ge=0.0, le=40.0, description="m/s of the vehicle; faster it does not judge"
    )
    sigmas: float = Field(
        default=3.0, ge=2.0, le=10.0, description="standard deviations that must lie in the zone"
    )
    parked: Stated | None = Field(default=None, description="a surveyed place or heading")


def _without_nulls(value: Any) -> Any:
    """What drawing programs write where nothing was entered."""
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if item is not None}
    return value


class _Loose(Strict):
    """GeoJSON allows members it does not know."""

    model_config = ConfigDict(
        extra="ignore", strict=True, frozen=True, validate_default=True, allow_inf_nan=False
    )


class Properties(Strict):
    """What a zone is; keys as in a site file's zones."""

    name: Name
    kind: Kind
    basis: Basis
    dwell: Seconds = 60.0
    width: float | None = Field(default=None, gt=0.0, le=200.0, description="m, of a road")
    active: Annotated[tuple[Window, ...], Field(strict=False)] = ()
    applies_to: Annotated[tuple[RoadUserWord, ...], Field(strict=False, min_length=1)] | None = None


class Shape(_Loose):
    """The geometry of a zone."""

    type: Literal["Polygon", "LineString"]
    coordinates: Annotated[tuple[Any, ...], Field(strict=False)]


class Feature(_Loose):
    """A zone."""

    type: Literal["Feature"]
    properties: Annotated[Properties, BeforeValidator(_without_nulls)]
    geometry: Shape


class MapFile(_Loose):
    """A FeatureCollection."""

    type: Literal["FeatureCollection"]
    features: Annotated[tuple[Feature, ...], Field(strict=False, min_length=1)]
    crs: Any = None


@dataclass(frozen=True, slots=True)
class MapZone:
    """A zone on the map: corners, or the points of a road in its direction."""

    name: str
    kind: ZoneKind
    points: tuple[Degrees, ...]
    basis: str
    dwell: float = 60.0  # s
    width: float = 0.0  # m, of a road
    active: tuple[Window, ...] = ()
    applies_to: tuple[str, ...] | None = None

    def near(self, place: Degrees, reach: float) -> bool:
        """Whether its box comes within ``reach`` m of a place."""
        east, north = zip(*(offset(place, p) for p in self.points), strict=True)
        far = reach + self.width / 2
        return min(east) <= far and max(east) >= -far and min(north) <= far and max(north) >= -far


def load_map(path: str | Path) -> tuple[MapZone, ...]:
    """The zones of a GeoJSON file. Raises ConfigError with every mistake."""
    path = Path(path)
    file = shown(path)
    plain, lines, _ = read_yaml(path, file)  # JSON is YAML
    made = validate(MapFile, plain, file, lines)
    wrong = _crs(made.crs)
    zones: list[MapZone] = []
    for index, feature in enumerate(made.features):
        key = f"features[{index}]"
        try:
            zone = _zone(feature)
        except ValueError as error:
            wrong.append(f"{key}.{error}")
            continue
        if any(zone.name == other.name for other in zones):
            wrong.append(f'{key}.properties.name: "{zone.name}" is the name of two zones')
        zones.append(zone)
    if wrong:
        raise ConfigError(*(f"{file}: {sentence}" for sentence in wrong))
    return tuple(zones)


def _crs(crs: Any) -> list[str]:
    """RFC 7946 knows WGS 84 only; older programs still write which one they used."""
    if crs is None or any(name in str(crs).upper() for name in ("CRS84", "EPSG::4326", "WGS84")):
        return []
    return [f"crs: found {str(crs)[:80]}; RFC 7946 knows WGS 84 only (export as EPSG:4326)"]


def _zone(feature: Feature) -> MapZone:
    said, shape = feature.properties, feature.geometry
    if said.kind not in ON_MAP.values():
        allowed = ", ".join(word(kind) for kind in ON_MAP.values())
        raise ValueError(f"properties.kind: found {word(said.kind)}; on a map stand: {allowed}")
    road = said.kind == ZoneKind.DIRECTION
    wanted = "LineString" if road else "Polygon"
    if shape.type != wanted:
        raise ValueError(
            f"geometry.type: found {shape.type}; a zone of kind {word(said.kind)} is a {wanted}"
        )
    if road and said.width is None:
        raise ValueError(
            "properties.width: is missing; a road has one, m, in which only its direction holds"
        )
    if not road and said.width is not None:
        raise ValueError(f"properties.width: has no meaning for a zone of kind {word(said.kind)}")
    points = _line(shape.coordinates) if road else _ring(shape.coordinates)
    return MapZone(
        said.name,
        said.kind,
        points,
        said.basis,
        said.dwell,
        said.width or 0.0,
        said.active,
        said.applies_to,
    )


def _places(coordinates: Any) -> tuple[Degrees, ...]:
    """Positions (longitude first) as latitude and longitude."""
    found: list[Degrees] = []
    for index, at in enumerate(coordinates):
        known = isinstance(at, list | tuple) and 2 <= len(at) <= 3
        if not known or not all(isinstance(v, int | float) and v == v for v in at):
            raise ValueError(
                f"geometry.coordinates: position {index + 1} is no [longitude, latitude]"
            )
        longitude, latitude = float(at[0]), float(at[1])
        if not (abs(longitude) <= 180.0 and abs(latitude) <= 90.0):
            raise ValueError(
                f"geometry.coordinates: position {index + 1} is [{longitude:g}, {latitude:g}]; "
                "longitude comes first, from -180 to 180, then latitude, from -90 to 90"
            )
        found.append((latitude, longitude))
    return tuple(found)


def _ring(coordinates: Any) -> tuple[Degrees, ...]:
    if len(coordinates) != 1 or not isinstance(coordinates[0], list | tuple):
        raise ValueError(
            f"geometry.coordinates: found {len(coordinates)} rings; needs one, a zone has no holes"
        )
    ring = _places(coordinates[0])
    if len(ring) < 4 or ring[0] != ring[-1]:
        raise ValueError(
            "geometry.coordinates: a ring has four positions or more, the last its first"
        )
    ring = ring[:-1]
    local = [offset(ring[0], place) for place in ring]
    if max(hypot(*at) for at in local) > WIDEST:
        raise ValueError(f"geometry.coordinates: reaches further than {WIDEST / 1000:g} km")
    if (pair := geometry.crossing_edges(local)) is not None:
        raise ValueError(
            f"geometry.coordinates: crosses itself: edge {pair[0] + 1} meets edge {pair[1] + 1}"
        )
    if (found := geometry.area(local)) < LEAST:
        raise ValueError(f"geometry.coordinates: covers {found:.2g} m²; needs at least {LEAST:g}")
    return ring


def _line(coordinates: Any) -> tuple[Degrees, ...]:
    line = _places(coordinates)
    if len(line) < 2:
        raise ValueError(
            f"geometry.coordinates: found {len(line)} positions; a road has two or more"
        )
    for index in range(len(line) - 1):
        length = hypot(*offset(line[index], line[index + 1]))
        if not LEAST <= length <= WIDEST:
            raise ValueError(
                f"geometry.coordinates: piece {index + 1} is {length:.2g} m long; "
                f"allowed: {LEAST:g} to {WIDEST:g}"
            )
    return line
