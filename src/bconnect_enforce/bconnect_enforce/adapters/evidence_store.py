"""Reads sealed manifests (format bconnect-evidence/1) back from the evidence store."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bconnect_enforce.core.records import EvidenceFile, Offence, Violation
from bconnect_site.kinds import EvidenceKind, PlateState, RoadUserKind, ViolationType

FORMAT = "bconnect-evidence/1"
NAME = "manifest.json"


class BadManifest(ValueError):
    """A manifest that is not believed; str() names it and says why."""


def sealed(root: Path) -> Iterator[str]:
    """Paths of all sealed manifests, relative to the store; unfinished folders are left out."""
    for path in sorted(root.rglob(NAME)):
        folders = path.relative_to(root).parts[:-1]
        if not any(part.startswith(".") or part.endswith(".partial") for part in folders):
            yield str(path.relative_to(root))


def read(root: Path, manifest: str) -> Violation:
    """The violation of one sealed manifest. Raises BadManifest."""
    try:
        data = (root / manifest).read_bytes()
        plain = json.loads(data)
        if plain["format"] != FORMAT:
            raise BadManifest(f"{manifest}: format: found {plain['format']!r}, allowed: {FORMAT}")
        if plain["self_sha256"] != _own_digest(plain):
            raise BadManifest(f"{manifest}: was touched: it does not match its own digest")
        return _violation(plain, manifest, hashlib.sha256(data).hexdigest())
    except BadManifest:
        raise
    except OSError as error:
        raise BadManifest(f"{manifest}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadManifest(f"{manifest}: is not a manifest of {FORMAT} ({error!r})") from error


def _own_digest(plain: dict[str, Any]) -> str:
    rest = {key: value for key, value in plain.items() if key != "self_sha256"}
    text = json.dumps(rest, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
    return hashlib.sha256(text.encode() + b"\n").hexdigest()


def _violation(plain: dict[str, Any], manifest: str, digest: str) -> Violation:
    body, folder = plain["violation"], manifest.rpartition("/")[0]
    return Violation(
        offence=Offence(
            id=str(body["id"]),
            type=_kind(ViolationType, body["type"]),
            site=str(body["site"]),
            camera=str(body["camera"]),
            zone=str(body["zone"]),
            stamp=int(body["stamp"]),
            track_id=int(body["road_user"]["track_id"]),
            road_user=_kind(RoadUserKind, body["road_user"]["kind"]),
            article=str(body["article"]),
        ),
        started=int(body["started"]),
        basis=str(body["basis"]),
        catalogue_version=str(body["catalogue_version"]),
        explanation=str(body["explanation"]),
        **{name: _float(body[name]) for name in _NUMBERS},
        plate_state=_kind(PlateState, body["plate"]["state"]),
        plate=str(body["plate"]["text"]),
        evidence=tuple(
            EvidenceFile(
                _kind(EvidenceKind, file["kind"]),
                f"{folder}/{file['path']}" if folder else str(file["path"]),
                str(file["sha256"]),
                int(file["stamp"]),
            )
            for file in plain["files"]
        ),
        witnesses=tuple(map(str, body["witnesses"])),
        missing=tuple(map(str, plain["missing"])),
        manifest=manifest,
        manifest_sha256=digest,
    )


_NUMBERS = ("confidence", "latitude", "longitude", "measured", "limit")


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _kind(kinds: Any, text: str) -> Any:
    return kinds[text.upper()]
