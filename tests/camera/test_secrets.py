"""A camera's password is seen nowhere: the whole thing runs with one, then everything is read."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

SECRET = "S4ngatRahas1a-9137"
WRONG = "K3liruSekali-5520"
FORMS = [
    form
    for word in (SECRET, WRONG)
    for form in (word, base64.b64encode(f"admin:{word}".encode()).decode().rstrip("="))
]
SITE = """
site: rahasia
kind: corridor
title: Rahasia
cameras:
  utara: {source: "rtsp://admin:${KAMERA_UTARA}@127.0.0.1:PORT/live"}
  selatan: {source: "rtsp://admin:${KAMERA_SELATAN}@127.0.0.1:PORT/live"}
  barat: {source: "${KAMERA_BARAT}"}
"""
# The real command; of the real plan what needs no model.
UP = """
import sys
from dataclasses import replace
from bconnect_bringup import prepare
real = prepare.plan
def small(loaded, **kw):
    made = real(loaded, **kw)
    kept = ("camera", "ladder", "citation")
    return replace(made, nodes=tuple(n for n in made.nodes if n.executable in kept))
prepare.plan = small
from bconnect_bringup.cli import main
sys.exit(main(sys.argv[1:]))
"""
CLI = [sys.executable, "-m", "bconnect_bringup.cli"]


@contextlib.contextmanager
def running(command: list[str], env: dict[str, str], out: Path) -> Iterator[subprocess.Popen[Any]]:
    with out.open("wb") as file:
        process = subprocess.Popen(command, env=env, stdout=file, stderr=file)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        process.wait(20.0)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def leaks(data: bytes) -> list[str]:
    return [form for form in FORMS if form.encode() in data]


def command_lines(process: subprocess.Popen[Any]) -> dict[int, list[str]]:
    """Of the process and all below it, as anybody on the machine sees them."""
    found = {}
    for each in (psutil.Process(process.pid), *psutil.Process(process.pid).children(True)):
        with contextlib.suppress(psutil.Error):
            found[each.pid] = each.cmdline()
    return found


def heard(bag: Path) -> Iterator[tuple[str, bytes]]:
    """Every message of a bag, unpacked."""
    from mcap.reader import make_reader

    for file in bag.glob("*.mcap"):
        with file.open("rb") as stream:
            for _, channel, message in make_reader(stream).iter_messages():
                yield channel.topic, message.data


@pytest.mark.timeout(240)
def test_a_password_is_seen_nowhere(
    rtsp: Callable[..., Any], tmp_path: Path, wait_for: Callable[..., Any], ros: Any
) -> None:
    from bconnect_msgs.msg import CameraStatus
    from diagnostic_msgs.msg import DiagnosticArray
    from rcl_interfaces.msg import Log
    from rcl_interfaces.srv import GetParameters

    from bconnect_node.qos import STATE

    _, port = rtsp(auth="digest", user="admin", password=SECRET)
    site, state, kept = tmp_path / "rahasia.yaml", tmp_path / "state", tmp_path / "kamera"
    site.write_text(SITE.replace("PORT", str(port)))
    kept.write_text(SECRET + "\n")
    kept.chmod(0o600)
    env = {
        **os.environ,
        "BCONNECT_STATE": str(state),
        "KAMERA_UTARA_FILE": str(kept),
        "KAMERA_SELATAN": WRONG,
        "KAMERA_BARAT": f"rtsp://admin:{SECRET}@127.0.0.1:{port}/nothing?token={SECRET}",
    }
    probe = ros.node("probe", "/rahasia")
    said: list[Any] = []
    states: dict[str, Any] = {}
    probe.create_subscription(DiagnosticArray, "/diagnostics", said.append, 100)
    probe.create_subscription(Log, "/rosout", said.append, 100)
    for name in ("utara", "selatan", "barat"):
        probe.create_subscription(
            CameraStatus, f"{name}/camera_status", lambda m, n=name: states.update({n: m}), STATE
        )
    out, bag = tmp_path / "up.out", tmp_path / "bag"
    with running([sys.executable, "-c", UP, "up", str(site)], env, out) as up:
        wait_for(lambda: "utara" in states and states["utara"].state == CameraStatus.STATE_OK, 60.0)
        record = [*CLI, "record", str(site), "--out", str(bag)]
        with running(record, env, tmp_path / "record.out") as recorder:
            seen = command_lines(up) | command_lines(recorder)
            wait_for(lambda: b"401" in out.read_bytes(), 60.0)  # the wrong one
            wait_for(lambda: b"404" in out.read_bytes(), 60.0)  # nothing there
            wait_for(lambda: any(bag.glob("*.mcap")), 60.0)
            params = probe.create_client(GetParameters, "utara/camera/get_parameters")
            wait_for(params.service_is_ready)
            future = params.call_async(GetParameters.Request(names=["source"]))
            wait_for(future.done)
            source = future.result().values[0].string_value
            # what people ask for, while it runs
            told = [
                subprocess.run([*CLI, *command, str(site)], env=env, capture_output=True)
                for command in (["explain"], ["plan"], ["check"], ["status", "--json"], ["status"])
            ]
            seen |= command_lines(up) | command_lines(recorder)
    assert source == f"rtsp://admin:${{KAMERA_UTARA}}@127.0.0.1:{port}/live"
    # the test could fail: these were really read, and the secret was really used
    assert len(seen) >= 4
    assert all(len(answer.stdout) > 20 for answer in told[:2])
    assert b"utara" in out.read_bytes()
    messages = list(heard(bag))
    assert {topic for topic, _ in messages} >= {"/rahasia/utara/camera_status", "/diagnostics"}
    for pid, line in seen.items():
        assert leaks(" ".join(line).encode()) == [], pid
    for answer in told:
        assert leaks(answer.stdout + answer.stderr) == [], answer.args
    for m in (*said, *states.values()):
        assert leaks(repr(m).encode()) == []
    for topic, data in messages:
        assert leaks(data) == [], topic
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path != kept]
    assert len(files) > 10
    for path in files:
        assert leaks(path.read_bytes()) == [], path


def test_a_secret_others_may_read_stops_the_start(tmp_path: Path) -> None:
    site, kept = tmp_path / "rahasia.yaml", tmp_path / "kamera"
    site.write_text(SITE.replace("PORT", "554"))
    kept.write_text(SECRET)
    kept.chmod(0o640)
    env = {
        **os.environ,
        "KAMERA_UTARA_FILE": str(kept),
        "KAMERA_SELATAN": WRONG,
        "KAMERA_BARAT": "rtsp://127.0.0.1/",
    }
    command = [*CLI, "up", str(site), "--state", str(tmp_path / "state")]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 2
    assert "cameras.utara.source: KAMERA_UTARA_FILE:" in done.stderr
    assert "mode 0640 opens it to other users, allowed is 0600" in done.stderr
    assert SECRET not in done.stderr


def test_a_password_in_the_site_file_is_refused_without_repeating_it(tmp_path: Path) -> None:
    site = tmp_path / "rahasia.yaml"
    site.write_text(SITE.replace("${KAMERA_UTARA}", SECRET).replace("PORT", "554"))
    for command in ("check", "explain", "plan", "up"):
        done = subprocess.run(
            [*CLI, command, str(site)],
            env={**os.environ, "BCONNECT_STATE": str(tmp_path / "state")},
            capture_output=True,
        )
        assert done.returncode == 2
        assert b"holds a password" in done.stderr
        assert leaks(done.stdout + done.stderr) == []
