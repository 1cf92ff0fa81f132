"""Encoded pictures: recorded as the camera sends them, read, played, judged and cut again."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import yaml
from replay_scenes import SITE, SITE_FILE, T0, cars, write_info, write_status, write_users
from sensor_msgs.msg import CompressedImage, Image

from bconnect_camera.core.annexb import begins
from bconnect_node import qos, stamps
from bconnect_replay.adapters.bag import BagReader, BagWriter
from bconnect_replay.adapters.bag_file import BagRecording, TopicInfo
from bconnect_replay.adapters.bag_types import VIDEO, encoded
from bconnect_replay.album import Pictures, shots
from bconnect_replay.bag_ring import groups
from bconnect_replay.core.splitting import Split
from bconnect_replay.player_node import Player
from bconnect_replay.recorder_node import Recorder
from bconnect_site.frozen import freeze, load_frozen
from bconnect_site.loader import load_site

TOPIC = f"/{SITE}/utara/video"
STEP = 40_000_000  # ns: 25 Hz
CODINGS = {"h264": "libx264", "h265": "libx265"}


def scene(n: int) -> np.ndarray:
    """A picture that says its number by its grey."""
    return np.full((360, 640, 3), 20 + 2 * n, np.uint8)


def number_of(image: np.ndarray) -> float:
    """Which scene it is; through YUV and back it has become three shades darker."""
    return (float(image.mean()) - 17.0) / 2.0


def stream(form: str = "h264", pictures: int = 100, gop: int = 25, **options: str) -> list[Any]:
    """(stamp, Annex B packet) in decoding order, as the camera's topic gives them."""
    context = av.CodecContext.create(CODINGS[form], "w")
    context.width, context.height, context.pix_fmt = 640, 360, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
    evenly = {"g": str(gop), "keyint_min": str(gop), "sc_threshold": "0", "bf": "0"}
    h265 = f"log-level=none:keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:repeat-headers=1"
    h265 += f":bframes={options.get('bf', '0')}"
    context.options = {**evenly, "x265-params": h265, **options}
    made = []
    frames = [av.VideoFrame.from_ndarray(scene(n), format="bgr24") for n in range(pictures)]
    for n, frame in enumerate([*frames, None]):
        if frame is not None:
            frame.pts = n
        for packet in context.encode(frame):
            made.append((T0 + int(packet.pts) * STEP, bytes(packet)))
    return made


def test_each_file_of_a_recording_begins_with_a_key_frame_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    """A split in the middle of a group repeats it; whoever reads all files has each once."""
    recording = BagRecording(tmp_path / "bag", Split(0, 1_500_000_000))
    info = TopicInfo(TOPIC, VIDEO, grouped=True)
    packets = stream()
    for stamp, data in packets:
        recording.write(info, encoded(stamp, "cam", data, "h264"), stamp, begins(data, "h264"))
    recording.close()
    files = sorted((tmp_path / "bag").glob("*.mcap"))
    assert len(files) == 3
    from mcap.reader import make_reader
    from mcap_ros2.decoder import DecoderFactory

    total = 0
    for file in files:
        with file.open("rb") as source:
            reader = make_reader(source, decoder_factories=[DecoderFactory()])
            found = [m for *_, m in reader.iter_decoded_messages()]
        total += len(found)
        assert begins(bytes(found[0].data), "h264"), file
        assert {m.format for m in found} == {"h264"} and found[0].frame_id == "cam"
    assert total > len(packets)
    with BagReader(tmp_path / "bag") as bag:
        assert bag.topics[TOPIC].type == "foxglove_msgs/msg/CompressedVideo"
        assert [(s.stamp, s.data) for s in shots(bag, TOPIC)] == packets


def test_a_recording_that_begins_in_the_middle_waits_for_a_key_frame(tmp_path: Path) -> None:
    recording = BagRecording(tmp_path / "bag", Split())
    info = TopicInfo(TOPIC, VIDEO, grouped=True)
    written = [
        recording.write(info, encoded(stamp, "", data, "h264"), stamp, begins(data, "h264"))
        for stamp, data in stream(pictures=60)[10:]
    ]
    recording.close()
    assert written == [False] * 15 + [True] * 35


def test_the_definition_in_the_bag_is_foxgloves() -> None:
    """By fields and by the hash that ROS 2 gives the type."""
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    from bconnect_replay.adapters.bag_types import own_types

    store = get_typestore(Stores.ROS2_JAZZY)
    text = "builtin_interfaces/Time timestamp\nstring frame_id\nuint8[] data\nstring format\n"
    store.register(get_types_from_msg(text, VIDEO))
    assert own_types().hash_rihs01(VIDEO) == store.hash_rihs01(VIDEO)


