"""Bags: cut off, spoiled, made by others. Read as far as they are whole, or refused."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from random import Random

from bconnect_replay.adapters.bag import BagReader, BagWriter
from bconnect_replay.adapters.bag_file import BagFile, TopicInfo
from bconnect_site.errors import ConfigError
from fuzzing.engine import Run, Target, Wrong
from fuzzing.mutate import BINARY

SECOND = 1_000_000_000
NOW = 1_780_000_000 * SECOND
MOST = 400  # messages read of one bag; the seeds hold fewer


def _write(folder: Path) -> tuple[Path, Path]:
    """A small bag of ours: its MCAP file and its metadata.yaml."""
    shutil.rmtree(folder, ignore_errors=True)
    with BagWriter(folder) as bag:
        for tick in range(4):
            stamp = NOW + tick * SECOND
            users = bag.make(
                "bconnect_msgs/msg/RoadUserArray", header=bag.header(stamp, "s/utara"),
                image_width=640, image_height=360, kind=[4], track_id=[0], confidence=[0.9],
                x_min=[1.0], y_min=[2.0], x_max=[3.0], y_max=[4.0],
            )  # fmt: skip
            bag.write("/s/utara/detections", users, stamp)
            light = bag.make(
                "bconnect_msgs/msg/SignalState", header=bag.header(stamp), signal="lampu", aspect=1
            )
            bag.write("/s/signals", light, stamp)
    (file,) = folder.glob("*.mcap")
    return file, folder / "metadata.yaml"


def _recorded(folder: Path) -> bytes:
    """As the recorder leaves a file where the power fails: in small chunks, without an end."""
    path = folder / "cut.mcap"
    path.unlink(missing_ok=True)
    file = BagFile(path)
    topic = TopicInfo("/s/signals", "bconnect_msgs/msg/SignalState")
    with BagReader(folder / "seed") as bag:
        for number, (_, data, stamp) in enumerate(bag.raw(["/s/signals"])):
            file.write(topic, data, stamp, number)
    file.close()
    return path.read_bytes()


def _mcaps(folder: Path) -> Sequence[bytes]:
    file, _ = _write(folder / "seed")
    data, recorded = file.read_bytes(), _recorded(folder)
    return [data, recorded, recorded[: len(recorded) * 3 // 4], data[: len(data) // 2]]


def _summed(data: bytes, rng: Random) -> bytes:
    """Records with lengths that fit, and chunks whose checksum is not looked at (zero)."""
    made, at = bytearray(data), 8
    while at + 9 <= len(made):
        code, length = made[at], struct.unpack_from("<Q", made, at + 1)[0]
        if length > len(made) - at - 9:
            struct.pack_into("<Q", made, at + 1, max(0, len(made) - at - 9))
            break
        if code == 6 and length > 28:
            struct.pack_into("<I", made, at + 9 + 24, 0)
        at += 9 + length
    return bytes(made)


def _read(folder: Path) -> str:
    try:
        with BagReader(folder) as bag:
            count = 0
            for topic, data, stamp in islice(bag.raw(), MOST):
                bag.decode(topic, data)
                bag.current(topic, data)
                if stamp < 0:
                    raise Wrong(f"a stamp of {stamp}")
                count += 1
            if count == MOST:
                raise Wrong("more messages than were ever written")
            return f"{count > 0} {len(bag.topics)} {bag.warnings and 'rescued'}"
    except ConfigError as error:
        if not all(s.strip() and s.isprintable() for s in error.sentences):
            raise Wrong(f"no sentence: {str(error)[:80]!r}") from None
        return str(error).rpartition("bag is ")[2][:60].rpartition("/bag")[2]


def _files(folder: Path) -> Run:
    place = folder / "bag"
    file, about = _write(place)
    meta = about.read_bytes()

    def run(data: bytes) -> str:
        file.write_bytes(data)
        about.write_bytes(meta)
        told = _read(place)
        about.unlink()
        return f"{told}; {_read(place)}"

    return run


def _metadata(folder: Path) -> Run:
    place = folder / "bag"
    _, about = _write(place)

    def run(data: bytes) -> str:
        about.write_bytes(data)
        return _read(place)

    return run


TARGETS = (
    Target("bags", _files, _mcaps, 0.5, BINARY, _summed),
    Target("bag metadata", _metadata, lambda f: [_write(f / "m")[1].read_bytes()], 0.7),
)
