"""How late the centre's feed is: from a finding's publication on a topic to its line in a browser.

`bconnect center` runs as it would, with its listener as a process of its own; this process
publishes findings and reads the stream of events as several browsers do. Prints percentiles.

    ./bconnect python benchmarks/center_live.py --rate 50 --seconds 30 --browsers 3
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

FILE = """
title: Benchmark
root: state
sites: [beruang_madu]
live: {beruang_madu: {domain: %d}}
listen: {port: %d}
"""
PASSWORD = "kata-sandi-yang-panjang"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=50.0, help="findings per second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--browsers", type=int, default=3)
    parser.add_argument("--cameras", type=int, default=12, help="live pictures; 0: none")
    parser.add_argument("--port", type=int, default=18099)
    options = parser.parse_args()
    domain = int(os.environ.get("ROS_DOMAIN_ID") or 77)
    os.environ["ROS_DOMAIN_ID"] = str(domain)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "center.yaml"
        file.write_text(FILE % (domain, options.port))
        command = [sys.executable, "-m", "bconnect_bringup.cli", "center", str(file)]
        link = subprocess.run(
            [*command, "--user", "watcher"], capture_output=True, text=True, check=True
        ).stdout.rpartition("/invitation/")[2]
        centre = subprocess.Popen(command)
        try:
            measure(options, f"http://127.0.0.1:{options.port}", link.strip(), centre.pid)
        finally:
            centre.terminate()
            centre.wait(15)


def until(what: Callable[[], Any], seconds: float = 40.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = what()
        except httpx.HTTPError:
            found = None
        if found:
            return found
        time.sleep(0.1)
    raise SystemExit(f"waited {seconds} s in vain")


def measure(options: argparse.Namespace, url: str, secret: str, pid: int) -> None:
    import rclpy
    from bconnect_msgs.msg import Finding

    from bconnect_node import environment, qos

    environment.apply()
    rclpy.init()
    node = rclpy.create_node("street")
    publisher = node.create_publisher(Finding, "/beruang_madu/findings", qos.EVENT)
    until(lambda: httpx.get(f"{url}/healthz").status_code == 200)
    client = httpx.Client(base_url=url, timeout=None)
    words = {"password": PASSWORD, "again": PASSWORD}
    assert client.post(f"/invitation/{secret}", data=words).status_code == 303
    until(lambda: publisher.get_subscription_count() >= 1)
    sent: dict[str, float] = {}
    delays: list[list[float]] = [[] for _ in range(options.browsers)]
    ready = threading.Barrier(options.browsers + 1)

    def browse(mine: list[float]) -> None:
        with suppress(httpx.HTTPError), client.stream("GET", "/api/feed/stream") as answer:
            ready.wait()
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    item = json.loads(line[6:])
                    mine.append(time.monotonic() - sent[item["camera"]])

    for mine in delays:
        threading.Thread(target=browse, args=(mine,), daemon=True).start()
    ready.wait()
    time.sleep(1.5)
    count = int(options.rate * options.seconds)
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    before = [sum(p.cpu_times()[:2]) for p in family]
    start = time.monotonic()
    for n in range(count):
        time.sleep(max(0.0, start + n / options.rate - time.monotonic()))
        finding = Finding(id=f"f-{n}", type=1 + n % 12, site="beruang_madu", camera=f"kamera_{n}")
        finding.header.stamp = node.get_clock().now().to_msg()
        sent[finding.camera] = time.monotonic()
        publisher.publish(finding)
    wall = time.monotonic() - start
    until(lambda: all(len(mine) >= count for mine in delays), 20.0)
    used = [100 * (sum(p.cpu_times()[:2]) - b) / wall for p, b in zip(family, before, strict=True)]
    found = np.array([delay for mine in delays for delay in mine])
    p50, p95, p99 = np.percentile(found, [50, 95, 99])
    print(
        f"{count} findings at {options.rate:g}/s, {options.browsers} browsers: "
        f"p50 {p50:.3f} s, p95 {p95:.3f} s, p99 {p99:.3f} s, most {found.max():.3f} s; "
        f"CPU % of a core: {', '.join(f'{u:.0f}' for u in used)}; load {os.getloadavg()[0]:.1f}"
    )
    if options.cameras:
        watch(options, node, client, family)
    node.destroy_node()
    rclpy.try_shutdown()


def watch(options: argparse.Namespace, node: Any, client: httpx.Client, family: list[Any]) -> None:
    """Live pictures: how many reach each browser, how old, and what they cost."""
    from bconnect_msgs.msg import SiteInfo
    from sensor_msgs.msg import Image

    from bconnect_center.adapters.pictures import HEAD, NOBODY
    from bconnect_node import qos
    from bconnect_node.images import Frame, to_image
    from bconnect_site.loader import load_site, resolve_site

    site = load_site(resolve_site("beruang_madu"))
    cameras = list(site.site.cameras)[: options.cameras]
    info = SiteInfo(site="beruang_madu", cameras=cameras, site_yaml=site.to_yaml())
    about = node.create_publisher(SiteInfo, "/beruang_madu/site_info", qos.STATE)
    about.publish(info)
    publishers = [
        node.create_publisher(Image, f"/beruang_madu/{c}/image_raw", qos.SENSOR) for c in cameras
    ]
    noise = np.random.default_rng(1).integers(0, 255, (45, 80, 3), np.uint8)
    image = np.kron(noise, np.ones((8, 8, 1), np.uint8))  # 640 x 360
    wanted = [("camera", f"beruang_madu/{camera}") for camera in cameras]
    until(lambda: client.get("/api/live/states?site=beruang_madu").json())
    ages: list[float] = []
    sizes: list[int] = []

    def look() -> None:
        data = bytearray()
        with suppress(httpx.HTTPError), client.stream(
            "GET", "/api/wall/stream", params=wanted
        ) as answer:  # fmt: skip
            for piece in answer.iter_bytes():
                data += piece
                while len(data) >= HEAD.size:
                    number, stamp, length = HEAD.unpack_from(data)
                    if len(data) < HEAD.size + length:
                        break
                    if number != NOBODY and length:
                        ages.append((node.get_clock().now().nanoseconds - stamp) / 1e9)
                        sizes.append(length)
                    del data[: HEAD.size + length]

    for _ in range(options.browsers):
        threading.Thread(target=look, daemon=True).start()
    until(lambda: all(p.get_subscription_count() for p in publishers))
    before = [sum(p.cpu_times()[:2]) for p in family]
    ages.clear()
    start, seconds = time.monotonic(), 10.0
    for n in range(int(10 * seconds)):
        time.sleep(max(0.0, start + n / 10 - time.monotonic()))
        for publisher in publishers:
            publisher.publish(to_image(Frame(node.get_clock().now().nanoseconds, "c", image)))
    used = [
        100 * (sum(p.cpu_times()[:2]) - b) / seconds for p, b in zip(family, before, strict=True)
    ]
    each = len(ages) / seconds / options.browsers / len(cameras)
    print(
        f"{len(cameras)} cameras 640x360, {options.browsers} browsers: {each:.1f} pictures/s each, "
        f"{np.mean(sizes) / 1000:.0f} kB, age p50 {np.median(ages):.3f} s, "
        f"p95 {np.percentile(ages, 95):.3f} s; "
        f"CPU % of a core: {', '.join(f'{u:.0f}' for u in used)}; load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
