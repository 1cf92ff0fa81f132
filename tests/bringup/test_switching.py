"""`bconnect camera`: switched off is no fault, is kept over restarts, and names who and why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bconnect_msgs.msg import CameraStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState

from bconnect_bringup.cli import main
from bconnect_bringup.state import lock
from bconnect_camera.driver_node import CameraDriver
from bconnect_node import qos
from bconnect_node.host import build
from bconnect_site import switched
from bconnect_site.loader import load_site
from bconnect_site.plan import NodeSpec, StateLayout, plan

SITE = """
site: uji
kind: corridor
title: Uji
cameras:
  utara: {source: "file://CLIP", loop: true, guard: false}
"""


@pytest.fixture
def house(tmp_path: Path) -> tuple[StateLayout, NodeSpec]:
    """A site that was started once, with a film of its own."""
    import av

    clip = tmp_path / "clip.mp4"
    rng = np.random.default_rng(5)
    with av.open(str(clip), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for _ in range(20):
            picture = rng.integers(0, 255, (180, 320, 3), np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    file = tmp_path / "uji.yaml"
    file.write_text(SITE.replace("CLIP", str(clip)))
    layout = StateLayout.of(tmp_path / "state", "uji")
    layout.log_dir.mkdir(parents=True)
    made = plan(load_site(file), site_file=str(layout.site_file), state_dir=str(tmp_path / "state"))
    layout.plan_file.write_text(made.to_json())
    return layout, next(n for n in made.nodes if n.executable == "camera")


def command(layout: StateLayout, *words: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "bconnect_bringup.cli", "camera", "uji", *words]
    program += ["--state", str(layout.root.parent)]
    return subprocess.run(program, capture_output=True, text=True, timeout=60, env=os.environ)


def test_off_and_on_again_while_the_site_runs(house: Any, ros: Any, wait_for: Any) -> None:
    layout, spec = house
    held = lock(layout, "uji.yaml")
    camera: CameraDriver = ros.add(build, spec)
    said = ros.collect(CameraStatus, "/uji/utara/camera_status", qos.STATE)
    wait_for(lambda: said and said[-1].state == CameraStatus.STATE_OK, 30)
    done = command(layout, "utara", "off", "--why", "lens is cleaned", "--by", "Regu 2")
    assert (done.returncode, done.stdout) == (0, "utara: is off now\n"), done.stderr
    wait_for(lambda: said[-1].state == CameraStatus.STATE_OFF)
    assert said[-1].detail.startswith("switched off by Regu 2: lens is cleaned, since ")
    wait_for(lambda: not camera._decoder.is_alive())
    status = camera.health.status()
    assert status.level == bytes([0]) and "Regu 2" in status.message  # planned: no fault
    assert camera._ring.size > 0  # what was found before can still be sealed
    assert "utara off by Regu 2: lens is cleaned" in (layout.log_dir / "switches.log").read_text()
    done = command(layout, "utara", "on")
    assert (done.returncode, done.stdout) == (0, "utara: is on now\n"), done.stderr
    wait_for(lambda: said[-1].state == CameraStatus.STATE_OK, 30)
    os.close(held)


def test_it_stays_off_over_a_restart_and_a_stranger_is_told_apart(
    house: Any, ros: Any, wait_for: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    layout, spec = house
    state = ["--state", str(layout.root.parent)]
    assert main(["camera", "uji", "utara", "off", "--why", "pole is moved", *state]) == 0
    assert 'when site "uji" starts' in capsys.readouterr().out
    camera: CameraDriver = ros.add(build, spec)
    said = ros.collect(CameraStatus, "/uji/utara/camera_status", qos.STATE)
    wait_for(lambda: said and said[-1].state == CameraStatus.STATE_OFF)
    assert camera.lifecycle == "inactive" and "pole is moved" in said[-1].detail
    assert main(["camera", "uji", "utara", "on", *state]) == 0
    guest = ros.node("stranger")
    client = guest.create_client(ChangeState, "/uji/utara/camera/change_state")
    wait_for(client.service_is_ready)
    for step in (Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_DEACTIVATE):
        future = client.call_async(ChangeState.Request(transition=Transition(id=step)))
        wait_for(future.done)
        assert future.result().success
    status = camera.health.status()
    assert status.level == bytes([1]) and "somebody else is on this domain" in status.message


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["selatan", "off", "--why", "x"], 'uji: no camera is called "selatan"'),
        (["utara", "off"], "--why: is needed"),
    ],
)
def test_mistakes_are_one_sentence(
    house: Any, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    layout, _ = house
    assert main(["camera", "uji", *words, "--state", str(layout.root.parent)]) == 2
    assert says in capsys.readouterr().err
    assert not layout.switch_dir.exists()


def test_a_file_that_cannot_be_read_means_off(tmp_path: Path) -> None:
    file = tmp_path / "utara.json"
    assert switched.read(file) is None
    file.write_text("{")
    off = switched.read(file)
    assert off is not None and "cannot be read" in off.why
    off = switched.SwitchedOff("a\nb", "w" * 500, 5)
    switched.write(file, off)
    assert switched.read(file) == switched.SwitchedOff("a b", "w" * switched.LONGEST, 5)
    assert switched.remove(file) and not switched.remove(file)
