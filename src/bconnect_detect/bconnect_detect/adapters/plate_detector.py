"""Finds number plates in a picture: a YOLOv8s-seg model through ONNX Runtime.

Only the weights of the package platedet are used, none of its code or dependencies.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bconnect_detect.adapters.plate_session import open_session
from bconnect_detect.adapters.weights import packaged
from bconnect_detect.core.detector import ModelInfo, Weights, check_image
from bconnect_detect.core.geometry import iou_matrix
from bconnect_detect.core.types import Box
from bconnect_site.errors import ConfigError

FILE = "platedet.onnx"
PIN = "platedet==0.0.2"
SHA256 = "aeeee6e8e7f756d3e9a94cb409fc767825671ab2b81b8bf36c03eb228d848a93"
LICENCE = "AGPL-3.0 (Ultralytics YOLOv8s-seg, as the weights' metadata say; the wheel says nothing)"
SIDE = 640  # pixels the model takes
NMS_IOU = 0.5
MOST = 50  # plates in a picture
STEEPEST = 30.0  # degrees a plate may lean
_GREY = (114, 114, 114)


@dataclass(frozen=True, slots=True, eq=False)
class FoundPlate:
    """A plate in a picture, pixels of it."""

    box: Box
    confidence: float
    corners: NDArray[np.float32]  # (4, 2) of the leaning rectangle, from the upper left, clockwise

    @property
    def height(self) -> float:
        """Pixels, across the line of writing."""
        c = self.corners
        return float(np.linalg.norm(c[3] - c[0]) + np.linalg.norm(c[2] - c[1])) / 2

    def shifted(self, x: float, y: float) -> "FoundPlate":
        """The plate in a picture of which this one is a part that begins at (x, y)."""
        b = self.box
        moved = (self.corners + np.array((x, y))).astype(np.float32)
        return FoundPlate((b[0] + x, b[1] + y, b[2] + x, b[3] + y), self.confidence, moved)


def detector_weights() -> Weights:
    """The model of the package. Raises ConfigError: not installed, or another one."""
    return packaged("plates.detector", "platedet", PIN, FILE, SHA256, LICENCE)


class PlateDetector:
    """A loaded, warm model. Not thread-safe."""

    def __init__(self, weights: Weights, threads: int = 1) -> None:
        """Raises ConfigError: not a segmentation model with one class."""
        self._session = open_session(weights, threads)
        given = self._session.get_inputs()[0]
        if list(given.shape) != [1, 3, SIDE, SIDE] or len(self._session.get_outputs()) != 2:
            raise ConfigError(f"plates.detector: {weights.path.name} is no YOLO-seg of {SIDE} px")
        self._input = given.name
        self._type = np.float16 if "float16" in given.type else np.float32
        self.info = ModelInfo(
            weights.path.name, weights.sha256, weights.licence,
            f"onnxruntime {onnxruntime.__version__} {self._session.get_providers()[0]}",
        )  # fmt: skip
        self.find(np.zeros((64, 64, 3), np.uint8))

    def find(self, image: NDArray[np.uint8], confidence: float = 0.25) -> list[FoundPlate]:
        """Plates in a BGR image (h, w, 3), surest first. Raises ValueError for another shape."""
        check_image(image)
        gain, pad, blob = _letterbox(image)
        rows, masks = self._session.run(None, {self._input: blob.astype(self._type)})
        rows, masks = np.asarray(rows[0], np.float32), np.asarray(masks[0], np.float32)
        keep = np.flatnonzero(rows[4] > confidence)
        keep = keep[np.argsort(-rows[4, keep], kind="stable")][:300]
        centre, size = rows[:2, keep].T, rows[2:4, keep].T
        boxes = np.hstack((centre - size / 2, centre + size / 2)).astype(np.float32)
        chosen = _apart(boxes)[:MOST]
        found = []
        height, width = image.shape[:2]
        for i in chosen:
            corners = _leaning(boxes[i], rows[5:, keep[i]], masks)
            box = np.clip((boxes[i] - (*pad, *pad)) / gain, 0, (width, height, width, height))
            if (box[2:] - box[:2]).min() < 1:
                continue
            x_min, y_min, x_max, y_max = (float(v) for v in box)
            corners = ((corners - pad) / gain).astype(np.float32)
            sure = float(rows[4, keep[i]])
            found.append(FoundPlate((x_min, y_min, x_max, y_max), sure, corners))
        return found


def rectified(image: NDArray[np.uint8], plate: FoundPlate) -> NDArray[np.uint8]:
    """The plate upright, at the resolution it has in the picture."""
    c = plate.corners
    width = max(round(float(np.linalg.norm(c[1] - c[0]))), 4)
    height = max(round(plate.height), 2)
    target = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(c, target)
    flat = cv2.warpPerspective(
        image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(flat, np.uint8)


def _letterbox(
    image: NDArray[np.uint8],
) -> tuple[float, NDArray[np.float32], NDArray[np.float32]]:
    """The gain, the (x, y) border and the image as a batch of one."""
    height, width = image.shape[:2]
    gain = SIDE / max(height, width)
    wide, high = max(round(width * gain), 1), max(round(height * gain), 1)
    way = cv2.INTER_LINEAR if gain > 1 else cv2.INTER_AREA
    inner = cv2.resize(image, (wide, high), interpolation=way)
    x, y = (SIDE - wide) // 2, (SIDE - high) // 2
    framed = cv2.copyMakeBorder(
        inner, y, SIDE - high - y, x, SIDE - wide - x, cv2.BORDER_CONSTANT, value=_GREY
    )
    planes = framed.transpose(2, 0, 1)[None].astype(np.float32) / 255.0
    return gain, np.array((x, y), np.float32), np.ascontiguousarray(planes)


def _apart(boxes: NDArray[np.float32]) -> list[int]:
    """Rows of boxes, surest first, without doubles."""
    overlap = iou_matrix(boxes, boxes) > NMS_IOU
    chosen: list[int] = []
    for row in range(len(boxes)):
        if not overlap[row, chosen].any():
            chosen.append(row)
    return chosen


def _leaning(
    box: NDArray[np.float32], weights: NDArray[np.float32], masks: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Corners of the rectangle that a plate's mask fills, model pixels; the box if it has none."""
    x_min, y_min, x_max, y_max = box
    upright = np.array([(x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max)], np.float32)
    step = SIDE / masks.shape[-1]
    left, top = np.floor(np.clip(box[:2] / step, 0, masks.shape[-1] - 2)).astype(int)
    right, bottom = np.ceil(np.clip(box[2:] / step, 1, masks.shape[-1])).astype(int)
    if right - left < 4 or bottom - top < 3:
        return upright
    mask = np.tensordot(weights, masks[:, top:bottom, left:right], 1).astype(np.float32)
    fine = cv2.resize(mask, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR) > 0
    points = np.argwhere(fine)[:, ::-1].astype(np.float32)
    if len(points) < 32:
        return upright
    _, (width, height), angle = cv2.minAreaRect(points)
    angle = angle - 90 if width < height else angle
    angle = (angle + 90) % 180 - 90
    if abs(angle) > STEEPEST:
        return upright
    return _turned(upright, float(angle))


def _turned(upright: NDArray[np.float32], angle: float) -> NDArray[np.float32]:
    """The rectangle leaning by ``angle`` degrees whose upright frame is the given one."""
    (x_min, y_min), (x_max, y_max) = upright[0], upright[2]
    frame = np.array((x_max - x_min, y_max - y_min))
    c, s = np.cos(np.radians(angle)), abs(np.sin(np.radians(angle)))
    solved = np.linalg.solve(np.array([(c, s), (s, c)]), frame)
    if solved.min() < 0.3 * frame[1]:
        return upright
    half_w, half_h = solved / 2
    sine = np.sin(np.radians(angle))
    turn = np.array([(c, sine), (-sine, c)])
    offsets = np.array([(-half_w, -half_h), (half_w, -half_h), (half_w, half_h), (-half_w, half_h)])
    return (offsets @ turn + (upright[0] + upright[2]) / 2).astype(np.float32)
