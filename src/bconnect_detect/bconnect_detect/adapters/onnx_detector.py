"""YOLO through ONNX Runtime: no torch. Same boxes as ultralytics, for edge boxes."""

import ast

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bconnect_detect.core.detector import Detections, ModelInfo, Weights, check_image, kinds_of
from bconnect_detect.core.geometry import iou_matrix
from bconnect_site.errors import ConfigError

NMS_IOU = 0.7  # as ultralytics
MAX_CANDIDATES = 1000
MAX_DETECTIONS = 300
_GREY = (114, 114, 114)


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
    ) -> None:
        """Loads and warms up. Raises ConfigError: not an ONNX model of road users."""
        self._session = _open(weights, device, threads)
        self._input = self._session.get_inputs()[0]
        self._size = _input_size(self._input.shape, image_size)
        meta = self._session.get_modelmeta().custom_metadata_map
        kinds = kinds_of(_names(meta))
        self._kind_of_class = np.zeros(max(kinds) + 1, np.uint8)
        for index, kind in kinds.items():
            self._kind_of_class[index] = kind
        self._confidence = confidence
        licence = weights.licence
        if licence.startswith("not stated") and meta.get("license"):
            licence = meta["license"]
        self.info = ModelInfo(
            weights.path.name,
            weights.sha256,
            licence,
            f"onnxruntime {onnxruntime.__version__} {self._session.get_providers()[0]}",
        )
        self.detect(np.zeros((360, 640, 3), np.uint8))

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """See ``Detector.detect``."""
        check_image(image)
        blob, gain, pad = _letterbox(image, self._size)
        output = self._session.run(None, {self._input.name: blob})[0][0]
        boxes, confidence, classes = self._decode(np.asarray(output, np.float32))
        boxes = (boxes - (*pad, *pad)) / gain
        height, width = image.shape[:2]
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
        rows = rows[classes[rows] < len(self._kind_of_class)]
        rows = rows[self._kind_of_class[classes[rows]] > 0]
        rows = rows[np.argsort(-scores[rows], kind="stable")][:MAX_CANDIDATES]
        if output.shape[-1] != 6:
            rows = rows[_nms(boxes[rows], classes[rows])]
        return boxes[rows], scores[rows].astype(np.float32), classes[rows]


def _open(weights: Weights, device: str, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Spinning threads steal the cores the other nodes need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    known = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
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
        return onnxruntime.InferenceSession(str(weights.path), options, providers=[choice])
    except Exception as error:
        reason = " ".join(str(error).split()).removeprefix("[ONNXRuntimeError] : ")[:60]
        raise ConfigError(
            f"detector.model: {weights.path}: is not an ONNX model this adapter can load "
            f"({reason}); needs a YOLO export to .onnx"
        ) from None


def _input_size(shape: list[object], wanted: int) -> tuple[int, int]:
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


def _names(meta: dict[str, str]) -> dict[int, str]:
    try:
        names = ast.literal_eval(meta["names"])
        return {int(k): str(v) for k, v in dict(names).items()}
    except (KeyError, ValueError, SyntaxError, TypeError):
        raise ConfigError(
            "detector.model: has no class names in its metadata; export it with ultralytics"
        ) from None


def _letterbox(
    image: NDArray[np.uint8], size: tuple[int, int]
) -> tuple[NDArray[np.float32], float, tuple[int, int]]:
    """The image as a (1, 3, h, w) batch with grey borders; its gain and (x, y) border."""
    height, width = image.shape[:2]
    gain = min(size[0] / height, size[1] / width)
    inner_w, inner_h = round(width * gain), round(height * gain)
    if (inner_w, inner_h) != (width, height):
        image = cv2.resize(image, (inner_w, inner_h), interpolation=cv2.INTER_LINEAR)
    x, y = round((size[1] - inner_w) / 2 - 0.1), round((size[0] - inner_h) / 2 - 0.1)
    right, bottom = size[1] - inner_w - x, size[0] - inner_h - y
    image = cv2.copyMakeBorder(image, y, bottom, x, right, cv2.BORDER_CONSTANT, value=_GREY)
    planes = np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1))
    return np.multiply(planes, 1 / 255, dtype=np.float32)[None], gain, (x, y)


def _nms(boxes: NDArray[np.float32], classes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rows that stay, per class; boxes come surest first."""
    apart = boxes + (classes * 8192.0)[:, None].astype(np.float32)
    overlap = iou_matrix(apart, apart) > NMS_IOU
    alive = np.ones(len(boxes), bool)
    for row in range(len(boxes)):
        if alive[row]:
            alive[row + 1 :] &= ~overlap[row, row + 1 :]
    return np.flatnonzero(alive)[:MAX_DETECTIONS]
