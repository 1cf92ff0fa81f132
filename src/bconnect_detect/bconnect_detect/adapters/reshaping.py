"""An ONNX export of YOLO for another picture shape than it was made for (onnx).

A fixed export of 640x640 looks at a street picture of 16:9 with two fifths of grey borders. Its
weights are convolutions, which do not mind; what does are the points of its grid, written into the
file as constants. They are made anew, and only where they are exactly those that are expected.
"""

from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bconnect_site.errors import ConfigError

STRIDES = (8, 16, 32)
Size = tuple[int, int]  # height, width


def fitting_size(pictures: list[Size], image_size: int) -> Size:
    """The least input, long side ``image_size``, that holds pictures (height, width) whole."""
    long = STRIDES[-1]
    tall = max(min(1.0, height / width) for height, width in pictures)
    wide = max(min(1.0, width / height) for height, width in pictures)
    height, width = (ceil(round(image_size * part, 3) / long) * long for part in (tall, wide))
    return height, width


def reshaped(file: Path, size: Size) -> bytes:
    """The model for pictures of ``size``. Raises ConfigError: onnx is missing, or no such model."""
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise ConfigError(
            f"detector.fit: needs onnx ({error}); run pip install -r requirements/full.txt, or "
            "set fit: false"
        ) from None
    model = onnx.load(str(file))
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    if len(shape) != 4 or shape[0] != 1 or min(shape[2:]) < STRIDES[-1]:
        raise _other(file, f"takes input {shape}")
    before, after = grid((shape[2], shape[3])), grid(size)
    changed = 0
    for constant in model.graph.initializer:
        old = numpy_helper.to_array(constant)
        new = _made(old, before, after)
        if new is not None:
            constant.CopyFrom(numpy_helper.from_array(new.astype(old.dtype), constant.name))
            changed += 1
    if changed < 4:  # two reshapes, points, strides
        raise _other(file, "has its grid elsewhere")
    _told(model.graph.input[0], (1, 3, *size))
    channels = model.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    _told(model.graph.output[0], (1, channels, after[0].shape[-1]))
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())


def grid(size: Size) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Middles (1, 2, n) of the grid's cells in cells, and their strides (1, n) in px."""
    points, strides = [], []
    for stride in STRIDES:
        down, across = (side // stride for side in size)
        y, x = np.meshgrid(np.arange(down) + 0.5, np.arange(across) + 0.5, indexing="ij")
        points.append(np.stack((x.ravel(), y.ravel())))
        strides.append(np.full(down * across, stride))
    return (
        np.concatenate(points, axis=1)[None].astype(np.float32),
        np.concatenate(strides)[None].astype(np.float32),
    )


def _made(old: NDArray[Any], before: Any, after: Any) -> NDArray[Any] | None:
    """A constant for the new grid; None: it says nothing of the grid."""
    count = before[0].shape[-1]
    for mine, new in zip(before, after, strict=True):
        if old.shape == mine.shape and np.allclose(old, mine):
            return np.asarray(new)
    if old.dtype == np.int64 and old.ndim == 1 and count in old.tolist():
        return np.where(old == count, after[0].shape[-1], old)
    return None


def _told(value: Any, shape: tuple[int, ...]) -> None:
    for dim, side in zip(value.type.tensor_type.shape.dim, shape, strict=True):
        dim.dim_value = side


def _other(file: Path, why: str) -> ConfigError:
    return ConfigError(
        f"detector.fit: {file.name}: {why}; needs YOLOv8 or YOLO11 exported with a fixed input and "
        "without nms, or fit: false"
    )
