"""Bags: how fast they are judged again, and who else can read them.

    ./bconnect python benchmarks/replay.py [--scenario harian] [--seed 3] [--seconds 120]

One simulated bag is made, judged again offline twice (the bytes must be equal), read to its end by
our reader, by `rosbags` and by the `mcap` library, and recorded once more by our recorder's file
format and by rosbags' writer: messages per second, side by side in one run.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mcap.reader import make_reader
from rosbags.rosbag2 import Reader

from bconnect_replay.adapters.bag import BagReader, BagWriter
from bconnect_replay.adapters.bag_file import BagRecording, TopicInfo
from bconnect_replay.core.splitting import Split

RERUN = "import sys; from bconnect_replay.rerun import main; sys.exit(main(sys.argv[1:]))"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="harian")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=120.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        made = root / "made"
        command = [sys.executable, "-m", "bconnect_bringup.cli", "sim", options.scenario]
        command += ["--seed", str(options.seed), "--out", str(made)]
        command += ["--duration", str(options.seconds)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return measure(made, root)


def measure(made: Path, root: Path) -> int:
    bag = made / "bag"
    with BagReader(bag) as reader:
        seconds = (reader.end - reader.start) / 1e9
        cameras = sum(name.endswith("/detections") for name in reader.topics)
        count = sum(topic.count for topic in reader.topics.values())
    print(f"bag: {seconds:.0f} s, {cameras} cameras, {count} messages")

    digests, cpu = [], []
    for n in range(2):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        out = root / f"found{n}"
        subprocess.run(
            [
                sys.executable,
                "-c",
                RERUN,
                str(bag),
                "--site",
                str(made / "site.yaml"),
                "--out",
                out,
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        digests.append(hashlib.sha256((out / "findings.jsonl").read_bytes()).hexdigest())
        memory = after.ru_maxrss / 1024
    print(f"rerun: {min(cpu):.1f} s CPU: {seconds / min(cpu):.1f}x real time for all cameras,")
    print(f"       {cameras * seconds / min(cpu):.0f}x for one; at most {memory:.0f} MB")
    print(f"       twice the same bytes: {digests[0] == digests[1]}")

    rates = {
        "bconnect BagReader, raw": rate(count, lambda: ours(bag)),
        "rosbags Reader": rate(count, lambda: rosbags(bag)),
        "mcap library": rate(count, lambda: mcap(bag)),
    }
    slowest = min(rates.values())
    for name, value in rates.items():
        print(f"read  {name:26} {value / 1000:7.0f} k messages/s  {value / slowest:5.1f}x")
    with BagReader(bag) as reader:
        messages = list(reader.raw())
        types = {name: topic.type for name, topic in reader.topics.items()}
    rates = {
        "bconnect recording (zstd)": rate(count, lambda: record(root / "one", messages, types)),
        "rosbags Writer (no zstd)": rate(count, lambda: write(root / "two", messages, types)),
    }
    slowest = min(rates.values())
    for name, value in rates.items():
        print(f"write {name:26} {value / 1000:7.0f} k messages/s  {value / slowest:5.1f}x")
    for name in ("one", "two"):
        size = sum(f.stat().st_size for f in (root / name).iterdir())
        print(f"      {name}: {size / 1e6:.1f} MB")
    return 0 if digests[0] == digests[1] else 1


def rate(count: int, work: Callable[[], int]) -> float:
    """Messages per second of CPU."""
    before = time.process_time()
    handled = work()
    if handled != count:
        raise AssertionError(f"{handled} of {count} messages")
    return count / (time.process_time() - before)


def ours(bag: Path) -> int:
    with BagReader(bag) as reader:
        return sum(1 for _ in reader.raw())


def rosbags(bag: Path) -> int:
    with Reader(bag) as reader:
        return sum(1 for _ in reader.messages())


def mcap(bag: Path) -> int:
    total = 0
    for file in bag.glob("*.mcap"):
        with file.open("rb") as stream:
            total += sum(1 for _ in make_reader(stream).iter_messages())
    return total


def record(folder: Path, messages: list[tuple[str, bytes, int]], types: dict[str, str]) -> int:
    recording = BagRecording(folder, Split(1 << 30, 0))
    topics = {name: TopicInfo(name, kind) for name, kind in types.items()}
    for name, data, stamp in messages:
        recording.write(topics[name], bytes(data), stamp)
    recording.close()
    return recording.messages


def write(folder: Path, messages: list[tuple[str, bytes, int]], types: dict[str, str]) -> int:
    with BagWriter(folder) as bag:
        for name, data, stamp in messages:
            bag.write_raw(name, types[name], data, stamp)
    return len(messages)


if __name__ == "__main__":
    sys.exit(main())
