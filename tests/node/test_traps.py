"""The ten traps of the middleware, each measured once and silent: one test or lint for each."""

from __future__ import annotations

import ast
import ctypes
import fcntl
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bconnect_node import environment, memory, security, selftest, shm
from bconnect_site.errors import ConfigError

ROOT = Path(__file__).parents[2]
OURS = [
    path
    for folder in ("src", "launch", "benchmarks", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not {"build", "install"} & set(path.parts)
]
SOURCES = [path for path in OURS if path.is_relative_to(ROOT / "src")]
PROFILE_VARIABLES = (
    environment.PROFILE_VARIABLE,
    *([environment.OLD_PROFILE_VARIABLE] if environment.has_fast_dds_2() else []),
)


def nodes_of(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(), str(path)))


def found(paths: list[Path], wrong: Callable[[ast.AST], bool]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        for path in paths
        for node in nodes_of(path)
        if wrong(node)
    ]


def snippet(text: str, wrong: Callable[[ast.AST], bool]) -> bool:
    return any(wrong(node) for node in ast.walk(ast.parse(text)))


# 1. The stock segment of 512 KB loses best-effort images without an error. -------------------


def test_1_the_shipped_profile_carries_whole_images() -> None:
    assert selftest.deliver() is None


def test_1_the_stock_settings_lose_them_and_the_self_test_says_so(
    monkeypatch: pytest.MonkeyPatch, child: Any
) -> None:
    """In a process of its own: Fast DDS reads its profile once."""
    code = "from bconnect_node import selftest; print(selftest.deliver(), flush=True)"
    monkeypatch.delenv(environment.PROFILE_VARIABLE, raising=False)
    monkeypatch.delenv(environment.OLD_PROFILE_VARIABLE, raising=False)
    out, err = child(code).communicate(timeout=60)
    assert out.startswith(
        "image self test: of 10 images of 1920x1080 fewer than 5 arrived in another process; the"
        " Fast DDS profile was not found or is too small: set"
        f" FASTDDS_DEFAULT_PROFILES_FILE={environment.PROFILE}"
    ), out + err


def test_1_the_self_test_runs_once_for_all_processes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs: list[str | None] = []
    outcome: list[str | None] = ["lost"]
    monkeypatch.setattr(shm, "FOLDER", tmp_path)
    monkeypatch.setattr(selftest, "deliver", lambda: runs.append("run") or outcome[0])
    assert selftest.check() is None, "off in tests"
    monkeypatch.delenv(selftest.SWITCH)
    assert [selftest.check(), selftest.check(), len(runs)] == ["lost", "lost", 1]
    monkeypatch.setattr(selftest, "FAILURE_HOLDS", 0.0)
    outcome[0] = None
    assert [selftest.check(), selftest.check(), len(runs)] == [None, None, 2]
    monkeypatch.setenv(environment.PROFILE_VARIABLE, str(tmp_path / "another"))
    (tmp_path / "another").write_text("<dds/>")
    assert [selftest.check(), len(runs)] == [None, 3]


def test_1_a_node_reports_a_profile_that_is_too_small(
    sample: Any, tmp_path: Path, wait_for: Any
) -> None:
    small = tmp_path / "small.xml"
    small.write_text(environment.PROFILE.read_text().replace("16777216", "524288"))
    output = sample("Plain", env=dict.fromkeys(PROFILE_VARIABLES, str(small)))
    wait_for(lambda: any("shared memory: found 0." in line for line in output.lines), 30.0)
    said = next(line for line in output.lines if "shared memory: found" in line)
    assert "an image of 1920x1080 needs more than 6.2 MB; the Fast DDS profile" in said


def test_1_the_profile_is_found_without_anybody_setting_it(child: Any) -> None:
    """run() points Fast DDS at it, so `ros2 run` of a single node works too."""
    code = (
        "import os; os.environ.pop('FASTDDS_DEFAULT_PROFILES_FILE', None)\n"
        "os.environ.pop('FASTRTPS_DEFAULT_PROFILES_FILE', None)\n"
        "from bconnect_node import environment, shm; environment.apply()\n"
        "import rclpy; rclpy.init(); n = rclpy.create_node('x'); print(shm.own_segments()[0])"
    )
    out, err = child(code).communicate(timeout=60)
    assert int(out) > 16 << 20, err


