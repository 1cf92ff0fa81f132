"""A bag of ours in the hands of others: rosbags, the mcap library, and mcap-ros2-support.

None of them is told our messages: they stand in the bag.
"""

from __future__ import annotations

from dataclasses import is_dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from replay_scenes import SITE, T0, cars, make_folder, write_info, write_status, write_users
from rosbags.highlevel import AnyReader

from bconnect_replay.adapters.bag import BagReader, BagWriter
from bconnect_replay.adapters.bag_file import BagRecording, TopicInfo
from bconnect_replay.adapters.bag_types import VIDEO, encoded, own_types
from bconnect_replay.core.splitting import Split

USERS, FILM = f"/{SITE}/utara/detections", f"/{SITE}/utara/video"
KEY = b"\0\0\0\1\x67\x42\0\0\0\1\x65\x88"


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """As the recorder leaves it: two files, with every kind of message it may hold."""
    with BagWriter(tmp_path / "first") as made:
        write_info(made, cameras=["utara"], latitude=-1.25)
        write_status(made, T0)
        for n in range(20):
            write_users(made, T0 + n * 100_000_000, cars(n / 10, 60.0, -60.0))
        for kind in sorted(own_types().fielddefs):
            if kind.startswith("bconnect_msgs/msg/"):
                name = kind.rpartition("/")[2].lower()
                made.write(f"/{SITE}/empty/{name}", made.make(kind), T0 + 1)
    recording = BagRecording(tmp_path / "bag", Split(0, 1_000_000_000))
    with BagReader(tmp_path / "first") as made:
        for topic, data, stamp in made.raw():
            recording.write(TopicInfo(topic, made.topics[topic].type), bytes(data), stamp)
            if topic == USERS:
                info = TopicInfo(FILM, VIDEO, grouped=True)
                recording.write(info, encoded(stamp, "cam", KEY, "h264"), stamp, begins=True)
    recording.close()
    assert len(list((tmp_path / "bag").glob("*.mcap"))) == 2
    return tmp_path / "bag"


def test_rosbags_reads_every_message(bag: Path) -> None:
    told = yaml.safe_load((bag / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    with AnyReader([bag]) as reader:
        assert reader.message_count == told["message_count"]
        users = 0
        for connection, _, data in reader.messages():
            message = reader.deserialize(data, connection.msgtype)
            if connection.topic == USERS:
                users += 1
                assert message.image_width == 640 and len(message.x_min) == 2
        assert users == 20


def test_mcap_and_a_decoder_of_its_own_read_the_same_values(bag: Path) -> None:
    """Field by field what our reader gives, numbers to the last bit."""
    theirs: dict[str, list[object]] = {}
    for file in sorted(bag.glob("*.mcap")):
        with file.open("rb") as stream:
            reader = make_reader(stream, validate_crcs=True, decoder_factories=[DecoderFactory()])
            for _, channel, _, message in reader.iter_decoded_messages():
                theirs.setdefault(channel.topic, []).append(message)
    with BagReader(bag) as reader:
        ours: dict[str, list[object]] = {}
        for topic, message, _ in reader.messages():
            ours.setdefault(topic, []).append(message)
    assert set(theirs) == set(ours)
    for topic, messages in ours.items():
        assert len(theirs[topic]) == len(messages)
        for one, other in zip(messages, theirs[topic], strict=True):
            same(one, other, topic)
    film = theirs[FILM][0]
    assert (film.format, film.frame_id, bytes(film.data)) == ("h264", "cam", KEY)  # type: ignore[attr-defined]


def same(one: object, other: object, where: str) -> None:
    """Fails where a message of one reader says something else than the other's."""
    for name, _ in own_types().fielddefs[one.__msgtype__][1]:  # type: ignore[attr-defined]
        mine, told = getattr(one, name), getattr(other, name)
        place = f"{where}.{name}"
        if is_dataclass(mine):
            same(mine, told, place)
        elif isinstance(mine, np.ndarray):
            if isinstance(told, bytes):
                told = np.frombuffer(told, np.uint8)
            assert np.array_equal(mine, np.asarray(told, mine.dtype), equal_nan=True), place
        elif isinstance(mine, list):
            assert len(mine) == len(told), place
            for a, b in zip(mine, told, strict=True):
                if is_dataclass(a):
                    same(a, b, place)
                else:
                    assert a == b, place
        else:
            assert mine == told or (mine != mine and told != told), place


def test_a_bag_of_the_rerun_is_read_as_well(tmp_path: Path) -> None:
    """What the simulator and `rerun --from-images` write goes through another writer."""
    made = make_folder(tmp_path / "made", 60.0, seconds=1.0)
    with AnyReader([made / "bag"]) as reader:
        found = [c.topic for c, _, _ in reader.messages()]
    assert found.count(USERS) == 10
