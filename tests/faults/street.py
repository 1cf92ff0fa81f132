"""A whole graph as a user runs it, whose truth is known: for tests of faults and long benchmarks.

`bconnect up` runs it, `bconnect intake` is its command centre; a towing service listens, an
officer orders and decides. Findings with known ids go in at a steady rate, each again until the
evidence store has it. At the end `account.py` counts what became of every one.
"""

from __future__ import annotations

import ast
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

ROOT = Path(__file__).parents[2]
for room in ("enforce", "camera"):
    sys.path.insert(0, str(ROOT / "tests" / room))

from towing_service import SECRET, TowingService  # noqa: E402

from bconnect_bringup.ask import from_diagnostics  # noqa: E402
from bconnect_bringup.health import NodeHealth, judge  # noqa: E402
from bconnect_site.keys import Keyring  # noqa: E402
from bconnect_site.plan import Plan, StateLayout  # noqa: E402
from bconnect_spool import serve  # noqa: E402

SITE = "ganggu"
PARKING, LINE = "illegal_parking", "stop_line"
LADDER: dict[str, Any] = {
    "mode": "enforcement",
    "policies": {
        "default": ["reprimand", "announcement", "citation"],
        PARKING: [
            {"steps": ["reprimand", "sticker", "citation"]},
            {"dwell": 300.0, "steps": ["tow"]},
        ],
    },
}
WHOLE = [[0.01, 0.01], [0.99, 0.01], [0.99, 0.99], [0.01, 0.99]]
NEVER = threading.Event()  # benchmarks use this room too, so conftest's wait_for is not at hand
START = 90.0  # s for a graph on a busy machine
MAIN = "up"  # the supervisor, among the processes
INTAKE = "intake"


def until(condition: Callable[[], Any], timeout: float, what: str, every: float = 0.02) -> Any:
    """The first true value of condition(). Raises TimeoutError after timeout [s]."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:.0f} s in vain until {what}")
        NEVER.wait(every)
    return found


def blind_model(path: Path) -> Path:
    """A YOLO export that sees nobody: the detector's way without its cost."""
    from onnx import TensorProto, helper

    nothing = helper.make_tensor("nothing", TensorProto.FLOAT, [1, 84, 1], [0.0] * 84)
    nodes = [
        helper.make_node("ReduceMax", ["images"], ["most"], keepdims=0, axes=[0, 1, 2, 3]),
        helper.make_node("Mul", ["most", "zero"], ["none"]),
        helper.make_node("Add", ["nothing", "none"], ["output0"]),
    ]
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0])
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 640, 640])]
    outputs = [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 84, 1])]
    graph = helper.make_graph(nodes, "blind", inputs, outputs, [nothing, zero])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    names = model.metadata_props.add()
    names.key, names.value = "names", str({0: "person", 2: "car", 3: "motorcycle"})
    assert ast.literal_eval(names.value)
    path.write_bytes(model.SerializeToString())
    return path


@dataclass
class Ways:
    """How a street differs from the usual one."""

    cameras: int = 2
    sources: tuple[str, ...] = ()  # of the cameras; empty: a clip
    database: str = ""  # URL; empty: SQLite in the state folder
    rate: float = 1.0  # findings per second
    centre: bool = True
    signal: str = ""  # address of a controller; empty: none
    env: Mapping[str, str] = field(default_factory=dict)
    state: Path | None = None  # folder of the state, where it is not the usual one
    far: tuple[str, ...] = ()  # in front of the intake's command: it runs on another host
    far_address: str = "127.0.0.1"
    more: Mapping[str, Any] = field(default_factory=dict)  # over the site file


