"""Tracker and rules per camera image, beside supervision's ByteTrack and zones on the same input.

    python benchmarks/tracker_rules.py [--users 30] [--images 400] [--rounds 5]
        [--supervision /path/to/python] [--profile] [--write]

``supervision`` no longer brings a tracker from 0.29 on, so the other side needs an environment of
its own: python -m venv S && S/bin/pip install supervision==0.25.1; then --supervision
S/bin/python. Rounds take turns, times are CPU seconds of the thread, so that a busy neighbour
hits both alike.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import statistics
import subprocess
import sys
import time
from datetime import date
from typing import Any

import numpy as np
from results_page import put
from street_traffic import RATE, RULES, SIZE, START, USUAL, ZONES, Street, fractions

HEADING = "## Tracker and rules"
WARM = 100  # images before the clock starts
SETS: dict[str, tuple[tuple[str, ...], bool]] = {  # rules, calibrated
    "usual": (USUAL, False),
    "usual, calibrated": (USUAL, True),
    "every rule, calibrated": (tuple(RULES), True),
}
TOLD = {
    "usual": "parking, wrong way, red light, stop line; nothing calibrated",
    "usual, calibrated": "the same, with places and speeds on the ground",
    "every rule, calibrated": "all eleven rules at once, with places and speeds",
}


def main() -> None:
    """Rounds of both in turn, and the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=30)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--supervision", metavar="PYTHON", help="that has supervision 0.25")
    parser.add_argument("--profile", action="store_true", help="where the time goes; no table")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    parser.add_argument("--other", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.other:
        other(options)
    elif options.profile:
        profile(options)
    else:
        text = report(measured(options), options)
        print(text)
        if options.write:
            put(text, HEADING)


def measured(options: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    """ms per image of each set, round by round."""
    beside = _start(options) if options.supervision else None
    found: dict[str, list[dict[str, float]]] = {name: [] for name in SETS}
    for turn in range(options.rounds):
        for name, (rules, calibrated) in SETS.items():
            told = ours(rules, calibrated, options)
            if beside is not None:
                beside.stdin.write(json.dumps(zones_of(rules)) + "\n")
                beside.stdin.flush()
                told |= json.loads(beside.stdout.readline())
            found[name].append(told)
            print(f"  round {turn + 1}, {name}: {told}", file=sys.stderr)
    if beside is not None:
        beside.stdin.close()
        beside.wait(10)
    return found


def zones_of(rules: tuple[str, ...]) -> list[str]:
    """The zones that rules need, the junction of a stop line among them."""
    names = sorted({RULES[rule] for rule in rules})
    return names + (["simpang"] if "garis" in names else [])


def _start(options: argparse.Namespace) -> Any:
    command = [options.supervision, __file__, "--other"]
    command += ["--users", str(options.users), "--images", str(options.images)]
    env = {"OPENBLAS_NUM_THREADS": "1", **os.environ}
    env.pop("PYTHONPATH", None)
    return subprocess.Popen(
        command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
    )


def stream(users: int, images: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The input of both sides."""
    street = Street(users, seed=1)
    return [street.image(i / RATE) for i in range(WARM + images)]


def ours(rules: tuple[str, ...], calibrated: bool, options: argparse.Namespace) -> dict[str, float]:
    """ms per image of tracker, ground and rules."""
    tracker, ground, judge = build(rules, calibrated)
    spent, rows = np.zeros(3), 0
    for index, found in enumerate(given(options)):
        judge.on_signal(_red(found.stamp))
        at = [time.thread_time()]
        tracks = tracker.update(found)
        at.append(time.thread_time())
        tracks = tracks if ground is None else ground.place(tracks)
        at.append(time.thread_time())
        judge.on_tracks(tracks)
        at.append(time.thread_time())
        if index >= WARM:
            spent += np.diff(at)
            rows += len(tracks)
    tracking, placing, judging = (1000 * spent / options.images).round(4).tolist()
    return {
        "tracker": tracking,
        "ground": placing,
        "rules": judging,
        "ours": round(tracking + placing + judging, 4),
        "rows": round(rows / options.images, 1),
    }


def given(options: argparse.Namespace) -> list[Any]:
    """The detections of every image."""
    from bconnect_detect.core.types import Tracks

    made = []
    for index, (kind, boxes, sure) in enumerate(stream(options.users, options.images)):
        heads = np.where(kind == 3, 1.0, np.nan).astype(np.float32)
        none = np.zeros(len(kind), np.int64)
        stamp = START + round(index * 1e9 / RATE)
        lit = np.zeros(len(kind), np.float32)
        made.append(
            Tracks(stamp, "a", *SIZE, kind, none, sure, boxes, heads, helmets=heads, emergency=lit)
        )
    return made


def build(rules: tuple[str, ...], calibrated: bool) -> tuple[Any, Any, Any]:
    """Tracker, ground (None: not calibrated) and judge of one camera."""
    from street_traffic import calibration_file, site_of

    from bconnect_detect.adapters.bytetrack import ByteTrack
    from bconnect_detect.core.ground import Ground
    from bconnect_detect.core.judge import Judge
    from bconnect_site.calibration import Calibration, CalibrationFile
    from bconnect_site.kinds import CameraState
    from bconnect_site.model import Site

    site = Site.model_validate(site_of(rules, ("a",)))
    known = Calibration(CalibrationFile.model_validate(calibration_file("a")))
    judge = Judge(site, None, None, {"a": known} if calibrated else {})
    judge.on_camera_status("a", CameraState.OK)
    return ByteTrack(RATE), Ground(known) if calibrated else None, judge


def _red(stamp: int) -> Any:
    from bconnect_detect.core.types import SignalReading
    from bconnect_site.kinds import SignalAspect

    return SignalReading("lampu", SignalAspect.RED, stamp, START - 10_000_000_000)


def profile(options: argparse.Namespace) -> None:
    """Where our time goes, every rule at once."""
    tracker, ground, judge = build(tuple(RULES), True)
    watch = cProfile.Profile()
    for index, found in enumerate(given(options)):
        judge.on_signal(_red(found.stamp))
        if index == WARM:
            watch.enable()
        judge.on_tracks(ground.place(tracker.update(found)))
    watch.disable()
    pstats.Stats(watch).sort_stats("tottime").print_stats(40)


def other(options: argparse.Namespace) -> None:
    """In the other environment: zones by line on stdin, ms per image on stdout."""
    import warnings

    import supervision as sv

    warnings.simplefilter("ignore")
    images = stream(options.users, options.images)
    for line in sys.stdin:
        told = [ZONES[name] for name in json.loads(line)]
        regions = [np.array(fractions(z["region"])) * SIZE for z in told if "region" in z]
        lines = [np.array(fractions(z["line"])) * SIZE for z in told if "line" in z]
        tracker = sv.ByteTrack(
            track_activation_threshold=0.25,
            lost_track_buffer=60,
            minimum_matching_threshold=0.8,
            frame_rate=int(RATE),
            minimum_consecutive_frames=2,
        )
        zones = [sv.PolygonZone(polygon=region.astype(int)) for region in regions]
        zones += [sv.LineZone(sv.Point(*a), sv.Point(*b)) for a, b in lines]
        spent = np.zeros(2)
        for index, (kind, boxes, sure) in enumerate(images):
            found = sv.Detections(xyxy=boxes, confidence=sure, class_id=kind.astype(int))
            at = [time.thread_time()]
            found = tracker.update_with_detections(found)
            at.append(time.thread_time())
            for zone in zones:
                zone.trigger(found)
            at.append(time.thread_time())
            if index >= WARM:
                spent += np.diff(at)
        tracking, watching = (1000 * spent / options.images).round(4).tolist()
        made = {"their tracker": tracking, "their zones": watching, "theirs": tracking + watching}
        print(json.dumps({"supervision": sv.__version__, **made}), flush=True)


def report(found: dict[str, list[dict[str, float]]], options: argparse.Namespace) -> str:
    """The section of docs/benchmarks.md."""
    flags = f"--users {options.users}" if options.users != 30 else ""
    lines = [
        HEADING,
        "",
        f"{date.today()}, {os.cpu_count()} cores, load average {os.getloadavg()[1]:.0f}; "
        f"{options.users} road users, {options.images} images, medians of {options.rounds} rounds "
        f"in turn, ms of CPU per image. `python benchmarks/tracker_rules.py {flags} "
        "--supervision PYTHON --write`.",
        "",
        "| rules | tracker | ground | rules | together | supervision: tracker, zones, together "
        "| theirs over ours |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, rounds in found.items():

        def middle(key: str, rounds: list[dict[str, float]] = rounds) -> float:
            return statistics.median(r[key] for r in rounds)

        cells = [f"{middle(k):.2f}" for k in ("tracker", "ground", "rules", "ours")]
        if "theirs" in rounds[0]:
            other_cells = [f"{middle(k):.2f}" for k in ("their tracker", "their zones", "theirs")]
            ratios = sorted(r["theirs"] / r["ours"] for r in rounds)
            cells.append(", ".join(other_cells))
            cells.append(f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
        else:
            cells += ["not run", "-"]
        lines.append(f"| {TOLD[name]} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
