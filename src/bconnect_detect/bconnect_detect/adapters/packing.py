"""Zips of sealed folders: the same folder gives the same bytes."""

import os
import zipfile
from pathlib import Path

from bconnect_detect.adapters.sealed_folder import sentence
from bconnect_detect.core import manifest
from bconnect_site.disk import flush

_EPOCH = (1980, 1, 1, 0, 0, 0)  # zips know no time zone, manifests do


def pack(folder: Path, out: Path, *, originals: bool) -> int:
    """Writes the zip of a sealed folder, whole or not at all; returns the number of files.

    ``originals`` False: only what may leave the house. Raises StoreError.
    """
    temporary = out.with_name(f".{out.name}.new")
    with sentence(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            count = _write(folder, temporary, originals)
            flush(temporary)
            os.replace(temporary, out)
        finally:
            temporary.unlink(missing_ok=True)
        flush(out.parent)
    return count


def _write(folder: Path, path: Path, originals: bool) -> int:
    count = 0
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            name = file.relative_to(folder).as_posix()
            if manifest.is_original(name) and not originals:
                continue
            info = zipfile.ZipInfo(f"{folder.name}/{name}", _EPOCH)
            info.external_attr = 0o600 << 16
            text = file.suffix in (".json", ".sig")
            info.compress_type = zipfile.ZIP_DEFLATED if text else zipfile.ZIP_STORED
            archive.writestr(info, file.read_bytes())
            count += 1
    return count
