"""`bconnect up` with real hosts and real ROS nodes that do nothing."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from bconnect_site.plan import Plan

Waiter = Callable[..., Any]
NODES = (
    "/probe_site/utara/camera",
    "/probe_site/detector",
    "/probe_site/tracker",
    "/probe_site/rule_checker",
    "/probe_site/evidence",
    "/probe_site/ladder",
    "/probe_site/tiang/speaker",
    "/probe_site/citation",
)


@contextlib.contextmanager
def started(command: list[str], env: dict[str, str], out: Path) -> Iterator[subprocess.Popen[str]]:
    with out.open("w") as file:
        process = subprocess.Popen(command, env=env, stdout=file, stderr=file, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def children(process: subprocess.Popen[str]) -> list[int]:
    return [child.pid for child in psutil.Process(process.pid).children()]


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def cli(probes: Any, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bconnect_bringup.cli", *arguments],
        env={**probes.env, "BCONNECT_STATE": str(probes.state), **more},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_up_status_second_up_and_ctrl_c(probes: Any, wait_for: Waiter) -> None:
    out = probes.folder / "out"
    with started(probes.up(), probes.env, out) as runner:
        wait_for(lambda: out.read_text().count("probe is up") == len(NODES), 60.0)
        pids = children(runner)
        assert len(pids) == 4

        told = cli(probes, "status", str(probes.site_file), "--json")
        nodes = {node["node"]: node for node in json.loads(told.stdout)["nodes"]}
        assert told.returncode == 0, told.stdout
        assert set(nodes) == set(NODES)
        assert all(node["level"] == "ok" for node in nodes.values())

        second = cli(probes, "up", str(probes.site_file))
        assert second.returncode == 2
        assert f"already running here (process {runner.pid}, from {probes.site_file}" in (
            second.stderr
        )
        assert len(second.stderr.splitlines()) == 1

        began = time.monotonic()
        runner.send_signal(signal.SIGINT)
        assert runner.wait(10.0) == 0, out.read_text()
        assert time.monotonic() - began < 5.0
        assert all(gone(pid) for pid in pids)
    stages = [
        0
        if name.endswith("/camera")
        else 3
        if name in NODES[5:]
        else 2
        if name in NODES[2:5]
        else 1
        for name in probes.ended()
    ]
    assert sorted(probes.ended()) == sorted(NODES)
    assert stages == sorted(stages), "cameras first, enforcement last"
    text = out.read_text()
    assert "perception  | " in text
    assert (probes.state / "probe_site" / "log" / "detector.log").read_text()

    told = cli(probes, "status", str(probes.site_file))
    assert told.returncode == 1
    assert told.stdout.count("missing") == len(NODES)


def test_a_missing_node_is_exit_code_one_and_a_killed_one_comes_back(
    probes: Any, wait_for: Waiter
) -> None:
    out = probes.folder / "out"
    with started(probes.up(), probes.env, out) as runner:
        wait_for(lambda: out.read_text().count("probe is up") == len(NODES), 60.0)
        plan_file = probes.state / "probe_site" / "plan.json"
        made = Plan.from_json(plan_file.read_text())
        ghost = replace(made.nodes[-1], name="ghost")
        plan_file.write_text(replace(made, nodes=(*made.nodes, ghost)).to_json())
        told = cli(probes, "status", str(probes.site_file), "--json")
        states = {n["node"]: n["level"] for n in json.loads(told.stdout)["nodes"]}
        assert told.returncode == 1
        assert states.pop("/probe_site/ghost") == "missing"
        assert states == dict.fromkeys(NODES, "ok")

        victim = next(
            child
            for child in psutil.Process(runner.pid).children()
            if "detector" in child.cmdline()
        )
        victim.kill()
        wait_for(lambda: "detector ended by itself (SIGKILL)" in out.read_text(), 15.0)
        wait_for(lambda: out.read_text().count("probe is up") == len(NODES) + 1, 30.0)
        runner.send_signal(signal.SIGTERM)
        assert runner.wait(10.0) == 0


def test_a_node_that_refuses_ends_everything_with_its_sentence(probes: Any) -> None:
    done = subprocess.run(
        probes.up(picky="tracker"), env=probes.env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["bconnect: site.yaml: rate: found -1, allowed: more than 0"]
    assert "everything has stopped" in done.stdout
    left = [
        process.pid
        for process in psutil.process_iter()
        if str(probes.state) in " ".join(_command(process))
    ]
    assert left == []


def test_after_a_killed_runner_the_lock_goes_with_its_last_child(
    probes: Any, wait_for: Waiter
) -> None:
    out = probes.folder / "out"
    with started(probes.up(), probes.env, out) as runner:
        wait_for(lambda: out.read_text().count("probe is up") == len(NODES), 60.0)
        pids = children(runner)
        os.kill(pids[0], signal.SIGSTOP)  # cannot hear that its runner died
        runner.kill()
        runner.wait()
        wait_for(lambda: all(gone(pid) for pid in pids[1:]), 10.0)
        refused = cli(probes, "up", str(probes.site_file))
        assert refused.returncode == 2
        assert f"was left running by a runner that died (processes {pids[0]})" in refused.stderr
        os.kill(pids[0], signal.SIGCONT)
        wait_for(lambda: gone(pids[0]), 10.0)
    assert sorted(probes.ended()) == sorted(NODES), "each had its orderly end"


def test_every_missing_variable_is_named_before_anything_starts(probes: Any) -> None:
    text = probes.site_file.read_text()
    probes.site_file.write_text(
        text.replace("speakers:", '  timur: {source: "${PROBE_TIMUR}"}\nspeakers:')
    )
    env = {k: v for k, v in probes.env.items() if k != "PROBE_UTARA"}
    done = subprocess.run(probes.up(), env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "PROBE_UTARA" in done.stderr
    assert "PROBE_TIMUR" in done.stderr
    assert not (probes.state / "probe_site").exists()


def test_a_state_folder_that_cannot_be_written_is_one_sentence(probes: Any) -> None:
    probes.state.write_text("a file, not a folder")
    done = subprocess.run(probes.up(), env=probes.env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture(autouse=True)
def _no_footage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BCONNECT_STATE", raising=False)
