"""The launch files: without decisions, and run under the real launch_ros where it is there.

BCONNECT_LAUNCH_ROS may name source checkouts to put on the path (folders that hold `launch`,
`launch_ros` and what they import), separated by colons.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from bconnect_site.find import resolve_site
from bconnect_site.loader import load_site
from bconnect_site.plan import Plan, plan

ROOT = Path(__file__).parents[2]
LAUNCH = ROOT / "launch"
FILES = sorted(LAUNCH.glob("*.launch.py"))
Waiter = Callable[..., object]

CHECKOUTS = [p for p in os.environ.get("BCONNECT_LAUNCH_ROS", "").split(os.pathsep) if p]

DECISIONS = (
    ast.If, ast.IfExp, ast.For, ast.While, ast.Try, ast.BoolOp, ast.BinOp, ast.Compare,
    ast.JoinedStr, ast.Lambda, ast.ListComp, ast.DictComp, ast.GeneratorExp, ast.Subscript,
)  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_a_launch_file_is_short_and_decides_nothing(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 40
    found = [
        type(node).__name__ for node in ast.walk(ast.parse(text)) if isinstance(node, DECISIONS)
    ]
    assert found == []
    imported = {
        node.module.split(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    assert imported == {"bconnect_bringup", "launch"}


def test_each_use_has_a_launch_file() -> None:
    uses = {"corridor.launch.py", "vehicle.launch.py", "replay.launch.py"}
    assert {path.name for path in FILES} == uses


def test_only_one_file_of_the_package_knows_launch() -> None:
    folder = ROOT / "src" / "bconnect_bringup" / "bconnect_bringup"
    users = [
        path.name
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").split(".")[0] in ("launch", "launch_ros")
    ]
    assert set(users) == {"launching.py"}


# --- from here on with the real launch_ros


def _launch_env(tmp_path: Path, **more: str) -> dict[str, str]:
    """Our environment, with checkouts on the path and an index that holds bconnect_node."""
    prefix = tmp_path / "prefix"
    index = prefix / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    (index / "bconnect_node").write_text("")
    host = prefix / "lib" / "bconnect_node" / "host"
    host.parent.mkdir(parents=True)
    host.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bconnect_node.host "$@"\n')
    host.chmod(0o755)
    prefixes = [str(prefix), *os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)]
    paths = [*CHECKOUTS, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "AMENT_PREFIX_PATH": os.pathsep.join(filter(None, prefixes)),
        "PYTHONUNBUFFERED": "1",
        **more,
    }


def _importable() -> bool:
    if not CHECKOUTS:
        return importlib.util.find_spec("launch_ros") is not None
    return any((Path(p) / "launch_ros" / "__init__.py").is_file() for p in CHECKOUTS)


with_launch_ros = pytest.mark.skipif(
    not _importable(),
    reason="launch_ros cannot be imported here; it comes with a ROS 2 installation, "
    "or BCONNECT_LAUNCH_ROS names source checkouts of launch and launch_ros",
)

# What `ros2 launch` does, without the ros2 command line.
RUN = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
path, *arguments = sys.argv[1:]
service = LaunchService(argv=arguments)
service.include_launch_description(LaunchDescription([IncludeLaunchDescription(
    PythonLaunchDescriptionSource(path),
    launch_arguments=[tuple(a.split(":=", 1)) for a in arguments],
)]))
sys.exit(service.run())
"""

# The processes a launch file would start, as JSON, without starting them.
LIST = """
import json, sys
from launch import LaunchContext
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.utilities import perform_substitutions
from launch_ros.actions import Node
path, *arguments = sys.argv[1:]
context = LaunchContext(argv=arguments)
context.launch_configurations.update(dict(a.split(":=", 1) for a in arguments))
found = []
def walk(entities):
    for entity in entities or []:
        if isinstance(entity, Node):
            entity._perform_substitutions(context)
            command = [perform_substitutions(context, part) for part in entity.cmd]
            found.append([entity.node_package, entity.node_executable, command,
                          dict(entity.additional_env and {}) ])
        else:
            walk(entity.visit(context))
description = PythonLaunchDescriptionSource(path).get_launch_description(context)
walk(description.entities)
print("FOUND " + json.dumps(found))
"""


