"""What the graph costs over a bare ``ultralytics`` ``track()`` loop and over its own backend.

The arms take the same clip through the same weights, one after the other, round after round,
each in fresh processes:

  bare      model.track(clip, stream=True), as ultralytics comes; of several cameras each in a
            thread with a model of its own, as ultralytics' documentation has it
  bare_own  the same with our ONNX Runtime session (same threads, no spinning)
  raw       our adapter alone, image after image, decoded beforehand
  node      the same images by reference into the detector node, nobody listens
  graph     frames by reference -> detector | DDS | tracker -> rule_checker, two processes

    python benchmarks/graph.py [CLIP] [--cameras 1] [--rounds 3] [--frames 150] [--write]

Frames per second and CPU seconds per frame count after a warm-up; the graph's are those of
both its processes. Ratios are taken within a round, so that a busy neighbour hits all arms.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from results_page import put

ROOT = Path(__file__).parents[1]
DEFAULT_CLIP = ROOT / "var" / "footage" / "vtest.avi"
ARMS = ("bare", "bare_own", "raw", "node", "graph")
CLASSES = [0, 1, 2, 3, 5, 7]  # road users of COCO
WARM = 20  # frames before the clock starts
CONFIDENCE, SIZE = 0.25, 640
HEADING = "## Graph tax"
NOTE = (
    "On a machine shared with other work frames/s scatter (smallest to largest); CPU per frame is",
    "the steadier number. `track()` as it comes lets ONNX Runtime's threads spin between frames;",
    "the second row takes that difference away and leaves what the graph itself costs.",
)


def main() -> None:
    """Runs the arms in turn and prints (and writes) what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", nargs="?", type=Path, default=DEFAULT_CLIP)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cameras", type=int, default=1)
    parser.add_argument("--adapter", default="ultralytics", help="of detector.adapter")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.clip.is_file():
        sys.exit(f"{options.clip}: there is no such clip; give one: graph.py CLIP")
    if options.arm:
        arms = {"graph": run_graph, "raw": run_raw, "node": run_node}
        print(json.dumps(arms.get(options.arm, run_bare)(options)), flush=True)
        return
    rounds = [{arm: _child(arm, options) for arm in ARMS} for _ in range(options.rounds)]
    text = report(rounds, options)
    print(text)
    if options.write:
        put(text, _heading(options))


def _heading(options: argparse.Namespace) -> str:
    return HEADING if options.cameras == 1 else f"{HEADING}, {options.cameras} cameras"


def _child(arm: str, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, str(options.clip), "--arm", arm]
    for name in ("frames", "threads", "adapter", "cameras"):
        command += [f"--{name}", str(getattr(options, name))]
    env = {**os.environ, "YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true"}
    env.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    result = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, timeout=600)
    if result.returncode:
        sys.exit(f"arm {arm} failed with exit code {result.returncode}")
    found: dict[str, float] = json.loads(result.stdout.strip().splitlines()[-1])
    print(f"  {arm:9s} {found['fps']:6.2f} frames/s  {1000 * found['cpu']:6.1f} ms CPU/frame")
    return found


def _outcome(frames: int, seconds: float, cpu: float) -> dict[str, float]:
    return {"frames": frames, "fps": frames / seconds, "cpu": cpu / frames}


def run_bare(options: argparse.Namespace) -> dict[str, float]:
    """ultralytics' own loop; arm bare_own with the session our adapter opens."""
    import torch

    torch.set_num_threads(options.threads)
    count = Count(options)
    streams = [
        threading.Thread(target=_track, args=(options, count)) for _ in range(options.cameras)
    ]
    for stream in streams:
        stream.start()
    for stream in streams:
        stream.join()
    return count.outcome()


