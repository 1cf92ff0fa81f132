"""bconnect explain-violation: the verdict again, its numbers, its picture."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from replay_scenes import SITE, T0, cars, make_folder, write_info, write_status, write_users

from bconnect_detect.core.types import SignalReading
from bconnect_replay import explain
from bconnect_replay.adapters import jpeg
from bconnect_replay.adapters.bag import BagWriter
from bconnect_replay.core.witnessing import AFTER, BEFORE, Recollection
from bconnect_replay.rerun import rerun
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import SignalAspect, SignalSource

SECOND = 10**9


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "made", 60.0, -60.0, seconds=8.0)


def the_finding(bag: Path, out: Path) -> dict[str, object]:
    (line,) = rerun(bag, out=out).lines
    return line


def test_a_verdict_is_shown_with_the_numbers_that_decided(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = the_finding(bag, tmp_path / "found")
    out = tmp_path / "explained"
    assert explain.main([str(line["id"])[:10], str(bag), "--out", str(out)]) == 0
    assert str(line["explanation"]) in capsys.readouterr().out
    numbers = json.loads((out / "numbers.json").read_text())
    assert (numbers["id"], numbers["stamp"]) == (line["id"], line["stamp"])
    stamps = [look["stamp"] for look in numbers["looks"]]
    assert stamps == sorted(stamps) and line["stamp"] in stamps
    assert numbers["stamp"] + AFTER - SECOND < stamps[-1] <= numbers["stamp"] + AFTER
    xs = [look["box"][0] for look in numbers["looks"]]
    assert xs[0] < xs[-1], "the car that drove to the right is the one"
    image = cv2.imread(str(out / "picture.png"))
    assert image is not None and image.shape[1] == 1280
    blue = (np.abs(image.astype(int) - (176, 92, 28)).max(axis=2) < 12).sum()
    assert blue > 200, "the way is drawn"


def test_a_picture_of_the_bag_is_drawn_upon(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    make_folder(folder, 60.0, seconds=1.0)  # its site.yaml
    picture = np.full((360, 640, 3), (30, 160, 90), np.uint8)
    with BagWriter(tmp_path / "bag") as bag:
        write_info(bag)
        for n in range(80):
            stamp = T0 + n * SECOND // 10
            if n % 10 == 0:
                write_status(bag, stamp)
            write_users(bag, stamp, cars(n / 10, 60.0, -60.0))
            message = bag.make(
                "sensor_msgs/msg/CompressedImage",
                header=bag.header(stamp),
                format="jpeg",
                data=np.frombuffer(jpeg.encode(picture, 90), np.uint8),
            )
            bag.write(f"/{SITE}/utara/image_raw/compressed", message, stamp)
    site = str(folder / "site.yaml")
    (line,) = rerun(tmp_path / "bag", site, out=tmp_path / "found").lines
    out = tmp_path / "explained"
    explain.main([line["id"], str(tmp_path / "bag"), "--site", site, "--out", str(out)])
    image = cv2.imread(str(out / "picture.png"))
    assert image is not None
    near = np.abs(image.astype(int) - (30, 160, 90)).max(axis=2) < 14
    assert near.mean() > 0.15, "the camera's picture is under the drawing"


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("abc", "needs at least 6 characters"),
        ("f" * 10, 'gives no finding "ffffffffff"; found'),
    ],
)
def test_an_unknown_id_is_one_sentence(bag: Path, tmp_path: Path, wanted: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as error:
        explain.main([wanted, str(bag), "--out", str(tmp_path / "out")])
    assert len(error.value.sentences) == 1


def test_what_is_remembered_is_bounded() -> None:
    from bconnect_detect.core.types import Tracks

    kept = Recollection(most=300)
    for n in range(5000):
        kept.on_tracks(Tracks.of(T0 + n * SECOND // 10, "utara", (640, 360)))
        aspect = SignalAspect.RED if n % 2 else SignalAspect.GREEN
        kept.on_signal(SignalReading("barat", aspect, n, n, SignalSource.SIMULATION, 1.0))
    assert len(kept._tracks["utara"]) <= (BEFORE + AFTER) * 10 // SECOND + 1
    assert len(kept._signals["barat"]) == 50
