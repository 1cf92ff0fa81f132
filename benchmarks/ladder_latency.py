"""From a finding to the first sample of sound, and from a sealed violation to a ledger line.

The enforcement process of a site as its plan has it (ladder, poles, ledger) runs for itself;
from outside, over DDS, come findings and violations as perception sends them, and the tracks of
every camera at 10 Hz, which the ladder listens to while it watches whether a warning is obeyed.
Half of the poles are network horns by RTP: their first packet is heard by our own socket. The
others write files: there the pole's word counts, the stamp of its state "speaking".

    ./bconnect python benchmarks/ladder_latency.py [--rounds 60] [--write]
"""

from __future__ import annotations

import argparse
import os
import platform
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from results_page import put

HEADING = "## Ladder latency"
ROOT = Path(__file__).parents[1]
SITE = "pengukuran"
POLES = 6
USERS = 25  # road users in each image
PATIENCE = 90.0  # s
PACE = 1.7  # s between findings; a pole has its phrase said before its next turn


def site_text(ports: list[int]) -> str:
    """One camera and one pole each; every second pole a network horn."""
    cameras, speakers = [], []
    for n in range(POLES):
        cameras.append(f'  kamera_{n}: {{source: "file:///nowhere.mp4"}}')
        mouth = "adapter: file"
        if n % 2 == 0:
            address = f"rtp://127.0.0.1:{ports[n // 2]}?codec=L16&rate=16000"
            mouth = f'adapter: rtp, address: "{address}"'
        speakers.append(f"  tiang_{n}: {{{mouth}, hears: [kamera_{n}]}}")
    return (
        f"site: {SITE}\nkind: corridor\ntitle: Pengukuran\ncameras:\n"
        + "\n".join(cameras)
        + "\nspeakers:\n"
        + "\n".join(speakers)
        + "\nladder: {mode: enforcement, cooldown: 1.0}\n"
    )


@dataclass
class Heard:
    """When something came, monotonic s, by what it is about."""

    at: dict[str, float] = field(default_factory=dict)

    def note(self, key: str) -> None:
        self.at.setdefault(key, time.monotonic())


