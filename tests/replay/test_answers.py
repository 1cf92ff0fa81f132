"""In a replay the bag answers requests for pictures: real ones, sealed as from a bag."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import yaml
from bconnect_msgs.msg import Capture, CaptureRequest
from replay_scenes import SITE, SITE_FILE, T0, cars, write_info, write_status, write_users

from bconnect_node import qos, stamps
from bconnect_replay.adapters import jpeg
from bconnect_replay.adapters.bag import BagWriter
from bconnect_replay.player_node import Player
from bconnect_site.frozen import freeze
from bconnect_site.kinds import EvidenceKind
from bconnect_site.loader import load_site

STEP = 100_000_000  # ns
JPEG = f"/{SITE}/utara/image_raw/compressed"


def scene(n: int) -> np.ndarray:
    """A picture that says its number by its grey, with a street's noise."""
    noise = np.random.default_rng(n).integers(0, 3, (360, 640, 3), np.uint8)
    return noise + np.uint8(n + 10)


def number_of(image: np.ndarray) -> float:
    """Which scene it is."""
    return float(image.mean()) - 11.0


def filmed(folder: Path, seconds: float = 8.0, pictures: bool = True, late: float = 0.0) -> Path:
    """site.yaml and bag/ with a car that comes ``late`` [s], and the pictures it was seen in."""
    folder.mkdir(parents=True)
    (folder / "site.yaml").write_text(yaml.safe_dump(SITE_FILE))
    with BagWriter(folder / "bag") as bag:
        write_info(bag)
        for n in range(round(10 * seconds)):
            stamp = T0 + n * STEP
            if n % 10 == 0:
                write_status(bag, stamp)
            write_users(bag, stamp, cars(n / 10 - late, 60.0) if n >= 10 * late else [])
            if pictures:
                data = np.frombuffer(jpeg.encode(scene(n), 90), np.uint8)
                header = bag.header(stamp, f"{SITE}/utara_optical_frame")
                kind = "sensor_msgs/msg/CompressedImage"
                bag.write(JPEG, bag.make(kind, header=header, format="jpeg", data=data), stamp)
    return folder


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    file = tmp_path / "tangan.yaml"
    file.write_text(yaml.safe_dump(SITE_FILE))
    freeze(load_site(file), tmp_path / "frozen.yaml")
    return tmp_path / "frozen.yaml"


def asked(ros: Any, wait_for: Callable[..., Any], player: Player, **fields: Any) -> Capture:
    """The answer to a request for pictures."""
    answers = ros.collect(Capture, f"/{SITE}/utara/captures", qos.EVENT)
    ask = ros.node("asks").create_publisher(
        CaptureRequest, f"/{SITE}/utara/capture_requests", qos.EVENT
    )
    wait_for(lambda: ask.get_subscription_count() and player.count_subscribers(CAPTURES))
    stills = [stamps.to_msg(s) for s in fields.pop("stills", ())]
    for name in ("clip_start", "clip_end"):
        if name in fields:
            fields[name] = stamps.to_msg(fields[name])
    ask.publish(CaptureRequest(id="x", stills=stills, directory="tangan/x", **fields))
    wait_for(lambda: answers, timeout=60.0)
    return answers[0]


CAPTURES = f"/{SITE}/utara/captures"


def player(ros: Any, frozen: Path, bag: Path, store: Path, **keys: Any) -> Player:
    parameters = {
        "site_file": str(frozen),
        "bag": str(bag),
        "evidence_dir": str(store),
        "rate": 4.0,
        "wait_for_readers": 0.5,
        **keys,
    }
    return ros.add(Player, namespace=f"/{SITE}", parameter_overrides=parameters)


