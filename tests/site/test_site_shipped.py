"""Everything shipped in config/ loads, plans and is as its schema says."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bconnect_site.find import check_unique_sites, site_files
from bconnect_site.kinds import ViolationType
from bconnect_site.loader import load_site, resolve_site
from bconnect_site.plan import plan
from bconnect_site.schema import FILES, schema, schema_text
from bconnect_site.yamlfile import read_yaml

CONFIG = Path(__file__).parents[2] / "config"
SITES = site_files(CONFIG)
YAML_FILES = sorted(CONFIG.rglob("*.yaml"))


def test_the_shipped_sites_are_there() -> None:
    names = {path.relative_to(CONFIG).as_posix() for path in SITES}
    assert {"corridors/beruang_madu.yaml", "corridors/demo.yaml", "vehicles/etle_01.yaml"} <= names
    check_unique_sites(CONFIG)


@pytest.mark.parametrize("path", SITES, ids=lambda p: p.stem)
def test_site_loads_and_plans(path: Path) -> None:
    loaded = load_site(path)
    assert loaded.site.site == path.stem
    assert resolve_site(loaded.site.site).resolve() == path.resolve()
    made = plan(loaded, site_file="/s/site.yaml", state_dir="/s")
    cameras = [n for n in made.nodes if n.name == "camera"]
    assert [n.parameters["camera"] for n in cameras] == list(loaded.site.cameras)
    assert loaded.site.kind == ("vehicle" if path.parent.name == "vehicles" else "corridor")


@pytest.mark.parametrize("path", SITES, ids=lambda p: p.stem)
def test_every_zone_under_a_rule_has_its_article(path: Path) -> None:
    loaded = load_site(path)
    catalogue = loaded.catalogue()
    for camera in loaded.site.cameras.values():
        for zone in camera.zones.values():
            for violation in ViolationType:
                if zone.basis_kind in catalogue.basis_kinds(violation):
                    catalogue.article(violation, zone.basis_kind, date(2026, 6, 1))


def test_beruang_madu_is_a_corridor_of_twelve_cameras() -> None:
    loaded = load_site(CONFIG / "corridors" / "beruang_madu.yaml")
    site = loaded.site
    assert len(site.cameras) == 12
    assert all(c.source.startswith("${CAMERA_") for c in site.cameras.values())
    assert site.ladder.mode == "socialisation"
    heard = {camera for speaker in site.speakers.values() for camera in speaker.hears}
    spoken_to = {name for name, camera in site.cameras.items() if camera.rules}
    assert spoken_to <= heard
    processes = plan(loaded, site_file="s", state_dir="/s").processes()
    assert [name for name in processes if name.startswith("cameras_")] == [
        "cameras_1",
        "cameras_2",
        "cameras_3",
    ]
    windows = [z.active for _, name, z in site.zones() if z.basis == "sign KTL MT Haryono"]
    assert len(windows) == 5
    assert {(w.start.hour, w.end.hour) for active in windows for w in active} == {(16, 19)}


def schema_of(path: Path) -> tuple[str, dict[str, Any]]:
    first = path.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema="), path
    target = (path.parent / first.partition("$schema=")[2]).resolve()
    assert target.parent == CONFIG.resolve(), path
    return target.name, schema(FILES[target.name])


@pytest.mark.parametrize(
    "path",
    [p for p in YAML_FILES if p.parent.name != "calibration"],
    ids=lambda p: p.relative_to(CONFIG).as_posix(),
)
def test_file_names_its_schema_and_keeps_it(path: Path) -> None:
    plain, _, _ = read_yaml(path, path.name)
    name, wanted = schema_of(path)
    by_folder = {"corridors": "site", "vehicles": "site", "law": "law", "regions": "regions"}
    expected = by_folder.get(path.parent.name, path.stem)
    assert name == f"{expected}.schema.json"
    jsonschema.Draft202012Validator(wanted).validate(json.loads(json.dumps(plain, default=str)))


def test_schema_refuses_what_the_loader_refuses() -> None:
    plain, _, _ = read_yaml(CONFIG / "corridors" / "beruang_madu.yaml", "x")
    good = json.loads(json.dumps(plain, default=str))
    validator = jsonschema.Draft202012Validator(schema(FILES["site.schema.json"]))
    spoils: list[Callable[[Any], Any]] = [
        lambda p: p.update(camras={}),
        lambda p: p["cameras"]["mt_haryono_1"].update(rules=["helmet"]),
        lambda p: p["cameras"]["mt_haryono_1"]["zones"]["bahu_kiri"].update(region=[[0, 0]]),
        lambda p: p["cameras"]["mt_haryono_1"]["zones"]["bahu_kiri"].update(dwell="60s"),
        lambda p: p["cameras"]["mt_haryono_1"]["zones"]["bahu_kiri"].update(kind="no_park"),
        lambda p: p.pop("cameras"),
    ]
    for spoil in spoils:
        bad = json.loads(json.dumps(good))
        spoil(bad)
        assert not validator.is_valid(bad)
    assert validator.is_valid(good)


@pytest.mark.parametrize("name", FILES)
def test_schema_file_is_current(name: str) -> None:
    """If this fails: python -m bconnect_site.schema config"""
    assert json.loads((CONFIG / name).read_text()) == json.loads(schema_text(FILES[name]))
