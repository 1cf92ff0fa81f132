"""Recording a running site and playing it again, over real DDS."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from bconnect_msgs.msg import CameraStatus, RoadUserArray, SiteInfo
from replay_scenes import SITE, SITE_FILE, make_folder
from sensor_msgs.msg import Image
from std_srvs.srv import SetBool, Trigger

from bconnect_node import qos
from bconnect_node.images import Frame, to_image
from bconnect_replay.adapters.bag import BagError, BagReader
from bconnect_replay.adapters.jpeg import decode
from bconnect_replay.player_node import STEP, Player
from bconnect_replay.recorder_node import Recorder
from bconnect_replay.rerun import Result
from bconnect_site.errors import ConfigError
from bconnect_site.frozen import freeze
from bconnect_site.loader import load_site

USERS = f"/{SITE}/utara/detections"
JPEG = f"/{SITE}/utara/image_raw/compressed"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "tangan.yaml"
    file.write_text(yaml.safe_dump(SITE_FILE))
    return Path(freeze(load_site(file), tmp_path / "frozen.yaml") or tmp_path / "frozen.yaml")


class Street:
    """What cameras and detector of a site would say."""

    def __init__(self, ros: Any) -> None:
        self.node = ros.node("street", f"/{SITE}")
        publisher = self.node.create_publisher
        self.info = publisher(SiteInfo, "site_info", qos.STATE)
        self.users = publisher(RoadUserArray, "utara/detections", qos.STREAM)
        self.status = publisher(CameraStatus, "utara/camera_status", qos.STATE)
        self.images = publisher(Image, "utara/image_raw", qos.SENSOR)

    def heard(self) -> bool:
        return all(p.get_subscription_count() for p in (self.users, self.status, self.images))

    def say(self, n: int) -> None:
        message = RoadUserArray(image_width=640, image_height=360, kind=[4], track_id=[0])
        message.header.stamp.sec = 1_780_000_000 + n
        for name in ("x_min", "y_min", "x_max", "y_max", "confidence"):
            setattr(message, name, [float(n)])
        self.users.publish(message)


@pytest.fixture(autouse=True)
def slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where discovery takes its time, site_info still goes first."""
    monkeypatch.setattr("bconnect_replay.recorder_node.FOR_SITE_INFO", 60.0)


def recorder(ros: Any, site: Path, folder: Path, **keys: Any) -> Recorder:
    parameters = {"site_file": str(site), "folder": str(folder), **keys}
    return ros.add(Recorder, namespace=f"/{SITE}", parameter_overrides=parameters)


