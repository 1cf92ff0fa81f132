"""The camera driver in a real graph: pictures, state, evidence, refusals."""

from __future__ import annotations

import itertools
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from bconnect_msgs.msg import CameraStatus, Capture, CaptureRequest
from camera_clips import index_of, write_clip
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CameraInfo, Image

from bconnect_camera.driver_node import CameraDriver
from bconnect_node import qos, stamps
from bconnect_node.base import BconnectNode
from bconnect_node.frames import FrameSubscription
from bconnect_node.images import from_image
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import EvidenceKind

NS = "/demo/utara"
SECRET = "s3cret-word"


@dataclass
class NoParams:
    pass


def start(ros: Any, source: str, **options: Any) -> CameraDriver:
    values = {
        "camera": "utara",
        "frame_id": "demo/utara_optical_frame",
        "source": source,
        "width": 320,
        "height": 180,
        "rate": 10.0,
    } | options
    return ros.add(CameraDriver, namespace=NS, parameter_overrides=values)


def statuses(ros: Any) -> list[Any]:
    return ros.collect(CameraStatus, f"{NS}/camera_status", qos.STATE)


def last_state(found: list[Any]) -> int:
    return found[-1].state if found else -1


def test_a_file_becomes_images_info_and_state(ros: Any, wait_for: Any, clip: Path) -> None:
    images = ros.collect(Image, f"{NS}/image_raw", qos.SENSOR)
    infos = ros.collect(CameraInfo, f"{NS}/camera_info", qos.SENSOR)
    found = statuses(ros)
    node = start(ros, f"file://{clip}")
    wait_for(lambda: len(images) >= 30 and infos, 30)
    frames = [from_image(message) for message in images]
    assert {frame.image.shape for frame in frames} == {(180, 320, 3)}
    assert frames[0].frame_id == "demo/utara_optical_frame"
    gaps = [(b.stamp - a.stamp) / 1e9 for a, b in itertools.pairwise(frames)]
    assert min(gaps) > 0.07
    assert np.median(gaps) == pytest.approx(0.1, abs=0.03)
    numbers = [index_of(frame.image) for frame in frames]
    for (a, b), gap in zip(itertools.pairwise(numbers), gaps, strict=True):
        assert (b - a) % 64 == round(gap * 25) % 64  # the stamp is that of this picture
    assert abs(frames[-1].stamp - node.now()) < 3e9
    info = infos[-1]
    assert (info.width, info.height, info.k[0]) == (320, 180, 0.0)
    assert stamps.to_ns(info.header.stamp) in {frame.stamp for frame in frames} | {
        stamps.to_ns(m.header.stamp) for m in images
    }
    wait_for(lambda: last_state(found) == CameraStatus.STATE_OK)
    wait_for(lambda: found[-1].frame_rate > 20, 20)
    assert found[-1].clock_source == "file"
    assert abs(found[-1].clock_offset) < 1.0
    assert found[-1].camera == "utara"


def test_without_a_reader_nothing_is_converted_but_the_ring_fills(
    ros: Any, wait_for: Any, clip: Path
) -> None:
    node = start(ros, f"file://{clip}")
    wait_for(lambda: len(node._ring) > 60, 20)
    assert "count.images" not in {v.key for v in node.health.status().values}


def test_frames_in_the_same_process_go_by_reference(ros: Any, wait_for: Any, clip: Path) -> None:
    got: list[Any] = []
    reader = ros.add(BconnectNode, "reader", NoParams)
    FrameSubscription(reader, f"{NS}/image_raw", got.append)
    start(ros, f"file://{clip}")
    wait_for(lambda: len(got) > 5)
    assert not got[0].image.flags.writeable


def request(of: int, name: str = "f1", ahead: float = 1.0, folder: str = "x.partial") -> Any:
    def at(seconds: float) -> Any:
        return stamps.to_msg(of + round(seconds * 1e9))

    return CaptureRequest(
        id=name,
        stills=[at(-1.0), at(0.0), at(ahead)],
        clip_start=at(-1.5),
        clip_end=at(ahead),
        directory=folder,
    )


