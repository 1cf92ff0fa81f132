"""The nodes over real DDS, fed with made-up frames, detections and signals."""

import threading
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import yaml
from bconnect_msgs.msg import CameraStatus, Finding, RoadUserArray, SignalState, SiteInfo
from detect_scenes import SIZE, STEP, T0, user
from sensor_msgs.msg import Image

from bconnect_detect import detector_node
from bconnect_detect.convert import time_from_msg, tracks_to_msg
from bconnect_detect.core.detector import Detections, ModelInfo
from bconnect_detect.core.types import Tracks
from bconnect_detect.detector_node import Detector
from bconnect_detect.rule_checker_node import RuleChecker
from bconnect_detect.signal_node import SignalNode
from bconnect_detect.tracker_node import Tracker
from bconnect_node import qos
from bconnect_node.frames import Frame, FramePublisher
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import CameraState, RoadUserKind, SignalAspect, ViolationType
from bconnect_site.loader import freeze, load_site

LANE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]
SITE = {
    "site": "uji",
    "kind": "corridor",
    "title": "Uji",
    "location": {"latitude": -1.25, "longitude": 116.5},
    "cameras": {
        "utara": {
            "source": "file:///tmp/x.mp4",
            "zones": {
                "bahu": {
                    "kind": "no_parking",
                    "region": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]],
                    "dwell": 2.0,
                    "basis": "sign S-12",
                }
            },
            "rules": ["illegal_parking"],
        },
        "selatan": {
            "source": "file:///tmp/y.mp4",
            "zones": {"cepat": {"kind": "speed", "region": LANE, "basis": "sign", "limit": 13.9}},
            "rules": ["speeding"],
        },
    },
    "signals": {
        "lampu": {
            "adapter": "lamp_vision",
            "camera": "utara",
            "region": [[0.50, 0.10], [0.525, 0.10], [0.525, 0.2334], [0.50, 0.2334]],
        }
    },
}  # fmt: skip


def frozen(folder: Path, **changes: object) -> str:
    """A site file, loaded and frozen the way `bconnect up` does it."""
    file = folder / "uji.yaml"
    file.write_text(yaml.safe_dump({**SITE, **changes}, sort_keys=False))
    return str(freeze(load_site(file), folder / "frozen.yaml"))


class Model:
    """Finds one car in every image; an image of value 13 breaks it; may be slow."""

    info = ModelInfo("fake.onnx", "f" * 64, "AGPL-3.0", "fake 1.0")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.rest = threading.Event()
        self.threads: set[str] = set()

    def detect(self, image: np.ndarray) -> Detections:
        self.threads.add(threading.current_thread().name)
        if image[0, 0, 0] == 13:
            raise RuntimeError("cannot see this")
        self.rest.wait(self.seconds)
        box = np.array([[10, 20, 60, 50]], np.float32)
        return Detections(np.array([RoadUserKind.CAR], np.uint8), np.array([0.9], np.float32), box)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    made = Model()
    monkeypatch.setattr(detector_node, "build_lanes", lambda *a, **kw: [made])
    return made


def start_detector(ros, folder: Path, **parameters: object) -> Detector:
    parameters = {"cameras": ["utara", "selatan"], "site_file": frozen(folder), **parameters}
    return ros.add(Detector, namespace="/uji", parameter_overrides=parameters)


def picture(stamp: int, value: int = 50, frame_id: str = "uji/utara_optical_frame") -> Frame:
    return Frame(stamp, frame_id, np.full((36, 64, 3), value, np.uint8))


