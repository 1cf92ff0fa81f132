"""The rule checker over real DDS in a vehicle: fixes in, the vehicle's place in the finding."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import Any

import pytest
import yaml
from bconnect_msgs.msg import CameraStatus, Finding, RoadUserArray
from detect_scenes import SIZE, STEP, T0, user
from geometry_msgs.msg import TwistWithCovarianceStamped
from sensor_msgs.msg import NavSatFix

from bconnect_detect.convert import time_to_msg, tracks_to_msg
from bconnect_detect.core.types import SECOND, Tracks
from bconnect_detect.rule_checker_node import RuleChecker
from bconnect_node import qos
from bconnect_site.kinds import CameraState, RoadUserKind, ViolationType
from bconnect_site.loader import freeze, load_site

HOME = (-1.2463, 116.8563)
SITE = {
    "site": "mobil",
    "kind": "vehicle",
    "title": "Mobil",
    "gnss": {"source": "gpsd://localhost"},
    "cameras": {"depan": {"source": "file:///tmp/x.mp4", "rules": ["no_helmet"]}},
}


def fix(stamp: int) -> NavSatFix:
    made = NavSatFix(latitude=HOME[0], longitude=HOME[1])
    made.status.status = 0
    made.header.stamp = time_to_msg(stamp)
    made.position_covariance[0] = made.position_covariance[4] = 9.0
    made.position_covariance_type = NavSatFix.COVARIANCE_TYPE_DIAGONAL_KNOWN
    return made


def velocity(stamp: int, north: float) -> TwistWithCovarianceStamped:
    made = TwistWithCovarianceStamped()
    made.header.stamp = time_to_msg(stamp)
    made.twist.twist.linear.y = north
    made.twist.covariance[0] = made.twist.covariance[7] = 0.04
    return made


@pytest.mark.parametrize("fixed", [True, False])
def test_a_bare_head_seen_from_a_moving_vehicle(
    ros: Any, wait_for: Any, tmp_path: Path, fixed: bool
) -> None:
    file = tmp_path / "mobil.yaml"
    file.write_text(yaml.safe_dump(SITE, sort_keys=False))
    frozen = str(freeze(load_site(file), tmp_path / "frozen.yaml"))
    checker = ros.add(RuleChecker, namespace="/mobil", parameter_overrides={"site_file": frozen})
    found = ros.collect(Finding, "/mobil/findings", qos.EVENT)
    car = ros.node("mobil")
    out = car.create_publisher(RoadUserArray, "/mobil/depan/tracks", qos.STREAM)
    fixes = car.create_publisher(NavSatFix, "/mobil/fix", qos.STREAM)
    speeds = car.create_publisher(TwistWithCovarianceStamped, "/mobil/fix_velocity", qos.STREAM)
    status = car.create_publisher(CameraStatus, "/mobil/depan/camera_status", qos.STATE)
    status.publish(CameraStatus(camera="depan", state=int(CameraState.OK)))
    wait_for(lambda: checker._judge.books["depan"].state == CameraState.OK)
    wait_for(lambda: all(p.get_subscription_count() for p in (out, fixes, speeds)))
    wait_for(lambda: checker._findings.get_subscription_count())
    ego = checker._judge._ego
    for i in range(60):
        stamp = T0 + i * STEP
        if i % 10 == 0 and fixed:
            fixes.publish(fix(stamp))
            speeds.publish(velocity(stamp, 8.0))
            count = 1 + i // 10
            wait_for(lambda n=count: len(ego._fixes) == len(ego._velocities) == n, every=0.001)
        bike = user((150 + 4 * i, 200), kind=RoadUserKind.MOTORCYCLE, size=(30, 60))
        object.__setattr__(bike, "riders", 1.0)
        object.__setattr__(bike, "helmets", 0.0)
        out.publish(tracks_to_msg(Tracks.of(stamp, "depan", SIZE, [bike], "mobil/depan")))
        wait_for(lambda n=i: checker.health._counts.get("depan", 0) > n, every=0.001)
    (one,) = wait_for(lambda: list(found))
    assert one.type == ViolationType.NO_HELMET and one.header.stamp.sec * SECOND >= T0
    if fixed:
        assert one.latitude == pytest.approx(HOME[0], abs=1e-3) and "known to" in one.explanation
    else:
        assert isnan(one.latitude) and "there was no fix yet" in one.explanation
