"""run() and the host: they end in time, refuse with a sentence, give names in code."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from std_msgs.msg import String

from bconnect_node.qos import RECORD
from bconnect_site.plan import NodeSpec, Plan

PATIENCE = 30.0  # s for a process to come up on a busy machine
ALLOWED = 2.0  # s from the signal to the end


def segments(pid: int) -> list[Path]:
    """The Fast DDS files in shared memory that a process holds."""
    maps = Path(f"/proc/{pid}/maps").read_text().split()
    return sorted({Path(word) for word in maps if word.startswith("/dev/shm/fast")})


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> float:
    """Sends the signal; seconds until the process had ended."""
    started = time.monotonic()
    process.send_signal(number)
    process.wait(10)
    return time.monotonic() - started


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_quiet_node_ends_at_once(sample: Any, wait_for: Any, number: int) -> None:
    output = sample("Plain")
    wait_for(lambda: output.starting("ready"), PATIENCE)
    held = [path for path in segments(output.process.pid) if "_port" not in path.name]
    assert held
    assert end(output.process, number) < ALLOWED
    assert output.process.returncode == 0
    assert not [path for path in held if path.exists()], "shared memory goes with the process"


def test_a_busy_node_ends_in_time_and_in_silence(sample: Any, wait_for: Any) -> None:
    """Callbacks without a pause, a worker too, both publishing through the whole shutdown."""
    output = sample("Busy")
    wait_for(lambda: output.starting("ready"), PATIENCE)
    assert end(output.process) < ALLOWED
    assert output.process.returncode == 0
    wait_for(lambda: output.process.stdout.closed or True)
    said = [line for line in output.lines if line != "ready"]
    assert said == []


def test_a_stuck_callback_does_not_keep_the_process(sample: Any, wait_for: Any) -> None:
    output = sample("Stuck")
    wait_for(lambda: output.starting("ready"), PATIENCE)
    assert end(output.process) < ALLOWED + 0.5  # 1.6 s plus what a loaded machine adds
    wait_for(lambda: output.starting("bconnect: still busy 1.6 s after the signal"))


def test_a_mistake_found_at_start_is_one_sentence_and_exit_2(sample: Any, wait_for: Any) -> None:
    output = sample("Refuses")
    assert output.process.wait(PATIENCE) == 2
    wait_for(lambda: "bconnect: config/x.yaml: a.b: found 1, allowed: 2" in output.lines)
    assert "worker ended True" in output.lines
    assert not any("Traceback" in line for line in output.lines)


def test_a_mistake_a_worker_finds_is_the_same(sample: Any, wait_for: Any) -> None:
    output = sample("RefusesLate")
    assert output.process.wait(PATIENCE) == 2
    wait_for(lambda: output.lines == ["bconnect: weights.onnx: is no model"])


def test_a_wrong_parameter_on_the_command_line(sample: Any, wait_for: Any) -> None:
    output = sample("Sample", "--ros-args", "-p", "name:=x", "-p", "rate:=1000.0")
    assert output.process.wait(PATIENCE) == 2
    wait_for(
        lambda: (
            output.lines
            == ["bconnect: /sample: rate: found 1000.0; allowed: a number from 0.1 to 60.0"]
        )
    )


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("ROS_DOMAIN_ID", "102", "environment: ROS_DOMAIN_ID: found 102; allowed: 0 to 101"),
        ("ROS_DOMAIN_ID", "one", "environment: ROS_DOMAIN_ID: found one; allowed: 0 to 101"),
        ("ROS_AUTOMATIC_DISCOVERY_RANGE", "CITY", "environment: ROS_AUTOMATIC_DISCOVERY_RANGE:"),
        (
            "FASTDDS_DEFAULT_PROFILES_FILE",
            "/no/such.xml",
            "environment: FASTDDS_DEFAULT_PROFILES_FILE: there is no file /no/such.xml",
        ),
    ],
)
def test_an_environment_that_does_not_work(variable: str, value: str, sentence: str) -> None:
    from bconnect_node import environment
    from bconnect_site.errors import ConfigError

    with pytest.raises(ConfigError) as caught:
        environment.middleware_env({variable: value})
    assert str(caught.value).startswith(sentence)


# -- messages that are not there, or not for here ------------------------------------------


def run_with_messages(child: Any, folder: Path, **env: str) -> tuple[int, str]:
    """A node run where this folder's bconnect_msgs is found first."""
    code = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); sys.path.insert(0, {str(folder)!r})\n"
        "import sample_nodes, bconnect_node.run as r; sys.exit(r.run(sample_nodes.Plain, ['x']))"
    )
    process = child(code, env=env)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out + err


def test_messages_that_are_not_built(child: Any, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'bconnect_msgs':\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name='bconnect_msgs')\n"
        "sys.meta_path.insert(0, Hide())\n"
        "import sample_nodes, bconnect_node.run as r\n"
        "sys.exit(r.run(sample_nodes.Plain, ['x']))"
    )
    process = child(code)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert (out, err.splitlines()) == (
        "",
        [
            "bconnect: bconnect_msgs: is not built or not on the path; run `make setup`, or build"
            " it with colcon and source install/setup.bash"
        ],
    )


