"""The adapters of a detector by name. Imports only the one that is asked for."""

import os
from dataclasses import replace
from importlib import import_module

from bconnect_detect.choosing import choose, memory_file
from bconnect_detect.core.detector import Detector, Weights
from bconnect_site.errors import ConfigError, suggest

ADAPTERS = {
    "ultralytics": "bconnect_detect.adapters.ultralytics_detector:UltralyticsDetector",
    "onnxruntime": "bconnect_detect.adapters.onnx_detector:OnnxDetector",
    "openvino": "bconnect_detect.adapters.openvino_detector:OpenVinoDetector",
}
AUTO = "auto"  # whichever of them is quickest here


def build_detector(
    adapter: str,
    weights: Weights,
    *,
    device: str,
    confidence: float,
    image_size: int,
    threads: int,
) -> Detector:
    """A loaded, warm detector; auto: the quickest one here, its backend says why.

    Raises ConfigError: unknown adapter, or its own reasons.
    """

    def make(name: str) -> Detector:
        return build_detector(
            name,
            weights,
            device=device,
            confidence=confidence,
            image_size=image_size,
            threads=threads,
        )

    if adapter == AUTO:
        memory = memory_file(os.environ)
        choice = choose(weights, device, image_size, threads, make, memory)
        info = choice.model.info
        choice.model.info = replace(info, backend=f"{info.backend}; {choice.why}")
        return choice.model
    if adapter not in ADAPTERS:
        hint = suggest(adapter, [*ADAPTERS, AUTO])
        raise ConfigError(f'detector.adapter: no adapter is called "{adapter}"{hint}')
    module, name = ADAPTERS[adapter].split(":")
    made: Detector = getattr(import_module(module), name)(
        weights, device=device, confidence=confidence, image_size=image_size, threads=threads
    )
    return made
