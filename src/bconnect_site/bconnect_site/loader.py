"""Loads a site: three layers merged, checked, each value with its origin."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bconnect_site.checks import check
from bconnect_site.describe import faults, in_file_order, validate
from bconnect_site.environment import expand_env
from bconnect_site.errors import ConfigError
from bconnect_site.find import (
    check_unique_sites,
    config_dir_of,
    find_config_dir,
    resolve_site,
    shown,
)
from bconnect_site.fleet import Fleet
from bconnect_site.frozen import freeze, load_frozen
from bconnect_site.kinds import word
from bconnect_site.law import Catalogue, load_catalogue
from bconnect_site.layers import Layers, merge
from bconnect_site.loaded import LoadedSite, flatten, resolve_path
from bconnect_site.mapzones import ON_MAP
from bconnect_site.model import Site
from bconnect_site.yamlfile import Key, dotted, read_yaml

__all__ = [
    "LoadedSite",
    "check_environment",
    "check_unique_sites",
    "expand_env",
    "freeze",
    "load_frozen",
    "load_site",
    "resolve_site",
]

DEFAULT = "default"


def load_site(
    path: str | Path, *, fleet: str | Path | None = None, raw: bytes | None = None
) -> LoadedSite:
    """A site from its file, over the fleet's settings (config/fleet.yaml above it).

    ``raw``: judged as if the file held this. Raises ConfigError holding every mistake of a file,
    one sentence each.
    """
    path = Path(path)
    site_shown = shown(path)
    plain, lines, raw = read_yaml(path, site_shown, raw)
    config_dir = Path(fleet).resolve().parent if fleet else config_dir_of(path) or _any_config()
    fleet_path = Path(fleet) if fleet else config_dir / "fleet.yaml" if config_dir else None
    fleet_plain: dict[str, Any] = {}
    fleet_shown = "config/fleet.yaml"
    fleet_lines: dict[Key, int] = {}
    if fleet_path is not None:
        fleet_shown = shown(fleet_path)
        fleet_plain, fleet_lines, _ = read_yaml(fleet_path, fleet_shown)
        validate(Fleet, fleet_plain, fleet_shown, fleet_lines)
    layers = merge(plain, fleet_plain)
    catalogue, found = _catalogue(layers, config_dir)
    found += check(layers.values, catalogue)
    site = None
    try:
        site = Site.model_validate(layers.values)
    except ValidationError as error:
        found = faults(error, Site) + found
    if found or site is None:
        raise ConfigError(*_told(found, layers, (site_shown, lines), (fleet_shown, fleet_lines)))
    loaded = LoadedSite(
        site,
        path.resolve(),
        hashlib.sha256(raw).hexdigest(),
        _origins(site, layers, site_shown, fleet_shown),
        config_dir.resolve() if config_dir else None,
    )
    _check_files(loaded)
    return loaded


def _any_config() -> Path | None:
    try:
        return find_config_dir()
    except ConfigError:
        return None


def _catalogue(
    layers: Layers, config_dir: Path | None
) -> tuple[Catalogue | None, list[tuple[Key, str]]]:
    name = layers.values.get("law", Site.model_fields["law"].default)
    if not isinstance(name, str) or config_dir is None:
        return None, []
    try:
        return load_catalogue(name, config_dir=config_dir), []
    except ConfigError as error:
        return None, [(("law",), sentence) for sentence in error.sentences]


def _told(
    found: list[tuple[Key, str]],
    layers: Layers,
    site: tuple[str, dict[Key, int]],
    fleet: tuple[str, dict[Key, int]],
) -> list[str]:
    """Mistakes as sentences, each under the file that holds it, one per key and sentence."""
    by_layer: dict[str, list[tuple[Key, str]]] = {"site": [], "fleet": []}
    for key, sentence in found:
        layer, origin = layers.source_of(key)
        if (origin, sentence) not in by_layer[layer]:
            by_layer[layer].append((origin, sentence))
    files = (("site", *site), ("fleet", *fleet))
    return [
        f"{file}: {sentence}"
        for layer, file, lines in files
        for sentence in in_file_order(by_layer[layer], lines)
    ]


def _origins(site: Site, layers: Layers, site_file: str, fleet_file: str) -> dict[str, str]:
    origins: dict[str, str] = {}
    for key, _ in flatten(site.model_dump(by_alias=True)):
        source = layers.sources.get(key)
        layer = source[0] if source else DEFAULT
        origins[dotted(key)] = {"site": site_file, "fleet": fleet_file}.get(layer, DEFAULT)
    return origins


def _check_files(loaded: LoadedSite) -> None:
    missing = [
        f"{loaded.shown}: cameras.{name}.calibration: there is no file {camera.calibration}"
        for name, camera in loaded.site.cameras.items()
        if camera.calibration and not resolve_path(loaded, camera.calibration).is_file()
    ]
    named = loaded.site.map_zones
    if named is not None and not resolve_path(loaded, named.file).is_file():
        missing.append(f"{loaded.shown}: map_zones.file: there is no file {named.file}")
    if missing:
        raise ConfigError(*missing)
    _check_map(loaded)


def _check_map(loaded: LoadedSite) -> None:
    """A rule of a vehicle stands on the zones of its pictures, or on those of its map."""
    kinds = {zone.kind for zone in loaded.map_zones()}
    wrong = [
        f'{loaded.shown}: cameras.{name}.rules[{index}]: "{word(rule)}" needs a zone of kind '
        f"{word(ON_MAP[rule])} in this camera or on the map, found none"
        for name, camera in loaded.site.cameras.items()
        for index, rule in enumerate(camera.rule_types)
        if loaded.site.map_zones is not None
        and rule in ON_MAP
        and ON_MAP[rule] not in kinds
        and all(zone.kind != ON_MAP[rule] for zone in camera.zones.values())
    ]
    if wrong:
        raise ConfigError(*wrong)


def check_environment(loaded: LoadedSite, env: Mapping[str, str]) -> None:
    """Raises ConfigError naming every key whose ``${NAME}`` is not set in env."""
    sentences: list[str] = []
    for key, value in flatten(loaded.to_plain()):
        if isinstance(value, str):
            try:
                expand_env(value, env, f"{loaded.shown}: {dotted(key)}")
            except ConfigError as error:
                sentences += error.sentences
    if sentences:
        raise ConfigError(*sentences)
