"""YOLO through ONNX Runtime: no torch. Same boxes as ultralytics, for edge boxes."""

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bconnect_detect.adapters.reshaping import reshaped
from bconnect_detect.adapters.yolo import YoloHead, input_size, names_of
from bconnect_detect.core.detector import Detections, ModelInfo, Weights
from bconnect_site.errors import ConfigError


class OnnxDetector:
    """An exported YOLO detection model (plain head, or end-to-end with NMS inside)."""

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
        """Loads and warms up; ``shape``: (height, width) to fit the model to. Raises ConfigError:
        not an ONNX model of road users."""
        self._session = _open(weights, device, threads, shape)
        try:
            self._input = self._session.get_inputs()[0]
            meta = self._session.get_modelmeta().custom_metadata_map
            size = input_size(self._input.shape, image_size)
            self._head = YoloHead(names_of(meta), size, confidence)
            licence = weights.licence
            if licence.startswith("not stated") and meta.get("license"):
                licence = meta["license"]
            self.info = ModelInfo(
                weights.path.name,
                weights.sha256,
                licence,
                f"onnxruntime {onnxruntime.__version__} {self._session.get_providers()[0]}"
                f"{f', fitted to {size[1]}x{size[0]}' if shape else ''}",
            )
            self.detect(np.zeros((360, 640, 3), np.uint8))
        except ConfigError:
            raise
        except Exception as error:  # of ONNX Runtime and NumPy, at a model that is broken inside
            raise ConfigError(f"detector.model: {weights.path}: {_reason(error)}") from None

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """See ``Detector.detect``."""
        output = self._session.run(None, {self._input.name: self._head.blob(image)})[0][0]
        return self._head.found(output, image)


def _open(
    weights: Weights, device: str, threads: int, shape: tuple[int, int] | None
) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Spinning threads steal the cores the other nodes need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    known = {
        "cpu": "CPUExecutionProvider",
        "cuda": "CUDAExecutionProvider",
        "tensorrt": "TensorrtExecutionProvider",
    }
    provider = known.get(device.split(":")[0])
    if provider is None or provider not in onnxruntime.get_available_providers():
        have = [
            word for word, name in known.items() if name in onnxruntime.get_available_providers()
        ]
        raise ConfigError(
            f'detector.device: found "{device}"; this ONNX Runtime has {", ".join(have)}'
        )
    choice = (provider, {"device_id": device.split(":")[1]}) if ":" in device else provider
    try:
        model = reshaped(weights.path, shape) if shape else str(weights.path)
        return onnxruntime.InferenceSession(model, options, providers=[choice])
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"detector.model: {weights.path}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    reason = " ".join(str(error).split()).removeprefix("[ONNXRuntimeError] : ")[:60]
    return f"is not an ONNX model this adapter can load ({reason}); needs a YOLO export to .onnx"
