"""Images: messages to arrays and back, fast by construction, bad ones refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import Image

from bconnect_node import images, stamps
from bconnect_node.images import Frame, ImageError, from_image, to_image

BGR = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
ENCODED = {
    "bgr8": BGR,
    "8UC3": BGR,
    "rgb8": BGR[:, :, ::-1],
    "bgra8": np.dstack([BGR, np.full((4, 6), 7, np.uint8)]),
    "rgba8": np.dstack([BGR[:, :, ::-1], np.full((4, 6), 7, np.uint8)]),
    "mono8": BGR[:, :, 0],
    "8UC1": BGR[:, :, 0],
}
GREY = np.repeat(BGR[:, :, :1], 3, axis=2)


def message(encoding: str, pixels: np.ndarray, padding: int = 0) -> Image:
    rows = pixels.reshape(pixels.shape[0], -1)
    rows = np.hstack([rows, np.full((rows.shape[0], padding), 255, np.uint8)])
    found = Image(encoding=encoding, height=pixels.shape[0], width=pixels.shape[1])
    found.step = rows.shape[1]
    found.header.stamp = stamps.to_msg(5)
    found.data.frombytes(rows.tobytes())
    return found


def test_there_and_back() -> None:
    frame = from_image(to_image(Frame(123_456_789_012, "s/c_optical_frame", BGR)))
    assert frame.stamp == 123_456_789_012
    assert frame.frame_id == "s/c_optical_frame"
    assert (frame.width, frame.height) == (6, 4)
    assert np.array_equal(frame.image, BGR)


def test_no_pixel_is_copied_by_python() -> None:
    """The property's setter takes 41 ms at 640x360; the message borrows the array instead."""
    made = to_image(Frame(1, "c", BGR))
    assert isinstance(made._data, np.ndarray)
    assert np.shares_memory(made._data, BGR)
    arrived = message("bgr8", BGR)
    assert np.shares_memory(from_image(arrived).image, np.frombuffer(arrived.data, np.uint8))


def test_an_array_that_is_a_cutout_is_sent_right() -> None:
    big = np.random.default_rng(1).integers(0, 255, (20, 30, 3), np.uint8)
    cutout = big[3:9:2, 4:10]
    assert np.array_equal(from_image(to_image(Frame(1, "c", cutout))).image, cutout)


def test_what_arrives_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        from_image(message("bgr8", BGR)).image[0, 0, 0] = 1


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("encoding", ENCODED)
def test_encodings_and_padded_rows(encoding: str, padding: int) -> None:
    expected = GREY if ENCODED[encoding].ndim == 2 else BGR
    assert np.array_equal(from_image(message(encoding, ENCODED[encoding], padding)).image, expected)


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("encoding", ["bgr8", "rgb8", "mono8"])
def test_same_pixels_as_cv_bridge(encoding: str, padding: int) -> None:
    bridge = images.ros_cv_bridge()
    if bridge is None:
        pytest.skip("ROS 2's cv_bridge is not installed here (it comes with an apt ROS only)")
    found = message(encoding, ENCODED[encoding], padding)
    theirs = bridge.CvBridge().imgmsg_to_cv2(found, "bgr8")
    assert np.array_equal(from_image(found).image, theirs)
    back = bridge.CvBridge().imgmsg_to_cv2(to_image(Frame(1, "c", BGR)), "bgr8")
    assert np.array_equal(back, BGR)


def broken(**changes: Any) -> Image:
    found = message("bgr8", BGR)
    for name, value in changes.items():
        if name == "data":
            found._data = value
        else:
            setattr(found, name, value)
    return found


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"data": np.zeros(71, np.uint8)}, "image: data: found 71 bytes; step 18 x height 4 needs"),
        ({"data": np.zeros(0, np.uint8)}, "image: data: found 0 bytes"),
        ({"step": 17}, "image: data: found 72 bytes; step 17 x height 4 needs 68"),
        ({"step": 12, "height": 6}, "image: step: found 12; bgr8 6 wide needs 18"),
        ({"width": 0}, "image: size: found 0x4; allowed 1x1 to 16384x16384"),
        ({"width": 4_000_000_000}, "image: size: found 4000000000x4"),
        ({"is_bigendian": 1}, "image: is_bigendian: found 1; only little-endian images are read"),
        ({"encoding": "bayer_rggb8"}, "image: encoding: found 'bayer_rggb8'; allowed: 8UC1, 8UC3"),
        ({"encoding": ""}, "image: encoding: found ''"),
    ],
)
def test_bad_messages_are_refused_with_a_sentence(changes: Any, sentence: str) -> None:
    if "bayer" in sentence and images.ros_cv_bridge() is not None:
        pytest.skip("cv_bridge knows this one")
    with pytest.raises(ImageError) as caught:
        from_image(broken(**changes))
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "array", [BGR[:, :, 0], BGR.astype(np.float32), BGR[:0], np.zeros((2, 2, 4), np.uint8)]
)
def test_a_frame_is_always_bgr(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"needs uint8 \(h, w, 3\)"):
        Frame(1, "c", array)


def test_pypis_cv_bridge_is_not_taken_for_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    monkeypatch.setitem(sys.modules, "cv_bridge", types.ModuleType("cv_bridge"))
    monkeypatch.delitem(sys.modules, "cv_bridge.boost", raising=False)
    assert images.ros_cv_bridge() is None


def test_stamps() -> None:
    for stamp in (0, 1, 999_999_999, 1_000_000_000, 1_795_000_000_123_456_789):
        assert stamps.to_ns(stamps.to_msg(stamp)) == stamp
    for wrong in (-1, 1 << 63):
        with pytest.raises(ValueError, match="stamp: found"):
            stamps.to_msg(wrong)