def test_what_is_said_is_recorded_site_info_first(
    ros: Any, site: Path, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    street, folder = Street(ros), tmp_path / "bag"
    node = recorder(ros, site, folder)
    wait_for(street.heard)
    picture = np.full((36, 64, 3), (200, 30, 30), np.uint8)
    for n in range(20):
        street.say(n)
        wait_for(lambda: len(node._queue) > n)  # noqa: B023
    street.status.publish(CameraStatus(camera="utara", state=1))
    street.images.publish(to_image(Frame(5 * 10**9, "utara_optical", picture)))
    street.info.publish(SiteInfo(site=SITE, software_version="0.1.0"))
    wait_for(lambda: node._bag is not None and node._bag.messages >= 23)
    ros.remove(node)
    with BagReader(folder) as bag:
        assert bag.warnings == []
        messages = list(bag.messages())
    assert messages[0][0] == f"/{SITE}/site_info"
    assert [m.x_min[0] for t, m, _ in messages if t == USERS] == list(range(20))
    (image,) = (m for t, m, _ in messages if t == JPEG)
    assert image.header.stamp.sec == 5 and image.header.frame_id == "utara_optical"
    shown = decode(bytes(image.data))
    assert shown.shape == picture.shape and abs(shown.astype(int) - picture).max() < 12


def test_files_are_split_and_each_begins_with_what_the_site_is(
    ros: Any, site: Path, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    street, folder = Street(ros), tmp_path / "bag"
    street.info.publish(SiteInfo(site=SITE, site_yaml="".join(map(str, range(30_000)))))
    node = recorder(ros, site, folder, split_bytes=40_000, images="none")
    wait_for(lambda: street.users.get_subscription_count())
    sent = 0
    while node._bag is None or node._bag.files < 3:
        street.say(sent)
        sent += 1
        wait_for(lambda: node._bag is not None and node._bag.messages >= sent)  # noqa: B023
    ros.remove(node)
    files = sorted(folder.glob("*.mcap"))
    assert len(files) >= 3
    from mcap.reader import make_reader

    for file in files:
        with file.open("rb") as stream:
            _, channel, _ = next(make_reader(stream).iter_messages())
        assert channel.topic == f"/{SITE}/site_info"
    with BagReader(folder) as bag:
        assert sum(1 for topic, _, _ in bag.raw() if topic == USERS) == sent


KILLED = f"""
import sys
from functools import partial
from bconnect_node.run import run_nodes
from bconnect_replay.recorder_node import Recorder
site, folder = sys.argv[1:]
run_nodes([partial(Recorder, namespace="/{SITE}", parameter_overrides={{
    "site_file": site, "folder": folder, "images": "none"}})], [])
"""


def test_a_killed_recorder_leaves_a_readable_bag(
    ros: Any, site: Path, tmp_path: Path, wait_for: Callable[..., Any], child: Callable[..., Any]
) -> None:
    street, folder = Street(ros), tmp_path / "bag"
    street.info.publish(SiteInfo(site=SITE))
    process = child(KILLED, str(site), str(folder))
    wait_for(lambda: street.users.get_subscription_count(), timeout=60.0)
    file = folder / "bag_0.mcap"
    sent = 0
    while not file.exists() or file.stat().st_size < 10_000:
        street.say(sent)
        sent += 1
        wait_for(lambda: process.poll() is None, timeout=0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with BagReader(folder) as bag:
        numbers = [m.x_min[0] for t, m, _ in bag.messages() if t == USERS]
        assert "was cut off" in bag.warnings[0]
    assert len(numbers) > 20 and all(b > a for a, b in pairwise(numbers))


def test_a_full_disk_is_survived_and_said(
    ros: Any, site: Path, tmp_path: Path, wait_for: Callable[..., Any], monkeypatch: Any
) -> None:
    from bconnect_replay.adapters import bag_file

    street, folder = Street(ros), tmp_path / "bag"
    street.info.publish(SiteInfo(site=SITE))
    node = recorder(ros, site, folder, images="none")
    wait_for(lambda: street.users.get_subscription_count())
    street.say(0)
    wait_for(lambda: node._bag is not None and node._bag.messages >= 2)
    with monkeypatch.context() as patch:

        def full(*_: Any, **__: Any) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(bag_file.BagFile, "write", full)
        street.say(1)
        wait_for(lambda: "No space left on device" in node.health.last_error)
    wait_for(lambda: street.say(2) or (node._bag is not None and node._bag.folder != folder))
    ros.remove(node)
    with BagReader(folder) as bag:
        assert [m.x_min[0] for t, m, _ in bag.messages() if t == USERS] == [0.0]


def player(ros: Any, site: Path, bag: Path, **keys: Any) -> Player:
    parameters = {"site_file": str(site), "bag": str(bag), **keys}
    return ros.add(Player, namespace=f"/{SITE}", parameter_overrides=parameters)


def test_a_bag_is_played_with_its_clock(
    ros: Any, site: Path, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    from rosgraph_msgs.msg import Clock

    bag = make_folder(tmp_path / "made", 60.0, seconds=3.0)
    users = ros.collect(RoadUserArray, USERS, qos.EVENT)
    clock = ros.collect(Clock, "/clock", qos.EVENT)
    node = player(ros, site, bag, rate=2.0)
    wait_for(node.ended.is_set, timeout=60.0)
    wait_for(lambda: len(users) == 30)
    stamps = [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in users]
    assert stamps == sorted(stamps) and stamps[-1] - stamps[0] == 2_900_000_000
    ticks = [c.clock.sec * 10**9 + c.clock.nanosec for c in clock]
    assert ticks == sorted(ticks) and ticks[-1] >= stamps[-1] - 10**9


def test_paused_it_steps_and_looped_its_stamps_go_on(
    ros: Any, site: Path, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    bag = make_folder(tmp_path / "made", 60.0, seconds=1.0)
    users = ros.collect(RoadUserArray, USERS, qos.STREAM)
    node = player(ros, site, bag, rate=50.0, paused=True, loop=True)
    wait_for(lambda: node.health.status().message == "paused")
    assert node.on_step(Trigger.Request(), Trigger.Response()).success
    wait_for(lambda: len(users) >= 1)
    assert STEP == 100_000_000 and len(users) <= 2
    node.on_pause(SetBool.Request(data=False), SetBool.Response())
    assert not node.on_step(Trigger.Request(), Trigger.Response()).success
    wait_for(lambda: len(users) > 25)
    stamps = [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in users]
    assert all(b > a for a, b in pairwise(stamps))


def test_what_cannot_be_played_is_one_sentence(ros: Any, site: Path, tmp_path: Path) -> None:
    bag = make_folder(tmp_path / "made", 60.0, seconds=1.0)
    with pytest.raises(ConfigError, match=r"start: found 9 s, the bag is 0\.9 s long"):
        player(ros, site, bag, start=9.0)
    with pytest.raises(BagError, match="holds no pictures of the cameras of tangan"):
        player(ros, site, bag, images=True)
    with pytest.raises(ConfigError, match=r'no camera is called "utar"; did you mean "utara"'):
        player(ros, site, bag, image_topics=["utar=/cam"])
    with pytest.raises(BagError, match="there is no such bag"):
        player(ros, site, tmp_path / "nothing")


def test_an_older_bag_is_played_as_this_version(
    ros: Any, site: Path, tmp_path: Path, wait_for: Callable[..., Any], monkeypatch: Any
) -> None:
    """The bag's own definitions decode it; what is sent has every field of ours."""
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    from bconnect_replay.adapters import bag as bags
    from bconnect_replay.adapters import bag_types

    store = get_typestore(Stores.ROS2_KILTED)
    for name in ("RoadUserArray", "SiteInfo", "Zone", "CameraStatus"):
        text = (bag_types.definitions() / f"{name}.msg").read_text()
        lines = [line for line in text.splitlines() if not line.startswith("uint8[] colour")]
        store.register(get_types_from_msg("\n".join(lines), f"bconnect_msgs/msg/{name}"))
    with monkeypatch.context() as patch:
        patch.setattr(bags, "own_types", lambda: store)
        bag = make_folder(tmp_path / "made", 60.0, seconds=1.0)
    users = ros.collect(RoadUserArray, USERS, qos.STREAM)
    player(ros, site, bag, rate=2.0)
    wait_for(lambda: len(users) == 10, timeout=60.0)
    assert all(list(m.colour) == [] and len(m.x_min) == len(m.kind) == 1 for m in users)


def rerun_of(folder: Path, out: Path) -> Result:
    from bconnect_replay.rerun import rerun

    return rerun(folder, out=out)


def test_the_graph_finds_in_a_replay_what_the_rerun_finds(tmp_path: Path) -> None:
    """`bconnect replay`, as a user would call it: the whole graph on the bag's time."""
    folder = make_folder(tmp_path / "made", 60.0, -60.0, seconds=8.0)
    offline = {line["id"] for line in rerun_of(folder, tmp_path / "offline").lines}
    assert len(offline) == 1
    state = tmp_path / "state"
    command = [sys.executable, "-m", "bconnect_bringup.cli", "replay", str(folder)]
    done = subprocess.run(
        [*command, "--state", str(state), "--rate", "2"],
        env={**os.environ, "BCONNECT_SELFTEST": "off"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    store = state / "replay" / SITE / "evidence"
    told = "".join(f.read_text() for f in store.rglob("*.json") if ".partial" not in str(f))
    assert all(id_ in told for id_ in offline), done.stdout
