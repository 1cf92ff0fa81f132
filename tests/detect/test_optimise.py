"""optimise-model: what int8 loses is measured on pictures it has not seen, and refused."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bconnect_detect import optimise
from bconnect_detect.adapters.weights import resolve
from bconnect_detect.core.detector import Detections, Weights
from bconnect_detect.optimise import FEWEST, Loss, pictures
from bconnect_site.errors import ConfigError

CAR = 4
WEIGHTS = Weights(Path("/x/y.onnx"), "00", "none")
IMAGES = [np.zeros((36, 64, 3), np.uint8)] * FEWEST


def boxes(*rows: tuple[float, float]) -> Detections:
    """Cars at x with a confidence."""
    made = np.array([(x, 10.0, x + 40.0, 40.0) for x, _ in rows], np.float32).reshape(-1, 4)
    sure = np.array([c for _, c in rows], np.float32)
    return Detections(np.full(len(rows), CAR, np.uint8), sure, made)


def compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: Detections, after: Detections
) -> Loss:
    answers = iter((before, after))

    def build(*a: Any, **k: Any) -> Any:
        answer = next(answers)
        return SimpleNamespace(detect=lambda image: answer)

    monkeypatch.setattr("bconnect_detect.build.build_detector", build)
    return optimise.compare(WEIGHTS, tmp_path, IMAGES[:3], 640)


def test_the_same_boxes_are_bearable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = boxes((0, 0.9), (100, 0.7), (200, 0.3))
    loss = compared(monkeypatch, tmp_path, found, found)
    assert (loss.recall, loss.precision, loss.boxes) == (1.0, 1.0, 6)
    assert loss.bearable


def test_a_lost_box_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loss = compared(monkeypatch, tmp_path, boxes((0, 0.9), (100, 0.7)), boxes((0, 0.9)))
    assert loss.recall == 0.5
    assert not loss.bearable


def test_an_invented_box_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loss = compared(monkeypatch, tmp_path, boxes((0, 0.9)), boxes((0, 0.9), (100, 0.7)))
    assert loss.precision == 0.5
    assert not loss.bearable


def test_nothing_to_compare_proves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not compared(monkeypatch, tmp_path, boxes(), boxes()).bearable


def test_lost_boxes_leave_no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out = tmp_path / "int8"
    monkeypatch.setattr(optimise, "_quantise", lambda w, i, out, s: out.mkdir())
    monkeypatch.setattr(optimise, "compare", lambda *a: Loss(0.9, 1.0, 10, 20.0, 10.0))
    with pytest.raises(ConfigError, match=r"keeps 90\.0 % of 10"):
        optimise.optimise(WEIGHTS, IMAGES, out, 640)
    assert not out.exists()
    assert optimise.optimise(WEIGHTS, IMAGES, out, 640, anyway=True).recall == 0.9
    assert out.exists()


def test_it_never_writes_over_anything(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is there already"):
        optimise.optimise(WEIGHTS, IMAGES, tmp_path, 640)
    with pytest.raises(ConfigError, match=f"needs {FEWEST}"):
        optimise.optimise(WEIGHTS, IMAGES[:-1], tmp_path / "x", 640)


def test_pictures_of_files_and_folders(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    for n in range(3):
        cv2.imwrite(str(tmp_path / f"{n}.png"), IMAGES[0])
    (tmp_path / "note.txt").write_text("no picture")
    (tmp_path / "broken.jpg").write_text("no picture")
    assert len(list(pictures([tmp_path], 10))) == 3
    assert len(list(pictures([tmp_path], 2))) == 2
    with pytest.raises(ConfigError, match="no such file"):
        list(pictures([tmp_path / "none"], 10))


def test_int8_on_its_own_pictures(tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    dice = np.random.default_rng(0)
    images = [dice.integers(0, 255, (90, 160, 3), np.uint8) for _ in range(FEWEST)]
    out = tmp_path / "int8"
    loss = optimise.optimise(resolve("default", {}), images, out, 640, anyway=True)
    assert loss.after > 0.0
    assert (out / "metadata.yaml").is_file()
    assert "int8" in _backend(out)


def _backend(out: Path) -> str:
    from bconnect_detect.build import build_detector

    options: Any = {"device": "cpu", "confidence": 0.25, "image_size": 640, "threads": 1}
    return build_detector("openvino", resolve(str(out), {}), **options).info.backend
