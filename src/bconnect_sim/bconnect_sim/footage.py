"""Fetches the demo's real footage: vtest.avi of Debian's opencv-doc (fixed camera, 79 s).

Needs no root: the package is downloaded by apt-get and unpacked into a scratch folder.
BCONNECT_FOOTAGE may name the file (or a folder that holds it) where there is no archive.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NAME = "vtest.avi"
SHA256 = "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf"
PACKAGE = "opencv-doc"


class FootageError(RuntimeError):
    """The footage cannot be had; str() is a sentence."""


def fetch(folder: str | Path, environment: dict[str, str] | None = None) -> Path:
    """vtest.avi in ``folder``: already there, from BCONNECT_FOOTAGE, or from Debian's archive.

    Raises FootageError with a sentence when none of these gives the known file.
    """
    target = Path(folder) / NAME
    if target.is_file() and digest(target) == SHA256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    given = (os.environ if environment is None else environment).get("BCONNECT_FOOTAGE", "")
    if given:
        found = Path(given) / NAME if Path(given).is_dir() else Path(given)
        if not found.is_file():
            raise FootageError(f"BCONNECT_FOOTAGE: there is no file {found}")
        return _take(found, target)
    with tempfile.TemporaryDirectory(prefix="bconnect_footage_") as scratch:
        return _take(_download(Path(scratch)), target)


def digest(path: Path) -> str:
    """sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _take(found: Path, target: Path) -> Path:
    if (got := digest(found)) != SHA256:
        raise FootageError(f"{found.name}: sha256 is {got[:12]}..., expected {SHA256[:12]}...")
    part = target.with_suffix(".part")
    shutil.copyfile(found, part)
    os.replace(part, target)
    return target


def _download(scratch: Path) -> Path:
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise FootageError(
                f"the real footage needs {tool} (Debian, Ubuntu); "
                f"set BCONNECT_FOOTAGE to a copy of {NAME} instead"
            )
    _call(["apt-get", "-q", "download", PACKAGE], scratch)
    packages = sorted(scratch.glob(f"{PACKAGE}_*.deb"))
    if not packages:
        raise FootageError(f"apt-get downloaded no {PACKAGE} package")
    _call(["dpkg-deb", "-x", packages[0].name, "root"], scratch)
    found = sorted((scratch / "root").rglob(f"{NAME}*"))
    if not found:
        raise FootageError(f"{packages[0].name} holds no {NAME}")
    if found[0].suffix == ".gz":
        import gzip

        plain = scratch / NAME
        plain.write_bytes(gzip.decompress(found[0].read_bytes()))
        return plain
    return found[0]


def _call(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired:
        raise FootageError(f"{' '.join(command)} did not end within 10 minutes") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("E:")]
        why = (lines or done.stderr.splitlines() or ["no reason given"])[-1].removeprefix("E: ")
        raise FootageError(
            f"the real footage cannot be fetched: {' '.join(command[:3])} says: {why}"
        )


def main(argv: list[str] | None = None) -> int:
    """``fetch_footage FOLDER``; 0 there, 1 not to be had."""
    parser = argparse.ArgumentParser(prog="fetch_footage", description="Fetch the real footage.")
    parser.add_argument("folder", help="where to put it, e.g. var/footage")
    args = parser.parse_args(argv)
    try:
        print(fetch(args.folder))
    except (FootageError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def console() -> None:
    """Entry point of the installed executable."""
    sys.exit(main())


if __name__ == "__main__":
    console()
