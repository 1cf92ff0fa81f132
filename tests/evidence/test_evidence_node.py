"""The evidence node in a real graph, with a camera that answers, lies, or never answers."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from bconnect_msgs.msg import (
    CameraStatus,
    Capture,
    CaptureRequest,
    Evidence,
    SignalState,
    SiteInfo,
)
from bconnect_msgs.msg import Finding as FindingMsg
from bconnect_msgs.msg import Violation as ViolationMsg

from bconnect_detect import convert, sealing_site, verify
from bconnect_detect.adapters.drawing import decode
from bconnect_detect.core.types import SECOND, Finding
from bconnect_detect.evidence_node import EvidenceNode
from bconnect_node.qos import EVENT, RECORD, STATE, STREAM
from bconnect_site.errors import ConfigError
from bconnect_site.frozen import freeze
from bconnect_site.keys import publics
from bconnect_site.kinds import EvidenceKind, PlateState
from bconnect_site.loader import load_site

MakeFinding = Callable[..., Finding]
WaitFor = Callable[..., Any]
SITE = """
site: beruang_madu
kind: corridor
title: Beruang Madu - Balikpapan Baru
timezone: Asia/Makassar
location: {latitude: -1.2463, longitude: 116.8563}
cameras:
  simpang_utara:
    source: file:///nowhere.mp4
    zones:
      henti_utara: {kind: stop_line, line: [[0.2, 0.6], [0.8, 0.6]], basis: marking,
                    direction: [[0.5, 0.9], [0.5, 0.7]], signal: utara}
    rules: [stop_line]
signals:
  utara: {adapter: lamp_vision, camera: simpang_utara, region: [[0.1, 0.1], [0.2, 0.1], [0.2, 0.3]]}