def test_1_a_users_own_profile_is_kept() -> None:
    own = str(ROOT / "pyproject.toml")
    assert (
        environment.middleware_env({environment.PROFILE_VARIABLE: own})[
            environment.PROFILE_VARIABLE
        ]
        == own
    )
    assert environment.middleware_env({})[environment.PROFILE_VARIABLE] == str(environment.PROFILE)


# 2. MultiThreadedExecutor collapses. ---------------------------------------------------------


def is_multi_threaded(node: ast.AST) -> bool:
    names = [getattr(node, "id", ""), getattr(node, "attr", "")]
    names += [alias.name for alias in getattr(node, "names", []) if isinstance(alias, ast.alias)]
    return "MultiThreadedExecutor" in names


def test_2_no_multi_threaded_executor() -> None:
    assert snippet("from rclpy.executors import MultiThreadedExecutor", is_multi_threaded)
    assert snippet("rclpy.executors.MultiThreadedExecutor()", is_multi_threaded)
    assert found(OURS, is_multi_threaded) == []


# 3. spin() without a timeout hangs. ----------------------------------------------------------


def spins_forever(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
    timed = any(word.arg == "timeout_sec" for word in node.keywords) or len(node.args) > 1
    if name == "spin":
        owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        return owner.rpartition(".")[2].lstrip("_") in ("", "rclpy", "executor", "ex", "self")
    return name in ("spin_once", "spin_until_future_complete") and not timed


def test_3_nobody_spins_without_a_timeout() -> None:
    for bad in (
        "executor.spin()",
        "rclpy.spin(node)",
        "self._executor.spin()",
        "ex.spin_until_future_complete(f)",
        "executor.spin_once()",
    ):
        assert snippet(bad, spins_forever), bad
    for good in ("ex.spin_until_future_complete(f, timeout_sec=1.0)", "runner.spin()"):
        assert not snippet(good, spins_forever), good
    assert found(OURS, spins_forever) == []


def test_3_only_run_makes_an_executor() -> None:
    def makes(node: ast.AST) -> bool:
        return (
            isinstance(node, ast.ImportFrom)
            and (node.module or "").startswith("rclpy")
            and any(alias.name.endswith("Executor") for alias in node.names)
        )

    assert {place.split(":")[0] for place in found(SOURCES, makes)} == {
        "src/bconnect_node/bconnect_node/run.py"
    }


# (SIGTERM within two seconds, callbacks busy or stuck: test_run.py)

# 4. glibc gives every image buffer back to the kernel. ---------------------------------------


def test_4_image_buffers_come_from_the_heap_and_stay(child: Any) -> None:
    """Page faults of 200 buffers of 6 MB: some 1500 each when they are mapped anew."""
    code = (
        "{before}import numpy, resource\n"
        "def faults():\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "def touch():\n"
        "    numpy.empty(6220800, 'u1').fill(1)\n"
        "for _ in range(5): touch()\n"
        "start = faults()\n"
        "for _ in range(200): touch()\n"
        "print(faults() - start)"
    )
    plain = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
    without = int(child(code.format(before=""), env=plain).communicate(timeout=60)[0])
    tuned = "import bconnect_node; assert bconnect_node.ALLOCATOR_TUNED\n"
    with_it = int(child(code.format(before=tuned), env=plain).communicate(timeout=60)[0])
    assert with_it < 2000
    assert without > 20 * max(with_it, 1)
    assert ctypes.CDLL(None).mallopt is not None
    assert memory.tune_allocator()


def test_matrices_are_multiplied_by_one_thread_whoever_starts_the_nodes(child):
    """Under ros2 launch nobody but us sets it; numpy reads it when it is imported."""
    assert environment.middleware_env({})["OPENBLAS_NUM_THREADS"] == "1"
    assert environment.middleware_env({"OPENBLAS_NUM_THREADS": "2"})["OPENBLAS_NUM_THREADS"] == "2"
    code = (
        "import os, sys; os.environ.pop('OPENBLAS_NUM_THREADS', None)\n"
        "{first}import numpy\n"
        "print(len(os.listdir('/proc/self/task')))"
    )
    if int(child(code.format(first="")).communicate(timeout=60)[0]) == 1:
        pytest.skip("this numpy starts no threads here")
    assert int(child(code.format(first="import bconnect_node\n")).communicate(timeout=60)[0]) == 1


# 5. msg.data = ndarray goes element by element. ----------------------------------------------


def sets_data(node: ast.AST) -> bool:
    targets = getattr(node, "targets", []) if isinstance(node, ast.Assign) else []
    return any(isinstance(t, ast.Attribute) and t.attr == "data" for t in targets)


def makes_an_image(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] == "Image"
        and any(word.arg == "data" for word in node.keywords)
    )


