"""A vehicle's bag judged again: its place in the findings, zones only while it stood."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from replay_scenes import SITE_FILE, T0, write_info, write_status, write_users

from bconnect_replay.adapters.bag import BagReader, BagWriter
from bconnect_replay.rerun import rerun
from bconnect_site.loader import load_site

SECOND = 1_000_000_000
HOME = (-1.2463, 116.8563)


def made(folder: Path, speed: float, fixes: bool = True, topic: str = "tracks") -> Path:
    """Eight seconds: one drives against the arrow of a zone, the vehicle at this speed."""
    folder.mkdir()
    plain = {key: value for key, value in SITE_FILE.items() if key != "location"}
    plain |= {"kind": "vehicle", "gnss": {"source": "gpsd://localhost"}}
    (folder / "site.yaml").write_text(yaml.safe_dump(plain, sort_keys=False))
    with BagWriter(folder / "bag") as bag:
        write_info(bag)
        write_status(bag, T0)
        for n in range(120):
            now = T0 + n * SECOND // 10
            if n % 10 == 2 and fixes:
                write_fix(bag, now - 2 * SECOND // 10, speed)
            x = 40.0 + 6.0 * (n - 40)
            boxes = [(x, 120.0, x + 60.0, 160.0)] if 5 <= x <= 575 else []
            write_users(bag, now, boxes, topic=topic, ids=[1] * len(boxes))
    return folder


def write_fix(bag: BagWriter, ns: int, speed: float) -> None:
    square = np.zeros(9)
    square[[0, 4, 8]] = 9.0
    fix = bag.make(
        "sensor_msgs/msg/NavSatFix",
        header=bag.header(ns),
        latitude=HOME[0],
        longitude=HOME[1],
        position_covariance=square,
        position_covariance_type=2,
    )
    bag.write("/tangan/fix", fix, ns + SECOND // 10)
    twist = bag.make("geometry_msgs/msg/TwistWithCovarianceStamped", header=bag.header(ns))
    twist.twist.twist.linear.y = speed
    twist.twist.covariance[[0, 7]] = 0.04
    bag.write("/tangan/fix_velocity", twist, ns + SECOND // 10)


def test_the_place_is_in_the_finding(tmp_path: Path) -> None:
    result = rerun(made(tmp_path / "made", 0.1), out=tmp_path / "found")
    (one,) = result.lines
    assert one["kind"] == "wrong_way" and "Seen from -1.246300" in one["explanation"]


def test_a_moving_vehicle_finds_nothing_on_zones_and_says_why(tmp_path: Path) -> None:
    result = rerun(made(tmp_path / "made", 5.0), out=tmp_path / "found")
    assert result.lines == []
    assert any("the vehicle moves" in sentence for sentence in result.summary["off"])


def test_a_bag_without_fixes_warns(tmp_path: Path) -> None:
    result = rerun(made(tmp_path / "made", 0.1, fixes=False), out=tmp_path / "found")
    assert result.lines == []
    assert any("no fix in the bag" in warning for warning in result.warnings)
    assert any("no fix_velocity in the bag" in warning for warning in result.warnings)


def test_a_player_gives_the_fixes_to_the_graph(tmp_path: Path) -> None:
    pytest.importorskip("rclpy", reason="the graph needs ROS 2")
    from bconnect_replay.playlist import ways_of
    from bconnect_replay.topics import topics_of

    folder = made(tmp_path / "made", 0.1, topic="detections")
    site = load_site(folder / "site.yaml").site
    with BagReader(folder / "bag") as bag:
        ways = {way.to: way for way in ways_of(site, bag, False, []).values()}
    assert {"/tangan/fix", "/tangan/fix_velocity"} <= set(ways)
    assert {"/tangan/fix", "/tangan/fix_velocity"} <= {topic.name for topic in topics_of(site)}


def test_same_input_same_bytes(tmp_path: Path) -> None:
    folder = made(tmp_path / "made", 0.1)
    for name in ("one", "two"):
        rerun(folder, out=tmp_path / name)
    one, two = ((tmp_path / n / "findings.jsonl").read_bytes() for n in ("one", "two"))
    assert one == two