def recorded(folder: Path, packets: list[Any], form: str = "h264", users: bool = True) -> Path:
    """site.yaml and bag/ with a car and the encoded stream of its camera."""
    folder.mkdir(parents=True)
    (folder / "site.yaml").write_text(yaml.safe_dump(SITE_FILE))
    with BagWriter(folder / "bag") as bag:
        write_info(bag)
        for n, (stamp, data) in enumerate(packets):
            at = T0 + n * STEP
            if n % 25 == 0:
                write_status(bag, at)
            if n % 2 == 0 and users:
                write_users(bag, at, cars(n / 25, 60.0))
            bag.write_raw(TOPIC, VIDEO, encoded(stamp, "cam", data, form), at)
    return folder


@pytest.mark.parametrize("form", CODINGS)
@pytest.mark.parametrize("bf", ["0", "2"])
def test_pictures_come_out_with_their_stamps(tmp_path: Path, form: str, bf: str) -> None:
    made = recorded(tmp_path / "made", stream(form, 60, bf=bf), form)
    with BagReader(made / "bag") as bag:
        pictures = Pictures()
        seen = [found for shot in shots(bag, TOPIC) for found in pictures.look(shot)]
        seen += list(pictures.rest())
    assert [stamp for stamp, _ in seen] == [T0 + n * STEP for n in range(60)]
    assert all(abs(number_of(image) - n) < 0.6 for n, (_, image) in enumerate(seen))


def test_pictures_are_thinned_and_sized_like_the_cameras(tmp_path: Path) -> None:
    made = recorded(tmp_path / "made", stream(pictures=50))
    with BagReader(made / "bag") as bag:
        pictures = Pictures((320, 180), 5.0)
        seen = [found for shot in shots(bag, TOPIC) for found in pictures.look(shot)]
    assert [round((stamp - T0) / STEP) for stamp, _ in seen] == list(range(0, 50, 5))
    assert {image.shape for _, image in seen} == {(180, 320, 3)}


def test_damage_costs_pictures_up_to_the_next_key_frame(tmp_path: Path) -> None:
    packets = stream(pictures=75)
    packets[30] = (packets[30][0], b"\0\0\1\x41" + b"\xff" * 40)
    made = recorded(tmp_path / "made", packets)
    with BagReader(made / "bag") as bag:
        pictures = Pictures()
        seen = [s for shot in shots(bag, TOPIC) for s, _ in pictures.look(shot)]
        seen += [s for s, _ in pictures.rest()]
    numbers = [round((stamp - T0) / STEP) for stamp in seen]
    assert numbers[:30] == list(range(30)) and numbers[-25:] == list(range(50, 75))
    assert 30 not in numbers


@pytest.mark.parametrize("bf", ["0", "2"])
def test_stills_and_clip_are_cut_at_full_size_without_encoding_again(
    tmp_path: Path, bf: str
) -> None:
    from bconnect_camera.core.captures import CaptureJob
    from bconnect_camera.cutting import cut
    from bconnect_replay.adapters import jpeg

    made = recorded(tmp_path / "made", stream(pictures=100, bf=bf))

    def at(n: int) -> int:
        return T0 + n * STEP

    job = CaptureJob("x", (at(30), at(45), at(60)), at(27), at(80), "tangan/x", at(60))
    with BagReader(made / "bag") as bag:
        held = groups(bag, TOPIC, at(27), at(80))
    result = cut(job, held, str(tmp_path / "store"))
    assert result.missing == [] and (result.width, result.height) == (640, 360)
    for file, n in zip(result.files[:3], (30, 45, 60), strict=True):
        image = jpeg.decode((tmp_path / "store" / file.path).read_bytes())
        assert file.stamp == at(n) and abs(number_of(image) - n) < 0.6
    with av.open(str(tmp_path / "store" / result.files[3].path)) as clip:
        assert clip.streams.video[0].codec_context.name == "h264"
        frames = [f.to_ndarray(format="bgr24") for f in clip.decode(video=0)]
    numbers = [number_of(f) for f in frames]
    assert result.files[3].stamp == at(25) and abs(numbers[0] - 25) < 0.6
    assert 54 <= len(frames) <= 76 and numbers == sorted(numbers)


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    site = {**SITE_FILE, "cameras": {"utara": {**SITE_FILE["cameras"]["utara"]}}}
    site["cameras"]["utara"]["record"] = "encoded"
    file = tmp_path / "tangan.yaml"
    file.write_text(yaml.safe_dump(site))
    freeze(load_site(file), tmp_path / "frozen.yaml")
    return tmp_path / "frozen.yaml"


def test_the_recorder_takes_the_encoded_stream_where_the_site_says_so(
    ros: Any, frozen: Path, tmp_path: Path, wait_for: Callable[..., Any], monkeypatch: Any
) -> None:
    monkeypatch.setattr("bconnect_replay.recorder_node.FOR_SITE_INFO", 0.0)
    folder = tmp_path / "bag"
    parameters = {"site_file": str(frozen), "folder": str(folder), "split_seconds": 0.5}
    node = ros.add(Recorder, namespace=f"/{SITE}", parameter_overrides=parameters)
    camera = ros.node("camera").create_publisher(CompressedImage, TOPIC, qos.EVENT)
    wait_for(camera.get_subscription_count)
    packets = stream(pictures=60)
    for n, (stamp, data) in enumerate(packets[5:]):  # who comes late
        message = CompressedImage(format="h264")
        message.header.stamp, message.header.frame_id = stamps.to_msg(stamp), "cam"
        message._data = memoryview(data)
        camera.publish(message)
        wait_for(lambda: node.health._counts.get("video") == n + 1)  # noqa: B023
    ros.remove(node)
    with BagReader(folder) as bag:
        assert [(s.stamp, s.data) for s in shots(bag, TOPIC)] == packets[25:]
        assert f"/{SITE}/utara/image_raw/compressed" not in bag.topics


