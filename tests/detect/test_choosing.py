"""Backends: the quickest is found by trying, remembered, and says why."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bconnect_detect.adapters.weights import resolve
from bconnect_detect.build import build_detector
from bconnect_detect.choosing import candidates, choose, key_of, quickest
from bconnect_detect.core.detector import Detections, ModelInfo, Weights
from bconnect_site.errors import ConfigError

NOTHING = Detections(np.zeros(0, np.uint8), np.zeros(0, np.float32), np.zeros((0, 4), np.float32))
ONNX = Weights(Path("/x/y.onnx"), "00", "none")


class Clock:
    """A clock that a model moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Model:
    """Takes so many seconds an image."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.info = ModelInfo("m", "00", "none", "fake")
        self._clock, self._seconds = clock, seconds

    def detect(self, image: Any) -> Detections:
        self._clock.now += self._seconds
        return NOTHING


def test_the_quickest_is_taken_and_all_are_told() -> None:
    clock = Clock()
    models = {"slow": Model(clock, 0.05), "quick": Model(clock, 0.03)}
    assert quickest(models, clock) == (
        "quick",
        "quick: the quickest of slow 50 ms, quick 30 ms an image",
    )


def test_a_hair_quicker_is_no_reason_to_leave_the_plainest() -> None:
    clock = Clock()
    models = {"plain": Model(clock, 0.0500), "other": Model(clock, 0.0495)}
    assert quickest(models, clock)[0] == "plain"


def maker(loaded: list[str], broken: tuple[str, ...] = ()) -> Callable[[str], Model]:
    def make(name: str) -> Model:
        if name in broken:
            raise ConfigError(f"detector.adapter: {name} is not installed")
        loaded.append(name)
        return Model(Clock(), 0.0)

    return make


def test_what_was_found_is_remembered(tmp_path: Path) -> None:
    loaded: list[str] = []
    memory = tmp_path / "cache" / "backends.json"
    first = choose(ONNX, "cpu", 640, 2, maker(loaded), memory)
    assert loaded == ["onnxruntime", "openvino"]
    loaded.clear()
    again = choose(ONNX, "cpu", 640, 2, maker(loaded), memory)
    assert loaded == [first.adapter] == [again.adapter]
    assert again.why.endswith("(measured earlier)")
    loaded.clear()
    choose(ONNX, "cpu", 640, 1, maker(loaded), memory)  # other threads: another find
    assert loaded == ["onnxruntime", "openvino"]


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"k": 3}'])
def test_a_broken_memory_costs_another_try(tmp_path: Path, content: str) -> None:
    memory = tmp_path / "backends.json"
    memory.write_text(content)
    loaded: list[str] = []
    choose(ONNX, "cpu", 640, 2, maker(loaded), memory)
    assert loaded == ["onnxruntime", "openvino"]


def test_one_that_was_uninstalled_is_replaced(tmp_path: Path) -> None:
    memory = tmp_path / "backends.json"
    chosen = choose(ONNX, "cpu", 640, 2, maker([]), memory).adapter
    other = choose(ONNX, "cpu", 640, 2, maker([], (chosen,)), memory)
    assert other.adapter != chosen
    assert f"{chosen} is not installed" in other.why


def test_where_none_can_all_reasons_are_told(tmp_path: Path) -> None:
    broken = ("onnxruntime", "openvino")
    with pytest.raises(ConfigError) as caught:
        choose(ONNX, "cpu", 640, 2, maker([], broken), tmp_path / "b.json")
    assert len(caught.value.sentences) == 2


def test_who_may_run_what(tmp_path: Path) -> None:
    assert candidates(ONNX, "cpu") == ("onnxruntime", "openvino")
    assert "openvino" not in candidates(ONNX, "cuda:0")
    assert candidates(Weights(Path("/x/y.pt"), "00", ""), "cpu") == ("ultralytics",)
    (tmp_path / "m.xml").touch()
    assert candidates(Weights(tmp_path, "00", ""), "cpu")[0] == "openvino"


def test_a_find_is_of_this_machine_and_these_weights() -> None:
    other = Weights(Path("/x/y.onnx"), "01", "none")
    keys = {key_of(ONNX, "cpu", 640, 2), key_of(other, "cpu", 640, 2), key_of(ONNX, "cpu", 320, 2)}
    assert len(keys) == 3


@pytest.fixture(scope="module")
def models() -> Iterator[tuple[Any, Any]]:
    pytest.importorskip("openvino")
    options = {"device": "cpu", "confidence": 0.25, "image_size": 640, "threads": 1}
    weights = resolve("default", {})
    yield tuple(build_detector(name, weights, **options) for name in ("onnxruntime", "openvino"))


def test_openvino_finds_the_same_boxes(models: tuple[Any, Any]) -> None:
    cv2, spec = pytest.importorskip("cv2"), find_spec("ultralytics")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("the picture comes with ultralytics")
    bus = cv2.imread(str(Path(spec.submodule_search_locations[0]) / "assets" / "bus.jpg"))
    plain, quick = (model.detect(bus) for model in models)
    assert len(plain) >= 4
    assert plain.kind.tolist() == quick.kind.tolist()
    assert np.abs(plain.boxes - quick.boxes).max() < 0.1
    assert np.abs(plain.confidence - quick.confidence).max() < 0.001
    assert "fp32" in models[1].info.backend


def test_openvino_refuses_what_is_no_model(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    file = tmp_path / "x.onnx"
    file.write_bytes(b"no model")
    options = {"device": "cpu", "confidence": 0.25, "image_size": 640, "threads": 1}
    with pytest.raises(ConfigError, match=r"detector\.model: .*OpenVINO"):
        build_detector("openvino", resolve(str(file), {}), **options)
    with pytest.raises(ConfigError, match=r"detector\.device"):
        build_detector("openvino", resolve("default", {}), **{**options, "device": "tpu:0"})