def copied_messages(target: Path, *, compiled: bool) -> None:
    import bconnect_msgs

    source = Path(bconnect_msgs.__file__).parent
    ignored = shutil.ignore_patterns("__pycache__", *([] if compiled else ["*.so"]))
    shutil.copytree(source, target / "bconnect_msgs", ignore=ignored)


@pytest.mark.parametrize("case", ["compiled modules missing", "another Python's folder"])
def test_messages_built_for_another_python(child: Any, tmp_path: Path, case: str) -> None:
    folder = tmp_path / ("lib/python3.4/site-packages" if "folder" in case else "x")
    copied_messages(folder, compiled="folder" in case)
    code, said = run_with_messages(child, folder)
    assert code == 2
    assert said.startswith("bconnect: bconnect_msgs: cannot be used here, it was probably built")
    assert "run `make setup`" in said
    assert len(said.splitlines()) == 1


def test_messages_built_for_another_ros(child: Any, tmp_path: Path) -> None:
    """A library with a symbol nobody has: the linker would end the process at first use."""
    code = "extern void not_in_this_release(void); void f(void) { not_in_this_release(); }"
    library = tmp_path / "libbconnect_msgs__rosidl_typesupport_fastrtps_c.so"
    source = tmp_path / "f.c"
    source.write_text(code)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    path = f"{tmp_path}:{os.environ.get('LD_LIBRARY_PATH', '')}"
    returned, said = run_with_messages(child, tmp_path, LD_LIBRARY_PATH=path)
    assert returned == 2
    assert said.startswith("bconnect: bconnect_msgs: cannot be used here, it was probably built")
    assert "not_in_this_release" in said
    assert len(said.splitlines()) == 1


# -- the host --------------------------------------------------------------------------------


def spec(name: str, namespace: str, target: str, parameters: Any = None) -> NodeSpec:
    return NodeSpec("tests", name, target, name, namespace, parameters or {}, "all")


@pytest.fixture
def plan_file(tmp_path: Path) -> Callable[..., Path]:
    def write(*specs: NodeSpec) -> Path:
        path = tmp_path / "plan.json"
        path.write_text(Plan("demo", specs).to_json())
        return path

    return write


def host(child: Any, *args: str) -> tuple[int, str]:
    process = child("import sys, bconnect_node.host as h; sys.exit(h.main(sys.argv[1:]))", *args)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out + err


def test_host_builds_every_node_of_its_process(
    ros: Any, child: Any, plan_file: Any, wait_for: Any
) -> None:
    path = plan_file(
        spec("one", "/demo/utara", "sample_nodes:Plain"),
        spec("two", "/demo/selatan", "sample_nodes:Plain"),
        spec("three", "/demo", "sample_nodes:Sample", {"name": "x", "rates": [1, 2.5]}),
    )
    one = ros.collect(String, "/demo/utara/hello", RECORD)
    two = ros.collect(String, "/demo/selatan/hello", RECORD)
    process = child(
        "import sys, bconnect_node.host as h; sys.exit(h.main())",
        "--plan",
        str(path),
        "--process",
        "all",
        "--ros-args",
        "--log-level",
        "info",
    )
    wait_for(lambda: one and two, PATIENCE)
    assert (one[0].data, two[0].data) == ("/demo/utara/one", "/demo/selatan/two")
    watcher = ros.node("watcher")
    wait_for(lambda: ("three", "/demo") in watcher.get_node_names_and_namespaces())
    assert end(process) < ALLOWED
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("no_such_module:Node", "no_such_module:Node: there is no module no_such_module; build"),
        ("sample_nodes:Nobody", "sample_nodes:Nobody: sample_nodes has no Nobody"),
        ("sample_nodes:Sample", "/demo/bad: name: is missing; needs text"),
    ],
)
def test_host_refuses_what_it_cannot_build(
    child: Any, plan_file: Any, target: str, sentence: str
) -> None:
    path = plan_file(spec("good", "/demo", "sample_nodes:Plain"), spec("bad", "/demo", target))
    code, said = host(child, "--plan", str(path), "--process", "all")
    assert code == 2
    assert f"bconnect: {sentence}" in said
    assert "Traceback" not in said


def test_host_refuses_a_process_or_plan_that_is_not_there(
    child: Any, plan_file: Any, tmp_path: Path
) -> None:
    path = plan_file(spec("one", "/demo", "sample_nodes:Plain"))
    code, said = host(child, "--plan", str(path), "--process", "al")
    assert (code, said.strip()) == (
        2,
        f"bconnect: {path}: has no process 'al'; did you mean \"all\"?",
    )
    code, said = host(child, "--plan", str(tmp_path / "none.json"), "--process", "all")
    assert code == 2
    assert "cannot be read: No such file" in said
    path.write_text(json.dumps({"format": "x"}))
    code, said = host(child, "--plan", str(path), "--process", "all")
    assert code == 2
    assert len(said.splitlines()) == 1


def test_host_refuses_process_wide_names(child: Any, plan_file: Any) -> None:
    path = plan_file(spec("one", "/demo", "sample_nodes:Plain"))
    code, said = host(
        child, "--plan", str(path), "--process", "all", "--ros-args", "-r", "__ns:=/other"
    )
    assert code == 2
    assert said.startswith("bconnect: host: __ns:=/other: would rename every node of the process")
