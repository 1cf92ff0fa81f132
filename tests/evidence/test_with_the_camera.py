"""End to end with the real camera driver on a clip made here: finding in, sealed folder out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from bconnect_msgs.msg import CameraStatus
from bconnect_msgs.msg import Finding as FindingMsg
from bconnect_msgs.msg import Violation as ViolationMsg

from bconnect_camera.driver_node import CameraDriver
from bconnect_detect import convert, verify
from bconnect_detect.adapters.drawing import decode
from bconnect_detect.core.types import SECOND, Finding
from bconnect_detect.evidence_node import EvidenceNode
from bconnect_node.qos import EVENT, RECORD, STATE
from bconnect_site.frozen import freeze
from bconnect_site.kinds import EvidenceKind
from bconnect_site.loader import load_site

SITE = """
site: beruang_madu
kind: corridor
title: Beruang Madu
timezone: Asia/Makassar
location: {latitude: -1.2463, longitude: 116.8563}
cameras:
  simpang_utara:
    source: file://CLIP
    zones:
      bahu: {kind: no_parking, region: [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]],
             basis: sign S-12}
    rules: [illegal_parking]
evidence: {before: 1.0, after: 1.0, timeout: 30.0, min_free_bytes: 0}
"""
WIDTH, HEIGHT, RATE, SECONDS = 1280, 720, 10, 60


def a_street(path: Path) -> None:
    """A bright block that moves right over a dark road; key frames each second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = RATE
        for number in range(RATE * SECONDS):
            image = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
            x = 2 * number
            image[300:400, x : x + 200] = 230
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))


@pytest.mark.timeout(120)
def test_a_finding_on_a_playing_clip_is_sealed_with_its_pictures(
    ros: Any,
    tmp_path: Path,
    wait_for: Callable[..., Any],
    make_finding: Callable[..., Finding],
) -> None:
    a_street(tmp_path / "street.mp4")
    (tmp_path / "site.yaml").write_text(SITE.replace("CLIP", str(tmp_path / "street.mp4")))
    frozen = freeze(load_site(tmp_path / "site.yaml"), tmp_path / "frozen.yaml")
    store = tmp_path / "evidence"
    store.mkdir()
    status = ros.collect(CameraStatus, "/beruang_madu/simpang_utara/camera_status", STATE)
    violations = ros.collect(ViolationMsg, "/beruang_madu/violations", RECORD)
    ros.add(
        EvidenceNode,
        namespace="/beruang_madu",
        parameter_overrides={"site_file": str(frozen), "evidence_dir": str(store)},
    )
    camera = ros.add(
        CameraDriver,
        namespace="/beruang_madu/simpang_utara",
        parameter_overrides={
            "camera": "simpang_utara",
            "frame_id": "beruang_madu/simpang_utara_optical_frame",
            "source": f"file://{tmp_path / 'street.mp4'}",
            "evidence_dir": str(store),
            "hardware": False,
        },
    )
    probe = ros.node("rule_checker", "/beruang_madu")
    findings = probe.create_publisher(FindingMsg, "findings", EVENT)
    wait_for(lambda: findings.get_subscription_count() == 1)
    wait_for(lambda: status and status[-1].state == CameraStatus.STATE_OK)
    first = wait_for(lambda: camera._ring.span())[0]
    wait_for(lambda: camera._ring.span()[1] > first + 4 * SECOND)
    stamp = camera._ring.span()[1]
    findings.publish(
        convert.finding_to_msg(make_finding(zone="bahu", stamp=stamp, started=stamp - SECOND))
    )
    (message,) = wait_for(lambda: violations, 40.0)

    violation = convert.violation_from_msg(message)
    assert violation.missing == ()
    files = {file.kind: file for file in violation.files}
    assert set(files) == {
        EvidenceKind.SCENE,
        EvidenceKind.CONTEXT_BEFORE,
        EvidenceKind.CONTEXT_AFTER,
        EvidenceKind.CLIP,
        EvidenceKind.ANNOTATED,
        EvidenceKind.VEHICLE,
        EvidenceKind.FACTS,
        EvidenceKind.RELEASE,
    }
    scenes = [file for file in violation.files if file.kind == EvidenceKind.SCENE]
    assert len(scenes) == 5, "more stills around the moment, for the plate"
    files[EvidenceKind.SCENE] = scenes[0]
    assert verify.main([str(store), "--sha256", violation.manifest_sha256]) == verify.WHOLE
    # stills at full size, and at the moments asked for: the block is where it was then
    places = []
    for kind, wanted in (
        (EvidenceKind.CONTEXT_BEFORE, stamp - 3 * SECOND // 2),
        (EvidenceKind.SCENE, stamp),
        (EvidenceKind.CONTEXT_AFTER, stamp + SECOND // 2),
    ):
        image = decode((store / files[kind].path).read_bytes())
        assert image.shape == (HEIGHT, WIDTH, 3)
        assert abs(files[kind].stamp - wanted) <= SECOND // 10
        places.append(int(np.flatnonzero(image[350, :, 0] > 150).min()))
    assert places[1] - places[0] == pytest.approx(30, abs=4)  # 1.5 s at 20 px/s
    assert places[2] - places[1] == pytest.approx(10, abs=4)
    # the clip plays and holds the offence from before to after
    with av.open(str(store / files[EvidenceKind.CLIP].path)) as clip:
        frames = [frame.to_ndarray(format="bgr24") for frame in clip.decode(video=0)]
    assert frames[0].shape == (HEIGHT, WIDTH, 3)
    assert 3 * RATE <= len(frames) <= 5 * RATE
    starts = [int(np.flatnonzero(f[350, :, 0] > 150).min()) for f in frames]
    assert min(starts) <= places[0] and max(starts) >= places[2]
    assert files[EvidenceKind.CLIP].stamp <= stamp - 2 * SECOND + SECOND // 5