plates: {read: false}
evidence: {before: 1.0, after: 0.5, timeout: TIMEOUT, min_free_bytes: MINIMUM}
"""


def a_clip(path: Path) -> bytes:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for shade in range(20):
            image = np.full((240, 320, 3), 10 * shade, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    return path.read_bytes()


class Camera:
    """A camera side that cuts nothing and answers with real pictures made here."""

    def __init__(self, ros: Any, store: Path, jpeg: bytes, clip: bytes) -> None:
        self.requests: list[CaptureRequest] = []
        self.silent = False
        self._store, self._jpeg, self._clip = store, jpeg, clip
        node = ros.node("camera", "/beruang_madu/simpang_utara")
        self._answers = node.create_publisher(Capture, "captures", EVENT)
        node.create_subscription(CaptureRequest, "capture_requests", self._on_request, EVENT)

    def _on_request(self, msg: CaptureRequest) -> None:
        self.requests.append(msg)
        if not self.silent:
            self.answer(msg)

    def answer(self, msg: CaptureRequest) -> None:
        evidence = [
            self._keep(msg, "context_before.jpg", Evidence.KIND_CONTEXT_BEFORE, self._jpeg),
            self._keep(msg, "scene.jpg", Evidence.KIND_SCENE, self._jpeg),
            self._keep(msg, "context_after.jpg", Evidence.KIND_CONTEXT_AFTER, self._jpeg),
            self._keep(msg, "clip.mp4", Evidence.KIND_CLIP, self._clip),
        ]
        self._answers.publish(
            Capture(id=msg.id, evidence=evidence, image_width=1920, image_height=1080)
        )

    def _keep(self, msg: CaptureRequest, name: str, kind: int, data: bytes) -> Evidence:
        path = self._store / msg.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return Evidence(
            kind=kind,
            stamp=msg.header.stamp,
            path=f"{msg.directory}/{name}",
            sha256=hashlib.sha256(data).hexdigest(),
        )


class Room:
    """An evidence node with everything around it."""

    def __init__(self, ros: Any, tmp: Path, wait_for: WaitFor) -> None:
        self._ros, self._wait_for, self.tmp = ros, wait_for, tmp
        self.store = tmp / "evidence"
        self.violations: list[ViolationMsg] = ros.collect(
            ViolationMsg, "/beruang_madu/violations", RECORD
        )
        self.probe = ros.node("rule_checker", "/beruang_madu")
        self._findings = self.probe.create_publisher(FindingMsg, "findings", EVENT)

    def start(self, timeout: float = 10.0, minimum: int = 0, **parameters: Any) -> Any:
        text = SITE.replace("TIMEOUT", str(timeout)).replace("MINIMUM", str(minimum))
        (self.tmp / "site.yaml").write_text(text)
        frozen = freeze(load_site(self.tmp / "site.yaml"), self.tmp / "frozen.yaml")
        values = {"site_file": str(frozen), "evidence_dir": str(self.store)} | parameters
        node = self._ros.add(EvidenceNode, namespace="/beruang_madu", parameter_overrides=values)
        self._wait_for(lambda: self._findings.get_subscription_count() == 1)
        return node

    def find(self, finding: Finding) -> None:
        self._findings.publish(convert.finding_to_msg(finding))

    def value(self, node: Any, key: str) -> str:
        return {v.key: v.value for v in node.health.status().values}.get(key, "")


@pytest.fixture
def room(
    ros: Any, tmp_path: Path, wait_for: WaitFor, nobody: Any, monkeypatch: pytest.MonkeyPatch
) -> Room:
    monkeypatch.setattr(sealing_site, "default_detector", nobody)
    return Room(ros, tmp_path, wait_for)


@pytest.fixture
def camera(ros: Any, room: Room, tmp_path: Path, make_jpeg: Callable[..., bytes]) -> Camera:
    return Camera(ros, room.store, make_jpeg(), a_clip(tmp_path / "made.mp4"))


def test_a_finding_becomes_a_sealed_violation(
    room: Room, camera: Camera, make_finding: MakeFinding, wait_for: WaitFor
) -> None:
    node = room.start()
    finding = make_finding()
    latched = room.probe.create_publisher(SiteInfo, "site_info", STATE)
    latched.publish(SiteInfo(model="yolov8n.onnx", model_sha256="ee" * 32))
    wait_for(lambda: node._sealer.facts.model)
    room.find(finding)
    (message,) = wait_for(lambda: room.violations)
    violation = convert.violation_from_msg(message)
    assert violation.finding.id == finding.id and violation.missing == ()
    assert violation.plate.state is PlateState.NOT_VISIBLE
    assert violation.plate.reason == "plates are not read at this site"
    assert set(publics(room.store.parent / "keys")) == {violation.key_id}
    assert convert.time_from_msg(message.header.stamp) == finding.stamp
    assert message.header.frame_id == "beruang_madu/simpang_utara_optical_frame"
    assert {f.kind for f in violation.files} == {
        EvidenceKind.SCENE,
        EvidenceKind.CONTEXT_BEFORE,
        EvidenceKind.CONTEXT_AFTER,
        EvidenceKind.CLIP,
        EvidenceKind.ANNOTATED,
        EvidenceKind.VEHICLE,
        EvidenceKind.FACTS,
        EvidenceKind.RELEASE,
    }
    for file in violation.files:
        data = (room.store / file.path).read_bytes()
        assert hashlib.sha256(data).hexdigest() == file.sha256
    manifest = (room.store / violation.manifest).read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == violation.manifest_sha256
    assert json.loads(manifest)["model"] == "yolov8n.onnx"
    assert verify.main([str(room.store), "--sha256", violation.manifest_sha256]) == verify.WHOLE
    scene = next(f for f in violation.files if f.kind == EvidenceKind.SCENE)
    assert decode((room.store / scene.path).read_bytes()).shape == (1080, 1920, 3)
    (request,) = camera.requests
    assert convert.time_from_msg(request.clip_start) == finding.started - SECOND
    assert convert.time_from_msg(request.clip_end) == finding.stamp + SECOND // 2


def test_the_same_finding_again_is_not_redone(
    room: Room, camera: Camera, make_finding: MakeFinding, wait_for: WaitFor
) -> None:
    room.start()
    room.find(make_finding())
    wait_for(lambda: room.violations)
    for _ in range(3):
        room.find(make_finding())
    wait_for(lambda: len(room.violations) == 4)
    assert len(camera.requests) == 1
    assert len({m.manifest_sha256 for m in room.violations}) == 1


def test_a_camera_that_never_answers(
    room: Room, camera: Camera, make_finding: MakeFinding, wait_for: WaitFor
) -> None:
    camera.silent = True
    node = room.start(timeout=0.3)
    room.find(make_finding())
    (message,) = wait_for(lambda: room.violations)
    assert [e.kind for e in message.evidence] == [Evidence.KIND_FACTS]
    assert message.missing[0] == (
        "context_before, scene, context_after, clip: camera simpang_utara did not answer in time"
    )
    assert verify.main([str(room.store)]) == verify.WHOLE
    # and answers after the seal: what was sealed stays as it is
    camera.answer(camera.requests[0])
    wait_for(lambda: "answered after the seal" in node.health.last_error)
    assert verify.main([str(room.store)]) == verify.WHOLE
    assert len(room.violations) == 1
    (kept,) = (room.store / "beruang_madu/set_aside").iterdir()
    assert (kept / "scene.jpg").exists()


def test_no_camera_at_all(room: Room, make_finding: MakeFinding, wait_for: WaitFor) -> None:
    room.start(timeout=0.2)
    room.find(make_finding())
    (message,) = wait_for(lambda: room.violations)
    assert "no camera simpang_utara listened" in message.missing[0]


def test_a_camera_that_comes_late_is_asked_then(
    ros: Any,
    room: Room,
    make_finding: MakeFinding,
    wait_for: WaitFor,
    make_jpeg: Callable[..., bytes],
    tmp_path: Path,
) -> None:
    node = room.start(timeout=30.0)
    room.find(make_finding())
    wait_for(lambda: room.value(node, "open_cases") == "1")
    camera = Camera(ros, room.store, make_jpeg(), a_clip(tmp_path / "made.mp4"))
    (message,) = wait_for(lambda: room.violations)
    assert len(camera.requests) == 1 and len(message.evidence) == 12


def test_a_foreign_or_crooked_finding_is_refused(
    room: Room, camera: Camera, make_finding: MakeFinding, wait_for: WaitFor
) -> None:
    node = room.start()
    room.find(make_finding(id="../../etc/passwd"))
    wait_for(lambda: "id: found '../../etc/passwd'" in node.health.last_error)
    room.find(make_finding(camera="pasar"))
    wait_for(lambda: "beruang_madu/pasar, allowed are" in node.health.last_error)
    message = convert.finding_to_msg(make_finding())
    message.type = 200
    room._findings.publish(message)
    wait_for(lambda: "refused: 200 is not a valid ViolationType" in node.health.last_error)
    assert node.health.dropped() == 3
    room.find(make_finding())
    wait_for(lambda: room.violations)
    assert len(camera.requests) == 1


def test_what_a_killed_node_left_is_sealed_by_the_next(
    ros: Any, room: Room, camera: Camera, make_finding: MakeFinding, wait_for: WaitFor
) -> None:
    camera.silent = True
    node = room.start(timeout=60.0)
    finding = make_finding()
    room.find(finding)
    wait_for(lambda: camera.requests)
    ros.remove(node)
    assert room.violations == []
    camera.silent = False
    room.start(timeout=60.0)
    (message,) = wait_for(lambda: room.violations)
    assert message.finding.id == finding.id and len(message.evidence) == 12
    assert len(camera.requests) == 2


def test_young_violations_are_published_again_at_start(
    ros: Any, room: Room, camera: Camera, make_finding: MakeFinding, wait_for: WaitFor
) -> None:
    node = room.start()
    finding = make_finding(stamp=node.now(), started=node.now() - SECOND)
    old = make_finding(id="an-old-one", stamp=node.now() - 3600 * SECOND, started=0)
    room.find(finding)
    room.find(old)
    wait_for(lambda: len(room.violations) == 2)
    ros.remove(node)
    room.start()
    wait_for(lambda: len(room.violations) == 3)
    assert room.violations[2].finding.id == finding.id
    room.find(make_finding(id="another", stamp=finding.stamp + SECOND))
    wait_for(lambda: len(room.violations) == 4)
    assert room.violations[3].finding.id == "another", "the old one was not published again"
    assert len(camera.requests) == 3


def test_a_full_disk_delays_and_loses_nothing(
    room: Room, camera: Camera, make_finding: MakeFinding, wait_for: WaitFor
) -> None:
    """The store refuses below its minimum of free space; then space comes back."""
    node = room.start()
    store = node._sealer.store
    store._min_free = 1 << 60
    room.find(make_finding())
    wait_for(lambda: room.value(node, "waiting_for_disk") == "1")
    assert node.health.status().level != b"\x00"
    assert "free some space; the case is kept and tried again" in node.health.last_error
    assert room.violations == [] and verify.sealed_folders(room.store) == []
    store._min_free = 0
    (message,) = wait_for(lambda: room.violations)
    assert len(message.evidence) == 12
    assert verify.main([str(room.store)]) == verify.WHOLE
    wait_for(lambda: room.value(node, "waiting_for_disk") == "0")
    wait_for(lambda: node.health._sentence == "running")
    assert "worker" not in node.health.last_error


def test_a_store_that_vanishes_is_survived(
    room: Room, camera: Camera, make_finding: MakeFinding, wait_for: WaitFor
) -> None:
    room.start()
    shutil.rmtree(room.store)
    room.find(make_finding())
    (message,) = wait_for(lambda: room.violations)
    assert len(message.evidence) == 12


def test_a_store_that_is_a_file_refuses_the_start(room: Room) -> None:
    room.store.write_text("not a folder")
    with pytest.raises(ConfigError, match=r"evidence_dir: .*it must be a folder"):
        room.start()


def test_facts_tell_what_signal_and_camera_said_around_the_moment(
    room: Room, camera: Camera, make_finding: MakeFinding, wait_for: WaitFor
) -> None:
    node = room.start()
    finding = make_finding()
    signals = room.probe.create_publisher(SignalState, "signals", STREAM)
    status = room.probe.create_publisher(CameraStatus, "simpang_utara/camera_status", STATE)
    wait_for(lambda: signals.get_subscription_count() and status.get_subscription_count())
    for tenths, aspect in ((-60, 3), (-40, 3), (-30, 1), (-10, 1), (0, 1), (10, 99)):
        message = SignalState(signal="utara", aspect=aspect, source=1, confidence=1.0)
        message.header.stamp = convert.time_to_msg(finding.stamp + tenths * SECOND // 10)
        signals.publish(message)
    look = CameraStatus(camera="simpang_utara", state=1, clock_offset=0.25, clock_source="rtcp")
    look.header.stamp = convert.time_to_msg(finding.stamp)
    status.publish(look)
    wait_for(lambda: node._around.circumstances(finding).camera)
    wait_for(lambda: len(node._around.circumstances(finding).signal) == 2)
    room.find(finding)
    (message,) = wait_for(lambda: room.violations)
    folder = (room.store / message.manifest).parent
    facts = json.loads((folder / "facts.json").read_bytes())
    assert [run["aspect"] for run in facts["signal"]["history"]] == ["green", "red"]
    assert facts["camera"]["clock_offset"] == 0.25
    assert facts["clock"]["source"] == "adjtimex"
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["clock"] == facts["clock"]
    assert abs(manifest["sealed"]["stamp"] - node.now()) < 60 * SECOND


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda k: (k / "signing.key").chmod(0o644), "mode 0644 opens it to other users"),
        (lambda k: (k / "signing.key").write_text("x"), "holds no Ed25519 private key"),
        (lambda k: k.chmod(0o777), "mode 0777 opens it to other users"),
    ],
)
def test_keys_not_to_be_trusted_refuse_the_start(
    ros: Any, room: Room, spoil: Callable[[Path], object], expected: str
) -> None:
    ros.remove(room.start())
    spoil(room.tmp / "keys")
    with pytest.raises(ConfigError, match=expected) as error:
        room.start()
    assert len(error.value.sentences) == 1


def test_a_lost_key_is_said_and_a_new_one_signs(
    ros: Any, room: Room, camera: Camera, make_finding: MakeFinding, wait_for: WaitFor
) -> None:
    node = room.start()
    room.find(make_finding())
    (first,) = wait_for(lambda: room.violations)
    ros.remove(node)
    (room.tmp / "keys" / "signing.key").unlink()
    node = room.start()
    assert f"was missing although this site signed before with {first.key_id}" in (
        node.health.last_error
    )
    ros.remove(node)
    shutil.rmtree(room.tmp / "keys")  # and now the public halves too
    node = room.start()
    (sentence,) = sealing_site.key_sentences(node._sealer, "beruang_madu")
    assert f"does not hold {first.key_id}, with which the newest evidence was" in sentence
    room.find(make_finding(id="another"))
    wait_for(lambda: room.violations[-1].finding.id == "another")
    assert room.violations[-1].key_id != first.key_id
    assert verify.main([str(room.store)]) == verify.TOUCHED, "the old seal fits no known key"


def test_a_key_opened_while_running_delays_the_seal(
    room: Room, camera: Camera, make_finding: MakeFinding, wait_for: WaitFor
) -> None:
    node = room.start()
    private = room.tmp / "keys" / "signing.key"
    private.chmod(0o640)
    room.find(make_finding())
    wait_for(lambda: "mode 0640 opens it to other users" in node.health.last_error)
    assert room.violations == []
    private.chmod(0o600)
    wait_for(lambda: room.violations)
    assert verify.main([str(room.store)]) == verify.WHOLE


def test_the_private_key_is_in_no_log_and_no_file_of_evidence(
    ros: Any,
    room: Room,
    camera: Camera,
    make_finding: MakeFinding,
    wait_for: WaitFor,
    capfd: pytest.CaptureFixture[str],
) -> None:
    node = room.start()
    room.find(make_finding())
    wait_for(lambda: room.violations)
    ring = node._sealer.store.ring
    ring.rotate()
    room.find(make_finding(id="another"))
    wait_for(lambda: len(room.violations) == 2)
    pem = (room.tmp / "keys" / "signing.key").read_text().splitlines()[1]
    raw = base64.b64decode(pem)[-32:]
    secrets = [pem.encode(), pem[-20:].encode(), raw, raw.hex().encode(), b"PRIVATE KEY"]
    status = str(node.health.status())
    ros.remove(node)
    spoken = capfd.readouterr()
    texts = [spoken.out.encode(), spoken.err.encode()]
    texts += [path.read_bytes() for path in room.store.rglob("*") if path.is_file()]
    texts += [path.read_bytes() for path in Path(os.environ["ROS_LOG_DIR"]).rglob("*.log")]
    texts += [path.read_bytes() for path in (room.tmp / "keys").glob("*.pub")]
    assert len(texts) > 20
    for secret in secrets:
        assert not any(secret in text for text in texts), secret
    assert pem not in status and raw.hex() not in status
