"""Rerun from images: the cameras' files are seen anew, the rest of the bag is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import yaml
from replay_scenes import SITE, SITE_FILE, T0, write_info, write_status, write_users

from bconnect_detect.core.detector import Detections
from bconnect_replay.adapters import jpeg
from bconnect_replay.adapters.bag import BagReader, BagWriter
from bconnect_replay.adapters.video import pictures
from bconnect_replay.inputs import open_inputs
from bconnect_replay.rerun import judge_bag
from bconnect_replay.watch import watch
from bconnect_site.errors import ConfigError


class Bright:
    """Finds a car in the bright part of a picture."""

    def detect(self, image: np.ndarray) -> Detections:
        rows, columns = np.nonzero(image[:, :, 1] > 128)
        if not len(rows):
            empty = np.zeros(0, np.float32)
            return Detections(np.zeros(0, np.uint8), empty, empty.reshape(0, 4))
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        return Detections(
            np.array([4], np.uint8), np.array([0.9], np.float32), np.array([box], np.float32)
        )


def film(file: Path, images: int = 160, rate: int = 20) -> None:
    """A bright block that moves to the right at 60 px/s of a 640 px wide picture."""
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for n in range(images):
            image = np.zeros((360, 640, 3), np.uint8)
            x = 40 + 60 * n // rate
            image[120:160, x : x + 60] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    made.mkdir()
    film(made / "utara.mp4")
    (made / "site.yaml").write_text(yaml.safe_dump(SITE_FILE))
    return made


def test_pictures_come_at_the_rate_asked_for(folder: Path) -> None:
    seen = list(pictures(folder / "utara.mp4", 10.0, (320, 180)))
    assert [since for since, _ in seen[:3]] == [0, 100_000_000, 200_000_000]
    assert len(seen) == 80 and seen[0][1].shape == (180, 320, 3)


def judged(bag: Path, site: Path, scratch: Path) -> list[dict[str, Any]]:
    inputs = open_inputs(bag, site, scratch)
    with inputs.bag:
        return judge_bag(inputs).lines


def test_what_is_seen_is_judged(folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        watch(folder, None, tmp_path / name, Bright())
    one, two = (tmp_path / name / "detections" / "detections.mcap" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    (line,) = judged(one.parent, folder / "site.yaml", tmp_path)
    assert line["kind"] == "wrong_way" and abs(line["box"][1] - 120) < 4


def test_the_bag_beside_the_files_is_taken_over_but_for_detections(
    folder: Path, tmp_path: Path
) -> None:
    with BagWriter(folder / "bag") as bag:
        write_info(bag)
        write_status(bag, T0, state=6)
        write_users(bag, T0, [(1, 2, 3, 4)])
    watch(folder, None, tmp_path / "out", Bright())
    with BagReader(tmp_path / "out" / "detections") as bag:
        assert bag.topics[f"/{SITE}/utara/camera_status"].count == 1
        assert bag.topics[f"/{SITE}/utara/detections"].count == 80
        stamps = [stamp for _, _, stamp in bag.raw([f"/{SITE}/utara/detections"])]
    assert stamps[0] == T0
    site = folder / "site.yaml"
    assert judged(tmp_path / "out" / "detections", site, tmp_path) == []  # it says MOVED


def test_bad_sources_are_one_sentence(folder: Path, tmp_path: Path) -> None:
    (folder / "utara.mp4").write_text("no video")
    with pytest.raises(ConfigError, match="cannot be read as video"):
        watch(folder, None, tmp_path / "one", Bright())
    (folder / "utara.mp4").unlink()
    with pytest.raises(ConfigError, match=r"utara\.mp4: cannot be read as video"):
        watch(folder, None, tmp_path / "two", Bright())
    site = {**SITE_FILE, "cameras": {"utara": {"source": "rtsp://example.org/1"}}}
    (folder / "site.yaml").write_text(yaml.safe_dump(site))
    with pytest.raises(ConfigError, match=r"needs file://\.\.\. to be looked at again"):
        watch(folder, None, tmp_path / "three", Bright())


def bright(n: int) -> np.ndarray:
    """What ``film`` shows, 10 pictures a second."""
    image = np.zeros((360, 640, 3), np.uint8)
    image[120:160, 40 + 6 * n : 100 + 6 * n] = 255
    return image


def test_the_pictures_a_bag_holds_are_seen_without_the_cameras_files(tmp_path: Path) -> None:
    """As `bconnect record` leaves them; stamps are those of the pictures."""
    made = tmp_path / "made"
    made.mkdir()
    site = {**SITE_FILE, "cameras": {"utara": {**SITE_FILE["cameras"]["utara"]}}}
    site["cameras"]["utara"]["source"] = "rtsp://example.org/1"
    (made / "site.yaml").write_text(yaml.safe_dump(site))
    with BagWriter(made / "bag") as bag:
        write_info(bag)
        for n in range(80):
            stamp = T0 + n * 100_000_000
            kind, data = "sensor_msgs/msg/CompressedImage", jpeg.encode(bright(n), 90)
            header = bag.header(stamp)
            picture = bag.make(kind, header=header, data=np.frombuffer(data, np.uint8))
            bag.write(f"/{SITE}/utara/image_raw/compressed", picture, stamp + 30_000_000)
    bag, site = watch(made, None, tmp_path / "out", Bright())
    assert site == made / "site.yaml"
    with BagReader(bag) as found:
        assert set(found.topics) == {f"/{SITE}/site_info", f"/{SITE}/utara/detections"}
        first = next(found.messages([f"/{SITE}/utara/detections"]))
    assert first[2] == T0 and first[1].x_min[0] == pytest.approx(40, abs=8)
    (line,) = judged(bag, site, tmp_path)
    assert line["kind"] == "wrong_way"


def test_encoded_pictures_are_seen(tmp_path: Path) -> None:
    from test_encoded import TOPIC, recorded, stream

    made = recorded(tmp_path / "made", stream(pictures=50), users=False)
    bag, _ = watch(made, None, tmp_path / "out", Bright())
    with BagReader(bag) as found:
        assert TOPIC not in found.topics
        stamps = [stamp for _, _, stamp in found.raw([f"/{SITE}/utara/detections"])]
    assert stamps[0] == T0 and 15 <= len(stamps) <= 21


@pytest.mark.parametrize("storage", ["mcap", "sqlite3 of Humble"])
def test_another_recorders_pictures_are_seen_where_it_is_told(tmp_path: Path, storage: str) -> None:
    from test_foreign import RAW, stock_bag

    site = tmp_path / "tangan.yaml"
    site.write_text(yaml.safe_dump(SITE_FILE))
    made = stock_bag(tmp_path / "bag", storage)
    bag, told = watch(made, site, tmp_path / "out", Bright(), [f"utara={RAW}"])
    assert told == site
    with BagReader(bag) as found:
        assert found.topics[f"/{SITE}/utara/detections"].count == 8
    unstamped = stock_bag(tmp_path / "unstamped", storage, stamps=False)
    with pytest.raises(ConfigError, match=r"/gate_a/camera/image_raw: a picture carries no stamp"):
        watch(unstamped, site, tmp_path / "out2", Bright(), [f"utara={RAW}"])