def test_5_pixels_enter_messages_in_one_place() -> None:
    assert snippet("msg.data = image", sets_data)
    assert snippet("sensor_msgs.msg.Image(data=x)", makes_an_image)
    assert found(SOURCES, sets_data) == []
    assert found(SOURCES, makes_an_image) == []
    users = [
        p.relative_to(ROOT / "src").as_posix()
        for p in SOURCES
        if re.search(r"sensor_msgs\.msg import .*\bImage\b", p.read_text())
    ]
    assert set(users) == {
        "bconnect_node/bconnect_node/images.py",
        "bconnect_node/bconnect_node/frames.py",
        "bconnect_node/bconnect_node/sharing.py",
        "bconnect_node/bconnect_node/selftest.py",
        # They name the type of a bag's topic; pixels go through bconnect_node.images there too.
        "bconnect_replay/bconnect_replay/topics.py",
        "bconnect_replay/bconnect_replay/playlist.py",
    }


# 6. Killed processes leave whole segments in /dev/shm. ---------------------------------------


def test_6_stale_segments_go_and_living_ones_stay(tmp_path: Path) -> None:
    stay = {
        "fastdds_alive",
        "fastdds_alive_el",
        "fastdds_port7001",
        "fastdds_port7001_el",
        "sem.fastdds_port7001_mutex",
        "fastdds_new",
        "fastdds_new_el",
        "somebody_elses",
    }
    go = {"fastdds_dead", "fastdds_dead_el", "fastrtps_dead", "fastrtps_dead_el"}
    for name in stay | go:
        (tmp_path / name).write_bytes(b"x")
        if "new" not in name:
            os.utime(tmp_path / name, (1.0, 1.0))
    with open(tmp_path / "fastdds_alive_el") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert shm.remove_stale(tmp_path) == 2
        assert {p.name for p in tmp_path.glob("*") if "cleanup" not in p.name} == stay
    assert shm.remove_stale(tmp_path) == 1, "its owner ended"


def test_6_a_killed_node_is_cleaned_up_after_and_a_living_one_works_on(
    sample: Any, ros: Any, wait_for: Any
) -> None:
    from std_msgs.msg import String

    from bconnect_node.qos import RECORD

    killed, living = sample("Plain"), sample("Plain", "--ros-args", "-r", "__ns:=/living")
    wait_for(lambda: killed.starting("ready") and living.starting("ready"), 30.0)
    held = mapped_segments(killed.process.pid)
    killed.process.kill()
    killed.process.wait()
    left = [path for path in held if path.exists() and not is_locked(path)]
    assert left, "a killed process leaves its own segment"
    wait_for(lambda: shm.remove_stale() or not any(path.exists() for path in left), every=0.2)
    assert not [path for path in left if path.exists()]
    assert any(is_locked(path) for path in mapped_segments(living.process.pid))
    said = ros.collect(String, "/living/hello", RECORD)
    wait_for(lambda: said)


def mapped_segments(pid: int) -> list[Path]:
    words = Path(f"/proc/{pid}/maps").read_text().split()
    names = {w for w in words if w.startswith("/dev/shm/fast") and "_port" not in w}
    return [Path(name) for name in names]


def is_locked(segment: Path) -> bool:
    try:
        with open(f"{segment}_el") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


# 7. LOCALHOST finds 32 participants; domain ids above 101 collide with ephemeral ports. ------


@pytest.mark.parametrize("found_there", ["", "LOCALHOST", "SYSTEM_DEFAULT"])
def test_7_discovery_is_never_localhost(found_there: str) -> None:
    env = environment.middleware_env({environment.DISCOVERY_VARIABLE: found_there})
    assert env[environment.DISCOVERY_VARIABLE] == "SYSTEM_DEFAULT"
    assert environment.middleware_env({"ROS_LOCALHOST_ONLY": "1"})["ROS_LOCALHOST_ONLY"] == "0"


