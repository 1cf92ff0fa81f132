"""The encoded stream on its topic: Annex B, from a key frame on, only while somebody listens."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from camera_clips import index_of, write_clip
from sensor_msgs.msg import CompressedImage
from test_camera_driver import NS, start
from test_camera_rtsp import source as rtsp_source
from test_camera_source import source

from bconnect_camera.adapters.annexb import AnnexB
from bconnect_camera.core.annexb import begins, units
from bconnect_camera.core.relay import BURST, Relay
from bconnect_camera.core.types import Packet, StreamInfo
from bconnect_node import qos

CODINGS = [
    ("a.mp4", {}, "h264"),
    ("b_frames.mkv", {"bf": "3"}, "h264"),
    ("a.ts", {}, "h264"),
    ("hevc.mp4", {"codec": "libx265", "x265-params": "log-level=none"}, "h265"),
    ("hevc.ts", {"codec": "libx265", "x265-params": "log-level=none"}, "h265"),
]


def packets_of(path: Path) -> list[Packet]:
    read = source(path)
    read.open()
    found = [item for item in read.read() if isinstance(item, Packet)]
    read.close()
    return found


def shown(packets: list[bytes], form: str) -> list[int]:
    """What a decoder that was told nothing else shows of packets."""
    context = av.CodecContext.create("hevc" if form == "h265" else form, "r")
    frames: list[Any] = []
    for n, data in enumerate(packets):
        packet = av.Packet(data)
        packet.pts = packet.dts = n
        packet.time_base = Fraction(1, 25)
        frames += context.decode(packet)
    frames += context.decode(None)
    return [index_of(frame.to_ndarray(format="bgr24")) for frame in frames]


@pytest.mark.parametrize(("name", "options", "form"), CODINGS)
def test_packets_can_be_decoded_from_any_key_frame(
    tmp_path: Path, name: str, options: dict[str, str], form: str
) -> None:
    packets = packets_of(write_clip(tmp_path / name, frames=60, **options))
    writer = AnnexB(packets[0].info)
    assert writer.form == form
    made = [writer.convert(packet) for packet in packets]
    assert [begins(data, form) for data in made] == [p.keyframe for p in packets]
    assert all(data.startswith((b"\0\0\0\1", b"\0\0\1")) for data in made)
    assert shown(made, form) == list(range(60))
    second = [n for n, packet in enumerate(packets) if packet.keyframe][1]
    late = shown(made[second:], form)
    assert late and late == list(range(late[0], 60)) and late[0] <= 15


def test_other_codings_are_refused_in_a_sentence(tmp_path: Path) -> None:
    packets = packets_of(write_clip(tmp_path / "a.mkv", frames=5, codec="mjpeg"))
    with pytest.raises(ValueError, match=r"the camera sends mjpeg, allowed are H\.264 and H\.265"):
        AnnexB(packets[0].info)


def test_an_rtsp_cameras_packets_can_be_decoded(rtsp: Any) -> None:
    _, port = rtsp()
    read = rtsp_source(f"rtsp://127.0.0.1:{port}/live")
    read.open()
    packets = list(itertools.islice((p for p in read.read() if isinstance(p, Packet)), 60))
    read.close()
    writer = AnnexB(packets[0].info)
    made = [writer.convert(packet) for packet in packets]
    assert packets[0].keyframe
    assert all(begins(d, "h264") == p.keyframe for d, p in zip(made, packets, strict=True))
    assert len(shown(made, "h264")) >= 58


def test_parameter_sets_told_ahead_of_the_stream_are_put_before_key_frames(tmp_path: Path) -> None:
    """As SDP tells them, and some cameras never again."""
    packets = packets_of(write_clip(tmp_path / "a.ts", frames=30))
    cut = {n: picture_at(p.data) for n, p in enumerate(packets) if p.keyframe}
    sets = packets[0].data[: cut[0]].rstrip(b"\0")
    bare = [replace(p, data=p.data[cut.get(n, 0) :]) for n, p in enumerate(packets)]
    assert not begins(bare[0].data, "h264")
    info = replace(packets[0].info, extradata=sets)
    writer = AnnexB(info)
    made = [writer.convert(replace(p, info=info)) for p in bare]
    assert [begins(d, "h264") for d in made] == [p.keyframe for p in packets]
    assert shown(made, "h264") == list(range(30))


def picture_at(data: bytes) -> int:
    """Where the picture itself begins in a key frame."""
    starts = [m.start() for m in re.finditer(b"\0\0\1", data)]
    return starts[list(units(data, "h264")).index(5)]


def test_nothing_begins_that_is_no_video() -> None:
    assert not begins(b"", "h264") and not begins(b"\0\0\1", "h264")
    assert not begins(b"\0\0\1\x67", "vp9")
    assert begins(b"\0\0\1\x67\x42", "h264") and not begins(b"\0\0\1\x41\x42", "h264")
    assert begins(b"\0\0\0\1\x42\1", "h265") and not begins(b"\0\0\0\1\x67\1", "h265")


def packet(n: int, key: bool = False, info: StreamInfo | None = None) -> Packet:
    return Packet(info or INFO, n, n, n, key, b"x")


INFO = StreamInfo(1, "h264", 64, 36, Fraction(1, 25), b"", "software")


def test_who_begins_to_listen_gets_the_group_from_its_key_frame() -> None:
    relay, group = Relay(), [packet(0, key=True)]
    assert relay.take(group[-1], False, lambda: group) == ()
    group.append(packet(1))
    assert list(relay.take(group[-1], True, lambda: group)) == group
    group.append(packet(2))
    assert list(relay.take(group[-1], True, lambda: group)) == [group[-1]]
    # Nobody, then somebody again: from the key frame on.
    group.append(packet(3))
    assert relay.take(group[-1], False, lambda: group) == ()
    group.append(packet(4))
    assert list(relay.take(group[-1], True, lambda: group)) == group


def test_a_long_group_and_a_packet_the_ring_dropped_are_waited_out() -> None:
    relay = Relay()
    long = [packet(0, key=True), *(packet(n) for n in range(1, BURST + 1))]
    assert relay.take(long[-1], True, lambda: long) == ()
    assert relay.take(packet(99), True, lambda: long) == ()
    fresh = [packet(100, key=True)]
    assert list(relay.take(fresh[-1], True, lambda: fresh)) == fresh
    # The camera comes back with another stream: not before its first key frame.
    other = StreamInfo(2, "h264", 64, 36, Fraction(1, 25), b"", "software")
    assert relay.take(packet(101, info=other), True, lambda: fresh) == ()


def test_the_camera_sends_packets_while_somebody_listens(
    ros: Any, wait_for: Any, tmp_path: Path
) -> None:
    path = write_clip(tmp_path / "long.mp4", frames=1500, gop=25)
    camera = start(ros, f"file://{path}", loop=True)
    wait_for(lambda: len(camera._ring) > 30)
    assert not camera.health._counts.get("video")
    found = ros.collect(CompressedImage, f"{NS}/video", qos.EVENT)
    wait_for(lambda: len(found) > 60, 30)
    taken = list(found)
    assert {m.format for m in taken} == {"h264"}
    assert taken[0].header.frame_id == "demo/utara_optical_frame"
    first = next(n for n, m in enumerate(taken) if begins(bytes(m.data), "h264"))
    assert first == 0
    numbers = shown([bytes(m.data) for m in taken], "h264")
    assert all((b - a) % 64 == 1 for a, b in itertools.pairwise(numbers))


def test_a_camera_of_another_coding_says_so_and_goes_on(
    ros: Any, wait_for: Any, tmp_path: Path
) -> None:
    path = write_clip(tmp_path / "a.avi", frames=500, codec="mpeg4")
    camera = start(ros, f"file://{path}")
    ros.collect(CompressedImage, f"{NS}/video", qos.EVENT)
    wait_for(lambda: "it is not sent encoded" in camera.health.last_error, 30)
    assert "the camera sends mpeg4" in camera.health.last_error
