"""The adapters of a detector by name. Imports only the one that is asked for."""

from importlib import import_module

from bconnect_detect.core.detector import Detector, Weights
from bconnect_site.errors import ConfigError, suggest

ADAPTERS = {
    "ultralytics": "bconnect_detect.adapters.ultralytics_detector:UltralyticsDetector",
    "onnxruntime": "bconnect_detect.adapters.onnx_detector:OnnxDetector",
}


def build_detector(
    adapter: str,
    weights: Weights,
    *,
    device: str,
    confidence: float,
    image_size: int,
    threads: int,
) -> Detector:
    """A loaded, warm detector. Raises ConfigError: unknown adapter, or its own reasons."""
    if adapter not in ADAPTERS:
        raise ConfigError(
            f'detector.adapter: no adapter is called "{adapter}"{suggest(adapter, ADAPTERS)}'
        )
    module, name = ADAPTERS[adapter].split(":")
    made: Detector = getattr(import_module(module), name)(
        weights, device=device, confidence=confidence, image_size=image_size, threads=threads
    )
    return made
