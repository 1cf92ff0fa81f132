"""Bags: what is written comes back, the same bytes every time; damage is one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from replay_scenes import SITE, T0, make_folder, write_info, write_users

from bconnect_replay.adapters import bag as bags
from bconnect_replay.adapters import bag_types
from bconnect_replay.adapters.bag import BagError, BagReader, BagWriter, make, own_types
from bconnect_site.errors import ConfigError

USERS = f"/{SITE}/utara/detections"


def small(folder: Path) -> Path:
    with BagWriter(folder) as bag:
        write_info(bag, cameras=["utara"], latitude=-1.25)
        for n in range(5):
            write_users(bag, T0 + n, [(n, 1.5, n + 2, 3.25), (4, 5, 6, 7)])
    return folder


def test_round_trip(tmp_path: Path) -> None:
    with BagReader(small(tmp_path / "bag")) as bag:
        assert {t.name: (t.type, t.count) for t in bag.topics.values()} == {
            f"/{SITE}/site_info": ("bconnect_msgs/msg/SiteInfo", 1),
            USERS: ("bconnect_msgs/msg/RoadUserArray", 5),
        }
        everything = list(bag.messages())
        assert [stamp for _, _, stamp in everything] == sorted(s for _, _, s in everything)
        topic, info, stamp = everything[0]
        assert (topic, stamp, info.site, info.latitude) == (f"/{SITE}/site_info", T0, SITE, -1.25)
        assert info.cameras == ["utara"]
        users = [message for _, message, _ in bag.messages([USERS])]
        assert len(users) == 5
        assert users[3].x_min.dtype == np.float32 and users[3].x_min.tolist() == [3.0, 4.0]
        assert users[3].track_id.dtype == np.int64 and len(users[3].riders) == 0
        assert users[3].header.stamp.nanosec == 3 and users[3].image_width == 640
        assert (bag.start, bag.end) == (T0, T0 + 5)


def test_equal_writes_give_equal_bytes(tmp_path: Path) -> None:
    one, two = small(tmp_path / "a" / "bag"), small(tmp_path / "b" / "bag")
    names = sorted(p.name for p in one.iterdir())
    assert names == ["bag.mcap", "metadata.yaml"] == sorted(p.name for p in two.iterdir())
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_metadata_says_how_topics_were_offered(tmp_path: Path) -> None:
    import yaml

    text = (small(tmp_path / "bag") / "metadata.yaml").read_text()
    told = yaml.safe_load(text)["rosbag2_bagfile_information"]
    assert (told["version"], told["storage_identifier"], told["message_count"]) == (9, "mcap", 6)
    offered = {
        t["topic_metadata"]["name"]: t["topic_metadata"]["offered_qos_profiles"][0]["durability"]
        for t in told["topics_with_message_count"]
    }
    assert offered == {f"/{SITE}/site_info": "transient_local", USERS: "volatile"}


def test_raw_bytes_pass_through(tmp_path: Path) -> None:
    with BagReader(small(tmp_path / "one")) as bag, BagWriter(tmp_path / "two") as copy:
        for topic, data, stamp in bag.raw():
            copy.write_raw(topic, bag.topics[topic].type, data, stamp)
    with BagReader(tmp_path / "one") as one, BagReader(tmp_path / "two") as two:
        assert list(one.raw()) == list(two.raw())


def refused(path: Path) -> str:
    with pytest.raises(BagError) as error, BagReader(path) as bag:
        list(bag.messages())
    assert isinstance(error.value, ConfigError)
    assert len(error.value.sentences) == 1
    return str(error.value)


def test_no_bag_is_one_sentence(tmp_path: Path) -> None:
    assert "there is no such bag" in refused(tmp_path / "nothing")
    assert "metadata.yaml is missing" in refused(tmp_path)


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.99])
def test_a_cut_off_bag_is_read_as_far_as_it_is_whole(tmp_path: Path, keep: float) -> None:
    file = small(tmp_path / "bag") / "bag.mcap"
    data = file.read_bytes()
    file.write_bytes(data[: int(keep * len(data))])
    with BagReader(tmp_path / "bag") as bag:
        read = len(list(bag.messages()))
        assert bag.warnings == [f"{file}: was cut off: {read} messages are whole"]
    assert file.read_bytes() == data[: int(keep * len(data))], "the recording itself is not touched"


def test_wherever_it_was_cut_off_it_is_read(tmp_path: Path) -> None:
    """In the middle of a record's length too."""
    file = small(tmp_path / "bag") / "bag.mcap"
    data = file.read_bytes()
    for keep in range(0, len(data), max(1, len(data) // 97)):
        file.write_bytes(data[:keep])
        with BagReader(tmp_path / "bag") as bag:
            list(bag.messages())
            assert "was cut off" in bag.warnings[0]


def test_a_bag_that_lost_its_metadata_is_read_whole(tmp_path: Path) -> None:
    folder = small(tmp_path / "bag")
    with BagReader(folder) as bag:
        before = list(bag.raw())
    (folder / "metadata.yaml").unlink()
    with BagReader(folder) as bag:
        assert list(bag.raw()) == before
        assert bag.warnings == [f"{folder}: metadata.yaml was missing: made anew from the files"]


@pytest.mark.parametrize("at", [0.01, 0.2, 0.5, 0.8])
def test_a_bag_with_wrong_bytes_never_crashes(tmp_path: Path, at: float) -> None:
    file = small(tmp_path / "bag") / "bag.mcap"
    data = bytearray(file.read_bytes())
    place = int(at * len(data))
    data[place : place + 40] = b"\xff" * 40
    file.write_bytes(bytes(data))
    try:
        with BagReader(tmp_path / "bag") as bag:
            list(bag.messages())
    except BagError as error:
        assert len(error.sentences) == 1


@pytest.mark.parametrize("text", ["", "[1, 2]", "rosbag2_bagfile_information: {version: 99}", "{"])
def test_metadata_that_says_nothing_is_one_sentence(tmp_path: Path, text: str) -> None:
    (small(tmp_path / "bag") / "metadata.yaml").write_text(text)
    assert "is damaged or cut off" in refused(tmp_path / "bag")


def test_unknown_topics_are_told_with_the_nearest(tmp_path: Path) -> None:
    with BagReader(small(tmp_path / "bag")) as bag, pytest.raises(BagError) as error:
        list(bag.messages([USERS[:-1]]))
    assert f'no topic "{USERS[:-1]}"; did you mean "{USERS}"?' in str(error.value)


def test_writer_refuses(tmp_path: Path) -> None:
    small(tmp_path / "bag")
    with pytest.raises(BagError, match="exists already"):
        BagWriter(tmp_path / "bag")
    with BagWriter(tmp_path / "other") as bag:
        write_info(bag)
        signal = bag.make("bconnect_msgs/msg/SignalState")
        with pytest.raises(BagError, match="the topic holds bconnect_msgs/msg/SiteInfo"):
            bag.write(f"/{SITE}/site_info", signal, T0)
        with pytest.raises(BagError, match="found stamp -1"):
            bag.write("/x", signal, -1)
        with pytest.raises(BagError, match='did you mean "bconnect_msgs/msg/SignalState"'):
            bag.make("bconnect_msgs/msg/SignalStat")
        with pytest.raises(BagError, match='has no field "aspekt"'):
            bag.make("bconnect_msgs/msg/SignalState", aspekt=1)


def with_definition(old: str, new: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes a bag as another version would: one line of SignalState.msg is another."""
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    text = (bag_types.definitions() / "SignalState.msg").read_text()
    assert old in text
    store = get_typestore(Stores.ROS2_KILTED)
    name = "bconnect_msgs/msg/SignalState"
    store.register(get_types_from_msg(text.replace(old, new), name))
    with monkeypatch.context() as patch:
        patch.setattr(bags, "own_types", lambda: store)
        with BagWriter(folder) as bag:
            bag.write("/s/signals", make(store, name, signal="barat"), T0)


def test_an_older_bag_is_filled_with_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "float32 confidence          # [0, 1]"
    with_definition(line, "", tmp_path / "bag", monkeypatch)
    with BagReader(tmp_path / "bag") as bag:
        (_, message, _), *_ = bag.messages()
    assert message.signal == "barat" and message.confidence == 0.0


def test_a_newer_bag_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = "float32 confidence          # [0, 1]"
    with_definition(line, f"{line}\nstring more", tmp_path / "bag", monkeypatch)
    with BagReader(tmp_path / "bag") as bag:
        (_, message, _), *_ = bag.messages()
    assert message.signal == "barat" and message.more == ""


def test_a_field_of_another_type_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_definition("uint8 aspect", "string aspect", tmp_path / "bag", monkeypatch)
    assert "bconnect_msgs/msg/SignalState: field aspect is another" in refused(tmp_path / "bag")


def test_definitions_are_those_of_the_messages() -> None:
    """The bag writer's idea of our messages equals the built one."""
    from bconnect_msgs import msg

    known = {n.rpartition("/")[2] for n in own_types().fielddefs if n.startswith("bconnect_msgs/")}
    built = {name for name in dir(msg) if name[0].isupper()}
    assert known == built
    for name in sorted(known):
        fields = [field for field, _ in own_types().fielddefs[f"bconnect_msgs/msg/{name}"][1]]
        assert fields == list(getattr(msg, name).get_fields_and_field_types())


def test_rosidl_reads_what_the_writer_wrote(tmp_path: Path) -> None:
    """CDR bytes are those of a real graph."""
    from bconnect_msgs.msg import RoadUserArray
    from rclpy.serialization import deserialize_message

    with BagReader(make_folder(tmp_path, 50.0, seconds=1.0) / "bag") as bag:
        _, data, _ = next(bag.raw([USERS]))
    message = deserialize_message(bytes(data), RoadUserArray)
    assert list(message.x_min) == [40.0] and message.image_height == 360
