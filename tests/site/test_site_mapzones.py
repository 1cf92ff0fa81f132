"""Zones on the map: a GeoJSON file, and every mistake in it one sentence."""

from __future__ import annotations

import json
from math import hypot
from pathlib import Path
from typing import Any

import pytest
import yaml

from bconnect_site.errors import ConfigError
from bconnect_site.kinds import ZoneKind
from bconnect_site.loader import freeze, load_frozen, load_site
from bconnect_site.mapzones import load_map
from bconnect_site.wgs84 import moved, offset

RING = [[116.85, -1.24], [116.851, -1.24], [116.851, -1.2405], [116.85, -1.2405], [116.85, -1.24]]
PARKING = {"name": "bahu", "kind": "no_parking", "basis": "sign S-12"}
ROAD = {"name": "jalan", "kind": "direction", "basis": "sign S-1b", "width": 7.0}


def feature(properties: dict[str, Any], kind: str, coordinates: Any) -> dict[str, Any]:
    shape = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "properties": properties, "geometry": shape}


def written(folder: Path, *features: Any, **members: Any) -> Path:
    file = folder / "peta.geojson"
    plain = {"type": "FeatureCollection", "features": list(features), **members}
    file.write_text(json.dumps(plain))
    return file


def mistakes(file: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_map(file)
    assert all("peta.geojson: " in sentence for sentence in caught.value.sentences)
    return "\n".join(caught.value.sentences)


def test_zones_as_a_drawing_program_writes_them(tmp_path: Path) -> None:
    said = PARKING | {"dwell": 120.0, "width": None, "applies_to": None}
    said["active"] = [{"days": "mon-fri", "from": "06:00", "to": "09:00"}]
    file = written(
        tmp_path,
        feature(said, "Polygon", [RING]) | {"id": 7, "bbox": [0, 0, 1, 1]},
        feature(ROAD, "LineString", [[116.85, -1.24, 3.0], [116.852, -1.24]]),
        name="peta",
        crs={"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}},
    )
    bahu, jalan = load_map(file)
    assert bahu.kind == ZoneKind.NO_PARKING and bahu.dwell == 120.0 and len(bahu.active) == 1
    assert bahu.points[0] == (-1.24, 116.85) and len(bahu.points) == 4
    assert jalan.width == 7.0 and jalan.points == ((-1.24, 116.85), (-1.24, 116.852))
    assert bahu.near((-1.2405, 116.85), 10.0) and not bahu.near((-1.25, 116.85), 100.0)


@pytest.mark.parametrize(
    ("properties", "kind", "coordinates", "sentence"),
    [
        (PARKING, "LineString", RING, "found LineString; a zone of kind no_parking is a Polygon"),
        (ROAD, "Polygon", [RING], "a zone of kind direction is a LineString"),
        (PARKING | {"width": 3.0}, "Polygon", [RING], "width: has no meaning"),
        ({k: v for k, v in ROAD.items() if k != "width"}, "LineString", RING, "width: is missing"),
        (PARKING | {"kind": "stop_line"}, "Polygon", [RING], "on a map stand: no_parking"),
        (PARKING | {"kind": "no_parkin"}, "Polygon", [RING], 'did you mean "no_parking"?'),
        (PARKING | {"basis": "rambu"}, "Polygon", [RING], "its first word must be one of"),
        (PARKING | {"dwel": 3}, "Polygon", [RING], 'did you mean "dwell"?'),
        (PARKING, "Polygon", [RING[:-1]], "the last its first"),
        (PARKING, "Polygon", [RING, RING], "found 2 rings"),
        (PARKING, "Polygon", [[[-1.2, 116.8]] * 4], "longitude comes first"),
        (PARKING, "Polygon", [[["a", 1]] * 4], "is no [longitude, latitude]"),
        (PARKING, "Polygon", [[RING[0], RING[2], RING[1], RING[3], RING[0]]], "crosses itself"),
        (PARKING, "Polygon", [[[1.0, 1.0], [1.000001, 1.0], [1.0, 1.000001], [1.0, 1.0]]], "m²"),
        (ROAD, "LineString", [[116.85, -1.24]], "a road has two or more"),
        (ROAD, "LineString", [[116.85, -1.24], [116.85, -1.24]], "piece 1 is 0 m long"),
        (PARKING, "MultiPolygon", [[RING]], "geometry.type"),
    ],
)
def test_a_mistake_is_one_sentence(
    tmp_path: Path, properties: Any, kind: str, coordinates: Any, sentence: str
) -> None:
    assert sentence in mistakes(written(tmp_path, feature(properties, kind, coordinates)))


def test_two_zones_of_one_name_and_another_datum(tmp_path: Path) -> None:
    zone = feature(PARKING, "Polygon", [RING])
    said = mistakes(written(tmp_path, zone, zone, crs={"name": "EPSG::23845"}))
    assert '"bahu" is the name of two zones' in said and "WGS 84 only" in said


def test_no_geojson(tmp_path: Path) -> None:
    file = tmp_path / "peta.geojson"
    file.write_text('{"type": "Topology"}')
    assert "type" in mistakes(file) and "features" in mistakes(file)
    file.write_text("{")
    mistakes(file)


VEHICLE: dict[str, Any] = {
    "site": "mobil",
    "kind": "vehicle",
    "title": "Mobil",
    "gnss": {"source": "gpsd://localhost", "antenna": [0.4, -0.2]},
    "map_zones": {"file": "peta.geojson", "parked": {"heading": 90.0}},
    "cameras": {"depan": {"source": "file:///x.mp4", "rules": ["illegal_parking"]}},
}


def site(folder: Path, **keys: Any) -> Path:
    file = folder / "mobil.yaml"
    plain = {k: v for k, v in (VEHICLE | keys).items() if v is not None}
    file.write_text(yaml.safe_dump(plain, sort_keys=False))
    return file


def test_a_vehicle_s_rules_may_stand_on_its_map_alone(tmp_path: Path) -> None:
    written(tmp_path, feature(PARKING, "Polygon", [RING]))
    loaded = load_site(site(tmp_path))
    assert [zone.name for zone in loaded.map_zones()] == ["bahu"]
    again = load_frozen(freeze(loaded, tmp_path / "frozen.yaml"))
    assert again.map_zones() == loaded.map_zones()
    assert again.site.gnss is not None and again.site.gnss.antenna == (0.4, -0.2)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"map_zones": {"file": "lain.geojson"}}, "map_zones.file: there is no file lain.geojson"),
        ({"gnss": None}, "gnss: is missing; by the zones of a map judges who knows where it is"),
        (
            {"cameras": {"depan": {"source": "file:///x", "rules": ["wrong_way"]}}},
            '"wrong_way" needs a zone of kind direction in this camera or on the map, found none',
        ),
        (
            {"map_zones": {"file": "peta.geojson", "parked": {"heading": 1.0, "latitude": 1.0}}},
            "latitude and longitude are given together",
        ),
        ({"kind": "corridor", "gnss": None}, "map_zones: has no meaning for a corridor"),
    ],
)
def test_a_mistake_in_the_site_file(tmp_path: Path, keys: Any, sentence: str) -> None:
    written(tmp_path, feature(PARKING, "Polygon", [RING]))
    with pytest.raises(ConfigError) as caught:
        load_site(site(tmp_path, **keys))
    assert any(sentence in found for found in caught.value.sentences)


@pytest.mark.parametrize(
    ("latitude", "longitude", "to", "metres"),
    [  # geodesics on WGS 84 by GeographicLib (Karney 2013)
        (-1.2463, 116.8563, (-1.2463, 116.8663), 1112.933),
        (-1.2463, 116.8563, (-1.2363, 116.8563), 1105.748),
        (60.0, 10.0, (60.0, 10.01), 558.000),
    ],
)
def test_degrees_as_metres(latitude: float, longitude: float, to: Any, metres: float) -> None:
    east, north = offset((latitude, longitude), to)
    assert hypot(east, north) == pytest.approx(metres, abs=0.002)
    assert moved((latitude, longitude), east, north) == pytest.approx(to, abs=1e-9)


def test_across_the_date_line() -> None:
    east, _ = offset((0.0, 179.9999), (0.0, -179.9999))
    assert east == pytest.approx(22.26, abs=0.01)
    assert moved((0.0, 179.9999), east, 0.0)[1] == pytest.approx(-179.9999)
