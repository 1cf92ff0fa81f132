"""YOLO through OpenVINO: the quickest on Intel and AMD processors. An ONNX export as it is, or a
folder that ``bconnect optimise-model`` or ultralytics made."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.adapters.reshaping import reshaped
from bconnect_detect.adapters.yolo import YoloHead, input_size, names_of
from bconnect_detect.core.detector import Detections, ModelInfo, Weights
from bconnect_site.errors import ConfigError


class OpenVinoDetector:
    """Numbers are float32 unless the model itself is int8: bfloat16 moves boxes."""

    def __init__(
        self,
        weights: Weights,
        *,
        device: str = "cpu",
        confidence: float = 0.25,
        image_size: int = 640,
        threads: int = 0,
        shape: tuple[int, int] | None = None,
    ) -> None:
        """Loads and warms up; ``shape``: (height, width) to fit an ONNX model to. Raises
        ConfigError: not installed, or not a model of road users."""
        ov = _import()
        core = ov.Core()
        model = _fitted(core, weights.path, shape) if shape else read(core, weights.path)
        size = input_size(_shape(model), image_size)
        if model.input(0).partial_shape.is_dynamic:
            model.reshape([1, 3, *size])
        self._head = YoloHead(names_of(told(model, weights.path)), size, confidence)
        options: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,  # the other nodes need the cores too
        }
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads
        self._request = _compile(core, model, device, options).create_infer_request()
        kind = "int8" if is_int8(model) else "fp32"
        version = str(ov.__version__).split("-")[0]
        backend = f"openvino {version} {kind} on {device}"
        backend += f", fitted to {size[1]}x{size[0]}" if shape else ""
        self.info = ModelInfo(weights.path.name, weights.sha256, weights.licence, backend)
        self.detect(np.zeros((360, 640, 3), np.uint8))

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """See ``Detector.detect``."""
        self._request.infer([self._head.blob(image)], share_inputs=True)
        return self._head.found(self._request.get_output_tensor(0).data[0], image)


def read(core: Any, path: Path) -> Any:
    """The model of a file or folder. Raises ConfigError."""
    file = next(iter(sorted(path.glob("*.xml"))), path) if path.is_dir() else path
    try:
        return core.read_model(str(file))
    except Exception as error:
        reason = " ".join(str(error).split())[:60]
        raise ConfigError(
            f"detector.model: {path}: is not a model OpenVINO can load ({reason}); needs a YOLO "
            "export to .onnx or an OpenVINO folder"
        ) from None


def _fitted(core: Any, path: Path, shape: tuple[int, int]) -> Any:
    if path.suffix != ".onnx":
        raise ConfigError(
            f"detector.fit: {path.name}: only an ONNX export can be fitted; needs .onnx weights, "
            "or fit: false"
        )
    return core.read_model(reshaped(path, shape), b"")


def told(model: Any, path: Path) -> dict[str, str]:
    """What an export says of itself."""
    import yaml

    beside = path / "metadata.yaml"
    if path.is_dir() and beside.is_file():
        return {key: str(value) for key, value in yaml.safe_load(beside.read_text()).items()}
    known = model.get_rt_info()
    if "framework" not in known:
        return {}
    return {key: str(value.value) for key, value in known["framework"].items()}


def is_int8(model: Any) -> bool:
    """Whether its weights were quantised."""
    return any(op.get_type_name() == "FakeQuantize" for op in model.get_ops())


def _compile(core: Any, model: Any, device: str, options: dict[str, Any]) -> Any:
    chosen = {"cpu": "CPU", "gpu": "GPU", "npu": "NPU"}.get(device.split(":")[0])
    if chosen is None or chosen not in {d.split(".")[0] for d in core.available_devices}:
        have = ", ".join(d.lower() for d in core.available_devices)
        raise ConfigError(f'detector.device: found "{device}"; this OpenVINO has {have}')
    if chosen != "CPU":
        options = {"PERFORMANCE_HINT": "LATENCY"}
    return core.compile_model(model, chosen, options)


def _shape(model: Any) -> list[object]:
    shape = model.input(0).partial_shape
    return [d.get_length() if d.is_static else None for d in shape]


def _import() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise ConfigError(
            f"detector.adapter: OpenVINO is not installed ({error}); run pip install -r "
            "requirements/openvino.txt, or set adapter: onnxruntime"
        ) from None
    return openvino