def _track(options: argparse.Namespace, count: "Count") -> None:
    from ultralytics import YOLO

    from bconnect_detect.adapters.weights import resolve

    weights = resolve("default", os.environ)
    model = YOLO(str(weights.path), task="detect")
    shared: dict[str, Any] = {"conf": CONFIDENCE, "imgsz": SIZE, "device": "cpu", "verbose": False}
    stream = model.track(
        str(options.clip), stream=True, tracker="bytetrack.yaml", classes=CLASSES, **shared
    )
    for index, _ in enumerate(stream):
        if index == 0 and options.arm == "bare_own":  # track() opens its session at the start
            from bconnect_detect.adapters.ultralytics_detector import _limit_threads

            _limit_threads(model, weights, options.threads)
        if count.one():
            break


class Count:
    """Images of all cameras together, timed from the end of the warm-up to the last one."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._lock = threading.Lock()
        self._warm, self._frames = WARM * options.cameras, options.frames
        self._seen = 0
        self._began = self._cpu = self._seconds = self._used = 0.0

    def one(self) -> bool:
        """One more image is done. True: it was the last one."""
        with self._lock:
            self._seen += 1
            if self._seen == self._warm:
                self._began, self._cpu = time.monotonic(), time.process_time()
            if self._seen == self._warm + self._frames:
                self._seconds = time.monotonic() - self._began
                self._used = time.process_time() - self._cpu
            return self._seen >= self._warm + self._frames

    def outcome(self) -> dict[str, float]:
        """Frames per second, CPU seconds per frame."""
        return _outcome(self._frames, self._seconds, self._used)


def _decoded(options: argparse.Namespace, most: int = 100) -> list[Any]:
    import av

    with av.open(str(options.clip)) as container:
        pictures = (p.to_ndarray(format="bgr24") for p in container.decode(video=0))
        return [p for p, _ in zip(pictures, range(most), strict=False)]


def run_raw(options: argparse.Namespace) -> dict[str, float]:
    """The adapter alone."""
    from bconnect_detect.adapters.weights import resolve
    from bconnect_detect.build import build_detector

    model = build_detector(
        options.adapter,
        resolve("default", os.environ),
        device="cpu",
        confidence=CONFIDENCE,
        image_size=SIZE,
        threads=options.threads,
    )
    images, count, index = _decoded(options), Count(options), 0
    while not count.one():
        model.detect(images[index % len(images)])
        index += 1
    return count.outcome()


def run_node(options: argparse.Namespace) -> dict[str, float]:
    """The detector node alone, fed by reference."""
    import rclpy

    from bconnect_node import environment
    from bconnect_node.frames import Frame, FramePublisher
    from bconnect_node.run import Runner

    environment.apply()
    with tempfile.TemporaryDirectory() as folder:
        _, site_file = _site(Path(folder), options)
        rclpy.init()
        runner = Runner()
        detector = _paced_detector(site_file, options)
        runner.add(detector)
        images, count = _decoded(options), Count(options)
        names = _names(options)
        outs = [FramePublisher(detector, f"{name}/image_raw") for name in names]

        def feed() -> None:
            index, start = 0, time.time_ns()
            while detector.taken.acquire(timeout=120):
                if count.one():
                    break
                name, image = index % len(names), images[index % len(images)]
                outs[name].publish(Frame(start + index * 10**8, "tax/clip", image))
                index += 1
            runner.stop()

        feeder = threading.Thread(target=feed)
        feeder.start()
        runner.spin()
        feeder.join()
        runner.close()
    return count.outcome()


@contextmanager
def perception_beside(plan_file: str) -> Iterator[tuple[Any, Any]]:
    """A runner of this process, and the process (psutil) that hosts the plan's perception."""
    import psutil
    import rclpy

    from bconnect_node import environment
    from bconnect_node.run import Runner

    environment.apply()
    command = [sys.executable, "-m", "bconnect_node.host", "--plan", plan_file]
    beside = subprocess.Popen([*command, "--process", "perception"], stdout=subprocess.DEVNULL)
    rclpy.init()
    runner = Runner()
    try:
        yield runner, psutil.Process(beside.pid)
    finally:
        runner.close()
        beside.terminate()
        beside.wait(10)


