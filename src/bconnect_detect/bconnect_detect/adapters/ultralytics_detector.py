"""YOLO through ultralytics: any of its formats, on any of its devices. The default."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.detector import Detections, ModelInfo, Weights, check_image, kinds_of
from bconnect_site.errors import ConfigError


class UltralyticsDetector:
    """``YOLO(path)`` that neither installs nor downloads anything at run time."""

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
        """Loads and warms up. Raises ConfigError: not installed, or not its kind of model."""
        if shape:
            raise ConfigError(
                'detector.fit: found true with adapter "ultralytics"; needs onnxruntime, openvino '
                "or auto with .onnx weights (of .pt it fits its pictures anyway)"
            )
        ultralytics = _import(threads)
        self._options = {"conf": confidence, "imgsz": image_size, "device": device}
        try:
            self._model: Any = ultralytics.YOLO(str(weights.path), task="detect")
            warm = np.zeros((360, 640, 3), np.uint8)
            self._model.predict(warm, verbose=False, **self._options)
            _limit_threads(self._model, weights, threads)
            kinds = kinds_of(self._model.names)
        except ConfigError:
            raise
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
            raise ConfigError(
                f"detector.model: {weights.path}: ultralytics cannot use it on {device} ({reason})"
            ) from None
        self._options["classes"] = sorted(kinds)
        self._kind_of_class = np.zeros(max(kinds) + 1, np.uint8)
        for index, kind in kinds.items():
            self._kind_of_class[index] = kind
        self.info = ModelInfo(
            weights.path.name,
            weights.sha256,
            weights.licence,
            f"ultralytics {ultralytics.__version__} on {device}",
        )
        self.detect(warm)

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """See ``Detector.detect``."""
        check_image(image)
        found = self._model.predict(image, verbose=False, **self._options)[0].boxes
        data = found.data.cpu().numpy().astype(np.float32).reshape(-1, 6)
        kinds = self._kind_of_class[data[:, 5].astype(np.intp)]
        return Detections(kinds, data[:, 4].copy(), data[:, :4].copy())


def _import(threads: int) -> Any:
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["YOLO_OFFLINE"] = "true"
    try:
        import ultralytics
    except ImportError as error:
        raise ConfigError(
            f"detector.adapter: ultralytics is not installed ({error}); run the set-up without "
            "LIGHT=1, or set adapter: onnxruntime"
        ) from None
    if threads:
        import torch

        torch.set_num_threads(threads)
    return ultralytics


def _limit_threads(model: Any, weights: Weights, threads: int) -> None:
    """Opens an ONNX session again with our threads: ultralytics has no option for it.

    Its default session keeps all cores spinning between frames, which starves the
    other nodes of the graph.
    """
    backend = getattr(model.predictor.model, "backend", None)
    session = getattr(backend, "session", None)
    if (
        backend is None
        or session is None
        or weights.path.suffix != ".onnx"
        or "CUDA" in session.get_providers()[0]
    ):
        return
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    backend.session = onnxruntime.InferenceSession(
        str(weights.path), options, providers=session.get_providers()
    )
