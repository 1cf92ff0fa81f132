"""Finds the config folder and the file of a site by its name."""

import os
from collections.abc import Iterator
from pathlib import Path

import yaml

from bconnect_site.errors import ConfigError, suggest

FOLDERS = ("corridors", "vehicles")
VARIABLE = "BCONNECT_CONFIG"


def _candidates() -> Iterator[Path]:
    if named := os.environ.get(VARIABLE):
        yield Path(named)
        return
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            yield folder / "config"
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        if prefix:
            yield Path(prefix) / "share" / "bconnect_bringup" / "config"


def find_config_dir() -> Path:
    """The config folder: $BCONNECT_CONFIG, the source tree's, or the installed one.

    Raises ConfigError when there is none.
    """
    for folder in _candidates():
        if (folder / "fleet.yaml").is_file():
            return folder
    raise ConfigError(f"no config folder with a fleet.yaml was found; set {VARIABLE} to its path")


def config_dir_of(path: Path) -> Path | None:
    """The config folder a site file lies in: the nearest one above with a fleet.yaml."""
    for folder in path.resolve().parents[:3]:
        if (folder / "fleet.yaml").is_file():
            return folder
    return None


def shown(path: Path) -> str:
    """A path as it reads in sentences: relative to the working directory, or the config
    folder's parent, when it lies below."""
    full = path.resolve()
    config = config_dir_of(full)
    for base in (Path.cwd(), *([config.parent] if config else [])):
        if full.is_relative_to(base):
            return str(full.relative_to(base))
    return str(path)


def site_files(config_dir: Path) -> list[Path]:
    """Every site file of a config folder, sorted."""
    return sorted(p for folder in FOLDERS for p in (config_dir / folder).glob("*.yaml"))


def _site_name(path: Path) -> str | None:
    """The name a file gives its site; None when the file cannot be read as one."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return None
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.value == "site" and isinstance(value, yaml.ScalarNode):
            return str(value.value)
    return None


def resolve_site(name_or_path: str | Path) -> Path:
    """The file of a site, by its name or by a path.

    Raises ConfigError when there is none, or when two files claim the name.
    """
    text = str(name_or_path)
    if text.endswith((".yaml", ".yml")) or os.sep in text:
        path = Path(text).expanduser()
        if not path.is_file():
            raise ConfigError(f"{text}: there is no such file")
        return path
    config = find_config_dir()
    named = {path: _site_name(path) for path in site_files(config)}
    found = [path for path, site in named.items() if site == text]
    if len(found) > 1:
        raise ConfigError(_twice(text, found))
    found = found or [path for path in named if path.stem == text]
    if not found:
        known = {site for site in named.values() if site}
        raise ConfigError(f'no site is called "{text}" in {shown(config)}{suggest(text, known)}')
    return found[0]


def check_unique_sites(config_dir: Path, also: Path | None = None) -> None:
    """Raises ConfigError when two site files give one name. ``also`` is a file outside.

    Files that are broken in themselves are no matter here.
    """
    by_name: dict[str, list[Path]] = {}
    paths = site_files(config_dir)
    if also is not None and also.resolve() not in {p.resolve() for p in paths}:
        paths.append(also)
    for path in paths:
        if (name := _site_name(path)) is not None:
            by_name.setdefault(name, []).append(path)
    sentences = [_twice(name, paths) for name, paths in by_name.items() if len(paths) > 1]
    if sentences:
        raise ConfigError(*sentences)


def _twice(name: str, paths: list[Path]) -> str:
    first, *others = (shown(path) for path in paths)
    return f'{first}: site: "{name}" is also the name in {", ".join(others)}; names must differ'
