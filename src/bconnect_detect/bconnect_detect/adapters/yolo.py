"""What goes into a YOLO export and what comes out of it, whoever runs it."""

import ast
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.detector import Detections, check_image, kinds_of
from bconnect_detect.core.geometry import iou_matrix
from bconnect_site.errors import ConfigError

NMS_IOU = 0.7  # as ultralytics
MAX_CANDIDATES = 1000
MAX_DETECTIONS = 300
ROUNDING = 1e-3  # of a half-precision model
_GREY = (114, 114, 114)


class YoloHead:
    """Images to batches of one model, its output to road users.

    ``size``: (height, width) the model takes. Raises ConfigError: it knows no road user.
    """

    def __init__(self, names: Mapping[int, str], size: tuple[int, int], confidence: float) -> None:
        self.size = size
        self._confidence = confidence
        kinds = kinds_of(names)
        self._kind_of_class = np.zeros(max(kinds) + 1, np.uint8)
        for index, kind in kinds.items():
            self._kind_of_class[index] = kind

    def blob(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """A BGR image as a batch (1, 3, h, w). Raises ValueError for another shape."""
        check_image(image)
        return letterbox(image, self.size)[0]

    def found(self, output: NDArray[np.floating], image: NDArray[np.uint8]) -> Detections:
        """The road users in one image's output."""
        height, width = image.shape[:2]
        gain, pad = fitting((width, height), self.size)[:2]
        boxes, confidence, classes = self._decode(np.asarray(output, np.float32))
        boxes = (boxes - (*pad, *pad)) / gain
        boxes = np.clip(boxes, 0, (width, height, width, height)).astype(np.float32)
        return Detections(self._kind_of_class[classes], confidence, boxes)

    def _decode(
        self, output: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]:
        """Boxes (n, 4), confidences and classes of road users, in model pixels."""
        if output.shape[-1] == 6:  # end-to-end: x_min, y_min, x_max, y_max, score, class
            boxes, scores = output[:, :4], output[:, 4]
            classes = output[:, 5].astype(np.intp)
            rows = np.flatnonzero(scores > self._confidence)
        else:  # (4 + classes, anchors): centre, size, one score per class
            best = output[4:].max(axis=0)
            rows = np.flatnonzero(best > self._confidence)
            classes = np.zeros(len(best), np.intp)
            classes[rows] = output[4:, rows].argmax(axis=0)
            centre, size = output[:2].T, output[2:4].T
            boxes, scores = np.hstack((centre - size / 2, centre + size / 2)), best
        # What is no number or no probability is of a model that is broken.
        rows = rows[np.isfinite(boxes[rows]).all(axis=1) & (scores[rows] <= 1.0 + ROUNDING)]
        rows = rows[(classes[rows] >= 0) & (classes[rows] < len(self._kind_of_class))]
        rows = rows[self._kind_of_class[classes[rows]] > 0]
        rows = rows[np.argsort(-scores[rows], kind="stable")][:MAX_CANDIDATES]
        if output.shape[-1] != 6:
            rows = rows[_nms(boxes[rows], classes[rows])]
        return boxes[rows], np.minimum(scores[rows], 1.0).astype(np.float32), classes[rows]


def names_of(meta: Mapping[str, str]) -> dict[int, str]:
    """Class names of an export's metadata. Raises ConfigError: there are none."""
    try:
        names = ast.literal_eval(meta["names"])
        return {int(k): str(v) for k, v in dict(names).items()}
    except (KeyError, ValueError, SyntaxError, TypeError):
        raise ConfigError(
            "detector.model: has no class names in its metadata; export it with ultralytics"
        ) from None


def input_size(shape: list[object], wanted: int) -> tuple[int, int]:
    """(height, width) the model takes: its own where it is fixed."""
    if len(shape) != 4:
        raise ConfigError(f"detector.model: takes input {shape}; needs a batch of images")
    fixed = [side for side in shape[2:] if isinstance(side, int)]
    if len(fixed) < 2:
        return wanted, wanted
    if max(fixed) != wanted:
        raise ConfigError(
            f"detector.image_size: found {wanted}; this model was exported for {max(fixed)}"
        )
    return fixed[0], fixed[1]


def fitting(
    image: tuple[int, int], size: tuple[int, int]
) -> tuple[float, tuple[int, int], tuple[int, int]]:
    """How an image (width, height) lies in a model's (height, width): gain, (x, y) border, and
    its own (width, height) in there."""
    width, height = image
    gain = min(size[0] / height, size[1] / width)
    inner = round(width * gain), round(height * gain)
    pad = round((size[1] - inner[0]) / 2 - 0.1), round((size[0] - inner[1]) / 2 - 0.1)
    return gain, pad, inner


def letterbox(
    image: NDArray[np.uint8], size: tuple[int, int]
) -> tuple[NDArray[np.float32], float, tuple[int, int]]:
    """The image as a (1, 3, h, w) batch with grey borders; its gain and (x, y) border."""
    height, width = image.shape[:2]
    gain, (x, y), inner = fitting((width, height), size)
    if inner != (width, height):
        image = cv2.resize(image, inner, interpolation=cv2.INTER_LINEAR)
    right, bottom = size[1] - inner[0] - x, size[0] - inner[1] - y
    image = cv2.copyMakeBorder(image, y, bottom, x, right, cv2.BORDER_CONSTANT, value=_GREY)
    return cv2.dnn.blobFromImage(image, 1 / 255, swapRB=True), gain, (x, y)


def _nms(boxes: NDArray[np.float32], classes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rows that stay, per class; boxes come surest first."""
    apart = boxes + (classes * 8192.0)[:, None].astype(np.float32)
    overlap = iou_matrix(apart, apart) > NMS_IOU
    alive = np.ones(len(boxes), bool)
    for row in range(len(boxes)):
        if alive[row]:
            alive[row + 1 :] &= ~overlap[row, row + 1 :]
    return np.flatnonzero(alive)[:MAX_DETECTIONS]
