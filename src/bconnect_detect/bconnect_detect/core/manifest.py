"""The manifest of a sealed folder, the violation beside it, and the check of both.

``manifest.json`` names every other file with its SHA-256 and size, its place in the site's chain
and what made it, and holds no personal data: it stays when the rest is erased. It is signed
(``manifest.sig``), so that whoever has the public key can check it alone. ``violation.json``
holds the finding, the plate and what is missing. File paths count from the folder, so that it can
be checked wherever it was carried. Unknown numbers are null, stamps int nanoseconds.
Format 1 is still read: unsigned, the violation inside the manifest, ``self_sha256`` its digest
without that key.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from bconnect_detect.core.chain import Link
from bconnect_detect.core.plain import (
    Json,
    finding_from_dict,
    finding_to_dict,
    moment,
    plate_from_dict,
    plate_to_dict,
)
from bconnect_detect.core.types import Finding
from bconnect_detect.core.violation import EvidenceFile, Violation
from bconnect_site import sealed
from bconnect_site.kinds import EvidenceKind, from_word, word
from bconnect_site.sealed import FORMAT, OLD_FORMAT, canonical, sha256

NAME = sealed.MANIFEST
# What may leave the house. Everything else is an original and stays apart.
OUTGOING = (*sealed.STAYS, sealed.VIOLATION, sealed.FACTS)

__all__ = ["FORMAT", "NAME", "OLD_FORMAT", "Facts", "canonical", "sha256"]


@dataclass(frozen=True, slots=True)
class Clock:
    """How far this machine's clock may be believed."""

    synchronised: bool | None = None  # None: unknown
    source: str = "unknown"  # who says so, or why nobody could
    max_error: float | None = None  # s; None: unknown
    gnss: Json | None = None  # how it stood to GNSS time; None: nobody could tell


@dataclass(frozen=True, slots=True)
class Facts:
    """What made the evidence, as far as it is known."""

    software: str
    site_sha256: str
    title: str = ""
    timezone: str = "UTC"
    model: str = ""
    model_sha256: str = ""
    clock: Clock = Clock()
    access_lines: int = 0  # of the store's log of accesses, when this was sealed
    access_sha256: str = ""  # of its last line
    replay: str = ""  # the bag all this was played from; empty: it came from the street


def build(
    violation: Violation, extra: Iterable[EvidenceFile], link: Link, facts: Facts, sealing: int
) -> Json:
    """The manifest as a dictionary.

    Args:
        violation: with its files; paths count from the folder.
        extra: files that are no evidence of their own, ``violation.json``.
        link: number and digest of the manifest before.
        facts: what made it.
        sealing: ns, this machine's clock when it is sealed; 0: unknown.
    """
    finding = violation.finding
    return {
        "format": FORMAT,
        "id": finding.id,
        "site": finding.site,
        "sequence": link.sequence,
        "previous": link.previous,
        "key_id": violation.key_id,
        "files": [
            {"path": file.path, "sha256": file.sha256, "bytes": file.size}
            for file in (*violation.files, *extra)
        ],
        "sealed": moment("stamp", sealing) if sealing else None,
        "software": facts.software,
        "site_sha256": facts.site_sha256,
        "timezone": facts.timezone,
        "model": facts.model,
        "model_sha256": facts.model_sha256,
        "catalogue_version": finding.catalogue_version,
        "clock": clock_to_plain(facts.clock),
        "access_log": {"lines": facts.access_lines, "sha256": facts.access_sha256},
        **({"replayed_from": facts.replay} if facts.replay else {}),
    }


def clock_to_plain(clock: Clock) -> Json:
    """The clock's state; of a vehicle with how it stood to GNSS time."""
    told: Json = {
        "synchronised": clock.synchronised,
        "source": clock.source,
        "max_error": clock.max_error,
    }
    return told if clock.gnss is None else told | {"gnss": clock.gnss}


def violation_to_plain(violation: Violation, facts: Facts) -> Json:
    """What ``violation.json`` holds."""
    return {
        "format": sealed.VIOLATION_FORMAT,
        "violation": finding_to_dict(violation.finding)
        | {"plate": plate_to_dict(violation.plate), "witnesses": list(violation.witnesses)},
        "files": [
            {"path": file.path, "kind": word(file.kind), **moment("stamp", file.stamp)}
            for file in violation.files
        ],
        "missing": list(violation.missing),
        "site_title": facts.title,
    }


def parse(data: bytes) -> Json:
    """A manifest of either format. Raises ValueError with a sentence: it is none, or touched."""
    manifest = sealed.parse(data, NAME)
    found = manifest.get("format")
    if found not in (FORMAT, OLD_FORMAT):
        raise ValueError(f"{NAME}: format: found {found!r}, allowed are {FORMAT!r}, {OLD_FORMAT!r}")
    if found == OLD_FORMAT and not _fits_itself(manifest, data):
        raise ValueError(f"{NAME} was touched: it does not match its own digest")
    return manifest


