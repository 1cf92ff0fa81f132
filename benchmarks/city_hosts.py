"""A city on many hosts: how much finding each other costs, by number of sites.

    python benchmarks/city_hosts.py [--sites 5 22 50] [--cameras 10] [--write] [--json]

Network namespaces stand for hosts (five sites each), a bridge for the city's network. Two ways, in
turn: *ours*, each site in a domain of its own on loopback, joined to the centre by its real relay
over TLS; and *one domain*, everybody in one DDS domain on the network, the centre a participant.
Counted are the bytes and packets at each host's network interface until the centre has heard of
every site and five seconds more, the seconds until then, and the traffic of ten idle seconds.

Whole graphs do not fit: one participant with all topics of the site's plan stands for the four to
six processes of a site. Needs root and `ip netns`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from results_page import put

HEADING = "## A city on many hosts"
SITES_PER_HOST = 5
NET, PORT = "10.77", 7447
CENTRE = f"{NET}.0.1"
SETTLE, IDLE = 5.0, 10.0  # s
LONGEST = 180.0  # s
SHARED_DOMAIN = 42
PREFIX = f"bc{os.getpid() % 10000}"
WAYS = {"ours": "ours", "one": "one domain"}


# -- in the measured processes ---------------------------------------------------------------


def site_host(told: dict[str, Any]) -> None:
    """A host: the stand-ins of its sites, each with its relay in our way."""
    import rclpy
    from bconnect_msgs.msg import SiteInfo
    from rclpy.context import Context
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.node import Node

    from bconnect_spool import relayed
    from bconnect_spool.relay_node import Relay

    print("ready", flush=True)
    sys.stdin.readline()
    held: list[Any] = []

    def participant(domain: int, make: Any) -> Any:
        context = Context()
        rclpy.init(context=context, args=[], domain_id=domain)
        node = make(context)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        threading.Thread(target=executor.spin, daemon=True).start()
        held.extend((context, node, executor))
        return node

    for site, domain in told["sites"].items():
        cameras = [f"camera_{n}" for n in range(told["cameras"])]

        def stand_in(context: Any, site: str = site, cameras: list[str] = cameras) -> Any:
            node = Node("site", namespace=f"/{site}", context=context, enable_rosout=False,
                        start_parameter_services=False)  # fmt: skip
            made = {
                topic: node.create_publisher(kind, topic, profile)
                for topic, kind, profile in relayed.topics(cameras)
            }
            made["site_info"].publish(SiteInfo(site=site, cameras=cameras))
            return node

        def relay(context: Any, site: str = site, cameras: list[str] = cameras) -> Any:
            return Relay(namespace=f"/{site}", context=context, parameter_overrides={
                "site": site, "endpoint": f"tls/{CENTRE}:{PORT}", "cameras": cameras,
                "ca": f"{told['papers']}/ca.pem", "certificate": f"{told['papers']}/{site}.pem",
                "certificate_key": f"{told['papers']}/{site}.key",
            })  # fmt: skip

        participant(domain, stand_in)
        if told["way"] == "ours":
            participant(domain, relay)
    print("made", flush=True)
    sys.stdin.readline()
    os._exit(0)


def centre_host(told: dict[str, Any]) -> None:
    """The centre: hears the topics of every site, and says when it knows of all."""
    import rclpy
    from bconnect_msgs.msg import SiteInfo
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.node import Node
    from rclpy.serialization import deserialize_message

    from bconnect_spool import relayed
    from bconnect_spool.adapters.zenoh_link import CentreEnd, Papers

    print("ready", flush=True)
    sys.stdin.readline()
    missing, cameras = set(told["sites"]), [f"camera_{n}" for n in range(told["cameras"])]

    def heard(m: Any) -> None:
        if m.site in missing:
            missing.discard(m.site)
            if not missing:
                print("whole", flush=True)

    if told["way"] == "ours":
        folder = told["papers"]
        papers = Papers(f"{folder}/ca.pem", f"{folder}/pusat.pem", f"{folder}/pusat.key")
        end = CentreEnd(f"tls/{CENTRE}:{PORT}", told["sites"], papers)
        for site in told["sites"]:
            wire = end.site(site)
            for topic, _, _ in relayed.topics(cameras):
                wire.hear(topic.lstrip("/"), lambda data: None)
            wire.hear("site_info", lambda data: heard(deserialize_message(data, SiteInfo)))
            wire.begin()
    else:
        rclpy.init(args=[], domain_id=SHARED_DOMAIN)
        node = Node("centre", enable_rosout=False, start_parameter_services=False)
        for site in told["sites"]:
            for topic, kind, profile in relayed.topics(cameras):
                name = topic if topic.startswith("/") else f"/{site}/{topic}"
                each = heard if topic == "site_info" else (lambda m: None)
                node.create_subscription(kind, name, each, profile)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        threading.Thread(target=executor.spin, daemon=True).start()
    print("made", flush=True)
    sys.stdin.readline()
    os._exit(0)


# -- around them -----------------------------------------------------------------------------


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@contextmanager
def network(count: int) -> Iterator[list[str]]:
    """So many hosts on one bridge: their namespaces, the centre's first."""
    spaces = [f"{PREFIX}h{n}" for n in range(count + 1)]
    bridge = f"{PREFIX}br"
    try:
        _ip("link", "add", bridge, "type", "bridge", "mcast_snooping", "0")
        _ip("link", "set", bridge, "up")
        for n, space in enumerate(spaces):
            _ip("netns", "add", space)
            inside, outside = f"{PREFIX}i{n}", f"{PREFIX}o{n}"
            _ip("link", "add", outside, "type", "veth", "peer", "name", inside)
            _ip("link", "set", inside, "netns", space)
            _ip("link", "set", outside, "master", bridge, "up")
            run = ("-n", space)
            _ip(*run, "link", "set", inside, "name", "eth0")
            address = f"{NET}.{n // 200}.{n % 200 + 1}/16"
            _ip(*run, "addr", "add", address, "dev", "eth0")
            for device in ("lo", "eth0"):
                _ip(*run, "link", "set", device, "up")
            _ip(*run, "route", "add", "default", "dev", "eth0")
        yield spaces
    finally:
        for space in spaces:
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "del", space)
        with suppress(subprocess.CalledProcessError):
            _ip("link", "del", bridge)