def test_evidence_is_cut_when_its_last_moment_has_passed(
    ros: Any, wait_for: Any, clip: Path, tmp_path: Path
) -> None:
    probe = ros.node()
    images = ros.collect(Image, f"{NS}/image_raw", qos.SENSOR, probe)
    answers = ros.collect(Capture, f"{NS}/captures", qos.EVENT, probe)
    asks = probe.create_publisher(CaptureRequest, f"{NS}/capture_requests", qos.EVENT)
    start(ros, f"file://{clip}", evidence_dir=str(tmp_path))
    wait_for(lambda: len(images) > 25, 30)
    wait_for(lambda: asks.get_subscription_count())
    seen = from_image(images[-1])
    asks.publish(request(seen.stamp))
    asks.publish(request(seen.stamp, "bad", folder="../../etc"))
    wait_for(lambda: len(answers) >= 2, 20)
    by_id = {answer.id: answer for answer in answers}
    assert "directory" in by_id["bad"].missing[0]
    good = by_id["f1"]
    assert list(good.missing) == []
    assert (good.image_width, good.image_height) == (640, 360)
    kinds = [EvidenceKind(e.kind).name for e in good.evidence]
    assert kinds == ["CONTEXT_BEFORE", "SCENE", "CONTEXT_AFTER", "CLIP"]
    scene = good.evidence[1]
    assert stamps.to_ns(scene.stamp) == seen.stamp
    with av.open(str(tmp_path / scene.path)) as file:
        still = next(file.decode(video=0)).to_ndarray(format="bgr24")
    assert still.shape == (360, 640, 3)
    assert index_of(still) == index_of(seen.image)  # the very picture, at full size
    with av.open(str(tmp_path / good.evidence[3].path)) as film:
        assert sum(1 for _ in film.decode(video=0)) >= 60


def test_a_file_ends_and_the_node_lives_on(ros: Any, wait_for: Any, tmp_path: Path) -> None:
    probe = ros.node()
    answers = ros.collect(Capture, f"{NS}/captures", qos.EVENT, probe)
    images = ros.collect(Image, f"{NS}/image_raw", qos.SENSOR, probe)
    asks = probe.create_publisher(CaptureRequest, f"{NS}/capture_requests", qos.EVENT)
    found = statuses(ros)
    path = write_clip(tmp_path / "short.mp4", frames=75)
    node = start(ros, f"file://{path}", evidence_dir=str(tmp_path / "store"))
    wait_for(lambda: last_state(found) == CameraStatus.STATE_ENDED, 20)
    assert found[-1].detail.endswith("the file came to its end")
    span = node._ring.span()
    assert span is not None
    asks.publish(request(span[0] + 2_000_000_000, ahead=30.0))  # the after still never comes
    asks.publish(request(span[0] + 2_000_000_000, "f2", ahead=0.5))
    wait_for(lambda: "f2" in [answer.id for answer in answers], 20)
    good = next(answer for answer in answers if answer.id == "f2")
    assert list(good.missing) == []
    assert images
    assert not node.closing


def test_a_still_picture_is_frozen(ros: Any, wait_for: Any, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "still.mp4", frames=500, still=True)
    found = statuses(ros)
    start(ros, f"file://{path}")
    wait_for(lambda: last_state(found) == CameraStatus.STATE_OK)
    wait_for(lambda: last_state(found) == CameraStatus.STATE_FROZEN, 25)
    assert "same picture" in found[-1].detail


