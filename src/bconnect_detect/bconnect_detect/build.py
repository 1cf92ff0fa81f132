"""The adapters of a detector by name. Imports only the one that is asked for."""

import os
from dataclasses import replace
from importlib import import_module
from typing import Any

from bconnect_detect import lanes as side_by_side
from bconnect_detect.choosing import choose, key_of, memory_file
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
    shape: tuple[int, int] | None = None,
) -> Detector:
    """A loaded, warm detector; auto: the quickest one here, its backend says why.

    ``shape``: (height, width) to fit an ONNX export to.

    Raises ConfigError: unknown adapter, or its own reasons.
    """

    given: dict[str, Any] = {
        "device": device,
        "confidence": confidence,
        "image_size": image_size,
        "threads": threads,
        "shape": shape,
    }
    if adapter == AUTO:

        def make(name: str) -> Detector:
            return build_detector(name, weights, **given)

        memory = memory_file(os.environ)
        choice = choose(weights, device, image_size, threads, make, memory, shape)
        info = choice.model.info
        choice.model.info = replace(info, backend=f"{info.backend}; {choice.why}")
        return choice.model
    if adapter not in ADAPTERS:
        hint = suggest(adapter, [*ADAPTERS, AUTO])
        raise ConfigError(f'detector.adapter: no adapter is called "{adapter}"{hint}')
    module, name = ADAPTERS[adapter].split(":")
    made: Detector = getattr(import_module(module), name)(weights, **given)
    return made


def build_lanes(
    adapter: str,
    weights: Weights,
    *,
    lanes: int,
    device: str,
    confidence: float,
    image_size: int,
    threads: int,
    shape: tuple[int, int] | None = None,
) -> list[Detector]:
    """A detector for each lane; 0 lanes: as many as look at most pictures here.

    ``threads`` are those of all lanes together. Raises ConfigError, see ``build_detector``.
    """
    cores = threads or len(os.sched_getaffinity(0))

    def make(count: int) -> list[Detector]:
        return [
            build_detector(
                adapter,
                weights,
                device=device,
                confidence=confidence,
                image_size=image_size,
                threads=threads if count == 1 else max(1, cores // count),
                shape=shape,
            )
            for _ in range(count)
        ]

    key = key_of(weights, device, image_size, threads, shape, f"lanes of {adapter}")
    return side_by_side.lanes(lanes, cores, make, memory_file(os.environ), key)
