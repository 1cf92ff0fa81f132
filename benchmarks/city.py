"""How many cores a city's judging takes: detections in, measures out, nothing decoded.

    python benchmarks/city.py [--cameras 50 220 500] [--seconds 12] [--rounds 3] [--bag MADE]
        [--write]

A simulated corridor of nine cameras is made once and played by as many sites as the city needs,
each at another moment of it. Every image goes through tracker, ground and rules of its site;
what is found opens a case, asks for its pictures, and goes to the site's ladder, as messages do.
Counted are CPU seconds per second of traffic. ``--bag``: a folder that ``bconnect sim`` made.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from results_page import put

HEADING = "## A city's judging"
PARTS = ("tracker", "ground", "rules", "evidence and ladder")
WARM = 3.0  # s of traffic before the clock starts
SCENARIO = ("harian", "3", "120")  # name, seed, seconds


@dataclass
class Street:
    """A recorded corridor: what each camera detected, and its signals, by image."""

    inputs: Any
    calibrations: dict[str, Any]
    images: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    readings: list[Any] = field(default_factory=list)


def main() -> None:
    """Measures each size of city in turn and prints what grew how."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cameras", type=int, nargs="+", default=[50, 220, 500])
    parser.add_argument("--seconds", type=float, default=12.0, help="of traffic")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bag", type=Path, help="a folder that bconnect sim made")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        street = read(options.bag or made(Path(folder)), Path(folder))
        rounds = []
        for turn in range(options.rounds):
            rounds.append({n: run(street, n, options.seconds) for n in options.cameras})
            for n, told in rounds[-1].items():
                print(f"  round {turn + 1}: {n} cameras: {told}", file=sys.stderr)
    text = report(rounds, options)
    print(text)
    if options.write:
        put(text, HEADING)


