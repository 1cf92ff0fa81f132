"""The manifest: one violation and its files as plain JSON, and the check of a sealed folder.

``manifest.json`` is canonical (keys sorted, one form per content), carries the
SHA-256 of every other file, and of itself: ``self_sha256`` is the digest of the
manifest without that key. File paths are bare names, so a folder can be checked
wherever it was carried. Numbers that are unknown are null; stamps are int
nanoseconds with an ISO 8601 twin in UTC.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from bconnect_detect.core.plain import (
    Json,
    finding_from_dict,
    finding_to_dict,
    moment,
    plate_from_dict,
    plate_to_dict,
)
from bconnect_detect.core.types import Finding
from bconnect_detect.core.violation import EvidenceFile, PlateReading, Violation
from bconnect_site.kinds import EvidenceKind, from_word, word

FORMAT = "bconnect-evidence/1"
NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Facts:
    """What made the evidence, as far as it is known."""

    software: str
    site_sha256: str
    title: str = ""
    timezone: str = "UTC"
    model: str = ""
    model_sha256: str = ""


def build(
    finding: Finding,
    files: tuple[EvidenceFile, ...],
    missing: tuple[str, ...],
    facts: Facts,
    plate: PlateReading | None = None,
    witnesses: tuple[str, ...] = (),
) -> Json:
    """The manifest as a dictionary, with its own digest in ``self_sha256``."""
    manifest: Json = {
        "format": FORMAT,
        "violation": finding_to_dict(finding)
        | {"plate": plate_to_dict(plate or PlateReading()), "witnesses": list(witnesses)},
        "files": [_file_to_dict(file) for file in files],
        "missing": list(missing),
        "software": facts.software,
        "site_sha256": facts.site_sha256,
        "site_title": facts.title,
        "timezone": facts.timezone,
        "model": facts.model,
        "model_sha256": facts.model_sha256,
    }
    return manifest | {"self_sha256": sha256(canonical(manifest))}


def canonical(manifest: Json) -> bytes:
    """The one byte string for a manifest. Raises ValueError for NaN or infinity."""
    text = json.dumps(manifest, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
    return text.encode() + b"\n"


def sha256(data: bytes) -> str:
    """Digest in hex."""
    return hashlib.sha256(data).hexdigest()


def parse(data: bytes) -> Json:
    """A manifest from its bytes. Raises ValueError with a sentence: it is not one, or touched."""
    try:
        manifest = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{NAME} was touched: it is no JSON any more ({error})") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else type(manifest).__name__
        raise ValueError(f"{NAME}: format: found {found!r}, allowed is {FORMAT!r}")
    rest = {key: value for key, value in manifest.items() if key != "self_sha256"}
    try:
        whole = canonical(manifest) == data
        whole = whole and manifest.get("self_sha256") == sha256(canonical(rest))
    except (ValueError, UnicodeError):
        whole = False
    if not whole:
        raise ValueError(f"{NAME} was touched: it does not match its own digest")
    return manifest


def faults(
    data: bytes, found: Mapping[str, tuple[str, int]], manifest_sha256: str = ""
) -> list[str]:
    """What is wrong with a sealed folder, one sentence per file; empty: it is whole.

    Args:
        data: the bytes of the manifest.
        found: digest and size of every other file that lies in the folder, by name.
        manifest_sha256: what the ledger says the manifest's digest is; empty: unknown.
    """
    if manifest_sha256 and sha256(data) != manifest_sha256.lower():
        return [f"{NAME} was touched: its digest is {sha256(data)}, the ledger's another"]
    try:
        listed = {str(f["path"]): f for f in parse(data)["files"]}
    except ValueError as error:
        return [str(error)]
    except (KeyError, TypeError):
        return [f"{NAME}: files: not a list of files with path, sha256 and bytes"]
    sentences = [
        sentence
        for name, file in sorted(listed.items())
        if (sentence := _file_fault(name, file, found.get(name)))
    ]
    sentences += [f"{name} was added after the seal" for name in sorted(set(found) - set(listed))]
    return sentences


def _file_fault(name: str, file: Json, found: tuple[str, int] | None) -> str | None:
    if found is None:
        return f"{name} is missing"
    digest, size = found
    if digest == file.get("sha256"):
        return None
    if size != file.get("bytes"):
        return f"{name} was touched: it has {size} bytes, sealed were {file.get('bytes')}"
    return f"{name} was touched: its content is not what was sealed"


def to_violation(manifest: Json, folder: str, manifest_sha256: str) -> Violation:
    """The violation a manifest tells of; ``folder`` is relative to the store.

    Raises ValueError when a field is not there or not what it should be.
    """
    try:
        body = manifest["violation"]
        return Violation(
            finding=finding_from_dict(body),
            files=tuple(
                EvidenceFile(
                    kind=from_word(EvidenceKind, file["kind"]),
                    stamp=int(file["stamp"]),
                    path=f"{folder}/{file['path']}",
                    sha256=file["sha256"],
                    size=int(file["bytes"]),
                )
                for file in manifest["files"]
            ),
            manifest=f"{folder}/{NAME}",
            manifest_sha256=manifest_sha256,
            missing=tuple(manifest["missing"]),
            plate=plate_from_dict(body["plate"]),
            witnesses=tuple(body["witnesses"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder}/{NAME}: {error!r}: not a violation of {FORMAT}") from None


def _file_to_dict(file: EvidenceFile) -> Json:
    return {
        "kind": word(file.kind),
        "path": file.name,
        "sha256": file.sha256,
        "bytes": file.size,
        **moment("stamp", file.stamp),
    }
