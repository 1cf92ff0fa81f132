"""``bconnect verify PATH``: is a sealed folder as it was sealed? Works offline, knows no ROS."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bconnect_detect.adapters import evidence_store
from bconnect_detect.core import manifest

WHOLE, TOUCHED, NOTHING = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Checks folders and says one line for each. Returns 0 whole, 1 touched, 2 nothing to check."""
    parser = argparse.ArgumentParser(
        prog="bconnect verify",
        description="Checks sealed evidence against its manifest and names what was touched.",
    )
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="a sealed folder, its manifest.json, or a folder that holds sealed folders",
    )
    parser.add_argument(
        "--sha256",
        default="",
        metavar="HEX",
        help="the manifest's digest as the ledger has it: finds a manifest exchanged as a whole",
    )
    arguments = parser.parse_args(argv)
    folders = [folder for path in arguments.paths for folder in sealed_folders(path)]
    if arguments.sha256 and len(folders) != 1:
        print(f"--sha256: found {len(folders)} sealed folders, allowed is one", file=sys.stderr)
        return NOTHING
    for path in arguments.paths:
        if not sealed_folders(path):
            print(f"{path}: no sealed evidence here: no {manifest.NAME} found", file=sys.stderr)
            return NOTHING
    return max([_check(folder, arguments.sha256) for folder in folders])


def sealed_folders(path: Path) -> list[Path]:
    """The sealed folders a path stands for; unfinished ones are none."""
    if path.name == manifest.NAME:
        return [path.parent] if path.is_file() else []
    if (path / manifest.NAME).is_file():
        return [path]
    found = sorted(p.parent for p in path.rglob(manifest.NAME))
    return [folder for folder in found if folder.suffix != evidence_store.PARTIAL]


def _check(folder: Path, digest: str) -> int:
    try:
        data, found = evidence_store.load(folder)
    except evidence_store.StoreError as error:
        print(error, file=sys.stderr)
        return NOTHING
    faults = manifest.faults(data, found, digest)
    for fault in faults:
        print(f"{folder}: {fault}")
    if faults:
        return TOUCHED
    print(f"{folder}: whole, {len(found)} files, manifest {manifest.sha256(data)}")
    return WHOLE


if __name__ == "__main__":
    sys.exit(main())