def made(folder: Path) -> Path:
    """A simulated corridor."""
    name, seed, seconds = SCENARIO
    command = [sys.executable, "-m", "bconnect_bringup.cli", "sim", name, "--seed", seed]
    command += ["--duration", seconds, "--as", "noisy", "--out", str(folder / "made")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "made"


def read(path: Path, scratch: Path) -> Street:
    """The corridor, in memory."""
    from bconnect_replay.core.reading import signal_of, tracks_of
    from bconnect_replay.inputs import open_inputs
    from bconnect_site import names

    inputs = open_inputs(path, None, scratch)
    street = Street(inputs, inputs.loaded.calibrations([]))
    by_topic = {inputs.topic(c, names.DETECTIONS): c for c in inputs.loaded.site.cameras}
    signals = inputs.site_topic(names.SIGNALS)
    with inputs.bag:
        for topic, message, _ in inputs.bag.messages([*by_topic, signals]):
            if topic == signals:
                street.readings.append(signal_of(message))
            else:
                camera = by_topic[topic]
                street.images[camera].append(tracks_of(message, camera))
    return street


class Place:
    """One site of the city: all that judges it."""

    def __init__(self, street: Street, cameras: int) -> None:
        from bconnect_detect.core.evidence import CaseBook, CaseSettings
        from bconnect_enforce.core.ladder import Ladder
        from bconnect_enforce.core.policy import rules_of
        from bconnect_replay.routes import grounds, judge_of, trackers
        from bconnect_site.kinds import CameraState
        from bconnect_site.phrases import load_phrases

        site = street.inputs.loaded.site
        self.cameras = list(site.cameras)[:cameras]
        self.judge, _, _ = judge_of(street.inputs)
        self.trackers, self.grounds = trackers(site), grounds(street.calibrations, site)
        self.cases = CaseBook(CaseSettings())
        self.ladder = Ladder(rules_of(site, load_phrases(None)), digest=str)
        self.rings = {n: round(c.ring_seconds * 1e9) for n, c in site.cameras.items()}
        for camera in self.cameras:
            self.judge.on_camera_status(camera, CameraState.OK)

    def on_image(self, found: Any, spent: list[float]) -> int:
        """One image of one camera, to the measures. Returns how many findings it led to."""
        clock = time.thread_time
        at = [clock()]
        tracks = self.trackers[found.camera].update(found)
        at.append(clock())
        ground = self.grounds.get(found.camera)
        tracks = tracks if ground is None else ground.place(tracks)
        at.append(clock())
        findings = self.judge.on_tracks(tracks)
        at.append(clock())
        for finding in findings:
            self._decide(finding, found.stamp)
        if found.camera in self.ladder.watched:
            self._watch(tracks)
        self.ladder.on_time(found.stamp)
        at.append(clock())
        for part in range(len(PARTS)):
            spent[part] += at[part + 1] - at[part]
        return len(findings)

    def _decide(self, finding: Any, now: int) -> None:
        from bconnect_detect.convert import finding_to_msg
        from bconnect_enforce.convert import offence_from
        from bconnect_enforce.convert_ladder import sight_from

        if not finding.same_as:
            self.cases.open(finding, "case", self.rings[finding.camera], now)
            for request in self.cases.to_ask():
                self.cases.asked(request.id)
        message = finding_to_msg(finding)
        self.ladder.on_finding(offence_from(message), sight_from(message), now)

    def _watch(self, tracks: Any) -> None:
        from bconnect_detect.convert import tracks_to_msg
        from bconnect_enforce.convert_ladder import seen_from

        self.ladder.on_tracks(seen_from(tracks_to_msg(tracks), tracks.camera), tracks.stamp)


def run(street: Street, cameras: int, seconds: float) -> dict[str, float]:
    """CPU seconds per second of traffic of a city of so many cameras."""
    each = len(street.inputs.loaded.site.cameras)
    sizes = [each] * (cameras // each) + ([cameras % each] if cameras % each else [])
    places = [Place(street, size) for size in sizes]
    spent, images, users, findings = [0.0] * len(PARTS), 0, 0, 0
    count = min(len(v) for v in street.images.values())
    steps = round((WARM + seconds) * 10)
    starts = [(137 * n) % max(1, count - steps) for n in range(len(places))]
    cursors = [0] * len(places)
    for step in range(steps):
        if step == round(WARM * 10):
            spent, images, users, findings = [0.0] * len(PARTS), 0, 0, 0
        for index, place in enumerate(places):
            at = starts[index] + step
            now = street.images[place.cameras[0]][at].stamp
            cursors[index] = _signals(street, place, cursors[index], now)
            for camera in place.cameras:
                found = replace(street.images[camera][at])  # derived columns are made anew
                findings += place.on_image(found, spent)
                images, users = images + 1, users + len(found)
    made = {name: s / seconds for name, s in zip(PARTS, spent, strict=True)}
    return {
        **made,
        "cores": sum(spent) / seconds,
        "ms": 1000 * sum(spent) / images,
        "users": users / images,
        "findings": findings,
    }


def _signals(street: Street, place: Place, cursor: int, now: int) -> int:
    readings = street.readings
    while cursor < len(readings) and readings[cursor].stamp <= now:
        place.judge.on_signal(readings[cursor])
        cursor += 1
    return cursor


def report(rounds: list[dict[int, dict[str, float]]], options: argparse.Namespace) -> str:
    """The section of docs/benchmarks.md."""

    def middle(cameras: int, key: str) -> float:
        return statistics.median(r[cameras][key] for r in rounds)

    lines = [
        HEADING,
        "",
        f"{date.today()}, {os.cpu_count()} cores, load average {os.getloadavg()[1]:.0f}, Python "
        f"{platform.python_version()}; scenario {SCENARIO[0]} with a detector's noise, 10 Hz, "
        f"{options.seconds:g} s of traffic, medians of {options.rounds} rounds in turn. "
        "`python benchmarks/city.py --write`.",
        "",
        f"| cameras | cores | of it: {', '.join(PARTS)} | ms per image | road users per image "
        "| findings |",
        "|---|---|---|---|---|---|",
    ]
    for n in options.cameras:
        parts = ", ".join(f"{middle(n, part):.2f}" for part in PARTS)
        lines.append(
            f"| {n} | {middle(n, 'cores'):.2f} | {parts} | {middle(n, 'ms'):.2f} "
            f"| {middle(n, 'users'):.1f} | {middle(n, 'findings'):.0f} |"
        )
    least, most = min(options.cameras), max(options.cameras)
    grown = sorted(r[most]["cores"] / r[least]["cores"] for r in rounds)
    lines += [
        "",
        f"cost({most}) / cost({least}): {statistics.median(grown):.2f} ({grown[0]:.2f} to "
        f"{grown[-1]:.2f}); {most / least:.1f} is a straight line.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