def possible() -> str | None:
    """Why it cannot be shown here, as a sentence; None: it can."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return "city_hosts: needs root and the command ip (iproute2); skipped"
    try:
        with network(0):
            return None
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip()
        return f"city_hosts: this machine makes no network namespaces ({said}); skipped"


def environment_of(way: str, folder: Path) -> dict[str, str]:
    """Shared memory would join namespaces that only share a kernel, so both ways use UDP."""
    from bconnect_node.environment import PROFILE

    env = {k: v for k, v in os.environ.items() if not k.startswith(("FASTDDS_", "FASTRTPS_"))}
    env |= {"ROS_LOG_DIR": str(folder / "log"), "RCUTILS_LOGGING_SEVERITY": "FATAL"}
    if way == "one":
        return env | {
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET", "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4",
        }  # fmt: skip
    text = PROFILE.read_text().replace("<transport_id>bconnect_shm</transport_id>\n          ", "")
    profile = folder / "loopback.xml"
    profile.write_text(text)
    return env | {
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "SYSTEM_DEFAULT",
        "FASTDDS_DEFAULT_PROFILES_FILE": str(profile),
    }


def counted(pid: int, device: str = "eth0") -> tuple[int, int]:
    """Bytes and packets, in and out, at a device of a process's host."""
    for line in Path(f"/proc/{pid}/net/dev").read_text().splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == device:
            n = [int(word) for word in numbers.split()]
            return n[0] + n[8], n[1] + n[9]
    raise ValueError(f"no {device} at {pid}")


def measure(way: str, count: int, cameras: int, folder: Path) -> dict[str, float]:
    """One city, one way."""
    from bconnect_center.adapters.papers import issue
    from bconnect_site import domains

    sites = [f"site_{n}" for n in range(count)]
    papers = folder / "papers"
    for name in ("pusat", *sites):
        if not (papers / f"{name}.pem").exists():
            issue(papers, name, time.clock_gettime_ns(time.CLOCK_REALTIME), (CENTRE,))
    hosts = math.ceil(count / SITES_PER_HOST)
    on = {n: sites[n * SITES_PER_HOST : (n + 1) * SITES_PER_HOST] for n in range(hosts)}
    wishes = [domains.Wish(s, f"host_{n}", 14) for n, here in on.items() for s in here]
    numbers, _ = domains.assign(wishes)
    if way == "one":
        numbers = dict.fromkeys(numbers, SHARED_DOMAIN)
    told = {"way": way, "cameras": cameras, "papers": str(papers)}
    parts = [{**told, "role": "centre", "sites": sites}]
    parts += [{**told, "role": "host", "sites": {s: numbers[s] for s in on[n]}} for n in on]
    with network(hosts) as spaces:
        env = environment_of(way, folder)
        started = [_start(space, part, env) for space, part in zip(spaces, parts, strict=True)]
        try:
            return _watch(started)
        finally:
            for process in started:
                process.kill()
                process.wait()


