"""Bags of other recorders: `ros2 bag record` with standard cameras, several namespaces, sqlite3."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from replay_scenes import SITE, SITE_FILE, T0
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import Image

from bconnect_node import qos
from bconnect_replay.adapters import jpeg
from bconnect_replay.adapters.bag import BagError, BagReader
from bconnect_replay.inputs import open_inputs
from bconnect_site.frozen import freeze
from bconnect_site.loader import load_site

STORE = get_typestore(Stores.ROS2_HUMBLE)
RAW, PRESSED = "/gate_a/camera/image_raw", "/gate_b/image/compressed"
MOUTHS = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}
MOUTHS["sqlite3 of Humble"] = StoragePlugin.SQLITE3
STEP = 100_000_000  # ns


def header(stamp: int, frame: str = "gate") -> Any:
    time = STORE.types["builtin_interfaces/msg/Time"](*divmod(stamp, 10**9))
    return STORE.types["std_msgs/msg/Header"](stamp=time, frame_id=frame)


def scene(n: int) -> np.ndarray:
    """A picture that says its number by its grey."""
    return np.full((36, 64, 3), 10 * n + 5, np.uint8)


def stock_bag(folder: Path, storage: str, stamps: bool = True, pictures: int = 8) -> Path:
    """As stock `ros2 bag record` leaves it: two cameras in two namespaces, and other topics."""
    kinds = {
        RAW: "sensor_msgs/msg/Image",
        PRESSED: "sensor_msgs/msg/CompressedImage",
        "/chatter/said": "std_msgs/msg/String",
    }
    with Writer(folder, version=9, storage_plugin=MOUTHS[storage]) as bag:
        ways = {t: bag.add_connection(t, kind, typestore=STORE) for t, kind in kinds.items()}

        def write(topic: str, stamp: int, **fields: Any) -> None:
            message = STORE.types[kinds[topic]](**fields)
            bag.write(ways[topic], stamp, STORE.serialize_cdr(message, kinds[topic]))

        for n in range(pictures):
            stamp = T0 + n * STEP
            told = stamp - STEP // 2 if stamps else 0  # taken before it was recorded
            write("/chatter/said", stamp, data="x")
            write(
                RAW,
                stamp,
                header=header(told),
                height=36,
                width=64,
                encoding="bgr8",
                is_bigendian=0,
                step=192,
                data=scene(n).reshape(-1),
            )
            data = np.frombuffer(jpeg.encode(scene(n), 90), np.uint8)
            write(PRESSED, stamp + 1, header=header(told), format="jpeg", data=data)
    if storage == "sqlite3 of Humble":
        as_humble(folder)
    return folder


def as_humble(folder: Path) -> None:
    """Version 5: no definitions of messages, QoS as a text, no list of distributions."""
    (file,) = folder.glob("*.db3")
    with sqlite3.connect(file) as base:
        for table in ("message_definitions", "schema"):
            base.execute(f"DROP TABLE IF EXISTS {table}")
        base.execute("ALTER TABLE topics DROP COLUMN type_description_hash")
    base.close()
    told = yaml.safe_load((folder / "metadata.yaml").read_text())
    about = told["rosbag2_bagfile_information"]
    about["version"] = 5
    for gone in ("ros_distro", "custom_data"):
        about.pop(gone, None)
    for topic in about["topics_with_message_count"]:
        del topic["topic_metadata"]["type_description_hash"]
        topic["topic_metadata"]["offered_qos_profiles"] = ""
    (folder / "metadata.yaml").write_text(yaml.safe_dump(told))


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    """A site of two cameras."""
    camera = SITE_FILE["cameras"]["utara"]
    file = tmp_path / "tangan.yaml"
    site = {**SITE_FILE, "cameras": {"utara": camera, "selatan": camera}}
    file.write_text(yaml.safe_dump(site))
    return file


@pytest.mark.parametrize("storage", MOUTHS)
def test_a_bag_of_several_namespaces_needs_to_be_told_where_pictures_are(
    tmp_path: Path, site_file: Path, storage: str
) -> None:
    bag = stock_bag(tmp_path / "bag", storage)
    with pytest.raises(BagError) as error:
        open_inputs(bag, site_file, tmp_path / "scratch")
    assert len(error.value.sentences) == 1
    assert "chatter, gate_a, gate_b" in str(error.value) and "--image" in str(error.value)
    inputs = open_inputs(bag, site_file, tmp_path / "scratch", foreign=True)
    with inputs.bag:
        assert inputs.recorded == SITE
        assert inputs.warnings == ["the bag holds no site_info: what recorded it is not known"]


@pytest.mark.parametrize("storage", MOUTHS)
def test_its_pictures_are_prepared_for_the_whole_graph(
    tmp_path: Path, site_file: Path, storage: str
) -> None:
    """`bconnect replay BAG --site SITE --image utara=/gate_a/...`, up to the start of processes."""
    from bconnect_bringup.replaying import How, prepare_replay

    bag = stock_bag(tmp_path / "bag", storage)
    how = How(image_topics=(f"utara={RAW}", f"selatan={PRESSED}"))
    prepared = prepare_replay(bag, str(site_file), str(tmp_path / "state"), how)
    try:
        nodes = {node.executable: node for node in prepared.plan.nodes}
        assert "detector" in nodes and "camera" not in nodes and "speaker" not in nodes
        assert list(nodes["player"].parameters["image_topics"]) == list(how.image_topics)
    finally:
        import os

        os.close(prepared.lock)


@pytest.mark.parametrize("storage", MOUTHS)
def test_its_pictures_are_played_as_those_of_our_cameras(
    ros: Any, tmp_path: Path, site_file: Path, storage: str, wait_for: Callable[..., Any]
) -> None:
    frozen = tmp_path / "frozen.yaml"
    freeze(load_site(site_file), frozen)
    bag = stock_bag(tmp_path / "bag", storage)
    heard = {c: ros.collect(Image, f"/{SITE}/{c}/image_raw", qos.SENSOR) for c in CAMERAS}
    node = played(ros, frozen, bag)
    wait_for(node.ended.is_set, timeout=60.0)
    wait_for(lambda: all(heard.values()))
    for pictures in heard.values():
        for message in pictures:  # best effort: some may be lost
            stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
            n = round((stamp - T0) / STEP + 0.5)
            assert stamp == T0 + n * STEP - STEP // 2
            assert (message.width, message.height, message.encoding) == (64, 36, "bgr8")
            assert abs(int(message.data[0]) - (10 * n + 5)) <= 2


def test_pictures_without_stamps_are_not_played(
    ros: Any, tmp_path: Path, site_file: Path, wait_for: Callable[..., Any]
) -> None:
    frozen = tmp_path / "frozen.yaml"
    freeze(load_site(site_file), frozen)
    bag = stock_bag(tmp_path / "bag", "mcap", stamps=False)
    heard = ros.collect(Image, f"/{SITE}/utara/image_raw", qos.SENSOR)
    node = played(ros, frozen, bag, wait_for_readers=1.0)
    wait_for(node.ended.is_set, timeout=60.0)
    assert not heard
    assert "carries no stamp; nothing can be judged" in node.health.last_error


def test_what_is_no_picture_is_told_with_those_that_are(tmp_path: Path, site_file: Path) -> None:
    from bconnect_replay.playlist import ways_of

    site = load_site(site_file).site
    with BagReader(stock_bag(tmp_path / "bag", "sqlite3")) as bag:
        with pytest.raises(BagError) as error:
            ways_of(site, bag, True, ["utara=/chatter/said"])
        assert f"found: {RAW}, {PRESSED}" in str(error.value)
        ways = ways_of(site, bag, True, [f"utara={RAW}"])
        assert [way.to for way in ways.values()] == [f"/{SITE}/utara/image_raw"]


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.9])
def test_a_truncated_sqlite3_bag_is_one_sentence_or_read(tmp_path: Path, keep: float) -> None:
    """Nothing can be rescued of it, but nobody sees a traceback."""
    folder = stock_bag(tmp_path / "bag", "sqlite3")
    (file,) = folder.glob("*.db3")
    data = file.read_bytes()
    file.write_bytes(data[: int(keep * len(data))])
    with pytest.raises(BagError) as error, BagReader(folder) as bag:
        list(bag.messages())
    assert len(error.value.sentences) == 1
    (folder / "metadata.yaml").unlink()
    with pytest.raises(BagError, match=r"metadata\.yaml is missing"):
        BagReader(folder)


def test_a_bag_that_is_written_message_by_message_compressed_is_read(tmp_path: Path) -> None:
    """`ros2 bag record --compression-mode message`, and by whole files."""
    for mode in (CompressionMode.MESSAGE, CompressionMode.FILE):
        folder = tmp_path / mode.name
        bag = Writer(folder, version=9, storage_plugin=StoragePlugin.SQLITE3)
        bag.set_compression(mode, CompressionFormat.ZSTD)
        with bag:
            kind = "std_msgs/msg/String"
            way = bag.add_connection("/s/said", kind, typestore=STORE)
            for n in range(5):
                message = STORE.types[kind](data=f"x{n}")
                bag.write(way, T0 + n, STORE.serialize_cdr(message, kind))
        with BagReader(folder) as found:
            assert [m.data for _, m, _ in found.messages()] == [f"x{n}" for n in range(5)]


CAMERAS = ("utara", "selatan")


def played(ros: Any, frozen: Path, bag: Path, **how: Any) -> Any:
    from bconnect_replay.player_node import Player

    topics = [f"utara={RAW}", f"selatan={PRESSED}"]
    parameters = {"site_file": str(frozen), "bag": str(bag), "image_topics": topics, **how}
    return ros.add(Player, namespace=f"/{SITE}", parameter_overrides=parameters)


def test_ros2_bag_play_gives_another_sites_topics_to_this_one(tmp_path: Path) -> None:
    import os

    from replay_scenes import make_folder

    from bconnect_bringup.replaying import How, play_command, prepare_replay

    folder = make_folder(tmp_path / "made", 60.0, seconds=1.0)
    other = tmp_path / "lain.yaml"
    other.write_text(yaml.safe_dump({**SITE_FILE, "site": "lain"}))
    prepared = prepare_replay(folder, str(other), str(tmp_path / "state"), How(), own=False)
    os.close(prepared.lock)
    command = play_command(folder, prepared, How(rate=2.0))
    remaps = command[command.index("--remap") + 1 : command.index("--topics")]
    assert f"/{SITE}/utara/detections:=/lain/utara/detections" in remaps
    topics = command[command.index("--topics") + 1 :]
    assert topics == sorted(topics) and {r.split(":=")[0] for r in remaps} == set(topics)
    prepared = prepare_replay(folder, None, str(tmp_path / "state"), How(), own=False)
    os.close(prepared.lock)
    assert "--remap" not in play_command(folder, prepared, How())
