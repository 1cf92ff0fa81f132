"""A referral on disk: PDF, JSON, and a zip with both and the sealed evidence.

Files are checked against the ledger's digests before anything is handed out, and the same case
gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bconnect_enforce.adapters.referral_pdf import render
from bconnect_enforce.core.records import Violation
from bconnect_enforce.core.referral import Referral, left_out
from bconnect_site import sealed
from bconnect_site.disk import replace

_EPOCH = (1980, 1, 1, 0, 0, 0)
_OUTGOING = (sealed.MANIFEST, sealed.SIGNATURE, sealed.VIOLATION, sealed.FACTS)
_STORED = frozenset({".jpg", ".jpeg", ".png", ".mp4", ".mkv"})


class Tampered(ValueError):
    """Evidence that is not what the ledger says; str() names the file."""


@dataclass(frozen=True, slots=True)
class Package:
    """What is handed out, in memory."""

    number: str
    files: Mapping[str, bytes]  # name: content; the PDF, the JSON, the zip
    sha256: str  # of the zip
    originals: bool  # whether pictures that show bystanders are among them


def pack(
    referral: Referral, violation: Violation, root: Path, keys: Path | None, originals: bool
) -> Package:
    """Gathers and checks everything. `originals`: they go out beside their blurred copies.

    Raises Tampered, or referral_pdf.UnreadablePicture.
    """
    behind = () if originals else left_out(violation.evidence)
    evidence = dict(_evidence(root, violation, bool(behind)))
    number, plain = referral.number, dict(referral.plain)
    plain["evidence"] = plain["evidence"] | {
        "left_out": [{"path": f.path, "sha256": f.sha256} for f in behind]
    }
    pictures = {p.path: _checked(root, p.path, p.sha256) for p in referral.pictures}
    text = json.dumps(plain, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False)
    files = {
        f"{number}.pdf": render(referral, pictures),
        f"{number}.json": text.encode() + b"\n",
    }
    public = _public_key(keys, violation.key_id)
    # `bconnect verify` knows a sealed folder by its own name
    home = f"evidence/{Path(violation.manifest).parent.name}"
    inside = files | public | {f"{home}/{name}": data for name, data in evidence.items()}
    packed = _zip(number, inside)
    digest = hashlib.sha256(packed).hexdigest()
    return Package(number, files | {f"{number}.zip": packed}, digest, originals=not behind)


def put(package: Package, out: Path) -> list[Path]:
    """Writes the files into `out`, each whole or not at all. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    for name, data in package.files.items():
        replace(out / name, data, many=True)
    return [out / name for name in package.files]


def _evidence(root: Path, violation: Violation, outgoing: bool) -> Iterator[tuple[str, bytes]]:
    """Files of the sealed folder by their names inside, all of it checked against the ledger.

    `outgoing`: only what may leave the house.
    """
    known = {f.path: f.sha256 for f in violation.evidence}
    known[violation.manifest] = violation.manifest_sha256
    folder = (root / violation.manifest).parent
    if not (root / violation.manifest).is_file():
        raise Tampered(f"{violation.manifest}: is not in the evidence store {root}")
    on_disk = {str(p.relative_to(root)) for p in folder.rglob("*") if p.is_file()}
    if lost := sorted(set(known) - on_disk):
        raise Tampered(f"{lost[0]}: is missing from the evidence store {root}")
    for path in sorted(known):  # what stays behind was touched no more than what goes out
        _checked(root, path, known[path])
    for path in sorted(on_disk):
        name = Path(path).relative_to(folder.relative_to(root)).as_posix()
        if not outgoing or name in _OUTGOING or name.startswith(f"{sealed.RELEASE}/"):
            yield name, _checked(root, path, known.get(path, ""))


def _checked(root: Path, path: str, sha256: str) -> bytes:
    """The file; `sha256` empty: the ledger does not list it, the seal does."""
    try:
        data = (root / path).read_bytes()
    except OSError as error:
        raise Tampered(f"{path}: cannot be read ({error.strerror})") from None
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise Tampered(f"{path}: was touched: its digest is not the one in the ledger")
    return data


def _public_key(keys: Path | None, key_id: str) -> dict[str, bytes]:
    """The public half of the key that sealed, so that the receiver can check alone."""
    if keys is None or not key_id or not (keys / f"{key_id}.pub").is_file():
        return {}
    return {f"{key_id}.pub": (keys / f"{key_id}.pub").read_bytes()}


def _zip(number: str, files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"{number}/{name}", _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            stored = Path(name).suffix.lower() in _STORED
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    return out.getvalue()
