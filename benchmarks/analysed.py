"""How many cameras at 5 Hz are analysed on this machine, beside what the backend alone could do.

    python benchmarks/analysed.py [CLIP] [--adapter auto] [--lanes 0] [--fit] [--seconds 20]

Arms, each in fresh processes, the backend alone before each of the others:

  raw     the detector's own models (same adapter, lanes, threads), picture after picture
  graph   N cameras: decoding, frames by reference, detector | DDS | tracker -> rules, two processes
  gated   the same with ``gate: motion``, each camera's picture standing still for three quarters
          of the time

N begins at raw / 5 and goes up until more than 5 % of the pictures are overtaken or the 95th
percentile from a picture to a finding of it exceeds 500 ms. People who walk against an arrow are
the findings. Ratios are taken against the raw arm just before, so that a busy neighbour hits both.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import graph
from results_page import put

ROOT = Path(__file__).parents[1]
RATE = 5.0  # Hz
LIMIT = 0.5  # s from a picture to a finding
SHED = 0.05  # share of pictures overtaken
WARM = 4.0  # s
ROUND, MOVING = 16.0, 4.0  # s: of these so many something moves, in the gated arm
HEADING = "## Analysed cameras"


def main() -> None:
    """Runs the arms in turn and prints (and writes) what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", nargs="?", type=Path, default=graph.DEFAULT_CLIP)
    parser.add_argument("--adapter", default="auto")
    parser.add_argument("--lanes", type=int, default=0)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--tries", type=int, default=3, help="numbers of cameras tried an arm")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    parser.add_argument("--arm", choices=("raw", "graph", "gated"), help=argparse.SUPPRESS)
    parser.add_argument("--cameras", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.clip.is_file():
        sys.exit(f"{options.clip}: there is no such clip; give one: analysed.py CLIP")
    if options.arm:
        print(json.dumps(run_raw(options) if options.arm == "raw" else run_graph(options)))
        return
    rows = [*climb("graph", options), *climb("gated", options)]
    text = report(rows, options)
    print(text)
    if options.write:
        put(text, HEADING)


def climb(arm: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Runs with more and more cameras until they are too many, or fewer until they are not."""
    rows: list[dict[str, Any]] = []
    tried: set[int] = set()
    step, cameras = 0, 0
    while len(rows) < options.tries:
        alone = _child("raw", 1, options)
        raw = alone["rate"]
        if not cameras:
            more = 1.0 if arm == "graph" else 2.0
            cameras = max(1, round(more * raw / RATE))
        found = {"arm": arm, "raw": raw, "cameras": cameras, **_child(arm, cameras, options)}
        found["raw_cpu"], found["backend"] = alone["cpu"], alone["backend"]
        found["fine"] = found["shed"] <= SHED and found["p95"] <= LIMIT
        rows.append(found)
        tried.add(cameras)
        step = step or (1 if found["fine"] else -1)
        if found["fine"] != (step > 0) or cameras + step in tried or cameras + step < 1:
            break
        cameras += step
    return rows


def _child(arm: str, cameras: int, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, str(options.clip), "--arm", arm]
    command += ["--cameras", str(cameras), *(["--fit"] if options.fit else [])]
    for name in ("adapter", "lanes", "threads", "seconds"):
        command += [f"--{name}", str(getattr(options, name))]
    env = {**os.environ, "YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true"}
    env.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    result = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, timeout=300)
    if result.returncode:
        sys.exit(f"arm {arm} failed with exit code {result.returncode}")
    found: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
    print(f"  {arm} {cameras}: {found}", file=sys.stderr, flush=True)
    return found


def run_raw(options: argparse.Namespace) -> dict[str, Any]:
    """Pictures a second of the models alone."""
    from bconnect_detect.adapters.reshaping import fitting_size
    from bconnect_detect.adapters.weights import resolve
    from bconnect_detect.build import build_lanes
    from bconnect_detect.lanes import throughput

    pictures = [image[:432] for image in graph._decoded(options, 40)]
    models = build_lanes(
        options.adapter,
        resolve("default", os.environ),
        lanes=options.lanes,
        device="cpu",
        confidence=graph.CONFIDENCE,
        image_size=graph.SIZE,
        threads=options.threads,
        shape=fitting_size([pictures[0].shape[:2]], graph.SIZE) if options.fit else None,
    )
    began, cpu = time.monotonic(), time.process_time()
    rate = statistics.mean(throughput(models, image, 2.0) for image in pictures[::10])
    each = (time.process_time() - cpu) / (rate * (time.monotonic() - began))
    return {"rate": rate, "cpu": each, "backend": models[0].info.backend, "lanes": len(models)}


def run_graph(options: argparse.Namespace) -> dict[str, Any]:
    """Feeder and detector here, tracker and rule checker in a second process."""
    from bconnect_detect.detector_node import Detector
    from bconnect_node.base import BconnectNode
    from bconnect_node.frames import FramePublisher

    with tempfile.TemporaryDirectory() as folder:
        plan_file, site_file = _site(Path(folder), options)
        with graph.perception_beside(plan_file) as (runner, beside):
            parameters = {
                "cameras": _names(options),
                "adapter": options.adapter,
                "lanes": options.lanes,
                "fit": options.fit,
                "threads": options.threads,
                "confidence": graph.CONFIDENCE,
                "site_file": site_file,
            }
            feeder = BconnectNode("feeder", Nothing, namespace="/tax")
            runner.add(feeder)
            outs = {n: FramePublisher(feeder, f"{n}/image_raw") for n in _names(options)}
            detector = Detector(namespace="/tax", parameter_overrides=parameters)
            runner.add(detector)
            done: dict[str, Any] = {}
            feed = Feed(detector, outs, options, beside, done, runner.stop)
            thread = threading.Thread(target=feed.run)
            thread.start()
            runner.spin()
            thread.join()
    if "failed" in done:
        sys.exit(done["failed"])
    return done


def _names(options: argparse.Namespace) -> list[str]:
    return [f"kamera{n}" for n in range(options.cameras)]


def _site(folder: Path, options: argparse.Namespace) -> tuple[str, str]:
    whole = [[0.01, 0.01], [0.99, 0.01], [0.99, 0.99], [0.01, 0.99]]
    way = {"kind": "direction", "region": whole, "basis": "marking", "applies_to": ["pedestrian"]}
    zones = {
        "turun": {**way, "direction": [[0.5, 0.9], [0.5, 0.1]]},
        "kiri": {**way, "direction": [[0.9, 0.5], [0.1, 0.5]]},
        "kanan": {**way, "direction": [[0.1, 0.5], [0.9, 0.5]]},
    }
    opens = "motion" if options.arm == "gated" else "always"
    camera = {
        "source": f"file://{options.clip.resolve()}",
        "detect": {"width": 768, "height": 432, "rate": RATE, "gate": {"opens": opens}},
        "zones": zones,
        "rules": ["wrong_way"],
    }
    return graph.planned(folder, dict.fromkeys(_names(options), camera))


@dataclass
class Nothing:
    """The feeder's parameters."""


class Feed:
    """Every camera's pictures at their time, each decoded for it; when what became of them came."""

    def __init__(
        self,
        detector: Any,
        outs: dict[str, Any],
        options: Any,
        beside: Any,
        done: dict[str, Any],
        stop: Any,
    ) -> None:
        self._detector, self._outs = detector, outs
        self._options, self._beside = options, beside
        self._done, self._stop = done, stop
        self._sent: dict[tuple[str, int], float] = {}
        self._looked: list[tuple[float, float]] = []  # when, latency
        self._found: list[tuple[float, float]] = []

    def run(self) -> None:
        """Until the time is over."""
        try:
            self._run()
        except Exception as error:
            self._done["failed"] = f"{type(error).__name__}: {error}"
        finally:
            self._stop()

    def _run(self) -> None:
        from bconnect_msgs.msg import CameraStatus, Finding, RoadUserArray

        from bconnect_node import qos

        detector, names = self._detector, _names(self._options)
        for name in names:
            status = detector.create_publisher(CameraStatus, f"{name}/camera_status", qos.STATE)
            status.publish(CameraStatus(camera=name, state=CameraStatus.STATE_OK))
            detector.create_subscription(
                RoadUserArray, f"{name}/tracks", lambda m, n=name: self._on(m, n), qos.STREAM
            )
        detector.create_subscription(
            Finding, "findings", lambda m: self._on(m, m.camera, True), qos.EVENT
        )
        graph._until(
            lambda: (
                all(detector._out[n].get_subscription_count() for n in names)
                and detector.health.status().message.startswith("detecting")
            ),
            "the tracker and the model",
        )
        self._play(names, self._outs)

    def _on(self, message: Any, camera: str, finding: bool = False) -> None:
        from bconnect_detect.convert import time_from_msg

        sent = self._sent.get((camera, time_from_msg(message.header.stamp)))
        if sent is not None:
            now = time.monotonic()
            (self._found if finding else self._looked).append((now, now - sent))

    def _play(self, names: Sequence[str], outs: dict[str, Any]) -> None:
        import av

        from bconnect_node.frames import Frame

        films = {n: av.open(str(self._options.clip)).decode(video=0) for n in names}
        still: dict[str, Any] = {}
        gates, mailbox = self._detector._gates, self._detector._mailbox
        begin = time.monotonic()
        start, seconds = begin + WARM, self._options.seconds
        offered = cpu = dropped = 0
        for tick in range(round((WARM + seconds) * RATE * len(names))):
            name = names[tick % len(names)]
            due = begin + tick / RATE / len(names)
            if (left := due - time.monotonic()) > 0:
                time.sleep(left)
            if not offered and due >= start:
                cpu, dropped = graph._cpu(self._beside), mailbox.dropped()
                gates.told()
            image = next(films[name]).to_ndarray(format="bgr24")[:432]
            phase = (due - begin + ROUND * names.index(name) / len(names)) % ROUND
            if self._options.arm == "gated" and phase > MOVING:
                image = still.setdefault(name, image)
            else:
                still.pop(name, None)
            stamp = time.time_ns()
            self._sent[name, stamp] = time.monotonic()
            outs[name].publish(Frame(stamp, f"tax/{name}", image.copy()))
            offered += due >= start
        lasted = time.monotonic() - start
        time.sleep(0.7)
        self._tell(start, lasted, offered, mailbox.dropped() - dropped, gates.told(), cpu)

    def _tell(
        self, start: float, lasted: float, offered: int, dropped: int, gate: Any, cpu: float
    ) -> None:
        looked = [late for at, late in self._looked if at >= start]
        found = [late for at, late in self._found if at >= start]
        self._done.update(
            offered=offered / lasted,
            looked=len(looked) / lasted,
            shed=dropped / max(1, offered),
            gate=gate or "",
            findings=len(found),
            p50=_at(found or looked, 0.5),
            p95=_at(found or looked, 0.95),
            tracks_p95=_at(looked, 0.95),
            cores=(graph._cpu(self._beside) - cpu) / lasted,
        )


def _at(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 99.0


def report(rows: Sequence[dict[str, Any]], options: argparse.Namespace) -> str:
    """The table, as Markdown."""
    lines = [
        HEADING,
        "",
        f"{date.today()}, {os.cpu_count()} cores, Debian 12, load average "
        f"{os.getloadavg()[1]:.0f}; `{options.clip.name}`, 768x432, {RATE:g} Hz a camera, adapter "
        f"{options.adapter}{', fitted' if options.fit else ''}, {options.seconds:g} s an arm after "
        f"{WARM:g}. `python benchmarks/analysed.py{' --fit' if options.fit else ''} --write`.",
        "",
        "| arm | cameras | pictures/s offered | looked at | raw backend | over raw | overtaken | "
        "picture to finding p50 / p95, ms | findings | cores | ms CPU a look, of it raw | |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['arm']} | {row['cameras']} | {row['offered']:.1f} | {row['looked']:.1f} | "
            f"{row['raw']:.1f} | {row['looked'] / row['raw']:.2f} | {100 * row['shed']:.0f} % | "
            f"{1000 * row['p50']:.0f} / {1000 * row['p95']:.0f} | {row['findings']} | "
            f"{row['cores']:.2f} | {1000 * row['cores'] / max(0.01, row['looked']):.0f}, "
            f"{1000 * row['raw_cpu']:.0f} | {'fine' if row['fine'] else 'too many'} |"
        )
    for arm in ("graph", "gated"):
        fine = [row for row in rows if row["arm"] == arm and row["fine"]]
        best = max(fine, key=lambda row: row["cameras"], default=None)
        if best is not None:
            lines += [
                "",
                f"{arm}: {best['cameras']} cameras, {best['cameras'] * RATE / best['raw']:.2f} of "
                f"raw / {RATE:g}. {best['gate']}",
            ]
    lines += ["", f"Backend: {rows[-1]['backend']}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