class TestDetector:
    def test_a_frame_in_its_road_users_out_under_the_same_header(
        self, ros, wait_for, model, tmp_path
    ):
        camera = ros.add(Tracker, namespace="/uji", parameter_overrides={"cameras": []})
        frames = FramePublisher(camera, "utara/image_raw")
        detector = start_detector(ros, tmp_path)
        found = ros.collect(RoadUserArray, "/uji/utara/detections", qos.STREAM)
        wait_for(lambda: detector._out["utara"].get_subscription_count())
        stamp = T0 + 123_456_789
        frames.publish(picture(stamp))
        (one,) = wait_for(lambda: list(found))
        assert time_from_msg(one.header.stamp) == stamp
        assert one.header.frame_id == "uji/utara_optical_frame"
        assert (one.image_width, one.image_height) == (64, 36)
        assert list(one.kind) == [RoadUserKind.CAR] and list(one.track_id) == [0]
        assert list(one.x_min) == [10.0] and list(one.y_max) == [50.0]
        assert model.threads == {"detector.inference"}  # never on the executor's thread

    def test_images_of_another_process_come_by_topic(self, ros, wait_for, model, tmp_path):
        start_detector(ros, tmp_path)
        probe = ros.node("kamera")
        images = probe.create_publisher(Image, "/uji/selatan/image_raw", qos.SENSOR)
        found = ros.collect(RoadUserArray, "/uji/selatan/detections", qos.STREAM)
        msg = Image(height=36, width=64, step=192, encoding="bgr8", data=bytes(36 * 192))
        msg.header.stamp.sec = 7

        def seen():
            images.publish(msg)
            return found

        wait_for(seen, every=0.05)
        assert found[0].header.stamp.sec == 7

    def test_a_broken_frame_is_counted_and_survived(self, ros, wait_for, model, tmp_path):
        detector = start_detector(ros, tmp_path)
        frames = FramePublisher(detector, "utara/image_raw")
        found = ros.collect(RoadUserArray, "/uji/utara/detections", qos.STREAM)
        wait_for(lambda: detector._out["utara"].get_subscription_count())
        frames.publish(picture(T0, value=13))
        wait_for(lambda: detector.health.dropped("broken frame") == 1)
        assert "utara: frame dropped: cannot see this" in detector.health.last_error
        frames.publish(picture(T0 + STEP))
        wait_for(lambda: found)
        assert time_from_msg(found[0].header.stamp) == T0 + STEP

    def test_site_info_says_which_model_and_reaches_late_comers(
        self, ros, wait_for, model, tmp_path
    ):
        detector = start_detector(ros, tmp_path)
        wait_for(lambda: "fake" in detector.health.status().message)
        late = ros.collect(SiteInfo, "/uji/site_info", qos.STATE)
        (info,) = wait_for(lambda: list(late))
        assert (info.site, info.model, info.model_sha256) == ("uji", "fake.onnx", "f" * 64)
        assert info.model_licence == "AGPL-3.0" and info.model_backend == "fake 1.0"
        assert info.cameras == ["utara", "selatan"] and "/uji/detector" in info.nodes
        zone = next(z for z in info.zones if z.name == "bahu")
        assert zone.camera == "utara" and zone.x[1] == pytest.approx(0.9) and len(zone.y) == 4
        assert yaml.safe_load(info.site_yaml)["site"] == "uji" and len(info.site_sha256) == 64

    def test_a_slow_model_serves_every_camera_and_blames_none(
        self, ros, wait_for, model, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(detector_node, "LOOK", 0.5)
        model.seconds = 0.03
        detector = start_detector(ros, tmp_path)
        fast = FramePublisher(detector, "utara/image_raw")
        slow = FramePublisher(detector, "selatan/image_raw")
        found = {
            camera: ros.collect(RoadUserArray, f"/uji/{camera}/detections", qos.STREAM)
            for camera in ("utara", "selatan")
        }
        wait_for(lambda: all(p.get_subscription_count() for p in detector._out.values()))
        tick = 0

        def busy():
            nonlocal tick
            tick += 1
            fast.publish(picture(T0 + tick * 5_000_000))
            if tick % 20 == 0:
                slow.publish(picture(T0 + tick * 5_000_000))
            return "too slow" in detector.health.status().message and len(found["selatan"]) > 4

        wait_for(busy, every=0.005)
        status = detector.health.status()
        assert "cameras are fine" in status.message and status.level == bytes([1])
        assert detector.health.dropped("utara overtaken") > 0
        assert detector.health.dropped("selatan overtaken") == 0
        stamps = [time_from_msg(m.header.stamp) for m in found["utara"]]
        assert stamps == sorted(set(stamps))  # the newest wins, none twice, none late

    def test_a_still_picture_is_spared_and_said_so(
        self, ros, wait_for, model, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(detector_node, "LOOK", 1e6)
        gate = {"detect": {"gate": {"opens": "motion"}}}
        cameras = {**SITE["cameras"], "utara": {**SITE["cameras"]["utara"], **gate}}
        (apart := tmp_path / "gated").mkdir()
        detector = start_detector(ros, tmp_path, site_file=frozen(apart, cameras=cameras))
        frames = FramePublisher(detector, "utara/image_raw")
        found = ros.collect(RoadUserArray, "/uji/utara/detections", qos.STREAM)
        wait_for(lambda: detector._out["utara"].get_subscription_count())
        values = [50] * 20 + [13] + [90] * 3  # the model breaks at 13, and the gate begins anew
        for i, value in enumerate(values):
            frames.publish(picture(T0 + i * STEP, value))
            wait_for(lambda i=i: detector._gates._seen["utara"].total() > i, every=0.001)
        wait_for(lambda: len(found) >= 5)
        looked = [(time_from_msg(m.header.stamp) - T0) // STEP for m in found]
        assert looked[0] == 0 and max(np.diff([n for n in looked if n < 20])) == 5
        assert 21 in looked and len(looked) < 10
        assert detector._gates.told().startswith("gated 7")

    @pytest.mark.parametrize(
        ("parameters", "says"),
        [
            ({"model": "/no/such/weights.onnx"}, r"detector\.model: /no/such/weights\.onnx: there"),
            (
                {"adapter": "yolo"},
                r"/uji/detector: adapter: found 'yolo'; allowed: ultralytics, onnx",
            ),
            ({"confidence": 2.0}, r"confidence: found 2"),
            ({"site_file": "/no/such/site.yaml"}, r"/no/such/site\.yaml"),
        ],
    )
    def test_refuses_at_start(self, ros, tmp_path, parameters, says):
        with pytest.raises(ConfigError, match=says):
            start_detector(ros, tmp_path, **parameters)

    def test_weights_that_are_no_weights_end_the_process_with_a_sentence(self, child, tmp_path):
        file = tmp_path / "weights.onnx"
        file.write_text("text")
        settings = {"cameras": "[utara]", "adapter": "onnxruntime", "model": str(file)}
        options = [word for k, v in settings.items() for word in ("-p", f"{k}:={v}")]
        code = "from bconnect_detect.detector_node import main; main()"
        process = child(code, "--ros-args", *options)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 2
        sentence = said.strip().splitlines()[-1]
        assert sentence.startswith(f"bconnect: detector.model: {file}: is not an ONNX model")


class TestRuleChecker:
    def drive(self, ros, wait_for, folder: Path, state: CameraState, seconds: float = 4.0):
        """A car parked before the cameras, through tracker and rule checker."""
        parameters = {"cameras": ["utara"], "rates": [10.0]}
        tracker = ros.add(Tracker, namespace="/uji", parameter_overrides=parameters)
        checker = ros.add(
            RuleChecker, namespace="/uji", parameter_overrides={"site_file": frozen(folder)}
        )
        found = ros.collect(Finding, "/uji/findings", qos.EVENT)
        tracks = ros.collect(RoadUserArray, "/uji/utara/tracks", qos.STREAM)
        camera = ros.node("kamera")
        out = camera.create_publisher(RoadUserArray, "/uji/utara/detections", qos.STREAM)
        status = camera.create_publisher(CameraStatus, "/uji/utara/camera_status", qos.STATE)
        status.publish(CameraStatus(camera="utara", state=int(state)))
        book = checker._judge.books["utara"]
        wait_for(lambda: book.state == state and out.get_subscription_count())
        wait_for(lambda: tracker._out["utara"].get_subscription_count() == 2)
        wait_for(lambda: checker._findings.get_subscription_count())
        for i in range(int(seconds * 10)):
            one = user((320, 200), track_id=0)
            made = Tracks.of(T0 + i * STEP, "utara", SIZE, [one], "uji/utara_optical_frame")
            out.publish(tracks_to_msg(made))
            wait_for(lambda i=i: len(tracks) > i, every=0.001)
        return checker, tracks, found

    def test_detections_become_tracks_become_one_finding(self, ros, wait_for, tmp_path):
        _, tracks, found = self.drive(ros, wait_for, tmp_path, CameraState.OK)
        (one,) = wait_for(lambda: list(found))
        assert one.type == ViolationType.ILLEGAL_PARKING and one.camera == "utara"
        assert one.article == "UU 22/2009 Art. 287(1)" and one.basis == "sign S-12"
        assert one.catalogue_version.startswith("uu22_2009/") and one.site == "uji"
        assert one.header.frame_id == "uji/utara_optical_frame" and one.limit == 2.0
        assert one.measured > 2.0 and (one.latitude, one.longitude) == (-1.25, 116.5)
        assert np.isnan(one.time_into_red) and one.signal.aspect == 0
        assert [time_from_msg(t.header.stamp) for t in tracks] == [
            T0 + i * STEP for i in range(len(tracks))
        ]

    def test_a_camera_that_is_not_fine_finds_nothing(self, ros, wait_for, tmp_path):
        checker, _, found = self.drive(ros, wait_for, tmp_path, CameraState.MOVED)
        assert not found
        values = {v.key: v.value for v in checker.health.status().values}
        assert values["disarmed"] == "utara, selatan" or values["disarmed"] == "utara"
        assert values["camera utara"] == "moved"

    def test_a_rule_that_cannot_judge_is_said_to_be_off(self, ros, tmp_path):
        parameters = {"site_file": frozen(tmp_path)}
        checker = ros.add(RuleChecker, namespace="/uji", parameter_overrides=parameters)
        values = {v.key: v.value for v in checker.health.status().values}
        assert values["rules_off"].startswith(
            "rule speeding on cepat of camera selatan is off: no calibration"
        )
        assert values["rules"] == "1"

    def test_a_message_of_another_version_is_survived(self, ros, wait_for, tmp_path):
        parameters = {"site_file": frozen(tmp_path)}
        checker = ros.add(RuleChecker, namespace="/uji", parameter_overrides=parameters)
        out = ros.node("kamera").create_publisher(RoadUserArray, "/uji/utara/tracks", qos.STREAM)
        wait_for(out.get_subscription_count)
        out.publish(RoadUserArray(kind=[77], track_id=[1]))
        wait_for(lambda: checker.health.dropped("bad message"))
        assert "kind 77" in checker.health.last_error and not checker.closing

    def test_refuses_without_its_site(self, ros, tmp_path):
        with pytest.raises(ConfigError, match="site_file: is missing"):
            ros.add(RuleChecker, namespace="/uji")
        with pytest.raises(ConfigError, match=r"gone\.yaml"):
            overrides = {"site_file": str(tmp_path / "gone.yaml")}
            ros.add(RuleChecker, namespace="/uji", parameter_overrides=overrides)


def test_tracker_needs_a_rate_for_each_camera(ros):
    with pytest.raises(ConfigError, match="needs one positive rate for each of 2 cameras"):
        overrides = {"cameras": ["a", "b"], "rates": [10.0]}
        ros.add(Tracker, namespace="/uji", parameter_overrides=overrides)


class TestSignal:
    def test_the_lamp_in_the_picture_is_published(self, ros, wait_for, tmp_path):
        overrides = {"site_file": frozen(tmp_path)}
        node = ros.add(SignalNode, namespace="/uji", parameter_overrides=overrides)
        frames = FramePublisher(node, "utara/image_raw")
        said = ros.collect(SignalState, "/uji/signals", qos.STREAM)
        wait_for(lambda: node._out.get_subscription_count())
        image = np.full((360, 640, 3), 40, np.uint8)
        image[40:48, 324:332] = (30, 30, 250)  # upper third of the head

        ticks = count()

        def shown():
            frames.publish(Frame(T0 + next(ticks) * STEP, "f", image.copy()))
            return [m for m in said if m.aspect == SignalAspect.RED]

        (red, *_) = wait_for(shown, every=0.05)
        assert red.signal == "lampu" and red.header.frame_id == "f"
        assert time_from_msg(red.header.stamp) - time_from_msg(red.since) >= 2 * STEP
