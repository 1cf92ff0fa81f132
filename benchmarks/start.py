"""How soon a corridor can find something, and what each camera more costs in memory.

    python benchmarks/start.py [--cameras 2 12] [--clip CLIP] [--adapter onnxruntime] [--write]

A site of so many cameras on one clip is started as ``bconnect up`` starts it. *Ready* is when
every camera's tracks have come out of the tracker, under a rule checker that is there; counted
from the moment the detector says that its model is loaded. Memory is the proportional share
(PSS) of all processes then, and half a minute later.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

from results_page import put

ROOT = Path(__file__).parents[1]
CLIP = ROOT / "var" / "footage" / "vtest.avi"
HEADING = "## Start and memory"
LONGEST = 240.0  # s


def main() -> None:
    """Starts each corridor in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cameras", type=int, nargs="+", default=[2, 12])
    parser.add_argument("--clip", type=Path, default=CLIP)
    parser.add_argument("--adapter", default="onnxruntime")
    parser.add_argument("--settle", type=float, default=30.0, help="s until memory is read again")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    options = parser.parse_args()
    if not options.clip.is_file():
        sys.exit(f"{options.clip}: there is no such clip; give one: --clip CLIP")
    found = {}
    for count in options.cameras:
        found[count] = measured(count, options)
        print(f"  {count} cameras: {json.dumps(found[count])}", file=sys.stderr)
    text = report(found, options)
    print(text)
    if options.write:
        put(text, HEADING)


def measured(count: int, options: argparse.Namespace) -> dict[str, float]:
    """One corridor, from its start to its end."""
    domain = str(1 + (os.getpid() + count) % 100)
    with tempfile.TemporaryDirectory() as folder:
        site = _site(Path(folder), count, options)
        env = {**os.environ, "ROS_DOMAIN_ID": domain}
        command = [sys.executable, "-m", "bconnect_bringup.cli", "up", str(site)]
        began = time.monotonic()
        with (Path(folder) / "log").open("w") as log:
            up = subprocess.Popen(
                [*command, "--state", f"{folder}/state"], env=env, stdout=log, stderr=log
            )
            try:
                return _watch(up, count, domain, began, options)
            finally:
                up.send_signal(signal.SIGTERM)
                up.wait(30)


def _site(folder: Path, count: int, options: argparse.Namespace) -> Path:
    import yaml

    whole = [[0.01, 0.01], [0.99, 0.01], [0.99, 0.99], [0.01, 0.99]]
    zone = {"kind": "no_parking", "region": whole, "dwell": 3600.0, "basis": "sign S-12"}
    camera: dict[str, Any] = {
        "source": f"file://{options.clip.resolve()}",
        "loop": True,
        "detect": {"width": 640, "height": 480, "rate": 5.0},
        "zones": {"parkir": zone},
        "rules": ["illegal_parking"],
    }
    site = {
        "site": "mulai",
        "kind": "corridor",
        "title": "Start",
        "detector": {"adapter": options.adapter, "threads": 1},
        "cameras": {f"kamera_{n + 1}": camera for n in range(count)},
    }
    path = folder / "mulai.yaml"
    path.write_text(yaml.safe_dump(site))
    return path


def _watch(
    up: Any, count: int, domain: str, began: float, options: argparse.Namespace
) -> dict[str, float]:
    os.environ["ROS_DOMAIN_ID"] = domain
    import rclpy
    from bconnect_msgs.msg import RoadUserArray, SiteInfo

    from bconnect_node import environment, qos
    from bconnect_node.run import make_executor

    environment.apply()
    rclpy.init()
    node, executor = rclpy.create_node("waiting", namespace="/mulai"), make_executor()
    at: dict[str, float] = {}
    everybody = threading.Event()

    def heard(name: str) -> None:
        at.setdefault(name, time.monotonic())
        if len(at) == count + 1:
            everybody.set()

    node.create_subscription(SiteInfo, "site_info", lambda m: heard("model"), qos.STATE)
    for n in range(count):
        name = f"kamera_{n + 1}"
        node.create_subscription(
            RoadUserArray, f"{name}/tracks", lambda m, name=name: heard(name), qos.STREAM
        )
    executor.add_node(node)
    while not everybody.is_set():
        if up.poll() is not None or time.monotonic() - began > LONGEST:
            sys.exit(f"the corridor of {count} cameras never got ready; heard {sorted(at)}")
        executor.spin_until_future_complete(rclpy.task.Future(), timeout_sec=0.2)
    ready = max(at.values())
    first = memory(up.pid)
    settled = time.monotonic() + options.settle
    while time.monotonic() < settled:
        executor.spin_until_future_complete(rclpy.task.Future(), timeout_sec=0.5)
    told = {
        "model": at["model"] - began,
        "ready": ready - began,
        "after_model": ready - at["model"],
        "pss": first,
        "pss_later": memory(up.pid),
        "processes": float(len(_processes(up.pid))),
    }
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()
    return {key: round(value, 1) for key, value in told.items()}


def _processes(pid: int) -> list[Any]:
    import psutil

    return psutil.Process(pid).children(recursive=True)


def memory(pid: int) -> float:
    """MB, proportional share of what a process started."""
    return sum(p.memory_full_info().pss for p in _processes(pid)) / 1e6


def report(found: dict[int, dict[str, float]], options: argparse.Namespace) -> str:
    """The section of docs/benchmarks.md."""
    lines = [
        HEADING,
        "",
        f"{date.today()}, {os.cpu_count()} cores, load average {os.getloadavg()[1]:.0f}; "
        f"`{options.clip.name}` looped, {options.adapter}, one thread. "
        "`python benchmarks/start.py --write`.",
        "",
        "| cameras | processes | model loaded after, s | every camera's tracks, s after that "
        "| memory then, MB | later, MB |",
        "|---|---|---|---|---|---|",
    ]
    for count, told in found.items():
        lines.append(
            f"| {count} | {told['processes']:.0f} | {told['model']:.1f} "
            f"| {told['after_model']:.1f} | {told['pss']:.0f} | {told['pss_later']:.0f} |"
        )
    least, most = min(found), max(found)
    if most > least:
        each = (found[most]["pss_later"] - found[least]["pss_later"]) / (most - least)
        lines += ["", f"Each camera more: {each:.0f} MB."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