def link_of(manifest: Json, digest: str, directory: str) -> Link | None:
    """A manifest's place in the chain; None for format 1, which has none.

    Raises ValueError when the place cannot be read.
    """
    if manifest["format"] == OLD_FORMAT:
        return None
    try:
        number, previous = int(manifest["sequence"]), str(manifest["previous"])
    except (KeyError, TypeError, ValueError, OverflowError):  # 1e999 is read as infinite
        raise ValueError(f"{NAME}: sequence and previous: not a place in a chain") from None
    return Link(number, digest, directory, previous)


def faults(
    manifest: Json, found: Mapping[str, tuple[str, int]], *, outgoing: bool = False
) -> list[str]:
    """What is wrong with a folder's files, one sentence per file; empty: it is whole.

    Args:
        manifest: from ``parse``.
        found: digest and size of every other file that lies in the folder, by path.
        outgoing: the originals may be absent, all of them.
    """
    try:
        listed = {str(f["path"]): f for f in manifest["files"]}
        if outgoing and not any(is_original(path) for path in found):
            listed = {path: f for path, f in listed.items() if not is_original(path)}
        sentences = [
            sentence
            for name, file in sorted(listed.items())
            if (sentence := _file_fault(name, file, found.get(name)))
        ]
    except (KeyError, TypeError, AttributeError):
        return [f"{NAME}: files: not a list of files with path, sha256 and bytes"]
    added = sorted(set(found) - set(listed))
    return sentences + [f"{name} was added after the seal" for name in added]


def is_original(path: str) -> bool:
    """Whether a file of a sealed folder stays in the house: it may show bystanders."""
    return path not in OUTGOING and not path.startswith(f"{sealed.RELEASE}/")


def to_violation(manifest: Json, told: bytes, folder: str, digest: str) -> Violation:
    """The violation a sealed folder tells of; paths come out relative to the store.

    Args:
        manifest: from ``parse``.
        told: the bytes of ``violation.json``; not looked at for format 1.
        folder: relative to the store.
        digest: of the manifest's bytes.

    Raises ValueError when a field is not there or not what it should be.
    """
    try:
        if manifest["format"] == OLD_FORMAT:
            body, kinds = manifest, {str(f["path"]): f for f in manifest["files"]}
        else:
            body = sealed.parse(told, sealed.VIOLATION)
            kinds = {str(f["path"]): f for f in body["files"]}
        files = [
            EvidenceFile(
                kind=from_word(EvidenceKind, kinds[path]["kind"]),
                stamp=int(kinds[path]["stamp"]),
                path=f"{folder}/{path}",
                sha256=file["sha256"],
                size=int(file["bytes"]),
            )
            for file in manifest["files"]
            if (path := str(file["path"])) != sealed.VIOLATION
        ]
        return Violation(
            finding=finding_from_dict(body["violation"]),
            files=tuple(files),
            manifest=f"{folder}/{NAME}",
            manifest_sha256=digest,
            missing=tuple(body["missing"]),
            plate=plate_from_dict(body["violation"]["plate"]),
            witnesses=tuple(body["violation"]["witnesses"]),
            key_id=str(manifest.get("key_id", "")),
        )
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{folder}/{NAME}: {error!r}: not a violation of {FORMAT}") from None


def placed(violation: Violation, folder: str, digest: str) -> Violation:
    """A violation with its paths relative to the store; ``digest`` is its manifest's."""
    files = tuple(replace(f, path=f"{folder}/{f.path}") for f in violation.files)
    return replace(violation, files=files, manifest=f"{folder}/{NAME}", manifest_sha256=digest)


def finding_of(told: bytes) -> Finding:
    """The finding in a ``violation.json``. Raises ValueError, KeyError or TypeError."""
    return finding_from_dict(sealed.parse(told, sealed.VIOLATION)["violation"])


def _fits_itself(manifest: Json, data: bytes) -> bool:
    rest = {key: value for key, value in manifest.items() if key != "self_sha256"}
    try:
        same = canonical(manifest) == data
        return same and manifest.get("self_sha256") == sha256(canonical(rest))
    except (ValueError, UnicodeError):
        return False


def _file_fault(name: str, file: Json, found: tuple[str, int] | None) -> str | None:
    if found is None:
        return f"{name} is missing"
    digest, size = found
    if digest == file.get("sha256"):
        return None
    if size != file.get("bytes"):
        return f"{name} was touched: it has {size} bytes, sealed were {file.get('bytes')}"
    return f"{name} was touched: its content is not what was sealed"