def _names(options: argparse.Namespace) -> list[str]:
    return ["clip", *(f"clip{n}" for n in range(2, options.cameras + 1))]


def run_graph(options: argparse.Namespace) -> dict[str, float]:
    """Feeder and detector here, tracker and rule checker in a second process."""
    with tempfile.TemporaryDirectory() as folder:
        plan_file, site_file = _site(Path(folder), options)
        with perception_beside(plan_file) as (runner, beside):
            detector = _paced_detector(site_file, options)
            runner.add(detector)
            done: dict[str, Any] = {}
            feeder = threading.Thread(
                target=_feed, args=(detector, options, beside, done, runner.stop)
            )
            feeder.start()
            runner.spin()
            feeder.join()
    if "failed" in done:
        sys.exit(done["failed"])
    return _outcome(**done)


def _site(folder: Path, options: argparse.Namespace) -> tuple[str, str]:
    """A site of one camera with two zones, see ``planned``."""
    whole = [[0.01, 0.01], [0.99, 0.01], [0.99, 0.99], [0.01, 0.99]]
    zones: dict[str, Any] = {
        "parkir": {"kind": "no_parking", "region": whole, "dwell": 5.0, "basis": "sign S-12"},
        "arah": {"kind": "direction", "region": whole, "direction": [[0.5, 0.9], [0.5, 0.1]]},
    }
    zones["arah"]["basis"] = "marking"
    camera = {
        "source": f"file://{options.clip.resolve()}",
        "zones": zones,
        "rules": ["illegal_parking", "wrong_way"],
    }
    return planned(folder, dict.fromkeys(_names(options), camera))


def planned(folder: Path, cameras: dict[str, Any]) -> tuple[str, str]:
    """Files of the plan, cut to the nodes measured, and of the frozen site of these cameras."""
    import yaml

    from bconnect_site.loader import freeze, load_site
    from bconnect_site.plan import Plan, plan

    site = {"site": "tax", "kind": "corridor", "title": "Tax", "cameras": cameras}
    file = folder / "tax.yaml"
    file.write_text(yaml.safe_dump(site))
    site_file = str(freeze(load_site(file), folder / "frozen.yaml"))
    full = plan(load_site(file), site_file=site_file, state_dir=str(folder))
    kept = tuple(n for n in full.nodes if n.name in ("tracker", "rule_checker"))
    (folder / "plan.json").write_text(Plan(full.site, kept).to_json())
    return str(folder / "plan.json"), site_file


def _paced_detector(site_file: str, options: argparse.Namespace) -> Any:
    from bconnect_detect.detector_node import Detector

    class Paced(Detector):
        """Says when a frame was taken, so that the next can be laid ready."""

        def __init__(self, **kw: Any) -> None:
            self.taken = threading.Semaphore(1)  # a picture beforehand: the worker never waits
            self.count = 0
            super().__init__(**kw)

        def _detect(self, *args: Any) -> None:
            self.taken.release()
            super()._detect(*args)
            self.count += 1

    parameters = {
        "cameras": _names(options),
        "adapter": options.adapter,
        "threads": options.threads,
        "confidence": CONFIDENCE,
        "image_size": SIZE,
        "site_file": site_file,
    }
    return Paced(namespace="/tax", parameter_overrides=parameters)


def _feed(
    detector: Any, options: argparse.Namespace, beside: Any, done: dict[str, Any], stop: Any
) -> None:
    """Decodes the clip as fast as it is taken; measures between two counts of detections."""
    try:
        _feed_all(detector, options, beside, done)
    except Exception as error:
        done["failed"] = f"{type(error).__name__}: {error}"
    finally:
        stop()