def test_refusals_at_start_are_one_sentence(
    ros: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "letter.mp4").write_text("dear sir\n" * 50)
    monkeypatch.delenv("CAMERA_NOWHERE", raising=False)
    cases = {
        f"file://{tmp_path}/letter.mp4": "not a video",
        f"file://{tmp_path}/no.mp4": "no such file",
        "sim://utara": "sim://scenario/camera",
        "gopher://x": "unknown scheme",
        "": "found nothing",
        "${CAMERA_NOWHERE}": "CAMERA_NOWHERE is not set",
    }
    for url, words in cases.items():
        with pytest.raises(ConfigError) as caught:
            start(ros, url)
        assert str(caught.value).startswith("cameras.utara.source: ")
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_text_file_ends_the_process_with_2(child: Any, tmp_path: Path) -> None:
    path = tmp_path / "letter.mp4"
    path.write_text("dear sir\n" * 50)
    process = child(
        "import sys\nfrom bconnect_camera.driver_node import main\nsys.exit(main())",
        "--ros-args",
        "-p",
        f"source:=file://{path}",
        "-p",
        "camera:=utara",
    )
    out, err = process.communicate(timeout=40)
    assert process.returncode == 2, out + err
    assert err.strip().endswith("allowed is a video file FFmpeg can read")
    assert "Traceback" not in err


def test_an_outage_is_shown_survived_and_over(
    ros: Any, wait_for: Any, rtsp: Any, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    camera, port = rtsp(auth="basic", user="admin", password=SECRET)
    monkeypatch.setenv("CAMERA_UTARA", f"rtsp://admin:{SECRET}@127.0.0.1:{port}/live")
    probe = ros.node()
    images = ros.collect(Image, f"{NS}/image_raw", qos.SENSOR, probe)
    diagnostics = ros.collect(DiagnosticArray, "/diagnostics", 10, probe)
    found = statuses(ros)
    start(ros, "${CAMERA_UTARA}")
    wait_for(lambda: last_state(found) == CameraStatus.STATE_OK and len(images) > 10, 30)
    camera.kill()
    wait_for(lambda: last_state(found) == CameraStatus.STATE_STALE, 20)
    wait_for(lambda: "connection refused" in found[-1].detail, 20)
    sentence = found[-1].detail
    assert sentence.startswith(f"no connection to rtsp://***@127.0.0.1:{port}/live since ")
    assert "UTC: connection refused, trying again in" in sentence
    before = len(images)
    rtsp(port=port, auth="basic", user="admin", password=SECRET)
    wait_for(lambda: last_state(found) == CameraStatus.STATE_OK, 40)
    wait_for(lambda: len(images) > before + 10, 20)
    assert found[-1].reconnects == 1
    order = [stamps.to_ns(message.header.stamp) for message in images]
    assert all(b > a for a, b in itertools.pairwise(order))
    spoken = capfd.readouterr()
    for text in (repr(found), repr(diagnostics), spoken.out, spoken.err):
        assert SECRET not in text


def test_a_wrong_password_is_an_outage_that_says_so(
    ros: Any, wait_for: Any, rtsp: Any, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    _, port = rtsp(auth="digest", user="admin", password=SECRET)
    monkeypatch.setenv("CAMERA_UTARA", f"rtsp://admin:wr0ng-w0rd@127.0.0.1:{port}/live")
    found = statuses(ros)
    start(ros, "${CAMERA_UTARA}")
    wait_for(lambda: found and "401" in found[-1].detail, 20)
    assert found[-1].state == CameraStatus.STATE_STALE
    assert "correct CAMERA_UTARA" in found[-1].detail
    spoken = capfd.readouterr()
    assert "wr0ng" not in repr(found) + spoken.out + spoken.err


def test_sigterm_ends_a_driver_whose_camera_is_silent(
    ros: Any, wait_for: Any, child: Any, rtsp: Any, relay: Any
) -> None:
    _, port = rtsp()
    found = statuses(ros)
    process = child(
        "import sys\nfrom bconnect_camera.driver_node import main\nsys.exit(main())",
        "--ros-args",
        "-r",
        f"__ns:={NS}",
        "-p",
        "camera:=utara",
        "-p",
        f"source:=rtsp://127.0.0.1:{relay(port, 250_000, True).port}/live",
    )
    wait_for(lambda: found and "no new picture" in found[-1].detail, 30, 0.05)
    process.send_signal(signal.SIGTERM)
    process.wait(3.0)
    assert process.returncode == 0
