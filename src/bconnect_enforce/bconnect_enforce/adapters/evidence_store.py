"""Reads sealed folders back from the evidence store, and erases them on schedule.

Formats: `docs/evidence.md`. What is read was checked: the manifest against its signature, the
violation against the manifest. Pictures are not looked at here; `bconnect verify` does.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bconnect_enforce.core.records import EvidenceFile, Offence, Violation
from bconnect_site import erasing, letter
from bconnect_site import keys as site_keys
from bconnect_site import sealed as seal
from bconnect_site.errors import ConfigError
from bconnect_site.keys import Keyring, PublicKey
from bconnect_site.kinds import (
    Colour,
    EvidenceKind,
    PlateColour,
    PlateState,
    RoadUserKind,
    SignalAspect,
    ViolationType,
)

NAME = seal.MANIFEST


class BadManifest(ValueError):
    """A manifest that is not believed; str() names it and says why."""


def sealed(root: Path) -> Iterator[str]:
    """Paths of all sealed manifests, relative to the store; no unfinished or erased folders."""
    # not rglob: it raises where a folder is sealed, and so renamed, while it looks
    found = [Path(folder) / NAME for folder, _, files in os.walk(root) if NAME in files]
    for path in sorted(found):
        folders = path.relative_to(root).parts[:-1]
        unfinished = any(part.startswith(".") or part.endswith(seal.PARTIAL) for part in folders)
        if not unfinished and not (path.parent / seal.ERASED).exists():
            yield str(path.relative_to(root))


def read(
    root: Path,
    manifest: str,
    publics: Mapping[str, PublicKey] | None = None,
    signed: bool = False,
) -> Violation:
    """The violation of one sealed manifest. Raises BadManifest.

    publics: the site's public keys by id; None: those in the folder `keys` beside the store.
    signed: the format that nobody signs is not believed.
    """
    try:
        data = (root / manifest).read_bytes()
        plain = seal.parse(data, manifest)
        if plain.get("format") == seal.OLD_FORMAT and not signed:
            if plain["self_sha256"] != _own_digest(plain):
                raise BadManifest(f"{manifest}: was touched: it does not match its own digest")
            return _violation(plain, plain, manifest, seal.sha256(data))
        told = _told(root, manifest, data, plain, publics)
        return _violation(plain, told, manifest, seal.sha256(data))
    except BadManifest:
        raise
    except OSError as error:
        raise BadManifest(f"{manifest}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadManifest(f"{manifest}: is not a manifest of {seal.FORMAT} ({error!r})") from error


def erase(root: Path, manifest: str, why: str, stamp: int, keyring: Keyring, rule: str = "") -> int:
    """``bconnect_site.erasing.erase``. Raises BadManifest."""
    try:
        return erasing.erase(root, manifest, why, stamp, keyring, rule)
    except erasing.EraseError as error:
        raise BadManifest(str(error)) from error


def _told(
    root: Path,
    manifest: str,
    data: bytes,
    plain: dict[str, Any],
    publics: Mapping[str, PublicKey] | None,
) -> dict[str, Any]:
    """What violation.json holds, believed."""
    folder = (root / manifest).parent
    if plain.get("format") != seal.FORMAT:
        found = plain.get("format")
        raise BadManifest(f"{manifest}: format: found {found!r}, allowed: {seal.FORMAT}")
    try:
        known = publics if publics is not None else site_keys.publics(root.parent / "keys")
    except ConfigError as error:
        raise BadManifest(f"{manifest}: its signature cannot be checked: {error}") from error
    signature = (folder / seal.SIGNATURE).read_bytes()
    if fault := letter.signature_fault(data, signature, str(plain["key_id"]), known):
        raise BadManifest(f"{manifest}: {fault}")
    told = (folder / seal.VIOLATION).read_bytes()
    listed = {file["path"]: file["sha256"] for file in plain["files"]}
    if listed.get(seal.VIOLATION) != seal.sha256(told):
        raise BadManifest(f"{manifest}: {seal.VIOLATION} was touched: it is not what was sealed")
    body = seal.parse(told, seal.VIOLATION)
    if str(body["violation"]["id"]) != str(plain["id"]):
        raise BadManifest(f"{manifest}: {seal.VIOLATION} is of another violation")
    return body


def _own_digest(plain: dict[str, Any]) -> str:
    rest = {key: value for key, value in plain.items() if key != "self_sha256"}
    return seal.sha256(seal.canonical(rest))


def _violation(
    plain: dict[str, Any], told: dict[str, Any], manifest: str, digest: str
) -> Violation:
    body, plate, folder = told["violation"], told["violation"]["plate"], Path(manifest).parent
    kinds = {str(file["path"]): file for file in told["files"]}
    user, signal = body["road_user"], body.get("signal") or {}
    read_plate = str(plate["text"]) if plate["state"] == "read" else ""
    return Violation(
        offence=Offence(
            id=str(body["id"]),
            type=_kind(ViolationType, body["type"]),
            site=str(body["site"]),
            camera=str(body["camera"]),
            zone=str(body["zone"]),
            stamp=int(body["stamp"]),
            track_id=int(user["track_id"]),
            road_user=_kind(RoadUserKind, user["kind"]),
            article=str(body["article"]),
            same_as=str(body.get("same_as", "")),
            colour=_kind(Colour, user.get("colour", "unknown")),
            plate=read_plate,
        ),
        started=int(body["started"]),
        basis=str(body["basis"]),
        catalogue_version=str(body["catalogue_version"]),
        explanation=str(body["explanation"]),
        **{name: _float(body.get(name)) for name in _NUMBERS},
        plate_state=_kind(PlateState, plate["state"]),
        plate=str(plate["text"]),
        plate_colour=_kind(PlateColour, plate.get("colour", "unknown")),
        signal=_kind(SignalAspect, signal.get("aspect", "unknown")),
        evidence=tuple(
            EvidenceFile(
                _kind(EvidenceKind, kinds[path]["kind"]),
                (folder / path).as_posix(),
                str(file["sha256"]),
                int(kinds[path]["stamp"]),
            )
            for file in plain["files"]
            if (path := str(file["path"])) in kinds
        ),
        witnesses=tuple(map(str, body["witnesses"])),
        missing=tuple(map(str, told["missing"])),
        manifest=manifest,
        manifest_sha256=digest,
        key_id=str(plain.get("key_id", "")),
    )


_NUMBERS = (
    "confidence",
    "latitude",
    "longitude",
    "measured",
    "measured_low",
    "measured_high",
    "limit",
    "time_into_red",
)


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _kind(kinds: Any, text: str) -> Any:
    return kinds[text.upper()]
