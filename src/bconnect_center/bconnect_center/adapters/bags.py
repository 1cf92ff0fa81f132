"""Recorded bags that a preview may judge: found by their metadata, never read whole."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bconnect_site import names

MOST = 2000  # folders looked at
DEEP = 3  # levels below a folder of bags
LARGEST = 2_000_000  # bytes of metadata


@dataclass(frozen=True, slots=True)
class Bag:
    """``start``, ``end``: ns. ``name``: its path below the folder of bags."""

    name: str
    path: Path
    start: int
    end: int
    messages: int


def bags_of(folders: list[Path], site: str, camera: str) -> list[Bag]:
    """Bags that hold what a camera saw, newest first."""
    found = []
    for number, folder in enumerate(folders):
        for path in _metadata(folder):
            bag = _read(path, f"{number}:{path.parent.relative_to(folder)}", site, camera)
            if bag is not None:
                found.append(bag)
    return sorted(found, key=lambda bag: -bag.end)


def _metadata(folder: Path) -> list[Path]:
    """metadata.yaml files below a folder, near ones first, at most MOST folders."""
    made: list[Path] = []
    level, looked = [folder], 0
    for _ in range(DEEP + 1):
        below: list[Path] = []
        for here in level:
            looked += 1
            if looked > MOST:
                return made
            if (here / "metadata.yaml").is_file():
                made.append(here / "metadata.yaml")
                continue
            try:
                below += sorted(p for p in here.iterdir() if p.is_dir() and not p.is_symlink())
            except OSError:
                continue
        level = below
    return made


def _read(path: Path, name: str, site: str, camera: str) -> Bag | None:
    try:
        if path.stat().st_size > LARGEST:
            return None
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        plain: Any = yaml.load(path.read_bytes(), loader)["rosbag2_bagfile_information"]
        topics = {
            str(t["topic_metadata"]["name"]): int(t["message_count"])
            for t in plain["topics_with_message_count"]
        }
        start = int(plain["starting_time"]["nanoseconds_since_epoch"])
        end = start + int(plain["duration"]["nanoseconds"])
        count = int(plain["message_count"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return None
    wanted = {f"{names.camera_ns(site, camera)}/{t}" for t in (names.DETECTIONS, names.TRACKS)}
    return Bag(name, path.parent, start, end, count) if wanted & topics.keys() else None