def _option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


@with_launch_ros
@pytest.mark.parametrize(
    ("file", "argument", "site"),
    [
        ("corridor.launch.py", "corridor", "beruang_madu"),
        ("vehicle.launch.py", "vehicle", "etle_01"),
    ],
)
def test_launch_starts_exactly_the_processes_of_the_plan(
    tmp_path: Path, file: str, argument: str, site: str
) -> None:
    loaded = load_site(resolve_site(site))
    text = loaded.to_yaml()
    sources = {part.split("}")[0]: "set" for part in text.split("${")[1:]}
    state = tmp_path / "state"
    done = subprocess.run(
        [sys.executable, "-c", LIST, str(LAUNCH / file), f"{argument}:={site}", f"state:={state}"],
        env=_launch_env(tmp_path, **sources),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("FOUND "))
    found = json.loads(line.removeprefix("FOUND "))
    wanted = plan(loaded, site_file=str(state / site / "site.yaml"), state_dir=str(state))
    assert {(package, executable) for package, executable, *_ in found} == {
        ("bconnect_node", "host")
    }
    started = [_option(command, "--process") for _, _, command, _ in found]
    assert started == list(wanted.processes())
    written = Plan.from_json((state / site / "plan.json").read_text())
    assert written == wanted
    assert {_option(command, "--plan") for _, _, command, _ in found} == {
        str(state / site / "plan.json")
    }


@with_launch_ros
def test_a_mistake_ends_launch_with_its_sentence(tmp_path: Path) -> None:
    site = tmp_path / "broken.yaml"
    site.write_text("site: broken\nkind: corridor\ntitle: Broken\ncamera: {}\n")
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(LAUNCH / "corridor.launch.py"), f"corridor:={site}"],
        env=_launch_env(tmp_path, BCONNECT_STATE=str(tmp_path / "state")),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "camera: is not a key here" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def _launch_probes(probes: Any, picky: str = "") -> list[str]:
    then = f"exec({RUN!r})"
    return [
        *probes.program(then, picky),
        str(LAUNCH / "corridor.launch.py"),
        f"corridor:={probes.site_file}",
        f"state:={probes.state}",
    ]


@with_launch_ros
def test_launch_runs_the_nodes_and_stops_them_on_sigint(
    tmp_path: Path, probes: Any, wait_for: Waiter
) -> None:
    out = tmp_path / "out"
    env = _launch_env(tmp_path, PROBE_NOTES=str(probes.notes), PROBE_UTARA="file:///nowhere.mp4")
    env["PYTHONPATH"] = f"{Path(__file__).parent}{os.pathsep}{env['PYTHONPATH']}"
    with out.open("w") as file:
        process = subprocess.Popen(
            _launch_probes(probes), env=env, stdout=file, stderr=file, start_new_session=True
        )
    try:
        wait_for(lambda: out.read_text().count("probe is up") == 8, 60.0)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does on Ctrl-C
        assert process.wait(5.0) == 0, out.read_text()
    finally:
        if process.poll() is None:
            process.kill()
    written = Plan.from_json((probes.state / "probe_site" / "plan.json").read_text())
    assert sorted(probes.ended()) == sorted(node.full_name for node in written.nodes)


@with_launch_ros
def test_nodes_stop_with_a_launch_that_is_killed(
    tmp_path: Path, probes: Any, wait_for: Waiter
) -> None:
    out = tmp_path / "out"
    env = _launch_env(tmp_path, PROBE_NOTES=str(probes.notes), PROBE_UTARA="file:///nowhere.mp4")
    env["PYTHONPATH"] = f"{Path(__file__).parent}{os.pathsep}{env['PYTHONPATH']}"
    with out.open("w") as file:
        process = subprocess.Popen(_launch_probes(probes), env=env, stdout=file, stderr=file)
    try:
        wait_for(lambda: out.read_text().count("probe is up") == 8, 60.0)
        hosts = psutil.Process(process.pid).children()
        assert len(hosts) == 4
    finally:
        process.kill()
        process.wait()
    wait_for(lambda: not any(host.is_running() for host in hosts), 10.0)
    written = Plan.from_json((probes.state / "probe_site" / "plan.json").read_text())
    assert sorted(probes.ended()) == sorted(node.full_name for node in written.nodes)


