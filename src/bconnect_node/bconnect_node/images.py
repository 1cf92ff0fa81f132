"""The one place where image messages become arrays and arrays become image messages."""

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from sensor_msgs.msg import Image

from bconnect_node import stamps

LARGEST_SIDE = 16384  # px: beyond any camera, so a broken header allocates nothing
_CHANNELS = {"bgr8": 3, "rgb8": 3, "bgra8": 4, "rgba8": 4, "mono8": 1, "8UC1": 1, "8UC3": 3}


class ImageError(ValueError):
    """An image message that cannot be shown; str() is one sentence."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture: stamp in ns at exposure, image (h, w, 3) uint8 BGR, not to be written to."""

    stamp: int
    frame_id: str
    image: np.ndarray

    def __post_init__(self) -> None:
        image = self.image
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise ValueError(f"image: found {image.dtype} {image.shape}; needs uint8 (h, w, 3)")

    @property
    def width(self) -> int:
        """px"""
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        """px"""
        return int(self.image.shape[0])


def ros_cv_bridge() -> Any | None:
    """ROS 2's own cv_bridge module, or None. PyPI's package of that name is another, broken one."""
    try:
        importlib.import_module("cv_bridge.boost.cv_bridge_boost")
        return importlib.import_module("cv_bridge")
    except ImportError:
        return None


def to_image(frame: Frame) -> Image:
    """The frame as a bgr8 message, which borrows its pixels where they are contiguous."""
    pixels = np.ascontiguousarray(frame.image)
    message = Image()
    message.header.stamp = stamps.to_msg(frame.stamp)
    message.header.frame_id = frame.frame_id
    message.height, message.width = frame.height, frame.width
    message.step = 3 * frame.width
    message.encoding = "bgr8"
    # The property's setter walks through millions of bytes one by one. The generated C code
    # takes anything with a buffer and copies it once.
    message._data = pixels.reshape(-1)
    return message


def from_image(message: Image) -> Frame:
    """The frame of a message: its pixels read-only and a view of the message where possible.

    Understands bgr8, rgb8, bgra8, rgba8, mono8, 8UC1, 8UC3, and, where ROS 2's cv_bridge is
    installed, whatever that converts to bgr8. Raises ImageError with one sentence.
    """
    _check_message(message)
    pixels = _pixels(message)
    pixels.flags.writeable = False
    return Frame(stamps.to_ns(message.header.stamp), message.header.frame_id, pixels)


def _pixels(message: Image) -> np.ndarray:
    channels = _CHANNELS.get(message.encoding)
    if channels is None:
        return _by_cv_bridge(message)
    width, height, step = int(message.width), int(message.height), int(message.step)
    if step < width * channels:
        raise ImageError(
            f"image: step: found {step}; {message.encoding} {width} wide needs {width * channels}"
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(height, step)
    return _to_bgr(rows[:, : width * channels].reshape(height, width, channels), message.encoding)


def _check_message(message: Image) -> None:
    if message.is_bigendian not in (0, False, b"\x00"):
        raise ImageError("image: is_bigendian: found 1; only little-endian images are read")
    width, height, step = int(message.width), int(message.height), int(message.step)
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        raise ImageError(
            f"image: size: found {width}x{height}; allowed 1x1 to {LARGEST_SIDE}x{LARGEST_SIDE}"
        )
    if len(message.data) != step * height:
        raise ImageError(
            f"image: data: found {len(message.data)} bytes; step {step} x height {height}"
            f" needs {step * height}"
        )
    if message.header.stamp.sec < 0:
        raise ImageError(f"image: stamp: found {message.header.stamp.sec} s; needs 0 or later")


def _to_bgr(pixels: np.ndarray, encoding: str) -> np.ndarray:
    if encoding in ("rgb8", "rgba8"):
        pixels = np.ascontiguousarray(pixels[:, :, 2::-1])
    elif encoding == "bgra8":
        pixels = np.ascontiguousarray(pixels[:, :, :3])
    elif pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    return pixels


def _by_cv_bridge(message: Image) -> np.ndarray:
    known = ", ".join(sorted(_CHANNELS))
    refused = f"image: encoding: found {message.encoding!r}; allowed: {known}"
    bridge = ros_cv_bridge()
    if bridge is None:
        raise ImageError(refused)
    try:
        return np.asarray(bridge.CvBridge().imgmsg_to_cv2(message, "bgr8"))
    except Exception as error:  # cv_bridge raises its own, OpenCV's and NumPy's
        raise ImageError(f"{refused}, and cv_bridge says: {error}") from None