def test_a_silent_camera_is_told(
    ros: Any, frozen: Path, tmp_path: Path, wait_for: Callable[..., Any], monkeypatch: Any
) -> None:
    monkeypatch.setattr("bconnect_replay.recorder_node.FOR_SITE_INFO", 0.0)
    monkeypatch.setattr("bconnect_replay.recorder_node.FOR_VIDEO", 0.0)
    monkeypatch.setattr("bconnect_replay.recorder_node.FLUSH_PERIOD", 0.1)
    parameters = {"site_file": str(frozen), "folder": str(tmp_path / "bag")}
    node = ros.add(Recorder, namespace=f"/{SITE}", parameter_overrides=parameters)
    wait_for(lambda: "no encoded pictures were heard of utara" in node.health.last_error)


def test_they_are_played_to_the_detector_at_its_size(
    ros: Any, frozen: Path, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    made = recorded(tmp_path / "made", stream(pictures=75))
    heard = ros.collect(Image, f"/{SITE}/utara/image_raw", qos.SENSOR)
    parameters = {"site_file": str(frozen), "bag": str(made / "bag"), "images": True}
    node = ros.add(Player, namespace=f"/{SITE}", parameter_overrides=parameters)
    wait_for(node.ended.is_set, timeout=60.0)
    wait_for(lambda: len(heard) > 5)
    detect = load_frozen(frozen).site.cameras["utara"].detect
    for message in heard:
        assert (message.width, message.height) == (detect.width, detect.height)
        n = (stamps.to_ns(message.header.stamp) - T0) / STEP
        assert n == round(n) and abs(float(message.data[0]) - (17 + 2 * n)) <= 3
        assert message.header.frame_id == f"{SITE}/utara_optical_frame"
    assert len(heard) <= 1 + 3 * detect.rate


def test_answers_of_a_replay_come_from_the_encoded_stream(
    ros: Any, frozen: Path, tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    from test_answers import asked, player

    made = recorded(tmp_path / "made", stream(pictures=100))
    node = player(ros, frozen, made / "bag", tmp_path / "store")
    said = asked(
        ros, wait_for, node, stills=(T0 + 40 * STEP,), clip_start=T0 + STEP, clip_end=T0 + 60 * STEP
    )
    assert list(said.missing) == []
    assert (said.image_width, said.image_height) == (640, 360) and len(said.evidence) == 2


def test_a_real_cameras_packets_are_in_the_bag_as_it_sent_them(
    ros: Any, frozen: Path, tmp_path: Path, wait_for: Callable[..., Any], monkeypatch: Any
) -> None:
    """Camera node, topic, recorder, bag: not one bit is encoded again."""
    from bconnect_camera.driver_node import CameraDriver

    monkeypatch.setattr("bconnect_replay.recorder_node.FOR_SITE_INFO", 0.0)
    film = tmp_path / "utara.ts"
    with av.open(str(film), "w") as container:
        out = container.add_stream("libx264", rate=25)
        out.width, out.height, out.pix_fmt = 640, 360, "yuv420p"
        out.options = {"g": "25", "bf": "0", "sc_threshold": "0"}
        for n in range(200):
            image = av.VideoFrame.from_ndarray(scene(n % 100), format="bgr24")
            container.mux(out.encode(image))
        container.mux(out.encode())
    with av.open(str(film)) as container:
        sent = [bytes(p) for p in container.demux(video=0) if p.size]
    folder = tmp_path / "bag"
    parameters: dict[str, Any] = {"site_file": str(frozen), "folder": str(folder)}
    recorder = ros.add(Recorder, namespace=f"/{SITE}", parameter_overrides=parameters)
    parameters = {"camera": "utara", "frame_id": "cam", "source": f"file://{film}"}
    ros.add(CameraDriver, namespace=f"/{SITE}/utara", parameter_overrides=parameters)
    wait_for(lambda: (recorder.health._counts.get("video") or 0) >= 60, timeout=60.0)
    ros.remove(recorder)
    with BagReader(folder) as bag:
        kept = list(shots(bag, TOPIC))
    first = sent.index(kept[0].data)
    assert begins(kept[0].data, "h264") and first % 25 == 0
    assert [shot.data for shot in kept] == sent[first : first + len(kept)]
    gaps = [round((b.stamp - a.stamp) / 1e6) for a, b in pairwise(kept)]
    assert set(gaps) == {40}