class Ears:
    """Sockets that wait for the first packet after `listen`."""

    def __init__(self) -> None:
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(POLES // 2)]
        for each in self.sockets:
            each.bind(("127.0.0.1", 0))
        self.first: dict[int, float] = {}
        self._stop = threading.Event()
        threading.Thread(target=self._hear, daemon=True).start()

    @property
    def ports(self) -> list[int]:
        return [each.getsockname()[1] for each in self.sockets]

    def listen(self, pole: int) -> None:
        self.first.pop(pole, None)

    def _hear(self) -> None:
        while not self._stop.is_set():
            for ready in select.select(self.sockets, [], [], 0.1)[0]:
                data, now = ready.recv(4096), time.monotonic()
                if len(data) > 12:
                    self.first.setdefault(2 * self.sockets.index(ready), now)

    def close(self) -> None:
        self._stop.set()


def start(folder: Path, ports: list[int]) -> subprocess.Popen[bytes]:
    """The enforcement process of the site's plan."""
    from bconnect_bringup.orders import make_trusted
    from bconnect_site.frozen import freeze
    from bconnect_site.loader import load_site
    from bconnect_site.plan import plan
    from bconnect_site.state import StateLayout

    site = folder / f"{SITE}.yaml"
    site.write_text(site_text(ports))
    loaded = load_site(site, fleet=ROOT / "config" / "fleet.yaml")
    layout = StateLayout.of(folder / "state", SITE)
    frozen = freeze(loaded, layout.site_file)
    make_trusted(loaded, layout)
    made = plan(loaded, site_file=str(frozen), state_dir=str(folder / "state"))
    layout.plan_file.write_text(made.to_json())
    command = [sys.executable, "-m", "bconnect_node.host", "--plan", str(layout.plan_file)]
    log = (folder / "log").open("wb")
    return subprocess.Popen([*command, "--process", "enforcement"], stdout=log, stderr=log)


class Perception:
    """What the rest of the graph would send, and an ear for what comes back."""

    def __init__(self, folder: Path) -> None:
        from bconnect_msgs import msg as messages
        from rclpy.node import Node

        from bconnect_node import qos
        from bconnect_site import names
        from bconnect_site.keys import Keyring
        from bconnect_site.state import StateLayout

        self.keys = Keyring.open(StateLayout.of(folder / "state", SITE).keys_dir)
        self.node = Node("perception", namespace=f"/{SITE}")
        self.orders, self.citations, self.measures = Heard(), Heard(), Heard()
        self.spoken: dict[str, int] = {}  # stamp of the state that says so, by order
        self.phrases: dict[str, str] = {}  # finding's id by order
        self.states: dict[str, Any] = {}
        self.findings = self.node.create_publisher(messages.Finding, names.FINDINGS, qos.EVENT)
        self.violations = self.node.create_publisher(
            messages.Violation, names.VIOLATIONS, qos.RECORD
        )
        self.tracks = [
            self.node.create_publisher(
                messages.RoadUserArray, names.camera_topic(f"kamera_{n}", names.TRACKS), qos.STREAM
            )
            for n in range(POLES)
        ]
        self._listen(messages.Announcement, names.ANNOUNCEMENTS, qos.EVENT, self._on_order)
        self._listen(messages.SpeakerState, names.SPEAKER_STATE, qos.RECORD, self._on_state)
        self._listen(
            messages.Citation,
            names.CITATIONS,
            qos.RECORD,
            lambda m: self.citations.note(m.violation_id),
        )
        self._listen(
            messages.Measure,
            names.MEASURES,
            qos.RECORD,
            lambda m: self.measures.note(f"{m.violation_id}/{m.step}"),
        )
        self.node.create_timer(0.1, self._send_tracks)

    def _listen(self, kind: Any, topic: str, quality: Any, callback: Any) -> None:
        self.node.create_subscription(kind, topic, callback, quality)

    def _on_order(self, m: Any) -> None:
        self.orders.note(m.finding_id)
        self.phrases[m.id] = m.finding_id

    def _on_state(self, m: Any) -> None:
        self.states[m.speaker] = m
        if m.state == m.STATE_SPEAKING:
            stamp = m.header.stamp.sec * 10**9 + m.header.stamp.nanosec
            self.spoken.setdefault(m.announcement_id, stamp)

    def _send_tracks(self) -> None:
        from bconnect_msgs import msg as messages

        for publisher in self.tracks:
            m = messages.RoadUserArray(image_width=640, image_height=360)
            m.header.stamp = self.node.get_clock().now().to_msg()
            m.kind, m.track_id = [4] * USERS, list(range(1, USERS + 1))
            m.x_min, m.y_min = [100.0] * USERS, [100.0] * USERS
            m.x_max, m.y_max = [180.0] * USERS, [160.0] * USERS
            publisher.publish(m)

    def finding(self, number: int) -> Any:
        """Red light and parking in turn: the one is cited at once, the other watched first."""
        from bconnect_msgs import msg as messages

        m = messages.Finding(
            id=f"{number:08d}", site=SITE, camera=f"kamera_{number % POLES}", zone="zona",
            article="UU 22/2009 Art. 287(2)", image_width=640, image_height=360,
        )  # fmt: skip
        m.type = m.TYPE_RED_LIGHT if number // POLES % 2 == 0 else m.TYPE_ILLEGAL_PARKING
        m.header.stamp = self.node.get_clock().now().to_msg()
        m.road_user.kind, m.road_user.track_id = 4, 1000 + number
        m.road_user.colour = m.road_user.COLOUR_WHITE
        m.road_user.x_min, m.road_user.y_min = 100.0, 100.0
        m.road_user.x_max, m.road_user.y_max = 180.0, 160.0
        return m

    def violation(self, finding: Any) -> Any:
        """The finding, sealed."""
        from bconnect_msgs import msg as messages

        from bconnect_node import witness

        scene = messages.Evidence(
            kind=messages.Evidence.KIND_SCENE, path=f"{finding.id}/scene.jpg", sha256="ab" * 32
        )
        m = messages.Violation(finding=finding, evidence=[scene], manifest_sha256="cd" * 32)
        m.manifest = f"{finding.id}/manifest.json"
        m.header.stamp = finding.header.stamp
        witness.sign(m, self.keys)
        return m


def wait_for(condition: Callable[[], Any], what: str, timeout: float = PATIENCE) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {timeout:.0f} s in vain for {what}")
        time.sleep(0.002)


def prepared(folder: Path) -> None:
    """Waits until every phrase lies in the cache: nothing new for three seconds."""
    cache, count, since = folder / "state" / SITE / "audio" / "cache", -1, time.monotonic()
    while time.monotonic() - since < 3.0:
        found = len(list(cache.glob("*"))) if cache.is_dir() else 0
        if found != count or not found:
            count, since = found, time.monotonic()
        time.sleep(0.2)


def measure(rounds: int, folder: Path) -> dict[str, list[float]]:
    """Times in ms, by what was measured."""
    import rclpy

    from bconnect_node.run import Runner

    ears = Ears()
    process = start(folder, ears.ports)
    rclpy.init()
    runner, outside = Runner(), Perception(folder)
    runner.add(outside.node)
    threading.Thread(target=runner.spin, daemon=True).start()
    try:
        wait_for(lambda: len(outside.states) == POLES, "the poles")
        wait_for(lambda: outside.violations.get_subscription_count() == 2, "ladder and ledger")
        prepared(folder)
        return _rounds(rounds, outside, ears)
    finally:
        runner.stop()
        process.terminate()
        process.wait(20)
        ears.close()


def _rounds(rounds: int, outside: Perception, ears: Ears) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {
        name: [] for name in ("order", "rtp", "rtp_state", "file", "measure", "ledger")
    }
    for number in range(-POLES, rounds):  # the first of each pole warms up
        finding, horn = outside.finding(number + POLES), number % 2 == 0
        pole = (number + POLES) % POLES
        ears.listen(pole)
        begun = time.monotonic()
        outside.findings.publish(finding)
        wait_for(lambda f=finding: f.id in outside.phrases.values(), "an order")
        order = next(o for o, f in outside.phrases.items() if f == finding.id)
        wait_for(lambda o=order: o in outside.spoken, "a phrase")
        if horn:
            wait_for(lambda p=pole: p in ears.first, "a packet")
        stamp = finding.header.stamp.sec * 10**9 + finding.header.stamp.nanosec
        state = (outside.spoken[order] - stamp) / 1e6
        times = {"order": (outside.orders.at[finding.id] - begun) * 1e3}
        times |= (
            {"rtp": (ears.first[pole] - begun) * 1e3, "rtp_state": state}
            if horn
            else {"file": state}
        )
        sealed = time.monotonic()
        outside.violations.publish(outside.violation(finding))
        if finding.type == finding.TYPE_RED_LIGHT:
            wait_for(lambda f=finding: f.id in outside.citations.at, "a ledger line")
            wait_for(lambda f=finding: f"{f.id}/4" in outside.measures.at, "a measure")
            times["measure"] = (outside.measures.at[f"{finding.id}/4"] - sealed) * 1e3
            times["ledger"] = (outside.citations.at[finding.id] - sealed) * 1e3
        if number >= 0:
            for name, value in times.items():
                found[name].append(value)
        time.sleep(max(0.0, PACE - (time.monotonic() - begun)))
    return found


ROWS = (
    ("order", "finding to order, heard outside"),
    ("rtp", "finding to first RTP packet, heard by our socket"),
    ("rtp_state", "the same by the horn's own word"),
    ("file", "finding to first sample, file"),
    ("measure", "violation to citation measure"),
    ("ledger", "violation to ledger line, written and published"),
)


def report(found: dict[str, list[float]]) -> str:
    lines = ["| way | n | p50, ms | p95, ms | max, ms |", "|---|---|---|---|---|"]
    for name, words in ROWS:
        values = sorted(found[name])
        if values:
            p95 = values[min(len(values) - 1, int(0.95 * len(values)))]
            lines.append(
                f"| {words} | {len(values)} | {statistics.median(values):.1f} | {p95:.1f} "
                f"| {values[-1]:.1f} |"
            )
    return "\n".join(lines)


def main() -> int:
    """Measures, prints, and writes with --write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60, help="findings")
    parser.add_argument("--write", action="store_true", help="also into docs/benchmarks.md")
    options = parser.parse_args()
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    os.environ["BCONNECT_SELFTEST"] = "off"
    from bconnect_node import environment

    environment.apply()
    with tempfile.TemporaryDirectory(prefix="bconnect_ladder_") as folder:
        found = measure(options.rounds, Path(folder))
    text = (
        f"{HEADING}\n\n{date.today()}, {os.cpu_count()} cores, Debian 12"
        f" (load average {os.getloadavg()[0]:.0f}), Python {platform.python_version()};"
        f" {options.rounds} findings, {POLES} poles, tracks of {POLES} cameras at 10 Hz,"
        f" shipped phrases, vehicles addressed. `python benchmarks/ladder_latency.py --write`.\n\n"
        f"{report(found)}\n\n"
        "A violation of a kind that can be seen to be obeyed (parking, stopping, wrong way,\n"
        "stop line, speeding) waits on purpose until its watch has ended (12 to 60 s): not in it.\n"
    )
    print(text)
    if options.write:
        put(text, HEADING)
    return 0


if __name__ == "__main__":
    sys.exit(main())