class Street:
    """Start with ``with Street(folder) as street``; the clock of all waiting is monotonic."""

    def __init__(self, folder: Path, ways: Ways | None = None) -> None:
        self.folder, self.ways = folder, ways or Ways()
        self.state = self.ways.state or folder / "state"
        self.layout = StateLayout.of(self.state, SITE)
        self.cameras = [f"kamera_{n + 1}" for n in range(self.ways.cameras)]
        self.towing = TowingService()
        folder.mkdir(parents=True, exist_ok=True)
        self.model = blind_model(folder / "blind.onnx")
        self.site_file = self._write_site()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.up_since = 0.0
        self.watch: Any = None

    # -- the pieces --------------------------------------------------------------------------

    def _write_site(self) -> Path:
        from camera_clips import write_clip

        clip = self.folder / "clip.mp4"
        if not self.ways.sources and not clip.exists():
            write_clip(clip, frames=100, fps=10, size=(320, 180), gop=5)
        sources = self.ways.sources or (f"file://{clip}",) * len(self.cameras)
        site: dict[str, Any] = {
            "site": SITE,
            "kind": "corridor",
            "title": "Gangguan",
            "location": {"latitude": -1.2463, "longitude": 116.8563},
            "detector": {
                "adapter": "onnxruntime",
                "threads": 1,
            },
            "cameras": {
                name: self._camera(source)
                for name, source in zip(self.cameras, sources, strict=True)
            },
            "speakers": {"tiang": {"adapter": "file", "hears": self.cameras}},
            "ladder": LADDER,
            "evidence": {"before": 1.0, "after": 1.0, "min_free_bytes": 8 << 20},
            "plates": {"read": False},  # no network of neurons: kills need speed, not sight
            "tow": {
                "webhook": "${FAULT_TOW_URL}",
                "secret": "${FAULT_TOW_SECRET}",
                "trucks": ["derek_1"],
                "yard": "Kantor Dishub",
                "timeout": 2.0,
                "propose_for": 36_000.0,
            },
            "sticker": {"due": 36_000.0},  # a clock that jumps an hour must not end them
        }
        if self.ways.centre:
            site["centre"] = self._centre()
        if self.ways.signal:
            site["signals"] = {
                "utara": {"adapter": "ntcip1202", "address": self.ways.signal, "phase": 2}
            }
        if self.ways.database:
            site["ledger"] = {"database": self.ways.database}
        site |= self.ways.more
        path = self.folder / f"{SITE}.yaml"
        path.write_text(yaml.safe_dump(site))
        return path

    def _camera(self, source: str) -> dict[str, Any]:
        zones = {
            "bahu": {"kind": "no_parking", "region": WHOLE, "dwell": 300.0, "basis": "sign S-12"},
        }
        return {
            "source": source,
            "loop": not self.ways.sources,
            "hardware": False,
            "detect": {"width": 320, "height": 180, "rate": 5.0},
            "zones": zones,
            "rules": [PARKING],
        }

    def _centre(self) -> dict[str, str]:
        import socket

        root = self.folder / "centre"
        keys = Keyring.open(root / "keys")
        _, recipient = serve.identity(root / "keys" / serve.IDENTITY)
        Keyring.open(self.layout.keys_dir)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.intake_port = probe.getsockname()[1]
        config = {
            "root": str(root),
            "port": self.intake_port,
            "host": self.ways.far_address,
            "units": {SITE: str(self.layout.keys_dir)},
        }
        (self.folder / "intake.yaml").write_text(yaml.safe_dump(config))
        return {
            "url": f"http://{self.ways.far_address}:{self.intake_port}",
            "key": str(root / "keys" / f"{keys.key_id}.pub"),
            "recipient": recipient,
        }

    # -- processes ---------------------------------------------------------------------------

    def __enter__(self) -> Street:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Everything, and waits until it is whole."""
        self.launch(MAIN)
        if self.ways.centre:
            self.launch(INTAKE)
        until(self.layout.plan_file.exists, START, "the plan was made")
        self.watch = Watch(self)
        self.wait_whole(time.monotonic(), START)

    def launch(self, name: str) -> None:
        """(Again) one of the processes that a service manager would start."""
        command = [sys.executable, "-m", "bconnect_bringup.cli"]
        if name == INTAKE:
            command = [*self.ways.far, *command, "intake", str(self.folder / "intake.yaml")]
        else:
            command += ["up", str(self.site_file), "--state", str(self.state)]
        env = {
            **os.environ,
            "FAULT_TOW_URL": self.towing.url,
            "FAULT_TOW_SECRET": SECRET,
            "BCONNECT_SELFTEST": "off",
            "BCONNECT_MODEL": str(self.model),
            **(self.ways.env if name == MAIN else {}),
        }
        with (self.folder / f"{name}.out").open("ab") as out:
            self.processes[name] = subprocess.Popen(command, env=env, stdout=out, stderr=out)

    def keep_up(self) -> None:
        """What systemd does: starts again what it started, once it has ended."""
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                self.launch(name)

    def family(self) -> dict[str, psutil.Process]:
        """Every process that runs now, by a name that tells what it is."""
        found: dict[str, psutil.Process] = {}
        for name, process in self.processes.items():
            with contextlib.suppress(psutil.Error):
                parent = psutil.Process(process.pid)
                found[name] = parent
                for child in parent.children(recursive=True):
                    found[_word(child)] = child
        return found

    def kill(self, process: psutil.Process) -> float:
        """kill -9. The moment [monotonic s]; returns when it is gone."""
        at = time.monotonic()
        process.send_signal(signal.SIGKILL)
        until(lambda: _gone(process) or self._reap(), 10.0, f"{process.pid} was gone", 0.005)
        return at

    def _reap(self) -> bool:
        for process in self.processes.values():
            process.poll()
        return False

    def wait_whole(self, since: float, timeout: float = START) -> float:
        """Seconds from `since` until every node was heard anew and none is bad."""

        def whole() -> bool:
            self.keep_up()
            return bool(self.watch.whole(since))

        try:
            until(whole, timeout, "the graph was whole", 0.01)
        except TimeoutError as error:
            bad = [f"{h.node}: {h.level}: {h.message}" for h in self.watch.bad(since)]
            raise TimeoutError(f"{error}: {'; '.join(bad)}") from None
        return time.monotonic() - since

    def close(self) -> None:
        """Stops everything; what does not stop is killed."""
        if self.watch is not None:
            self.watch.close()
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.towing.close()


def _word(process: psutil.Process) -> str:
    line = process.cmdline()
    if "--process" in line:
        return line[line.index("--process") + 1]
    return f"{process.name()} {process.pid}"


def _gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Watch:
    """Our own node on the street: hears diagnostics, sends findings, asks services."""

    def __init__(self, street: Street) -> None:
        import rclpy
        from bconnect_msgs.msg import Finding
        from diagnostic_msgs.msg import DiagnosticArray
        from rclpy.node import Node
        from rclpy.signals import SignalHandlerOptions

        from bconnect_node import environment, qos
        from bconnect_node.run import Runner
        from bconnect_site import names

        environment.apply()
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        plan = Plan.from_json(street.layout.plan_file.read_text())
        self.expected = [node.full_name for node in plan.nodes]
        self._heard: dict[str, tuple[float, NodeHealth]] = {}
        self._lock = threading.Lock()
        self._runner = Runner()
        self.node = Node("fault_watch", enable_rosout=False, start_parameter_services=False)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_health, 100)
        self.findings = self.node.create_publisher(
            Finding, f"{names.site_ns(SITE)}/{names.FINDINGS}", qos.EVENT
        )
        self._runner.add(self.node)
        self._thread = threading.Thread(target=self._runner.spin, name="watch", daemon=True)
        self._thread.start()

    def now(self) -> int:
        """ns, this machine's clock."""
        return int(self.node.get_clock().now().nanoseconds)

    def _on_health(self, message: Any) -> None:
        at = time.monotonic()
        with self._lock:
            for health in from_diagnostics(message):
                self._heard[health.node] = (at, health)

    def health(self, since: float = 0.0) -> dict[str, NodeHealth]:
        """The last word of each node after a moment [monotonic s]."""
        with self._lock:
            return {name: health for name, (at, health) in self._heard.items() if at > since}

    def bad(self, since: float) -> list[NodeHealth]:
        return [h for h in judge(self.health(since), self.expected, SITE) if h.bad]

    def whole(self, since: float) -> bool:
        return not self.bad(since)

    def close(self) -> None:
        self._runner.stop()
        self._thread.join(10.0)
        self._runner.close()


@contextlib.contextmanager
def street(folder: Path, ways: Ways | None = None) -> Iterator[Street]:
    """A street that is closed whatever happens, also while it starts."""
    made = Street(folder, ways)
    try:
        made.start()
        yield made
    finally:
        made.close()
