"""What a law catalogue must be beside well written: complete, without a gap, without a double."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from bconnect_site import find, validity
from bconnect_site.errors import suggest
from bconnect_site.fields import BASIS_KINDS

if TYPE_CHECKING:
    from bconnect_site.law import ArticleEntry, CatalogueFile, Version

ANY = "any"
ONE_DAY = timedelta(days=1)


def faults(file: CatalogueFile, path: Path) -> list[str]:
    """Every mistake of a catalogue across its keys, as ``key: found, allowed``."""
    found: list[str] = []
    if file.catalogue != path.stem:
        found.append(f'catalogue: found "{file.catalogue}"; must be the file\'s name, {path.stem}')
    names = [version.version for version in file.versions]
    found += _dates(file.versions)
    for number, entry in file.articles.items():
        found += _penalties(number, entry, names)
    found += _mapping("mapping", file.mapping, file.articles)
    for index, version in enumerate(file.versions):
        found += _mapping(f"versions[{index}].mapping", version.mapping, file.articles)
        for rule in version.mapping:
            if rule not in file.mapping:
                found.append(f"mapping.{rule}: is missing; versions[{index}].mapping names it")
    for name, limit in file.speed_limits.items():
        if limit.lowest is not None and limit.lowest >= limit.highest:
            key = f"speed_limits.{name}.lowest"
            found.append(f"{key}: found {limit.lowest}; must be less than {limit.highest}")
    return found


def _dates(versions: tuple[Version, ...]) -> Iterator[str]:
    """Versions follow one another day by day, each valid for at least one."""
    yield from validity.faults(versions)
    for before, after in pairwise(versions):
        if before.valid_to is None or before.valid_to >= after.valid_from:
            yield f"versions: {before.version} must end before {after.version} begins"
        elif before.valid_to + ONE_DAY < after.valid_from:
            yield (
                f"versions: none is valid from {before.valid_to + ONE_DAY} to "
                f"{after.valid_from - ONE_DAY}; {after.version} must begin the day after "
                f"{before.version} ends"
            )


def _penalties(number: str, entry: ArticleEntry, versions: list[str]) -> Iterator[str]:
    for version in dict.fromkeys(versions):
        if version not in entry.penalties:
            yield f"articles.{number}.penalties.{version}: is missing"
    for version in entry.penalties:
        if version not in versions:
            yield (
                f'articles.{number}.penalties: no version is called "{version}"'
                f"{suggest(version, versions)}"
            )


def _mapping(
    where: str, mapping: dict[str, dict[str, str]], articles: dict[str, ArticleEntry]
) -> Iterator[str]:
    for violation, by_basis in mapping.items():
        if not by_basis:
            yield f"{where}.{violation}: names no article; leave the line out where there is none"
        for basis, number in by_basis.items():
            key = f"{where}.{violation}.{basis}"
            if basis not in (*BASIS_KINDS, ANY):
                yield f"{key}: is not a basis{suggest(basis, (*BASIS_KINDS, ANY))}"
            if number not in articles:
                yield f'{key}: no article is called "{number}"{suggest(number, articles)}'


def same_name(path: Path) -> list[str]:
    """A sentence for each other file of the folder that gives the name of this one."""
    others = sorted(
        {*path.parent.glob("*.yaml"), *path.parent.glob("*.yml")} - {path}, key=lambda p: p.name
    )
    return [
        f'{find.shown(other)}: catalogue: "{path.stem}" is also the name in {find.shown(path)}; '
        "names must differ"
        for other in others
        if _name(other) == path.stem
    ]


def _name(path: Path) -> str | None:
    """The name a file gives its catalogue; None when it cannot be read as one."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return None
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.value == "catalogue" and isinstance(value, yaml.ScalarNode):
            return str(value.value)
    return None
