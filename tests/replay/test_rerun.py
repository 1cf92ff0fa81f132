"""Rerun: a bag judged without a graph; the same input gives the same bytes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from mcap.writer import Writer
from replay_scenes import SITE, SITE_FILE, T0, make_folder, write_info, write_status, write_users

from bconnect_replay.adapters import bag_file
from bconnect_replay.adapters.bag import BagError, BagReader, BagWriter, own_types
from bconnect_replay.adapters.bag_file import BagRecording, TopicInfo
from bconnect_replay.core.splitting import Split
from bconnect_replay.rerun import main, rerun
from bconnect_site.errors import ConfigError


def test_finds_the_offence_and_not_the_lawful_driver(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "made", 60.0, -60.0)  # lawful is to the left
    result = rerun(folder, out=tmp_path / "found")
    (one,) = result.lines
    assert one["kind"] == "wrong_way" and one["camera"] == "utara" and one["zone"] == "lajur"
    assert one["started"] >= T0 and one["stamp"] > one["started"]
    assert one["article"].startswith("UU 22/2009") and one["limit"] and one["x"] is None
    assert result.summary["findings"] == {"wrong_way": 1}
    assert result.summary["cameras"]["utara"]["images"] == 80
    assert result.summary["cameras"]["utara"]["believed_seconds"] == pytest.approx(7.9, abs=0.01)
    assert json.loads((tmp_path / "found" / "findings.jsonl").read_text()) == one
    assert json.loads((tmp_path / "found" / "rerun.json").read_text()) == result.summary


def test_the_lawful_driver_alone_gives_nothing(tmp_path: Path) -> None:
    result = rerun(make_folder(tmp_path / "made", -60.0, -40.0), out=tmp_path / "found")
    assert result.lines == []
    assert (tmp_path / "found" / "findings.jsonl").read_text() == ""


def test_same_input_same_bytes(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "made", 60.0, 45.0, -60.0)
    for name in ("one", "two"):
        rerun(folder, out=tmp_path / name)
    moved = shutil.copytree(folder, tmp_path / "elsewhere" / "copy")
    rerun(moved, out=tmp_path / "three")
    for file in ("findings.jsonl", "rerun.json"):
        one = (tmp_path / "one" / file).read_bytes()
        assert one == (tmp_path / "two" / file).read_bytes()
        assert one == (tmp_path / "three" / file).read_bytes()


def test_tracks_of_the_bag_are_taken_where_there_are_no_detections(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "made", 60.0, topic="tracks")
    (one,) = rerun(folder, out=tmp_path / "found").lines
    assert one["track"] == 1


def test_a_broken_calibration_is_left_out_with_a_sentence(tmp_path: Path) -> None:
    """Like the nodes: what needs no ground goes on."""
    folder = make_folder(tmp_path / "made", 60.0)
    site = yaml.safe_load((folder / "site.yaml").read_text())
    site["cameras"]["utara"]["calibration"] = "utara.yaml"
    (folder / "site.yaml").write_text(yaml.safe_dump(site, sort_keys=False))
    (folder / "utara.yaml").write_text("calibration: utara\nground: {homography: [[1, 2]]}\n")
    result = rerun(folder, out=tmp_path / "found")
    assert len(result.lines) == 1
    told = [w for w in result.warnings if w.startswith("not calibrated: camera utara: ")]
    assert told and all("utara.yaml" in w for w in told)
    assert "calibration/utara" in result.summary["inputs"]


def test_an_unbelieved_camera_finds_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "site.yaml").write_text(yaml.safe_dump(SITE_FILE))
    with BagWriter(folder / "bag") as bag:
        write_info(bag)
        write_status(bag, T0, state=6)
        for n in range(80):
            x = 40.0 + 6.0 * n
            write_users(bag, T0 + n * 100_000_000, [(x, 120, x + 60, 160)])
    result = rerun(folder, out=tmp_path / "found")
    assert result.lines == []
    assert result.summary["cameras"]["utara"]["believed_seconds"] == 0.0


def test_without_camera_status_it_judges_and_warns(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "made", 60.0, status=False)
    result = rerun(folder, out=tmp_path / "found")
    assert len(result.lines) == 1
    assert any("no camera_status in the bag: taken as ok" in w for w in result.warnings)


def test_a_site_file_other_than_the_recorded_one_is_warned_of(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "made", 60.0)
    result = rerun(folder, out=tmp_path / "found")
    assert any("differs from the site file" in w for w in result.warnings)


def test_the_site_the_bag_tells_judges_it(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "made", 60.0)
    from bconnect_site.loader import load_site

    loaded = load_site(folder / "site.yaml")
    alone = tmp_path / "alone"
    with BagWriter(alone) as bag:
        write_info(bag, site_yaml=loaded.to_yaml(), site_sha256=loaded.sha256)
        for n in range(80):
            write_users(bag, T0 + n * 100_000_000, [(40 + 6 * n, 120, 100 + 6 * n, 160)])
    result = rerun(alone, out=tmp_path / "found")
    assert len(result.lines) == 1
    assert any("the site is the one the bag tells" in w for w in result.warnings)


def test_the_order_of_cameras_does_not_matter(tmp_path: Path) -> None:
    camera = SITE_FILE["cameras"]["utara"]
    found = []
    for order in (("utara", "selatan"), ("selatan", "utara")):
        folder = tmp_path / order[0]
        folder.mkdir()
        site = {**SITE_FILE, "cameras": {name: camera for name in order}}
        (folder / "site.yaml").write_text(yaml.safe_dump(site, sort_keys=False))
        with BagWriter(folder / "bag") as bag:
            for n in range(80):
                for name in order:
                    x = 40.0 + (6.0 if name == "utara" else 5.0) * n
                    stamp = T0 + n * 100_000_000
                    write_users(bag, stamp, [(x, 120, x + 60, 160)], camera=name)
        found.append(sorted(line["id"] for line in rerun(folder, out=folder / "found").lines))
    assert len(found[0]) == 2 and found[0] == found[1]


def refused(*args: object, **keys: object) -> str:
    with pytest.raises(ConfigError) as error:
        rerun(*args, **keys)  # type: ignore[arg-type]
    assert len(error.value.sentences) == 1
    return str(error.value)


def test_bad_bags_are_one_sentence(tmp_path: Path) -> None:
    out = tmp_path / "found"
    unstamped = make_folder(tmp_path / "unstamped", 60.0, stamps=False)
    assert "carry no stamps" in refused(unstamped, out=out)
    other = make_folder(tmp_path / "other", 60.0)
    site = {**SITE_FILE, "cameras": {"selatan": SITE_FILE["cameras"]["utara"]}}
    (other / "site.yaml").write_text(yaml.safe_dump(site))
    assert "holds neither detections nor tracks" in refused(other, out=out)
    with BagWriter(tmp_path / "bare") as bag:
        write_users(bag, T0, [])
    assert "--site: is needed" in refused(tmp_path / "bare", out=out)
    assert "there is no such bag" in refused(tmp_path / "nowhere", out=out)


def test_a_message_nobody_understands_is_dropped_and_counted(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "site.yaml").write_text(yaml.safe_dump(SITE_FILE))
    with BagWriter(folder / "bag") as bag:
        for n in range(80):
            stamp = T0 + n * 100_000_000
            write_users(bag, stamp, [(40 + 6 * n, 120, 100 + 6 * n, 160)])
        odd = bag.make(
            "bconnect_msgs/msg/RoadUserArray", header=bag.header(stamp + 1), kind=[99], x_min=[1.0]
        )
        bag.write(f"/{SITE}/utara/detections", odd, stamp + 1)
    result = rerun(folder, out=tmp_path / "found")
    assert len(result.lines) == 1
    assert result.summary["dropped_messages"] == 1
    assert any("kind 99 of a road user is not known here" in w for w in result.warnings)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_folder(tmp_path / "made", 60.0)
    assert main([str(folder)]) == 0
    assert "1 findings: 1 wrong_way" in capsys.readouterr().out
    assert (folder / "found" / "findings.jsonl").is_file()
    with pytest.raises(BagError):
        main([str(tmp_path / "nowhere")])


def cut_off(folder: Path, keep: float = 0.4) -> Path:
    """The bag as a power failure leaves it: a part of its file, and no metadata.yaml."""
    file = folder / "bag" / "bag.mcap"
    data = file.read_bytes()
    file.write_bytes(data[: int(keep * len(data))])
    (folder / "bag" / "metadata.yaml").unlink()
    return folder


def test_a_bag_that_was_cut_off_is_judged_as_far_as_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what was done said, and the same bytes wherever it lies."""
    folder = make_folder(tmp_path / "made", 60.0)
    with BagReader(folder / "bag") as bag:
        raw = list(bag.raw())
    monkeypatch.setattr(bag_file, "CHUNK", 2000)  # a small bag of several chunks
    shutil.rmtree(folder / "bag")
    recording = BagRecording(folder / "bag", Split())
    types = {f"/{SITE}/site_info": "SiteInfo", f"/{SITE}/utara/camera_status": "CameraStatus"}
    for topic, data, stamp in raw:
        kind = f"bconnect_msgs/msg/{types.get(topic, 'RoadUserArray')}"
        recording.write(TopicInfo(topic, kind), bytes(data), stamp)
    recording.close()
    (folder / "bag" / "bag_0.mcap").rename(folder / "bag" / "bag.mcap")
    moved = shutil.copytree(cut_off(folder), tmp_path / "elsewhere" / "copy")
    one = rerun(folder, out=tmp_path / "one")
    two = rerun(moved, out=tmp_path / "two")
    assert 0 < one.summary["cameras"]["utara"]["images"] < 80
    assert "bag: metadata.yaml was missing: made anew from the files" in one.warnings
    assert any(w.startswith("bag/bag.mcap: was cut off: ") for w in one.warnings)
    assert one.warnings == two.warnings
    assert "bag/metadata.yaml" not in one.summary["inputs"]
    for file in ("findings.jsonl", "rerun.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert main([str(folder / "bag"), "--site", str(folder / "site.yaml")]) == 0
    assert (folder / "found" / "findings.jsonl").is_file(), "beside the bag, not inside"


def test_topics_nobody_knows_change_nothing(tmp_path: Path) -> None:
    """Other people's messages, one with a definition that cannot be read."""
    folder = make_folder(tmp_path / "made", 60.0)
    plain = rerun(folder, out=tmp_path / "plain")
    with BagReader(folder / "bag") as bag:
        held = [(bag.topics[t].type, t, data, stamp) for t, data, stamp in bag.raw()]
    more = tmp_path / "more"
    shutil.copytree(folder, more)
    shutil.rmtree(more / "bag")
    (more / "bag").mkdir()
    with (more / "bag" / "bag.mcap").open("wb") as stream:
        writer = Writer(stream)
        writer.start(profile="ros2", library="test")
        channels: dict[str, int] = {}
        theirs = {"/odd": ("their_msgs/msg/Odd", "ros2msg", b"float33 what [3\n===\n")}
        theirs["/fine"] = ("their_msgs/msg/Fine", "ros2msg", b"uint8 value\n")
        for topic, (name, form, text) in theirs.items():
            schema = writer.register_schema(name, form, text)
            channels[topic] = writer.register_channel(topic, "cdr", schema)
        for kind, topic, data, stamp in held:
            if topic not in channels:
                text = own_types().generate_msgdef(kind, ros_version=2)[0].encode()
                schema = writer.register_schema(kind, "ros2msg", text)
                channels[topic] = writer.register_channel(topic, "cdr", schema)
            writer.add_message(channels[topic], stamp, bytes(data), stamp)
            for other in theirs:
                writer.add_message(channels[other], stamp, b"\x00\x01\x00\x00\x07", stamp)
        writer.finish()
    found = rerun(more, out=tmp_path / "found")
    assert found.lines == plain.lines and len(found.lines) == 1
