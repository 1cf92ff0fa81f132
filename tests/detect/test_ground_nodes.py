"""The tracker places road users on the ground; the rule checker hears of plates at gates."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from bconnect_msgs.msg import CameraStatus, Finding, RoadUserArray
from bconnect_msgs.msg import PlateSighting as PlateSightingMsg
from detect_scenes import SIZE, STEP, T0
from ground_scenes import Street, driver, straight

from bconnect_detect.convert import (
    sighting_from_msg,
    sighting_to_msg,
    time_to_msg,
    tracks_from_msg,
    tracks_to_msg,
)
from bconnect_detect.core.types import SECOND, PlateSighting, Tracks
from bconnect_detect.rule_checker_node import RuleChecker
from bconnect_detect.tracker_node import Tracker
from bconnect_node import qos
from bconnect_site.kinds import CameraState, ViolationType
from bconnect_site.loader import freeze, load_site
from bconnect_site.yamlwrite import to_yaml

STREET = Street((0.0, -5.0, 6.5), (36.0, 2.0, 0.5), 40.0)
GATE = {"kind": "gate", "line": [[0.2, 0.6], [0.8, 0.6]]}


def frozen(folder: Path, broken: bool = False) -> str:
    plain = STREET.calibration().file.model_dump()
    if broken:
        plain["ground"]["homography"] = [[0.0] * 3] * 3
    (folder / "a.yaml").write_text(to_yaml(plain))
    camera = {"source": "file:///x.mp4", "calibration": "a.yaml", "zones": {"gerbang": GATE}}
    other = {"source": "file:///y.mp4", "zones": {"gerbang": GATE}}
    section = {"entry": "a/gerbang", "exit": "b/gerbang", "length": 414.0, "limit": 13.89}
    site = {
        "site": "uji",
        "kind": "corridor",
        "title": "Uji",
        "location": {"latitude": -1.25, "longitude": 116.5},
        "cameras": {"a": camera, "b": other},
        "sections": {"ruas": section},
    }
    file = folder / "uji.yaml"
    file.write_text(yaml.safe_dump(site, sort_keys=False))
    return str(freeze(load_site(file), folder / "frozen.yaml"))


@pytest.mark.parametrize("broken", [False, True])
def test_tracks_are_placed_where_the_camera_is_calibrated(ros, wait_for, tmp_path, broken):
    parameters = {"cameras": ["a", "b"], "site_file": frozen(tmp_path, broken)}
    tracker = ros.add(Tracker, namespace="/uji", parameter_overrides=parameters)
    values = {v.key: v.value for v in tracker.health.status().values}
    assert values.get("calibrated", "") == ("" if broken else "a")
    way = driver(STREET, straight((16.0, 1.0), 0.0, 10.0), track_id=0)
    for camera in ("a", "b"):
        seen = ros.collect(RoadUserArray, f"/uji/{camera}/tracks", qos.STREAM)
        out = ros.node(f"kamera_{camera}").create_publisher(
            RoadUserArray, f"/uji/{camera}/detections", qos.STREAM
        )
        wait_for(lambda out=out: out.get_subscription_count())
        for tick in range(12):
            found = Tracks.of(T0 + tick * STEP, camera, SIZE, way(tick / 10))
            out.publish(tracks_to_msg(found))
            wait_for(lambda seen=seen, tick=tick: len(seen) > tick)
        last = tracks_from_msg(seen[-1], camera)
        if broken or camera == "b":
            assert last.ground_frame == "" and last.position is None
            continue
        assert last.ground_frame == "uji/map"
        assert last.position is not None and last.velocity is not None
        assert last.velocity[0] == pytest.approx((10.0, 0.0), abs=0.5)
        assert np.isfinite(last.position_stddev).all()


def test_plates_at_both_gates_make_a_finding(ros, wait_for, tmp_path):
    overrides = {"site_file": frozen(tmp_path)}
    checker = ros.add(RuleChecker, namespace="/uji", parameter_overrides=overrides)
    found = ros.collect(Finding, "/uji/findings", qos.EVENT)
    camera = ros.node("kamera")
    outs = {}
    for name in ("a", "b"):
        status = camera.create_publisher(CameraStatus, f"/uji/{name}/camera_status", qos.STATE)
        status.publish(CameraStatus(camera=name, state=int(CameraState.OK)))
        outs[name] = camera.create_publisher(
            PlateSightingMsg, f"/uji/{name}/plate_sightings", qos.EVENT
        )
    books = checker._judge.books
    wait_for(lambda: all(book.state == CameraState.OK for book in books.values()))
    wait_for(lambda: all(out.get_subscription_count() for out in outs.values()))
    digest = "ab" * 32
    outs["a"].publish(sighting_to_msg(PlateSighting(T0, "a", "gerbang", 0, digest, 0.9, 0.03)))
    wait_for(lambda: len(checker._judge))
    odd = PlateSighting(T0 + 24 * SECOND, "a", "gerbang", 0, digest, 0.9, 0.03)
    outs["b"].publish(sighting_to_msg(odd))  # says another camera than its topic
    wait_for(lambda: checker.health.dropped("bad message"))
    last = PlateSighting(T0 + 24 * SECOND, "b", "gerbang", 0, digest, 0.9, 0.03)
    outs["b"].publish(sighting_to_msg(last))
    wait_for(lambda: found)
    assert found[0].type == ViolationType.SECTION_SPEED
    assert found[0].measured == pytest.approx(414.0 / 24.0)
    assert found[0].header.stamp == time_to_msg(last.stamp)
    assert digest not in found[0].explanation


def test_a_sighting_comes_back_the_same():
    one = PlateSighting(T0 + 5, "a", "gerbang", 7, "ab" * 32, 0.5, 0.25)
    assert sighting_from_msg(sighting_to_msg(one)) == one