@with_launch_ros
def test_a_node_that_refuses_ends_launch(tmp_path: Path, probes: Any) -> None:
    env = _launch_env(tmp_path, PROBE_NOTES=str(probes.notes), PROBE_UTARA="file:///nowhere.mp4")
    env["PYTHONPATH"] = f"{Path(__file__).parent}{os.pathsep}{env['PYTHONPATH']}"
    done = subprocess.run(
        _launch_probes(probes, picky="tracker"), env=env, capture_output=True, text=True, timeout=60
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "site.yaml: rate: found -1, allowed: more than 0" in said
    assert "perception refused to start with this configuration" in said


# --- replay.launch.py: the graph on our side, `ros2 bag play` on theirs

BAG = ROOT / "tests" / "replay" / "bags" / "wrong_way"

# As LIST, with what is executed beside nodes.
LIST_ALL = LIST.replace(
    "        else:",
    """        elif isinstance(entity, ExecuteProcess):
            command = [perform_substitutions(context, part) for part in entity.cmd]
            found.append(["", "", command, {}])
        else:""",
).replace(
    "from launch import LaunchContext",
    "from launch import LaunchContext\nfrom launch.actions import ExecuteProcess",
)


@with_launch_ros
def test_replay_launch_starts_the_judging_nodes_and_ros2_bag_play(tmp_path: Path) -> None:
    state = tmp_path / "state"
    arguments = [f"bag:={BAG}", f"state:={state}", "rate:=2.5"]
    done = subprocess.run(
        [sys.executable, "-c", LIST_ALL, str(LAUNCH / "replay.launch.py"), *arguments],
        env=_launch_env(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("FOUND "))
    found = json.loads(line.removeprefix("FOUND "))
    written = Plan.from_json(next(state.rglob("plan.json")).read_text())
    executables = {node.executable for node in written.nodes}
    assert {"tracker", "rule_checker", "evidence"} <= executables
    assert not executables & {"camera", "speaker", "player", "spool", "detector"}
    assert all(node.parameters["use_sim_time"] for node in written.nodes)
    hosts = [_option(command, "--process") for package, _, command, _ in found if package]
    assert hosts == list(written.processes())
    (play,) = (command for package, _, command, _ in found if not package)
    assert play[:4] == ["ros2", "bag", "play", str(BAG / "bag")]
    assert _option(play, "--rate") == "2.5" and _option(play, "--clock") == "100"
    assert "/tangan/utara/detections" in play[play.index("--topics") :]


@with_launch_ros
@pytest.mark.parametrize(
    ("argument", "sentence"),
    [("bag:=/nowhere", "there is no such bag"), ("rate:=fast", 'rate: found "fast"')],
)
def test_a_replay_that_cannot_be_ends_launch_with_its_sentence(
    tmp_path: Path, argument: str, sentence: str
) -> None:
    arguments = {"bag": str(BAG), "state": str(tmp_path / "state")}
    name, _, value = argument.partition(":=")
    arguments[name] = value
    done = subprocess.run(
        [
            *(sys.executable, "-c", RUN, str(LAUNCH / "replay.launch.py")),
            *(f"{key}:={told}" for key, told in arguments.items()),
        ],
        env=_launch_env(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert sentence in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@with_launch_ros
def test_replay_launch_with_the_real_ros2_bag_finds_the_violation(
    tmp_path: Path, wait_for: Waiter
) -> None:
    if not shutil.which("ros2"):
        pytest.skip("`ros2 bag play` is not installed here: no wheel of rosbag2 exists")
    state, out = tmp_path / "state", tmp_path / "out"
    arguments = [f"bag:={BAG}", f"state:={state}"]
    with out.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(LAUNCH / "replay.launch.py"), *arguments],
            env=_launch_env(tmp_path),
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        wait_for(lambda: list(state.rglob("manifest.json")), 100.0)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(20.0)