def _start(space: str, part: dict[str, Any], env: dict[str, str]) -> Any:
    words = ["ip", "netns", "exec", space, sys.executable, __file__, "--part", json.dumps(part)]
    return subprocess.Popen(
        words, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _watch(started: list[Any]) -> dict[str, float]:
    said: list[list[str]] = [[] for _ in started]

    def read(n: int) -> None:
        for line in started[n].stdout:
            said[n].append(line.strip())

    for n in range(len(started)):
        threading.Thread(target=read, args=(n,), daemon=True).start()
    pace = threading.Event()

    def until(condition: Any) -> bool:
        deadline = time.monotonic() + LONGEST
        while not condition():
            if any(p.poll() is not None for p in started):
                sys.exit(f"city_hosts: a measured process ended early: {said}")
            if time.monotonic() > deadline:
                return False
            pace.wait(0.02)
        return True

    if not until(lambda: all("ready" in lines for lines in said)):
        sys.exit(f"city_hosts: not all processes began within {LONGEST:g} s")
    pids = [process.pid for process in started]
    before = [counted(pid) for pid in pids]
    cpu, begin = _cpu(pids), time.monotonic()
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    there = until(lambda: "whole" in said[0] and all("made" in lines for lines in said))
    whole = time.monotonic() - begin if there else math.inf
    pace.wait(SETTLE)
    after, spent = [counted(pid) for pid in pids], _cpu(pids) - cpu
    pace.wait(IDLE)
    idle = [counted(pid) for pid in pids]
    hosts = range(1, len(started))
    n = len(hosts)
    return {
        "whole": whole,
        "cpu": spent,
        "host_bytes": sum(after[h][0] - before[h][0] for h in hosts) / n,
        "host_packets": sum(after[h][1] - before[h][1] for h in hosts) / n,
        "centre_bytes": after[0][0] - before[0][0],
        "all_bytes": sum(after[h][0] - before[h][0] for h in hosts),
        "idle_bytes": sum(idle[h][0] - after[h][0] for h in hosts) / n / IDLE,
        "idle_packets": sum(idle[h][1] - after[h][1] for h in hosts) / n / IDLE,
    }


def _cpu(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def report(found: dict[tuple[str, int], dict[str, float]], sizes: list[int], cameras: int) -> str:
    """The table and the growth, as Markdown."""
    lines = [
        "| sites (cameras) | way | whole after, s | CPU, s | of a host: kB | packets |"
        " idle: kB/s | packets/s | of all hosts, MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for count in sizes:
        for way, words in WAYS.items():
            f = found[(way, count)]
            lines.append(
                f"| {count} ({count * cameras}) | {words} | {_seconds(f['whole'])} |"
                f" {f['cpu']:.0f} |"
                f" {f['host_bytes'] / 1e3:.0f} | {f['host_packets']:.0f} |"
                f" {f['idle_bytes'] / 1e3:.2f} | {f['idle_packets']:.1f} |"
                f" {f['all_bytes'] / 1e6:.2f} |"
            )
    first, last = sizes[0], sizes[-1]
    lines.append("")
    for way, words in WAYS.items():
        small, large = found[(way, first)], found[(way, last)]
        power = math.log(large["all_bytes"] / small["all_bytes"]) / math.log(last / first)
        lines.append(
            f"- {words}: {last / first:g} times the sites,"
            f" {large['all_bytes'] / small['all_bytes']:.1f} times the bytes of all hosts (sites to"
            f" the power of {power:.2f}), {large['host_bytes'] / small['host_bytes']:.2f} times"
            " those of one host."
        )
    ours, one = found[("ours", last)], found[("one", last)]
    lines.append(
        f"- At {last} sites one domain costs {one['host_bytes'] / ours['host_bytes']:.0f} times the"
        f" bytes of a host, {one['idle_bytes'] / ours['idle_bytes']:.0f} times them when idle, and"
        f" {one['cpu'] / ours['cpu']:.1f} times the CPU, all hosts together."
    )
    return "\n".join(lines)


def _seconds(whole: float) -> str:
    return f"{whole:.1f}" if math.isfinite(whole) else f"not within {LONGEST:g}"


def main() -> int:
    """Measures each size both ways and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", type=int, nargs="+", default=[5, 22, 50])
    parser.add_argument("--cameras", type=int, default=10, help="of a site")
    parser.add_argument("--write", action="store_true", help="also into docs/benchmarks.md")
    parser.add_argument("--json", action="store_true", help="every figure instead")
    options = parser.parse_args()
    if why := possible():
        print(why)
        return 0
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in options.sites:
            for way in WAYS:
                print(f"{count} sites, {WAYS[way]} ...", file=sys.stderr)
                found[(way, count)] = measure(way, count, options.cameras, Path(folder))
                print(json.dumps(found[(way, count)]), file=sys.stderr)
    if options.json:
        print(json.dumps([{"way": w, "sites": n, **f} for (w, n), f in found.items()], indent=1))
        return 0
    shown = " ".join(map(str, options.sites))
    text = (
        f"{HEADING}\n\n{date.today()}, 2 cores, Debian 12, load average"
        f" {os.getloadavg()[1]:.0f}; network namespaces as hosts, {SITES_PER_HOST} sites each, one"
        f" participant with the topics of {options.cameras} cameras for each site (so the real"
        " figures of one domain are larger by the square of a site's processes), no shared memory;"
        " ours, idle, is the relays' own diagnostics and keep-alives; one round."
        f" `python benchmarks/city_hosts.py --sites {shown} --write`.\n\n"
        f"{report(found, options.sites, options.cameras)}\n"
    )
    print(text)
    if options.write:
        put(text, HEADING)
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--part"]:
        part = json.loads(sys.argv[2])
        centre_host(part) if part["role"] == "centre" else site_host(part)
    else:
        sys.exit(main())
