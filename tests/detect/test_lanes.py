"""Models side by side: as many as get most done, and remembered; models fitted to the pictures."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bconnect_detect.adapters import reshaping
from bconnect_detect.adapters.reshaping import fitting_size, grid, reshaped
from bconnect_detect.adapters.weights import resolve
from bconnect_detect.build import build_detector, build_lanes
from bconnect_detect.core.detector import Detections, ModelInfo
from bconnect_detect.core.geometry import iou_matrix
from bconnect_detect.lanes import lanes
from bconnect_site.errors import ConfigError

OPTIONS: dict[str, Any] = {"device": "cpu", "confidence": 0.25, "image_size": 640, "threads": 1}
NOTHING = Detections(np.zeros(0, np.uint8), np.zeros(0, np.float32), np.zeros((0, 4), np.float32))


class Model:
    """Takes so long for an image; several may share one lock, as threads share a core."""

    def __init__(self, seconds: float, core: Any = None) -> None:
        self.info = ModelInfo("m", "00", "none", "fake")
        self._seconds, self._core = seconds, core
        self._rest = threading.Event()

    def detect(self, image: Any) -> Detections:
        if self._core is None:
            self._rest.wait(self._seconds)
            return NOTHING
        with self._core:
            self._rest.wait(self._seconds)
        return NOTHING


def maker(shared: bool, made: list[int]) -> Any:
    core = threading.Lock() if shared else None

    def make(count: int) -> list[Any]:
        made.append(count)
        return [Model(0.004, core) for _ in range(count)]

    return make


@pytest.mark.parametrize(("shared", "count"), [(False, 2), (True, 1)])
def test_as_many_lanes_as_get_most_done(tmp_path, monkeypatch, shared, count):
    monkeypatch.setattr(
        "bconnect_detect.lanes.throughput", lambda m, *_: 10.0 if shared else 10.0 * len(m)
    )
    tried: list[int] = []
    memory = tmp_path / "b.json"
    found = lanes(0, 2, maker(shared, tried), memory, "k")
    assert len(found) == count and tried == [1, 2]
    assert f"{count} lane(s): 1 looks at" in found[0].info.backend
    tried.clear()
    again = lanes(0, 2, maker(shared, tried), memory, "k")
    assert tried == [count] == [len(again)] and "measured earlier" in again[0].info.backend


def test_what_is_asked_for_is_not_tried(tmp_path: Path) -> None:
    tried: list[int] = []
    assert len(lanes(3, 2, maker(False, tried), tmp_path / "b.json", "k")) == 3 and tried == [3]
    assert len(lanes(0, 1, maker(False, tried), tmp_path / "b.json", "k")) == 1  # one core


@pytest.mark.parametrize(
    ("pictures", "size"),
    [
        ([(360, 640)], (384, 640)),
        ([(720, 1280), (360, 640)], (384, 640)),
        ([(640, 640)], (640, 640)),
        ([(360, 640), (480, 640)], (480, 640)),
        ([(640, 360)], (640, 384)),
        ([(640, 360), (360, 640)], (640, 640)),
        ([(100, 640)], (128, 640)),
    ],
)
def test_the_least_input_that_holds_the_pictures(pictures, size):
    assert fitting_size(pictures, 640) == size


def test_a_grid_is_that_of_the_export():
    points, strides = grid((640, 640))
    assert points.shape == (1, 2, 8400) and strides[0, [0, 6400, 8000]].tolist() == [8, 16, 32]
    assert points[0, :, 81].tolist() == [1.5, 1.5]


def test_a_fitted_model_sees_what_it_saw(var_picture: np.ndarray) -> None:
    weights = resolve("default", {})
    square = build_detector("onnxruntime", weights, **OPTIONS)
    fitted = build_detector("onnxruntime", weights, **OPTIONS, shape=(384, 640))
    assert fitted.info.backend.endswith(", fitted to 640x384")
    a, b = square.detect(var_picture), fitted.detect(var_picture)
    sure = a.confidence > 0.5
    assert sure.any() and iou_matrix(a.boxes[sure], b.boxes).max(axis=1).min() > 0.9


@pytest.fixture
def var_picture() -> np.ndarray:
    """A bus by day, that comes with ultralytics."""
    ultralytics = pytest.importorskip("ultralytics")
    import cv2

    image = cv2.imread(str(Path(ultralytics.__file__).parent / "assets" / "bus.jpg"))
    return np.asarray(image[300:780, :810])[:, :, :]


@pytest.mark.parametrize("adapter", ["ultralytics", "openvino"])
def test_who_cannot_be_fitted_says_so(adapter: str, tmp_path: Path) -> None:
    pytest.importorskip(adapter)
    weights = resolve("default", {})
    if adapter == "openvino":
        (folder := tmp_path / "int8").mkdir()
        (folder / "m.xml").touch()
        weights = resolve(str(folder), {})
    with pytest.raises(ConfigError, match=r"detector\.fit"):
        build_lanes(adapter, weights, **OPTIONS, lanes=1, shape=(384, 640))


def test_a_grid_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reshaping, "STRIDES", (8, 16, 64))
    with pytest.raises(ConfigError, match="has its grid elsewhere"):
        reshaped(resolve("default", {}).path, (384, 640))