def _feed_all(
    detector: Any, options: argparse.Namespace, beside: Any, done: dict[str, Any]
) -> None:
    import av
    from bconnect_msgs.msg import CameraStatus, RoadUserArray

    pictures = av.open(str(options.clip)).decode(video=0)

    from bconnect_node import qos
    from bconnect_node.frames import Frame, FramePublisher

    names = _names(options)
    outs = [FramePublisher(detector, f"{name}/image_raw") for name in names]
    tracked: list[int] = []
    for name in names:
        status = detector.create_publisher(CameraStatus, f"{name}/camera_status", qos.STATE)
        status.publish(CameraStatus(camera=name, state=CameraStatus.STATE_OK))
        detector.create_subscription(
            RoadUserArray, f"{name}/tracks", lambda m: tracked.append(1), qos.STREAM
        )
    _until(
        lambda: all(detector._out[n].get_subscription_count() >= 1 for n in names), "the tracker"
    )
    start, began, cpu, warm = time.time_ns(), 0.0, 0.0, WARM * len(names)
    for index in range(warm + options.frames + 1):
        if index % len(names) == 0:
            picture = next(pictures)
        if not detector.taken.acquire(timeout=120):
            raise TimeoutError("the detector takes no frames")
        if index == warm:
            began, cpu = time.monotonic(), _cpu(beside)
        if index == warm + options.frames:
            break
        stamp = start + round(1e9 * float(picture.time or 0.0))
        image = picture.to_ndarray(format="bgr24")  # each camera decodes its own
        outs[index % len(names)].publish(Frame(stamp, "tax/clip", image))
    seconds, used = time.monotonic() - began, _cpu(beside) - cpu
    _until(lambda: len(tracked) >= detector.count - 1, "the last tracks")
    done.update(frames=options.frames, seconds=seconds, cpu=used)


def _cpu(beside: Any) -> float:
    other = beside.cpu_times()
    return time.process_time() + other.user + other.system


def _until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(0.02)


def report(rounds: list[dict[str, dict[str, float]]], options: argparse.Namespace) -> str:
    """The table, as Markdown."""

    def middle(arm: str, key: str) -> float:
        return statistics.median(r[arm][key] for r in rounds)

    def ratio(over: str, key: str, of: str = "graph") -> str:
        each = sorted(r[of][key] / r[over][key] for r in rounds)
        return f"{statistics.median(each):.2f} ({each[0]:.2f} to {each[-1]:.2f})"

    lines = [
        _heading(options),
        "",
        f"{date.today()}, {os.cpu_count()} cores ({_processor()}), no GPU; `{options.clip.name}`, "
        f"{options.cameras} camera(s), {options.frames} frames after {WARM}, YOLOv8n ONNX at "
        f"{SIZE}, {options.threads} threads, "
        f"adapter {options.adapter}, {options.rounds} interleaved rounds at a load average of "
        f"{os.getloadavg()[1]:.0f}, medians "
        f"(smallest to largest). `python benchmarks/graph.py --cameras {options.cameras} --write`.",
        "",
        "| arm | frames/s | ms CPU per frame |",
        "|---|---|---|",
    ]
    names = {
        "bare": "`track()` as it comes",
        "bare_own": "`track()`, our ONNX Runtime session",
        "raw": "our adapter alone",
        "node": "detector node, fed by reference",
        "graph": "graph: frames, detector, DDS, tracker, rules",
    }
    for arm in ARMS:
        lines.append(
            f"| {names[arm]} | {middle(arm, 'fps'):.2f} | {1000 * middle(arm, 'cpu'):.1f} |"
        )
    lines += ["", "| graph over | frames/s | CPU per frame |", "|---|---|---|"]
    for over in ("bare", "bare_own", "raw"):
        lines.append(f"| {names[over]} | {ratio(over, 'fps')} | {ratio(over, 'cpu')} |")
    node = ratio("raw", "fps", "node"), ratio("raw", "cpu", "node")
    lines.append(f"| detector node over our adapter alone | {node[0]} | {node[1]} |")
    return "\n".join([*lines, "", *NOTE]) + "\n"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


if __name__ == "__main__":
    main()
