"""Files through PyAV: pacing, looping, cutting, and everything that is not a video."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import psutil
import pytest
from camera_clips import index_of, write_clip

from bconnect_camera.adapters import calibration, jpeg, pyav_cutter
from bconnect_camera.adapters.opencv_v4l2 import OpencvV4l2Source
from bconnect_camera.adapters.pyav_source import PyavSource, probe
from bconnect_camera.core.address import parse
from bconnect_camera.core.captures import CaptureJob
from bconnect_camera.core.ring import EncodedRing
from bconnect_camera.core.types import SECOND, Packet, SourceError
from bconnect_camera.cutting import cut
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import EvidenceKind

START = 1_800_000_000 * SECOND


class Steady:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> int:
        return START + round(self.now * SECOND)

    def steady(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return False


def source(path: Path, time: Steady | None = None, **options: Any) -> PyavSource:
    time = time or Steady()
    return PyavSource(
        parse(f"file://{path}"),
        clock=time.clock,
        steady=time.steady,
        wait=time.wait,
        hardware=False,
        **options,
    )


def pictures(items: Iterator[Any]) -> Iterator[Any]:
    return (item for item in items if not isinstance(item, Packet))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {}),
        ("a.avi", {"codec": "mpeg4"}),
        ("reordered.avi", {}),
        ("a.mkv", {"codec": "mjpeg"}),
        ("closed.mp4", {"bf": "0"}),
    ],
)
def test_every_picture_comes_once_in_order_at_its_time(
    tmp_path: Path, name: str, options: dict[str, str]
) -> None:
    read = source(write_clip(tmp_path / name, **options))
    assert "320x180" in read.open()
    seen = [(index_of(p.bgr(160, 90)), p.stamp) for p in pictures(read.read())]
    assert [index for index, _ in seen] == list(range(50))
    for i, (_, stamp) in enumerate(seen):
        assert abs(stamp - seen[0][1] - i * SECOND // 25) < 2_000_000
    read.close()


def test_a_file_plays_at_its_own_speed(clip: Path) -> None:
    time = Steady()
    read = source(clip, time)
    read.open()
    late = [time.clock() - p.stamp for p in pictures(read.read())]
    assert time.now == pytest.approx(19.96, abs=0.2)
    assert all(abs(value) < 0.2 * SECOND for value in late)
    assert abs(read.clock_offset) < 0.2


def test_a_loop_goes_on_with_its_stamps(tmp_path: Path) -> None:
    read = source(write_clip(tmp_path / "a.mp4", frames=30), loop=True)
    read.open()
    seen = list(itertools.islice(pictures(read.read()), 100))
    assert [index_of(p.bgr(320, 180)) for p in seen] == [i % 30 for i in range(100)]
    gaps = {round((b.stamp - a.stamp) / 1e6) for a, b in itertools.pairwise(seen)}
    assert gaps == {40}


def test_pictures_come_at_the_size_asked_for(clip: Path) -> None:
    read = source(clip)
    read.open()
    picture = next(pictures(read.read()))
    assert picture.bgr(416, 234).shape == (234, 416, 3)
    assert picture.grey(320, 180).shape == (180, 320)
    assert picture.grey(320, 180).dtype == np.uint8


# -- what is not a video -------------------------------------------------------------------


def bad_files(folder: Path) -> dict[str, str]:
    """Name to the words its refusal must hold."""
    good = write_clip(folder / "good.mp4").read_bytes()
    (folder / "text.mp4").write_text("this is a letter\n" * 100)
    (folder / "notes.txt").write_text("this is a letter\n" * 100)
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "head.mp4").write_bytes(good[: len(good) // 3])
    (folder / "noise.avi").write_bytes(np.random.default_rng(1).bytes(20_000))
    (folder / "a_folder").mkdir()
    body = bytearray(write_clip(folder / "good.avi", codec="mpeg4").read_bytes())
    body[6000:-2000] = bytes(len(body) - 8000)
    (folder / "zeroed.avi").write_bytes(body)
    with av.open(str(folder / "sound.wav"), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.rate = 8000
        out.mux(stream.encode(frame))
    return {
        "text.mp4": "not a video",
        "notes.txt": "no video",
        "empty.mp4": "not a video",
        "head.mp4": "not a video",
        "noise.avi": "not a video",
        "a_folder": "folder",
        "zeroed.avi": "",
        "sound.wav": "no video",
        "missing.mp4": "no such file",
    }


def test_what_is_no_video_is_refused_with_one_sentence(tmp_path: Path) -> None:
    for name, words in bad_files(tmp_path).items():
        if name == "zeroed.avi":
            continue
        with pytest.raises(SourceError) as caught:
            probe(parse(f"file://{tmp_path / name}"))
        sentence = str(caught.value)
        assert caught.value.refuse, name
        assert words in sentence, sentence
        assert "allowed is a video file" in sentence, sentence
        assert name in sentence
        assert "\n" not in sentence


def test_a_damaged_middle_is_counted_and_survived(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", frames=100)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    for at in range(start + len(data) // 3, start + len(data) // 2):
        data[at] = (data[at] * 7 + 13) % 256
    path.write_bytes(data)
    read = source(path)
    read.open()
    try:
        good = [index_of(p.bgr(320, 180)) for p in pictures(read.read())]
    except SourceError as error:
        pytest.fail(f"a damaged middle must not end the file: {error}")
    assert read.broken > 0
    assert 20 < len(good) < 100
    assert good[-5:] == [i % 64 for i in range(95, 100)]  # and it recovers


FUZZ = """
import random, sys
from pathlib import Path
from bconnect_camera.adapters.pyav_source import PyavSource, probe
from bconnect_camera.core.address import parse
from bconnect_camera.core.types import Packet, SourceError
seen = refused = 0
for name in sys.argv[2:]:
    good = Path(name).read_bytes()
    chance = random.Random(name.rsplit("/", 1)[1])
    for turn in range(int(sys.argv[1])):
        data = bytearray(good)
        for _ in range(chance.choice((1, 10, 200))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if turn % 3 == 0:
            del data[chance.randrange(len(data)):]
        bad = Path(name).with_name("bad" + Path(name).suffix)
        bad.write_bytes(data)
        address = parse(f"file://{bad}")
        source = PyavSource(address, clock=lambda: 0, steady=lambda: 0.0, wait=lambda s: False)
        try:
            probe(address)
            source.open()
            for item in source.read():
                if not isinstance(item, Packet):
                    item.bgr(64, 36)
                    seen += 1
        except SourceError:
            refused += 1
        finally:
            source.close()
print(seen, refused)
"""


def test_no_bytes_end_the_process(tmp_path: Path) -> None:
    """Truncated and altered files: sentences, never a crash (OpenCV aborts on some AVI)."""
    names = [
        write_clip(tmp_path / "a.mp4", frames=15),
        write_clip(tmp_path / "b.avi", frames=15),
        write_clip(tmp_path / "c.avi", frames=15, codec="mpeg4"),
        write_clip(tmp_path / "d.mkv", frames=15, codec="mjpeg"),
        write_clip(tmp_path / "e.ts", frames=15),
    ]
    turns = os.environ.get("BCONNECT_FUZZ", "40")
    result = subprocess.run(
        [sys.executable, "-c", FUZZ, turns, *map(str, names)],
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    seen, refused = map(int, result.stdout.split())
    assert seen > 100
    assert refused > 10


def test_opening_again_and_again_does_not_grow(clip: Path) -> None:
    def rounds(count: int) -> float:
        for _ in range(count):
            read = source(clip)
            read.open()
            next(pictures(read.read())).bgr(320, 180)
            read.close()
        return psutil.Process().memory_info().rss / 1e6

    before = rounds(30)
    assert rounds(100) - before < 8.0  # MB


# -- cutting -------------------------------------------------------------------------------


def filled(path: Path, seconds: float = 20.0) -> EncodedRing:
    ring = EncodedRing(seconds)
    read = source(path)
    read.open()
    for item in read.read():
        if isinstance(item, Packet):
            ring.append(item)
    return ring


def job(folder: str = "case.partial") -> CaptureJob:
    def at(seconds: float) -> int:
        return START + round(seconds * SECOND)

    return CaptureJob("f", (at(9.0), at(10.0), at(11.0)), at(8.0), at(12.0), folder, at(10.0))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {}),
        ("a.avi", {"codec": "mpeg4"}),
        ("a.mkv", {"codec": "mjpeg"}),
        ("ffv1.mkv", {"codec": "ffv1"}),
        ("a.ts", {}),
        ("hevc.mp4", {"codec": "libx265", "x265-params": "log-level=none"}),
    ],
)
def test_evidence_is_cut_from_the_encoded_stream(
    tmp_path: Path, name: str, options: dict[str, str]
) -> None:
    path = write_clip(tmp_path / name, frames=400, **options)
    result = cut(job(), filled(path).groups(), str(tmp_path / "store"))
    assert result.missing == []
    assert (result.width, result.height) == (320, 180)
    kinds = [EvidenceKind(f.kind).name for f in result.files]
    assert kinds == ["CONTEXT_BEFORE", "SCENE", "CONTEXT_AFTER", "CLIP"]
    first = None
    for file, second in zip(result.files, (9, 10, 11, None), strict=True):
        data = (tmp_path / "store" / file.path).read_bytes()
        assert len(file.sha256) == 64
        if second is not None:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            offset = round((file.stamp - START) / SECOND * 25)
            first = offset - second * 25 if first is None else first
            assert abs(offset - second * 25) <= 1
            # The picture is the one its stamp names.
            assert (index_of(image) - offset) % 64 in (0, 1, 63)
        else:
            with av.open(str(tmp_path / "store" / file.path)) as film:
                shown = [index_of(f.to_ndarray(format="bgr24")) for f in film.decode(video=0)]
            assert file.stamp <= START + 8 * SECOND
            assert len(shown) >= 100
            assert (shown[1] - shown[0]) % 64 == 1


def test_a_clip_is_the_stream_itself_not_encoded_again(tmp_path: Path, clip: Path) -> None:
    packets = [p for group in filled(clip).groups() for p in group]
    ending, data = pyav_cutter.clip(packets)
    assert ending == "mp4"
    (tmp_path / "out.mp4").write_bytes(data)
    with av.open(str(tmp_path / "out.mp4")) as film:
        copied = [bytes(p) for p in film.demux(video=0) if p.size]
    assert copied == [p.data for p in packets]


def test_a_full_disk_is_a_sentence_and_nothing_half(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = cut(job(), filled(clip).groups(), str(tmp_path))
    assert result.files == []
    assert len(result.missing) == 4
    assert all("No space left on device" in sentence for sentence in result.missing)
    assert list(tmp_path.rglob("*.*")) == [tmp_path / "case.partial"]


def test_packets_that_cannot_be_decoded_are_missing(tmp_path: Path, clip: Path) -> None:
    groups = [
        [Packet(p.info, p.stamp, p.pts, p.dts, p.keyframe, b"\0" * 50) for p in group]
        for group in filled(clip).groups()
    ]
    result = cut(job(), groups, str(tmp_path))
    assert [m for m in result.missing if "cannot be decoded" in m] == result.missing[:3]


def test_jpeg_is_of_high_quality() -> None:
    rng = np.random.default_rng(1)
    image = cv2.resize(rng.integers(0, 255, (30, 40, 3), dtype=np.uint8), (640, 480))
    back = cv2.imdecode(np.frombuffer(jpeg.encode(image), np.uint8), cv2.IMREAD_COLOR)
    assert float(np.abs(back.astype(int) - image).mean()) < 2.0


# -- the rest ------------------------------------------------------------------------------


class FakeCapture:
    """What OpenCV shows of a USB camera that sends JPEG; a broken one; then none."""

    def __init__(self, *_: Any) -> None:
        image = np.full((48, 64, 3), 90, np.uint8)
        good = np.frombuffer(jpeg.encode(image), np.uint8).reshape(1, -1)
        self.reads: list[Any] = [(True, good), (True, good[:, :40]), (True, good)]

    def isOpened(self) -> bool:
        return True

    def set(self, *_: Any) -> None: ...

    def read(self) -> Any:
        return self.reads.pop(0) if self.reads else (False, None)

    def release(self) -> None: ...


def test_a_usb_camera_gives_its_own_jpeg_to_the_ring() -> None:
    ticks = itertools.count(START, SECOND // 25)
    usb = OpencvV4l2Source(
        parse("v4l2:///dev/video0?size=64x48&rate=25"),
        clock=lambda: next(ticks),
        capture=FakeCapture,
    )
    usb.open()
    items = []
    with pytest.raises(SourceError, match="no pictures any more"):
        for item in usb.read():
            items.append(item)
    packets = [item for item in items if isinstance(item, Packet)]
    assert len(packets) == 2
    assert all(p.keyframe and p.data.startswith(b"\xff\xd8") for p in packets)
    assert items[1].bgr(32, 24).shape == (24, 32, 3)
    ending, data = pyav_cutter.clip(packets)
    assert ending == "mp4"
    assert len(data) > 500


def test_a_missing_usb_camera_is_retried_not_refused() -> None:
    usb = OpencvV4l2Source(parse("v4l2:///dev/video99"), clock=lambda: 0)
    with pytest.raises(SourceError, match="plugged in") as caught:
        usb.open()
    assert not caught.value.refuse


def test_calibration_files(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "intrinsics: {width: 1920, height: 1080, fx: 1000, fy: 990, cx: 960, cy: 540,"
        " distortion: [0.1, 0, 0, 0, 0]}\n"
    )
    lens = calibration.load(str(path))
    assert lens is not None
    assert (lens.fx, lens.distortion[0]) == (1000.0, 0.1)
    path.write_text("survey: 2026-11-01\n")
    assert calibration.load(str(path)) is None
    for text, words in (
        ("intrinsics: {width: 1920}", "intrinsics.height: found None"),
        ("intrinsics: 7", "intrinsics: found 7"),
        ("a: [", "not YAML"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=words):
            calibration.load(str(path))
    with pytest.raises(ConfigError, match="no readable file"):
        calibration.load(str(tmp_path / "none.yaml"))
