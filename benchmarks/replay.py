"""Bags: how fast they are judged again, and who else can read them.

    ./bconnect python benchmarks/replay.py [--scenario harian] [--seed 3] [--seconds 120]

One simulated bag is made and judged again offline twice, each time in a new process (the bytes must
be equal): times real time for the whole bag and for one camera's stream, start-up apart, and where
the time goes. Then it is read to its end by our reader, by `rosbags` and by the `mcap` library, and
recorded once more by our recorder's file format and by rosbags' writer: messages per second, side
by side in one run. Last, what recording one camera's pictures costs. All times are CPU.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
from mcap.reader import make_reader
from rosbags.rosbag2 import Reader

from bconnect_camera.adapters.annexb import AnnexB
from bconnect_camera.adapters.pyav_source import PyavSource
from bconnect_camera.core.address import parse
from bconnect_camera.core.annexb import begins
from bconnect_camera.core.types import Packet
from bconnect_replay.adapters import jpeg
from bconnect_replay.adapters.bag import BagReader, BagWriter, make, own_types
from bconnect_replay.adapters.bag_file import BagRecording, TopicInfo
from bconnect_replay.adapters.bag_types import VIDEO, encoded
from bconnect_replay.core.splitting import Split

# A rerun in parts: what it takes until the first message, to read and decode, and in all.
RERUN = """
import json, resource, sys, time
from pathlib import Path
from bconnect_detect.adapters import bytetrack
from bconnect_replay.inputs import open_inputs
from bconnect_replay.rerun import judge_bag, write
bag, site, out = sys.argv[1:]
inputs = open_inputs(Path(bag), site, Path(out))
took = {"start": time.process_time()}
with inputs.bag:
    for _ in inputs.bag.messages():
        pass
    took["read"] = time.process_time() - took["start"]
    begun = time.process_time()
    write(judge_bag(inputs), Path(out))
    took["judge"] = time.process_time() - begun
took["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps(took))
"""


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

    outs = [root / "found0", root / "found1"]
    tries = [judged(bag, made / "site.yaml", out) for out in outs]
    best = min(tries, key=lambda took: took["judge"])
    start, judge, read = best["start"], best["judge"], best["read"]
    print(f"rerun: start-up {start:.1f} s CPU, then {judge:.1f} s; at most {best['memory']:.0f} MB")
    print(
        f"  the whole bag: {seconds / judge:.1f}x real time, {seconds / (start + judge):.1f}x with"
    )
    print(f"  start-up; one camera's stream: {cameras * seconds / judge:.0f}x,", end=" ")
    print(f"{cameras * seconds / (start + judge):.0f}x with start-up")
    print(f"  reading and decoding every message alone: {read:.2f} s, {100 * read / judge:.0f} %")
    digests = [hashlib.sha256((out / "findings.jsonl").read_bytes()).digest() for out in outs]
    print(f"  twice the same bytes: {digests[0] == digests[1]}")

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
    pictures(root)
    return 0 if digests[0] == digests[1] else 1


def pictures(root: Path) -> None:
    """What a second of one camera's pictures costs the recorder, as JPEG and as encoded."""
    film = root / "film.mp4"
    rng = np.random.default_rng(1)
    ground = cv2.resize(rng.integers(0, 255, (90, 160, 3), np.uint8), (1920, 1080))
    shown = [np.roll(ground, 6 * n, axis=1) for n in range(100)]
    with av.open(str(film), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        stream.bit_rate = 4_000_000
        stream.options = {"preset": "veryfast", "g": "50", "bf": "0"}
        for image in shown:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    source = PyavSource(
        parse(f"file://{film}"),
        clock=lambda: 1_800_000_000 * 10**9,
        steady=lambda: 0.0,
        wait=lambda _: False,
        hardware=False,
    )
    source.open()
    packets = [item for item in source.read() if isinstance(item, Packet)]
    source.close()
    small = [cv2.resize(image, (640, 360), interpolation=cv2.INTER_AREA) for image in shown[:40]]

    def as_encoded() -> int:
        writer, bag = AnnexB(packets[0].info), BagRecording(root / "encoded", Split())
        for packet in packets:
            data = writer.convert(packet)
            cdr = encoded(packet.stamp, "camera", data, writer.form)
            bag.write(TopicInfo("/v", VIDEO, grouped=True), cdr, packet.stamp, begins(data, "h264"))
        bag.close()
        return len(packets)

    def as_jpeg() -> int:
        bag, kind = BagRecording(root / "jpeg", Split()), "sensor_msgs/msg/CompressedImage"
        for n, image in enumerate(small):
            data = np.frombuffer(jpeg.encode(image, 85), np.uint8)
            message = make(own_types(), kind, format="jpeg", data=data)
            bag.write(TopicInfo("/j", kind), bytes(own_types().serialize_cdr(message, kind)), n)
        bag.close()
        return len(small)

    for name, work, count, hertz in (
        ("encoded, 1920x1080 at 25 Hz", as_encoded, len(packets), 25),
        ("JPEG, 640x360 at 10 Hz", as_jpeg, len(small), 10),
    ):
        cost = hertz / rate(count, work)
        folder = root / name.split(",")[0].lower()
        size = sum(f.stat().st_size for f in folder.glob("*.mcap")) / 1e6 * hertz / count
        print(
            f"pictures {name:28} {1000 * cost:5.1f} ms CPU and {size:.2f} MB a second of a camera"
        )


def judged(bag: Path, site: Path, out: Path) -> dict[str, float]:
    """Judges a bag in a process of its own; s of CPU by part, and MB."""
    command = [sys.executable, "-c", RERUN, str(bag), str(site), str(out)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    took: dict[str, float] = json.loads(done.stdout)
    return took


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
