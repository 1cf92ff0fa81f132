"""Remembers what each version of a law catalogue said when it came into force at a site.

A finding names the version it was judged by; the name must go on meaning the same. So the
content of a version is recorded as digests, item by item, once it is in force, and a
catalogue that says something else under the same name is refused. What was not there may be
added: the day a version ends, an article, another version.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from bconnect_site import find
from bconnect_site.disk import replace
from bconnect_site.errors import ConfigError
from bconnect_site.law import Catalogue, Version

FORMAT = "bconnect-law/1"
HEAD = "version"

Digests = dict[str, str]  # SHA-256 by item, e.g. "articles.287(1)"


def digests(catalogue: Catalogue, version: Version) -> Digests:
    """The SHA-256 (hex) of each item of one version."""
    file = catalogue.file
    head = version.model_dump(mode="json", exclude={"valid_to", "mapping"})
    found = {HEAD: _sha({"title": file.title, **head})}
    for number, entry in file.articles.items():
        plain = entry.model_dump(mode="json", exclude={"penalties"})
        plain["penalty"] = entry.penalties[version.version].model_dump(mode="json")
        found[f"articles.{number}"] = _sha(plain)
    mapping = {**file.mapping, **version.mapping}
    return found | {f"mapping.{rule}": _sha(by_basis) for rule, by_basis in mapping.items()}


def check(catalogue: Catalogue, record: Path, shown: str = "") -> dict[str, Digests]:
    """What is recorded of all catalogues, by version's full name.

    Raises ConfigError with a sentence for each item that no longer says what it said, and
    for a record that cannot be read.
    """
    known = _read(record)
    shown = shown or f"config/law/{catalogue.name}.yaml"
    versions = {f"{catalogue.name}/{v.version}": v for v in catalogue.file.versions}
    sentences = []
    for name, was in known.items():
        if not name.startswith(f"{catalogue.name}/"):
            continue
        if name not in versions:
            sentences.append(f"{shown}: versions: {name} is missing; findings here carry it")
            continue
        now = digests(catalogue, versions[name])
        sentences += [_changed(shown, name, item) for item in was if now.get(item) != was[item]]
    if sentences:
        raise ConfigError(*sentences)
    return known


class Held:
    """A catalogue and the record of what its versions said; ``in``: by a version's full name."""

    def __init__(self, catalogue: Catalogue, record: Path, shown: str = "") -> None:
        self._catalogue = catalogue
        self._record = record
        self._shown = shown
        self._known: dict[str, Digests] = {}

    def hold(self, today: date) -> None:
        """Checks, and records every version that is or was in force `today`.

        Raises ConfigError as check(), and when the record cannot be written.
        """
        known = check(self._catalogue, self._record, self._shown)
        self._known = dict(known)
        for version in self._catalogue.file.versions:
            if version.valid_from <= today:
                name = f"{self._catalogue.name}/{version.version}"
                self._known[name] = known.get(name, {}) | digests(self._catalogue, version)
        if self._known != known:
            _write(self._record, self._known)

    def __contains__(self, name: object) -> bool:
        return not name or name in self._known


def _changed(shown: str, name: str, item: str) -> str:
    where = "versions" if item == HEAD else item
    return (
        f"{shown}: {where}: is not what {name} said when it came into force here, and findings "
        "carry that name; take the change back, or add it as a version of its own from its "
        "first day on"
    )


def _sha(plain: Any) -> str:
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _read(record: Path) -> dict[str, Digests]:
    shown = find.shown(record)
    try:
        plain = json.loads(record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{shown}: cannot be read ({error}); restore it from a backup") from None
    versions = plain.get("versions") if isinstance(plain, dict) else None
    if not isinstance(versions, dict) or plain.get("format") != FORMAT or not _plain(versions):
        raise ConfigError(f"{shown}: is no record of law versions ({FORMAT}); restore it")
    return versions


def _plain(versions: Mapping[str, Any]) -> bool:
    return all(
        isinstance(items, dict) and all(isinstance(value, str) for value in items.values())
        for items in versions.values()
    )


def _write(record: Path, versions: dict[str, Digests]) -> None:
    text = json.dumps({"format": FORMAT, "versions": versions}, indent=1, sort_keys=True)
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        replace(record, f"{text}\n".encode(), many=True)
    except OSError as error:
        raise ConfigError(f"{record}: cannot be written: {error.strerror}") from None