def test_7_domain_ids() -> None:
    assert environment.check_domain({}) == 0
    assert environment.check_domain({"ROS_DOMAIN_ID": "101"}) == 101
    with pytest.raises(ConfigError, match="allowed: 0 to 101"):
        environment.check_domain({"ROS_DOMAIN_ID": "102"})
    assert int(os.environ["ROS_DOMAIN_ID"]) <= environment.HIGHEST_DOMAIN


def test_7_nothing_listens_outside_the_loopback_interface(sample: Any, wait_for: Any) -> None:
    output = sample("Plain")
    wait_for(lambda: output.starting("ready"), 30.0)
    inodes = set()
    for handle in Path(f"/proc/{output.process.pid}/fd").iterdir():
        try:
            inodes |= set(re.findall(r"socket:\[(\d+)\]", os.readlink(handle)))
        except FileNotFoundError:
            continue
    addresses = set()
    for table in ("udp", "udp6", "tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[9] in inodes:
                raw = bytes.fromhex(words[1].split(":")[0])[::-1]
                addresses.add(socket.inet_ntoa(raw) if len(raw) == 4 else raw.hex())
    assert "127.0.0.1" in addresses
    # the multicast group itself, which is joined on the loopback interface only
    assert addresses <= {"127.0.0.1", "239.255.0.1"}


# 8. SROS2 is not compiled into the wheels. ----------------------------------------------------


def test_8_security_is_said_not_assumed(child: Any, tmp_path: Path) -> None:
    """What the function says is what happens when security is switched on."""
    code = "import rclpy; rclpy.init(); rclpy.create_node('x'); print('made')"
    env = {"ROS_SECURITY_ENABLE": "true", "ROS_SECURITY_STRATEGY": "Enforce"}
    (tmp_path / "enclaves").mkdir()
    env["ROS_SECURITY_KEYSTORE"] = str(tmp_path)
    out, err = child(code, env=env).communicate(timeout=60)
    has = security.has_dds_security()
    assert has is not None
    assert ("made" in out) == bool(has), out + err
    assert ("doesn't have the security libraries" in err) == (not has), out + err
    if not has:
        with pytest.raises(ConfigError, match="ROS_SECURITY_ENABLE: found true; DDS security"):
            security.check_security({"ROS_SECURITY_ENABLE": "true"})
    security.check_security({"ROS_SECURITY_ENABLE": "false"})


# 9. rosbags' sqlite3 writer is one transaction. -----------------------------------------------


def writes_sqlite_bag(path: Path) -> bool:
    text = path.read_text()
    return bool(
        re.search(r"^\s*(from|import) rosbags?2?\b", text, re.M)
        and re.search(r"sqlite3", text, re.I)
    )


def test_9_bags_are_mcap(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("from rosbags.rosbag2 import Writer\nw = Writer(p, storage='SQLITE3')\n")
    assert writes_sqlite_bag(bad)
    others = ROOT / "tests/replay/test_foreign.py"  # makes bags as other recorders do, to read them
    assert [p for p in OURS if writes_sqlite_bag(p) and p not in (Path(__file__), others)] == []


# 10. Publishing during shutdown raises; process-wide remaps hit every node. -------------------


def publishes_past_send(path: Path) -> list[str]:
    """Publishing in a node file by anything but self.send()."""
    return found(
        [path],
        lambda node: (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "publish"
            and "frames" not in ast.unparse(node.func.value).lower()
        ),
    )


def test_10_nodes_publish_by_send(tmp_path: Path) -> None:
    """send() is quiet during shutdown (tried with a busy node in test_run.py)."""
    for path in (p for p in SOURCES if p.name.endswith("_node.py")):
        assert publishes_past_send(path) == []


def test_10_no_process_wide_remaps() -> None:
    def remaps(node: ast.AST) -> bool:
        return (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.value.startswith(("__ns:=", "__node:=", "__name:="))
        )

    places = {place.split(":")[0] for place in found(SOURCES, remaps)}
    assert places <= {"src/bconnect_node/bconnect_node/host.py"}, "host.py is what refuses them"


def test_there_is_something_to_check() -> None:
    assert len(SOURCES) > 40


def test_nobody_asks_for_qos_events() -> None:
    """The wheels' EventsExecutor makes what it tells of them without the GIL, and crashes."""

    def asks(node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and any(k.arg == "event_callbacks" for k in node.keywords)

    assert found(SOURCES, asks) == []
