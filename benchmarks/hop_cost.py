"""What it costs to hand one image on: CPU on both sides, latency, loss.

Four ways at three sizes: image messages between two processes with Fast DDS's stock settings and
with our profile, shared memory between two processes, and by reference inside one process. Each
measurement has its own processes; rounds are interleaved. Takes about two minutes:

    ./bconnect python benchmarks/hop_cost.py [--rounds 1] [--write]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from results_page import put

SIZES = ((640, 360), (1280, 720), (1920, 1080))
WAYS = {
    "stock": "two processes, messages, stock settings",
    "profile": "two processes, messages, our profile",
    "shared": "two processes, shared memory",
    "reference": "one process, by reference",
}
HEADING = "## Image hop"
WARM_UP = 10  # frames
MEETING = 20.0  # s to find each other


@dataclass(frozen=True)
class Result:
    """One measurement; times in ms per image."""

    way: str
    width: int
    height: int
    sent: int
    received: int
    cpu_out: float
    cpu_in: float
    latency: float  # median
    latency95: float

    @property
    def cpu(self) -> float:
        return self.cpu_out + self.cpu_in

    @property
    def loss(self) -> float:
        return 1 - self.received / self.sent


# -- in the measured processes ---------------------------------------------------------------


def measured(way: str, role: str, size: tuple[int, int], rate: float, count: int) -> None:
    """One measured process: says "ready", obeys "start" and "stop", tells its figures."""
    import rclpy

    from bconnect_node import ring
    from bconnect_node.base import BconnectNode
    from bconnect_node.frames import Frame, FramePublisher, FrameSubscription
    from bconnect_node.run import Runner

    @dataclass(frozen=True)
    class NoParams:
        pass

    if way != "shared":
        ring.place = lambda: ""
    arrived: list[tuple[int, int]] = []

    def on_frame(frame: Frame) -> None:
        arrived.append((frame.stamp, time.monotonic_ns()))

    rclpy.init(args=[])
    runner = Runner()
    publisher: Any = None
    if role in ("out", "both"):
        node = BconnectNode("hop_out", NoParams)
        publisher = FramePublisher(node, "hop")
        runner.add(node)
    if role in ("in", "both"):
        node = BconnectNode("hop_in", NoParams)
        FrameSubscription(node, "hop", on_frame)
        runner.add(node)
    spinning = threading.Thread(target=runner.spin)
    spinning.start()
    if publisher is not None:
        _send(publisher, size, rate, WARM_UP, meet=True)
    print("ready", flush=True)
    sys.stdin.readline()
    arrived.clear()
    start = time.process_time()
    if publisher is not None:
        _send(publisher, size, rate, count)
        print("sent", flush=True)
    sys.stdin.readline()
    figures = {
        "cpu": 1e3 * (time.process_time() - start),
        "latencies": [(there - here) / 1e6 for here, there in arrived],
    }
    print(json.dumps(figures), flush=True)
    runner.stop()
    spinning.join()
    runner.close()


def _send(
    publisher: Any, size: tuple[int, int], rate: float, count: int, *, meet: bool = False
) -> None:
    import numpy as np

    from bconnect_node.frames import Frame

    pace = threading.Event()
    deadline = time.monotonic() + MEETING
    while meet and not publisher.wanted():
        if time.monotonic() > deadline:
            sys.exit("nobody subscribed")
        pace.wait(0.02)
    images = [np.full((size[1], size[0], 3), n, np.uint8) for n in range(4)]
    begin = time.monotonic()
    for number in range(count):
        pace.wait(max(0.0, begin + number / rate - time.monotonic()))
        publisher.publish(Frame(time.monotonic_ns(), "hop", images[number % 4]))
    pace.wait(0.5)  # what is still on the way


# -- around them -----------------------------------------------------------------------------


def measure(way: str, size: tuple[int, int], rate: float, count: int) -> Result:
    """One measurement in processes of its own."""
    from bconnect_node import environment

    env = dict(os.environ)
    profiles = (environment.PROFILE_VARIABLE, environment.OLD_PROFILE_VARIABLE)
    for name in profiles:
        env.pop(name, None)
    env |= {"ROS_LOG_DIR": "/tmp/bconnect_hop_cost"} | environment.middleware_env(env)
    if way == "stock":
        for name in profiles:
            env.pop(name, None)
    roles = ["both"] if way == "reference" else ["in", "out"]
    processes = [_start(way, role, size, rate, count, env) for role in roles]
    for process in processes:
        _expect(process, "ready")
    for process in processes:
        _tell(process, "start")
    _expect(processes[-1], "sent")
    for process in processes:
        _tell(process, "stop")
    figures = [json.loads(process.stdout.readline()) for process in processes]
    for process in processes:
        process.wait(20)
    return _result(way, size, count, figures)


def _result(way: str, size: tuple[int, int], count: int, figures: list[Any]) -> Result:
    latencies = sorted(figures[0]["latencies"])
    received = len(latencies)
    one = way == "reference"
    return Result(
        way=way,
        width=size[0],
        height=size[1],
        sent=count,
        received=received,
        cpu_out=figures[-1]["cpu"] / count,
        cpu_in=0.0 if one else figures[0]["cpu"] / count,
        latency=statistics.median(latencies) if latencies else float("nan"),
        latency95=latencies[math.ceil(0.95 * received) - 1] if latencies else float("nan"),
    )


def _start(
    way: str, role: str, size: tuple[int, int], rate: float, count: int, env: dict[str, str]
) -> Any:
    words = [way, role, f"{size[0]}x{size[1]}", str(rate), str(count)]
    return subprocess.Popen(
        [sys.executable, __file__, "--measured", *words],
        env=env,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def _expect(process: Any, word: str) -> None:
    line = process.stdout.readline().strip()
    if line != word:
        sys.exit(f"hop_cost: a measured process ended early (said {line!r}, wanted {word!r})")


def _tell(process: Any, word: str) -> None:
    process.stdin.write(word + "\n")
    process.stdin.flush()


def middle(results: list[Result], way: str, size: tuple[int, int]) -> Result:
    """The round with the median cost."""
    ours = [r for r in results if r.way == way and (r.width, r.height) == size]
    return sorted(ours, key=lambda r: r.cpu)[(len(ours) - 1) // 2]


def report(results: list[Result]) -> str:
    """The table and the ratios, as Markdown."""
    lines = [
        "| way | size | CPU out, ms | CPU in, ms | latency p50 / p95, ms | lost |",
        "|---|---|---|---|---|---|",
    ]
    for way, words in WAYS.items():
        for size in SIZES:
            r = middle(results, way, size)
            both = f"{r.cpu_out:.2f} | {r.cpu_in:.2f}" if r.cpu_in else f"{r.cpu_out:.2f} (both) |"
            late = "-" if not r.received else f"{r.latency:.2f} / {r.latency95:.2f}"
            lines.append(
                f"| {words} | {size[0]}x{size[1]} | {both} | {late} | {100 * r.loss:.0f} % |"
            )
    lines.append("")
    for size in SIZES:
        message, shared, inside = (
            middle(results, way, size) for way in ("profile", "shared", "reference")
        )
        lines.append(
            f"- {size[0]}x{size[1]}: a hop by shared memory costs {shared.cpu / message.cpu:.2f} of"
            f" the CPU of one by message with our profile ({shared.cpu:.2f} ms against"
            f" {message.cpu:.2f}), {shared.cpu / inside.cpu:.1f} times that of one by reference."
        )
    return "\n".join(lines)


def main() -> int:
    """Measures everything and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=25.0, help="images per second")
    parser.add_argument("--count", type=int, default=75, help="images per measurement")
    parser.add_argument("--rounds", type=int, default=1, help="the median round is shown")
    parser.add_argument("--write", action="store_true", help="also into docs/benchmarks.md")
    parser.add_argument("--json", action="store_true", help="every measurement as JSON instead")
    options = parser.parse_args()
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    results = []
    for turn in range(options.rounds):
        for size in SIZES:
            for way in WAYS:
                print(f"round {turn + 1}: {size[0]}x{size[1]}, {WAYS[way]} ...", file=sys.stderr)
                results.append(measure(way, size, options.rate, options.count))
    if options.json:
        print(json.dumps([asdict(r) for r in results], indent=1))
        return 0
    text = (
        f"{HEADING}\n\n{date.today()}, {os.cpu_count()} cores"
        f" (load average {os.getloadavg()[1]:.0f}), Python {platform.python_version()};"
        f" {options.count} images at {options.rate:g} Hz, median of {options.rounds} round(s), CPU"
        " time of all threads over images sent. `python benchmarks/hop_cost.py --write`.\n\n"
        f"{report(results)}\n"
    )
    print(text)
    if options.write:
        put(text, HEADING)
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measured"]:
        way, role, size, rate, count = sys.argv[2:]
        width, _, height = size.partition("x")
        measured(way, role, (int(width), int(height)), float(rate), int(count))
    else:
        sys.exit(main())
