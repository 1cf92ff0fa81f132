"""Draw: which camera, and the page on which its zones are drawn."""

from functools import lru_cache
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from sqlalchemy import select
from starlette.responses import Response

from bconnect_center.adapters import site_files, surveying
from bconnect_center.adapters.tables import states
from bconnect_center.core.roles import Person, Right
from bconnect_center.house import House
from bconnect_center.web.draw_still import told_still
from bconnect_center.web.easel import current
from bconnect_center.web.guard import house_of, needs, note
from bconnect_center.web.render import kind_word, language_of, page
from bconnect_center.web.words import catalogue
from bconnect_site.calibration import load_calibration
from bconnect_site.checks import LINES, mapping
from bconnect_site.errors import ConfigError
from bconnect_site.fields import BASIS_KINDS
from bconnect_site.kinds import RoadUserKind, ViolationType, ZoneKind, word, words
from bconnect_site.loaded import resolve_path
from bconnect_site.model import RULE_ZONES, WHOLE_IMAGE, Zone
from bconnect_site.phrases import load_phrases

router = APIRouter()
Drawer = Annotated[Person, Depends(needs(Right.DRAW))]
SiteName = Annotated[str, Path(max_length=64)]


@router.get("/draw", include_in_schema=False)
def sites(request: Request, person: Drawer) -> Response:
    """Every site this person sees, and its cameras."""
    house = house_of(request)
    seen = [
        {
            "name": name,
            "title": loaded.site.title,
            "file": loaded.shown,
            "read_only": site_files.why_read_only(loaded.path),
            "cameras": [
                {"name": c, "zones": len(camera.zones), "rules": len(camera.rules),
                 "calibrated": bool(camera.calibration)}
                for c, camera in loaded.site.cameras.items()
            ],
        }
        for name, loaded in sorted(house.sites.items())
        if person.sees(name)
    ]  # fmt: skip
    faults = house.faults if not person.sites else []
    return page(request, "draw_sites.html", sites=seen, faults=faults)


@router.get("/draw/{site}/{camera}", include_in_schema=False)
def easel(request: Request, person: Drawer, site: SiteName, camera: SiteName) -> Response:
    """The drawing itself."""
    house = house_of(request)
    file, plain = current(house, person, site, camera)
    note(request, person, "zones opened", camera, site)
    loaded = house.sites[site]
    told = {
        **_camera(plain, camera),
        **_words(house, language_of(request), site),
        "site": site,
        "camera": camera,
        "sha256": file.sha256,
        "calibration": _calibration(house, site, plain["cameras"][camera]),
        "origin": loaded.site.location.model_dump() if loaded.site.location else None,
        "still": told_still(request, person, site, camera).model_dump(),
        "aspect": loaded.site.cameras[camera].detect.width
        / loaded.site.cameras[camera].detect.height
        if camera in loaded.site.cameras
        else 16 / 9,
        "person": person.shown or person.name,
    }
    running = _running(house, site)
    return page(
        request,
        "draw.html",
        site=site,
        camera=camera,
        site_title=loaded.site.title,
        file=file.shown,
        read_only=site_files.why_read_only(file.path),
        cameras=list(plain["cameras"]),
        told=told,
        running="unknown" if not running else "same" if running == file.sha256 else "older",
        ptz=bool(plain["cameras"][camera].get("ptz")),
    )


def _running(house: House, site: str) -> str:
    """Digest of the site file the running graph was started with; empty: nobody heard of it."""
    with house.database.reading() as c:
        told = c.scalar(select(states.c.told).where(states.c.site == site, states.c.kind == "site"))
    return str(told.get("site_sha256") or "") if isinstance(told, dict) else ""


def _camera(plain: dict[str, Any], camera: str) -> dict[str, Any]:
    """Its zones, rules and signals as the file gives them."""
    values = plain["cameras"][camera]
    zones, signals = mapping(values.get("zones")), mapping(plain.get("signals"))
    return {
        "zones": [{"name": name, "was": name, **zone} for name, zone in zones.items()
                  if isinstance(zone, dict)],
        "rules": values.get("rules") or [],
        "signals": [
            {"name": name, "adapter": s.get("adapter"), "camera": s.get("camera"),
             "region": s.get("region") or [], "orientation": s.get("orientation") or ""}
            for name, s in signals.items() if isinstance(s, dict)
        ],
    }  # fmt: skip


def _places(file: FilePath) -> tuple[str, ...]:
    """What places may be called aloud."""
    try:
        return _places_of(file, file.stat().st_mtime_ns)
    except (ConfigError, OSError):
        return ()


@lru_cache(maxsize=8)
def _places_of(file: FilePath, changed: int) -> tuple[str, ...]:
    return tuple(load_phrases(file).vocabulary.places)


def _words(house: House, language: str, site: str) -> dict[str, Any]:
    """What may be chosen, in the words of the schema and of the page."""
    loaded = house.sites[site]
    places = _places(loaded.config_dir / "phrases.yaml") if loaded.config_dir else ()
    rules = [kind for kind in RULE_ZONES if kind is not ViolationType.SECTION_SPEED]
    return {
        "language": language,
        "words": {
            key.removeprefix("draw."): texts[language]
            for key, texts in catalogue().items()
            if key.startswith("draw.")
        },
        "kinds": [
            {"name": word(kind), "shape": "line" if kind in LINES else "region"}
            for kind in ZoneKind
            if kind
        ],
        "ruleset": [
            {"name": word(kind), "label": kind_word(language, kind),
             "kinds": sorted(word(k) for k in RULE_ZONES[kind]), "whole": kind in WHOLE_IMAGE}
            for kind in rules
        ],
        "road_users": list(words(RoadUserKind)),
        "basis_kinds": list(BASIS_KINDS),
        "places": places,
        "defaults": {
            key: Zone.model_fields[key].default for key in ("dwell", "grace")
        },
    }  # fmt: skip


def _calibration(house: House, site: str, camera: dict[str, Any]) -> dict[str, Any] | None:
    named = camera.get("calibration")
    if not isinstance(named, str):
        return None
    try:
        made = load_calibration(resolve_path(house.sites[site], named))
    except ConfigError as error:
        return {"file": named, "sentence": str(error)}
    file = made.file
    return {
        "file": named,
        "sentence": "",
        "author": file.author,
        "date": file.date.isoformat(),
        "width": file.image.width,
        "height": file.image.height,
        "method": file.ground.method if file.ground else "",
        "stddev": file.ground.stddev if file.ground else None,
        "region": file.ground.region if file.ground else [],
        "marks": surveying.marks_of(file),
        "grid": surveying.grid(made),
    }
