"""Weights files: whatever a detector is given as a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bconnect_detect.adapters.onnx_detector import OnnxDetector
from bconnect_detect.adapters.plate_session import open_session
from bconnect_detect.core.detector import Weights
from bconnect_site.errors import ConfigError
from fuzzing.engine import Run, Target, Wrong
from fuzzing.mutate import BINARY

TINY = Path(__file__).parents[1] / "corpus" / "weights" / "tiny.onnx"  # finds one car, always


def _weights(folder: Path) -> Run:
    path = folder / "w.onnx"
    image = np.zeros((36, 64, 3), np.uint8)

    def run(data: bytes) -> str:
        path.write_bytes(data)
        weights = Weights(path, "0" * 64, "x")
        try:
            open_session(weights, 1)
            found = OnnxDetector(weights, image_size=32, threads=1).detect(image)
        except ConfigError as error:
            if not all(s.strip() and s.isprintable() for s in error.sentences):
                raise Wrong(f"no sentence: {str(error)[:80]!r}") from None
            return str(error).rpartition("(")[2][:30]
        if not np.isfinite(found.boxes).all() or (found.boxes < 0).any():
            raise Wrong(f"finds {found.boxes}")
        if not ((found.confidence > 0) & (found.confidence <= 1)).all():
            raise Wrong(f"finds with confidences {found.confidence}")
        return f"{len(found.boxes)} found"

    return run


def _tiny(folder: Path) -> Sequence[bytes]:
    return [TINY.read_bytes()]


TARGETS = (Target("weights", _weights, _tiny, 0.5, BINARY),)