def test_stills_and_clip_are_cut_from_the_bags_pictures(
    ros: Any, frozen: Path, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    store = tmp_path / "store"
    node = player(ros, frozen, filmed(tmp_path / "made") / "bag", store)
    said = asked(
        ros,
        wait_for,
        node,
        stills=(T0 + 10 * STEP, T0 + 31 * STEP, T0 + 50 * STEP),
        clip_start=T0 + 5 * STEP,
        clip_end=T0 + 55 * STEP,
    )
    assert list(said.missing) == [
        "pictures of full size: the bag holds single pictures, 640x360",
    ]
    assert (said.image_width, said.image_height) == (640, 360)
    found = {EvidenceKind(e.kind): e for e in said.evidence}
    stills = (EvidenceKind.CONTEXT_BEFORE, EvidenceKind.SCENE, EvidenceKind.CONTEXT_AFTER)
    assert set(found) == {*stills, EvidenceKind.CLIP}
    for kind, n in zip(stills, (10, 31, 50), strict=True):
        evidence = found[kind]
        data = (store / evidence.path).read_bytes()
        assert hashlib.sha256(data).hexdigest() == evidence.sha256
        assert stamps.to_ns(evidence.stamp) == T0 + n * STEP
        assert abs(number_of(jpeg.decode(data)) - n) < 0.5
    with av.open(str(store / found[EvidenceKind.CLIP].path)) as clip:
        frames = list(clip.decode(video=0))
    assert len(frames) in (50, 51)  # MP4 shows nothing of a last picture without duration
    assert abs(float(frames[-1].time) - 0.1 * (len(frames) - 1)) < 0.01
    assert abs(number_of(frames[0].to_ndarray(format="bgr24")) - 5) < 0.6


def test_what_the_bag_does_not_hold_is_said(
    ros: Any, frozen: Path, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    store = tmp_path / "store"
    node = player(ros, frozen, filmed(tmp_path / "made", seconds=3.0) / "bag", store)
    said = asked(ros, wait_for, node, stills=(T0 + 10 * STEP, T0 + 70 * STEP))
    assert [e.kind for e in said.evidence] == [EvidenceKind.CONTEXT_BEFORE]
    assert any(s.startswith("scene.jpg: no picture within 1 s") for s in said.missing)


def test_without_pictures_nobody_waits(
    ros: Any, frozen: Path, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    made = filmed(tmp_path / "made", pictures=False)
    node = player(ros, frozen, made / "bag", tmp_path / "store", paused=True)
    said = asked(ros, wait_for, node, stills=(T0 + 10 * STEP,))
    assert not said.evidence
    assert list(said.missing) == [
        "pictures: this is a replay, and the bag holds none of this camera"
    ]


def test_in_a_later_turn_the_same_pictures_answer_with_that_turns_stamps(
    ros: Any, frozen: Path, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    store = tmp_path / "store"
    made = filmed(tmp_path / "made", seconds=3.0)
    node = player(ros, frozen, made / "bag", store, rate=20.0, loop=True)
    wait_for(lambda: node._now_in_bag() > T0 + 2 * node._length)
    said = asked(ros, wait_for, node, stills=(T0 + node._length + 7 * STEP,))
    (one,) = said.evidence
    assert stamps.to_ns(one.stamp) == T0 + node._length + 7 * STEP
    assert abs(number_of(jpeg.decode((store / one.path).read_bytes())) - 7) < 0.5


def test_a_replayed_violation_is_sealed_with_the_bags_pictures(tmp_path: Path) -> None:
    """The whole graph, as a user starts it; the manifest says where the pictures come from."""
    made = filmed(tmp_path / "made", seconds=16.0, late=6.0)
    state = tmp_path / "state"
    command = [sys.executable, "-m", "bconnect_bringup.cli", "replay", str(made)]
    done = subprocess.run(
        [*command, "--state", str(state), "--rate", "2"],
        env={**os.environ, "BCONNECT_SELFTEST": "off"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (manifest,) = (state / "replay" / SITE / "evidence").rglob("manifest.json")
    told = json.loads(manifest.read_text())
    assert told["replayed_from"] == "made/bag"
    names = {Path(file["path"]).name for file in told["files"]}
    assert {"context_before.jpg", "scene.jpg", "context_after.jpg", "clip.mp4"} <= names
    violation = json.loads((manifest.parent / "violation.json").read_text())
    assert any("the bag holds single pictures" in sentence for sentence in violation["missing"])
    decided = violation["violation"]["stamp"]
    scene_file = next(manifest.parent.rglob("scene.jpg"))
    shown = number_of(jpeg.decode(scene_file.read_bytes()))
    assert abs(shown - (decided - T0) / STEP) < 1.0
