"""What the graph costs over a bare ``ultralytics`` ``track()`` loop.

Three arms take the same clip through the same weights, one after the other, round after
round, each in fresh processes:

  bare      model.track(clip, stream=True), as ultralytics comes
  bare_own  the same with our ONNX Runtime session (same threads, no spinning)
  graph     frames by reference -> detector | DDS | tracker -> rule_checker, two processes

    python benchmarks/graph_tax.py [CLIP] [--rounds 3] [--frames 150] [--write]

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
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DEFAULT_CLIP = ROOT / "var" / "footage" / "vtest.avi"
ARMS = ("bare", "bare_own", "graph")
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
    parser.add_argument("--adapter", default="ultralytics", choices=("ultralytics", "onnxruntime"))
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.clip.is_file():
        sys.exit(f"{options.clip}: there is no such clip; give one: graph_tax.py CLIP")
    if options.arm:
        run_arm = run_graph if options.arm == "graph" else run_bare
        print(json.dumps(run_arm(options)), flush=True)
        return
    rounds = [{arm: _child(arm, options) for arm in ARMS} for _ in range(options.rounds)]
    text = report(rounds, options)
    print(text)
    if options.write:
        _write(text)


def _child(arm: str, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, str(options.clip), "--arm", arm]
    for name in ("frames", "threads", "adapter"):
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
    from ultralytics import YOLO

    from bconnect_detect.adapters.weights import resolve

    weights = resolve("default", os.environ)
    torch.set_num_threads(options.threads)
    model = YOLO(str(weights.path), task="detect")
    shared: dict[str, Any] = {"conf": CONFIDENCE, "imgsz": SIZE, "device": "cpu", "verbose": False}
    stream = model.track(
        str(options.clip), stream=True, tracker="bytetrack.yaml", classes=CLASSES, **shared
    )
    began = cpu = 0.0
    for index, _ in enumerate(stream):
        if index == 0 and options.arm == "bare_own":  # track() opens its session at the start
            from bconnect_detect.adapters.ultralytics_detector import _limit_threads

            _limit_threads(model, weights, options.threads)
        if index == WARM - 1:
            began, cpu = time.monotonic(), time.process_time()
        if index == WARM - 1 + options.frames:
            break
    return _outcome(options.frames, time.monotonic() - began, time.process_time() - cpu)


def run_graph(options: argparse.Namespace) -> dict[str, float]:
    """Feeder and detector here, tracker and rule checker in a second process."""
    import psutil
    import rclpy

    from bconnect_node import environment
    from bconnect_node.run import Runner

    environment.apply()
    with tempfile.TemporaryDirectory() as folder:
        plan_file, site_file = _site(Path(folder), options)
        command = [sys.executable, "-m", "bconnect_node.host", "--plan", plan_file]
        beside = subprocess.Popen([*command, "--process", "perception"], stdout=subprocess.DEVNULL)
        rclpy.init()
        runner = Runner()
        try:
            detector = _paced_detector(site_file, options)
            runner.add(detector)
            done: dict[str, Any] = {}
            feeder = threading.Thread(
                target=_feed,
                args=(detector, options, psutil.Process(beside.pid), done, runner.stop),
            )
            feeder.start()
            runner.spin()
            feeder.join()
        finally:
            runner.close()
            beside.terminate()
            beside.wait(10)
    if "failed" in done:
        sys.exit(done["failed"])
    return _outcome(**done)


def _site(folder: Path, options: argparse.Namespace) -> tuple[str, str]:
    """A site of one camera with two zones, frozen, and its plan, cut to the nodes measured."""
    import yaml

    from bconnect_site.loader import freeze, load_site
    from bconnect_site.plan import Plan, plan

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
    site = {"site": "tax", "kind": "corridor", "title": "Tax", "cameras": {"clip": camera}}
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
            self.taken = threading.Semaphore(1)
            self.count = 0
            super().__init__(**kw)

        def _detect(self, *args: Any) -> None:
            self.taken.release()
            super()._detect(*args)
            self.count += 1

    parameters = {
        "cameras": ["clip"],
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

    from bconnect_node import qos
    from bconnect_node.frames import Frame, FramePublisher

    frames = FramePublisher(detector, "clip/image_raw")
    status = detector.create_publisher(CameraStatus, "clip/camera_status", qos.STATE)
    status.publish(CameraStatus(camera="clip", state=CameraStatus.STATE_OK))
    tracked: list[int] = []
    detector.create_subscription(
        RoadUserArray, "clip/tracks", lambda m: tracked.append(1), qos.STREAM
    )
    _until(lambda: detector._out["clip"].get_subscription_count() >= 1, "the tracker")
    start, began, cpu = time.time_ns(), 0.0, 0.0
    with av.open(str(options.clip)) as container:
        for index, picture in enumerate(container.decode(video=0)):
            if not detector.taken.acquire(timeout=120):
                raise TimeoutError("the detector takes no frames")
            if index == WARM:
                began, cpu = time.monotonic(), _cpu(beside)
            if index == WARM + options.frames:
                break
            stamp = start + round(1e9 * float(picture.time or 0.0))
            frames.publish(Frame(stamp, "tax/clip", picture.to_ndarray(format="bgr24")))
        else:
            raise ValueError(f"the clip is shorter than {WARM + options.frames} frames")
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

    def ratio(over: str, key: str) -> str:
        each = sorted(r["graph"][key] / r[over][key] for r in rounds)
        return f"{statistics.median(each):.2f} ({each[0]:.2f} to {each[-1]:.2f})"

    lines = [
        HEADING,
        "",
        f"{date.today()}, {os.cpu_count()} cores ({_processor()}), no GPU; `{options.clip.name}`, "
        f"{options.frames} frames after {WARM}, YOLOv8n ONNX at {SIZE}, {options.threads} threads, "
        f"adapter {options.adapter}, {options.rounds} interleaved rounds at a load average of "
        f"{os.getloadavg()[1]:.0f}, medians "
        "(smallest to largest). `python benchmarks/graph_tax.py --write`.",
        "",
        "| arm | frames/s | ms CPU per frame |",
        "|---|---|---|",
    ]
    names = {
        "bare": "`track()` as it comes",
        "bare_own": "`track()`, our ONNX Runtime session",
        "graph": "graph: frames, detector, DDS, tracker, rules",
    }
    for arm in ARMS:
        lines.append(
            f"| {names[arm]} | {middle(arm, 'fps'):.2f} | {1000 * middle(arm, 'cpu'):.1f} |"
        )
    lines += ["", "| graph over | frames/s | CPU per frame |", "|---|---|---|"]
    for over in ("bare", "bare_own"):
        lines.append(f"| {names[over]} | {ratio(over, 'fps')} | {ratio(over, 'cpu')} |")
    return "\n".join([*lines, "", *NOTE]) + "\n"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def _write(text: str) -> None:
    """Replaces our section of docs/benchmarks.md, leaves the others."""
    path = ROOT / "docs" / "benchmarks.md"
    path.parent.mkdir(exist_ok=True)
    before = path.read_text() if path.exists() else "# Benchmarks\n"
    head, found, rest = before.partition(HEADING + "\n")
    tail = rest.partition("\n## ")
    after = f"\n## {tail[2]}" if found and tail[1] else ""
    path.write_text(head.rstrip() + "\n\n" + text + after)


if __name__ == "__main__":
    main()
