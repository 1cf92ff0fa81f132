"""``bconnect sim``: a whole folder, the same bytes again, and refusals with a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bconnect_replay.adapters.bag import BagReader
from bconnect_sim import produce as module
from bconnect_sim.core.script import Scenario
from bconnect_sim.core.world import (
    CameraView,
    Corridor,
    Moment,
    Move,
    NoiseModel,
    Outcome,
    Picture,
    Place,
    SignalHead,
    Truth,
    VehicleState,
)
from bconnect_sim.produce import main, produce
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import CameraState, RoadUserKind, SignalAspect, SignalSource
from bconnect_site.loader import load_site

START = 1_772_416_800_000_000_000  # 2026-03-02T10:00:00+08:00
SECOND = 1_000_000_000
SECONDS = 6.0
PLACES = (
    Place("henti", "stop_line", line=((20.0, -3.5), (20.0, 3.5)), signal="barat", basis="marking",
          direction=((10.0, 0.0), (30.0, 0.0))),
    Place("gerbang", "gate", line=((24.0, -3.5), (24.0, 3.5))),
)  # fmt: skip
CORRIDOR = Corridor(
    "jalan", "Jalan uji", "jalan.net.xml", {}, PLACES,
    cameras=(
        CameraView("barat", (0.0, -6.0, 6.0), (22.0, 0.0, 0.5), 45.0, ("henti", "gerbang"),
                   ("stop_line",)),
        CameraView("timur", (60.0, 6.0, 6.0), (38.0, 0.0, 0.5), 45.0),
    ),
    signals=(SignalHead("barat", "J", ("e",), (26.0, 5.0, 4.5), 180.0),),
)  # fmt: skip


class Played:
    """A car and a motorcycle drive by; the light turns red after two seconds."""

    def __init__(self, duration: float, rate: float) -> None:
        self._duration, self._rate = duration, rate

    def moments(self) -> Iterator[Moment]:
        for i in range(round(self._duration * self._rate)):
            time = i / self._rate
            car = VehicleState("m1", "car", "car", 10.0 + 6 * time, -1.7, 0.0, 6.0, 4.2, 1.7, 1.5,
                               plate="KT 1234 AB")  # fmt: skip
            rider = VehicleState("s1", "motorcycle", "motor", 50.0 - 6 * time, 1.7, 180.0, 6.0,
                                 1.9, 0.7, 1.1, riders=2, helmets=1, plate="KT 99 C")  # fmt: skip
            yield Moment(time, (car, rider), {"barat": "green" if time < 2.0 else "red"})


@dataclass(frozen=True)
class Stage:
    scenario: Scenario
    folder: Path
    corridor: Corridor = CORRIDOR
    name: str = "uji"
    cameras: tuple[CameraView, ...] = CORRIDOR.cameras

    def world(self, seed: int) -> Played:
        return Played(self.scenario.duration, self.scenario.picture.rate)


class Recorder:
    """Takes note of the light, and tells one event of each kind."""

    def __init__(self, stage: Any, project: Any) -> None:
        self.outcome, self.shown = Outcome(), ""
        self.project = project

    def observe(self, moment: Moment) -> None:
        if self.shown != moment.aspects["barat"]:
            self.shown = moment.aspects["barat"]
            self.outcome.aspects.append((moment.time, "barat", self.shown))

    def finish(self) -> Outcome:
        event = Truth("no_helmet", "s1", "KT 99 C", "motorcycle", 1.25, 3.5, "", 40.0, 1.7)
        self.outcome.violations.append(replace(event, cameras=("timur",)))
        self.outcome.lawful.append(replace(event, kind="stop_line", why="passed at green"))
        return self.outcome


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    scenario = Scenario(
        title="Uji", street="jalan", start="2026-03-02T10:00:00", flows=(), duration=SECONDS,
        picture=Picture(), moves=(Move("timur", at=1.0, back=3.0),),
    )  # fmt: skip
    file = tmp_path / "uji.yaml"
    file.write_text("title: Uji\n")
    (tmp_path / "street").mkdir()
    (tmp_path / "street" / "street.yaml").write_text("name: jalan\n")
    made = Stage(scenario, tmp_path / "street")

    def open_stage(name: str, duration: float | None = None) -> Stage:
        return replace(
            made,
            scenario=replace(
                scenario, duration=scenario.duration if duration is None else duration
            ),
        )

    monkeypatch.setattr(module, "open_stage", open_stage)
    monkeypatch.setattr(module, "TruthRecorder", Recorder)
    monkeypatch.setattr(module, "find_scenario", lambda name: file)
    return made


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def read(folder: Path) -> list[tuple[str, Any, int]]:
    with BagReader(folder / "bag") as bag:
        return list(bag.messages())


def digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_folder_is_complete(stage: Stage, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = produce("uji", 1, out)
    assert done.fresh and done.site == out / "site.yaml" and done.bag == out / "bag"
    assert set(digests(out)) == {
        "site.yaml", "calibration/barat.yaml", "calibration/timur.yaml", "bag/bag.mcap",
        "bag/metadata.yaml", "signals.jsonl", "truth.jsonl", "lawful.jsonl", "made.json",
    }  # fmt: skip
    assert load_site(done.site).site.site == "sim_uji"
    note = json.loads((out / "made.json").read_text())
    assert (note["scenario"], note["seed"], note["as"]) == ("uji", 1, "noisy")
    assert {k: v for k, v in digests(out).items() if k != "made.json"} == note["files"]


def test_the_bag_says_what_a_running_site_would(stage: Stage, tmp_path: Path) -> None:
    produce("uji", 1, tmp_path / "out", "detections")
    told = read(tmp_path / "out")
    topic, info, stamp = told[0]
    assert (topic, stamp) == ("/sim_uji/site_info", START)
    assert (info.site, info.model, info.model_backend) == ("sim_uji", "simulation", "simulation")
    loaded = load_site(tmp_path / "out" / "site.yaml")
    assert info.site_sha256 == loaded.sha256 and info.software_version == loaded.software
    assert [z.name for z in info.zones] == ["henti", "gerbang"]
    assert [(round(float(x), 5)) for x in info.zones[0].x] == [
        x for x, _ in loaded.site.cameras["barat"].zones["henti"].points
    ]
    by_topic: dict[str, list[tuple[Any, int]]] = {}
    for topic, message, stamp in told:
        by_topic.setdefault(topic, []).append((message, stamp))
        assert stamp == message.header.stamp.sec * SECOND + message.header.stamp.nanosec
    assert set(by_topic) == {
        "/sim_uji/site_info", "/sim_uji/signals", "/sim_uji/barat/camera_status",
        "/sim_uji/timur/camera_status", "/sim_uji/barat/detections", "/sim_uji/timur/detections",
        "/sim_uji/barat/plate_sightings",
    }  # fmt: skip
    assert len(by_topic["/sim_uji/signals"]) == 5 * SECONDS
    assert len(by_topic["/sim_uji/barat/camera_status"]) == SECONDS
    images = by_topic["/sim_uji/barat/detections"]
    assert len(images) == 10 * SECONDS
    assert [s for _, s in images] == [START + i * SECOND // 10 for i in range(60)]
    assert {(m.image_width, m.image_height) for m, _ in images} == {(640, 360)}
    assert {m.header.frame_id for m, _ in images} == {"sim_uji/barat_optical_frame"}


def test_signals_tell_since_when(stage: Stage, tmp_path: Path) -> None:
    produce("uji", 1, tmp_path / "out")
    states = [m for topic, m, _ in read(tmp_path / "out") if topic.endswith("/signals")]
    assert {m.source for m in states} == {SignalSource.SIMULATION}
    green = [m for m in states if m.aspect == SignalAspect.GREEN]
    red = [m for m in states if m.aspect == SignalAspect.RED]
    assert (len(green), len(red)) == (10, 20)
    assert {m.since.sec for m in green} == {0}  # began before anyone looked
    assert {m.since.sec * SECOND + m.since.nanosec for m in red} == {START + 2 * SECOND}


def test_detections_are_what_the_cameras_see(stage: Stage, tmp_path: Path) -> None:
    produce("uji", 1, tmp_path / "out", "detections")
    told = [m for topic, m, _ in read(tmp_path / "out") if topic.endswith("barat/detections")]
    first = told[10]
    rows = {int(kind): i for i, kind in enumerate(first.kind)}
    assert set(rows) == {RoadUserKind.CAR, RoadUserKind.MOTORCYCLE}
    two = rows[RoadUserKind.MOTORCYCLE]
    assert (first.riders[two], first.helmets[two]) == (2.0, 1.0)
    assert (first.track_id == 0).all() and len(first.position_x) == 0
    calibration = load_site(tmp_path / "out" / "site.yaml").calibrations()["barat"]
    one = rows[RoadUserKind.CAR]
    foot = ((first.x_min[one] + first.x_max[one]) / 2 / 640, first.y_max[one] / 360)
    assert calibration.to_ground(np.array([foot]))[0] == pytest.approx((13.9, -1.7), abs=1.0)


def test_noise_comes_with_the_seed(stage: Stage, tmp_path: Path) -> None:
    for name, seed, how in (("a", 1, "noisy"), ("b", 2, "noisy"), ("c", 1, "detections")):
        produce("uji", seed, tmp_path / name, how)
    a, b, c = (
        [m.x_min.tobytes() for topic, m, _ in read(tmp_path / n) if topic.endswith("/detections")]
        for n in "abc"
    )
    assert len(a) == len(b) == len(c) and a != b and a != c


def test_a_turned_head_is_told_after_a_while(stage: Stage, tmp_path: Path) -> None:
    produce("uji", 1, tmp_path / "out")
    states = [m for t, m, _ in read(tmp_path / "out") if t == "/sim_uji/timur/camera_status"]
    assert [m.state for m in states] == [
        *(CameraState.OK,) * 3, *(CameraState.MOVED,) * 2, CameraState.OK
    ]  # fmt: skip
    assert states[4].since.sec == START // SECOND + 3
    assert states[4].detail and not states[0].detail


def test_plates_are_said_as_digests_of_the_day(stage: Stage, tmp_path: Path) -> None:
    produce("uji", 1, tmp_path / "out", "detections")
    seen = [(m, s) for t, m, s in read(tmp_path / "out") if t.endswith("/plate_sightings")]
    assert [(m.camera, m.zone, m.track_id) for m, _ in seen] == [("barat", "gerbang", 0)] * 2
    (car, stamp), _ = sorted(seen, key=lambda pair: pair[1])
    assert car.digest == sha256(b"sim_uji/2026-03-02/KT 1234 AB").hexdigest()
    assert stamp == pytest.approx(START + (24 - 12.1) / 6 * SECOND, abs=1e6)
    assert car.stamp_stddev == pytest.approx(0.03)
    whole = b"".join(p.read_bytes() for p in (tmp_path / "out" / "bag").iterdir())
    assert b"KT 1234" not in whole


def test_what_was_true_carries_the_bags_stamps(stage: Stage, tmp_path: Path) -> None:
    out = tmp_path / "out"
    produce("uji", 1, out)
    (event,), (lawful,) = lines(out / "truth.jsonl"), lines(out / "lawful.jsonl")
    assert (event["start_s"], event["end_s"]) == (1.25, 3.5)
    assert event["start"] == START + 5 * SECOND // 4 and event["end"] == START + 7 * SECOND // 2
    assert event["cameras"] == ["timur"] and event["speed"] is None
    assert lawful["why"] == "passed at green"
    signals = lines(out / "signals.jsonl")
    assert [(s["aspect"], s["time_s"]) for s in signals] == [
        ("green", 0.0), ("red", 2.0), ("red", 5.9)  # the last says how long it held
    ]  # fmt: skip
    assert signals[1]["stamp"] == START + 2 * SECOND


def test_equal_input_gives_equal_bytes_and_is_left_alone(stage: Stage, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert produce("uji", 3, one).fresh and produce("uji", 3, two).fresh
    assert digests(one) == digests(two)
    times = {p: p.stat().st_mtime_ns for p in one.rglob("*")}
    assert not produce("uji", 3, one).fresh
    assert {p: p.stat().st_mtime_ns for p in one.rglob("*")} == times
    assert produce("uji", 4, one).fresh  # another seed
    assert digests(one) != digests(two)
    (two / "truth.jsonl").write_text("")
    assert produce("uji", 3, two).fresh  # somebody wrote in it
    assert lines(two / "truth.jsonl")


def test_fewer_cameras_see_the_same(stage: Stage, tmp_path: Path) -> None:
    produce("uji", 1, tmp_path / "all")
    produce("uji", 1, tmp_path / "one", cameras=["timur"])
    assert list(load_site(tmp_path / "one" / "site.yaml").site.cameras) == ["timur"]
    a, b = (
        [m.x_min.tobytes() for t, m, _ in read(tmp_path / n) if t == "/sim_uji/timur/detections"]
        for n in ("all", "one")
    )
    assert a == b and len(a) == 60


def test_shorter_than_the_scenario(stage: Stage, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    produce("uji", 1, tmp_path / "out", duration=2.0, progress=lambda *at: seen.append(at))
    assert seen[0] == (1, 20) and seen[-1] == (20, 20)
    assert max(s for _, _, s in read(tmp_path / "out")) <= START + 2 * SECOND


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"how": "perfect"}, '--as: found "perfect", allowed: detections, noisy, video'),
        ({"duration": -1.0}, "--duration: must be more than 0 s, found -1"),
        ({"duration": float("nan")}, "--duration: must be more than 0 s, found nan"),
        ({"cameras": ["brat"]}, '--cameras: no camera is called "brat"; did you mean "barat"?'),
    ],
)
def test_wrong_arguments_are_one_sentence(
    stage: Stage, tmp_path: Path, arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        produce("uji", 1, tmp_path / "out", **arguments)
    assert str(caught.value).startswith(sentence)
    assert not (tmp_path / "out").exists()


def test_what_is_no_bag_of_ours_is_not_removed(stage: Stage, tmp_path: Path) -> None:
    precious = tmp_path / "out" / "bag" / "holiday.jpg"
    precious.parent.mkdir(parents=True)
    precious.write_text("")
    with pytest.raises(ConfigError, match="is no bag of an earlier run; choose another --out"):
        produce("uji", 1, tmp_path / "out")
    assert precious.exists()


def test_the_command_line(stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    options = ["uji", "--out", out, "--seed", "2", "--duration", "1", "--cameras", "barat"]
    assert main([*options, "--as", "detections"]) == 0
    assert capsys.readouterr().out == f"{out}: made\n"
    assert main([*options, "--as", "detections"]) == 0
    assert capsys.readouterr().out == f"{out}: is ready, nothing to do\n"
    assert main(["uji", "--out", out, "--cameras", "utara"]) == 2
    assert capsys.readouterr().err.startswith('--cameras: no camera is called "utara"')
    (tmp_path / "file").write_text("")
    assert main(["uji", "--out", str(tmp_path / "file" / "x")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_the_noise_of_the_scenario_counts(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = NoiseModel(miss=1.0, miss_small=1.0, false_boxes=0.0)
    blind = replace(stage, scenario=replace(stage.scenario, noise=noise))
    monkeypatch.setattr(module, "open_stage", lambda *_: blind)
    produce("uji", 1, tmp_path / "out")
    found = [m for t, m, _ in read(tmp_path / "out") if t.endswith("/detections")]
    assert len(found) == 120 and all(len(m.kind) == 0 for m in found)


def test_impossible_noise_is_refused(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = replace(stage, scenario=replace(stage.scenario, noise=NoiseModel(miss=2.0)))
    monkeypatch.setattr(module, "open_stage", lambda *_: wrong)
    with pytest.raises(ConfigError, match=r"^uji: noise\.miss: found 2, allowed 0 to 1$"):
        produce("uji", 1, tmp_path / "out")


def test_the_real_corridor_twice_in_two_processes(tmp_path: Path) -> None:
    """SUMO and all: equal bytes, whatever Python's hashes."""
    pytest.importorskip("libsumo")
    for name, hashes in (("a", "1"), ("b", "2")):
        command = [sys.executable, "-m", "bconnect_sim.produce", "harian", "--seed", "3"]
        command += ["--out", str(tmp_path / name), "--duration", "4"]
        environment = os.environ | {"PYTHONHASHSEED": hashes}
        subprocess.run(command, check=True, capture_output=True, env=environment)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    with BagReader(tmp_path / "a" / "bag") as bag:
        found = sum(len(m.kind) for t, m, _ in bag.messages() if t.endswith("/detections"))
    assert found > 500
