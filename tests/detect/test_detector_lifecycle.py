"""A detector that is switched off looks at nothing and says so; its model can be let go."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bconnect_msgs.msg import RoadUserArray
from rclpy.lifecycle import TransitionCallbackReturn

from bconnect_detect import detector_node
from bconnect_detect.core.detector import Detections, ModelInfo
from bconnect_detect.detector_node import IDLE, Detector
from bconnect_node import qos
from bconnect_node.frames import Frame, FramePublisher
from bconnect_site.kinds import RoadUserKind

SUCCESS = TransitionCallbackReturn.SUCCESS


class Model:
    """Finds one car in every picture."""

    info = ModelInfo("fake.onnx", "f" * 64, "AGPL-3.0", "fake 1.0")

    def detect(self, image: np.ndarray) -> Detections:
        box = np.array([[10, 20, 60, 50]], np.float32)
        return Detections(np.array([RoadUserKind.CAR], np.uint8), np.array([0.9], np.float32), box)


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    made: list[Any] = []

    def build(*_: Any, **__: Any) -> list[Model]:
        model = Model()
        made.append(weakref.ref(model))
        return [model]

    monkeypatch.setattr(detector_node, "build_lanes", build)
    return made


def test_off_it_looks_at_nothing_and_on_again_it_does(
    ros: Any, wait_for: Any, models: list[Any]
) -> None:
    detector = ros.add(
        Detector, namespace="/uji", parameter_overrides={"cameras": ["utara"], "threads": 1}
    )
    frames = FramePublisher(detector, "utara/image_raw")
    found = ros.collect(RoadUserArray, "/uji/utara/detections", qos.STREAM)
    wait_for(lambda: detector._out["utara"].get_subscription_count())
    stamp = 0

    def seen(more: int = 1) -> bool:
        nonlocal stamp
        stamp += 100_000_000
        frames.publish(Frame(stamp, "f", np.full((36, 64, 3), 50, np.uint8)))
        return len(found) >= more

    wait_for(seen, every=0.02)
    assert detector.trigger_deactivate() == SUCCESS
    status = detector.health.status()
    assert status.message == IDLE and status.level == bytes([1])
    before = dict(detector.health._counts)
    for _ in range(20):
        seen()
    assert len(detector._mailbox) == 0 and detector.health._counts == before
    assert detector.health.dropped() == 0  # nothing was lost: nothing was wanted

    assert detector.trigger_cleanup() == SUCCESS
    wait_for(lambda: models[0]() is None)  # its memory is free
    assert detector.trigger_configure() == SUCCESS
    assert detector.trigger_activate() == SUCCESS
    wait_for(lambda: len(models) == 2)
    already = len(found)
    wait_for(lambda: seen(already + 1), every=0.02)
    wait_for(lambda: detector.health.status().message.startswith("detecting with fake.onnx"))
