"""A clip holds every picture it was cut from, the last one too."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from bconnect_camera.adapters.pyav_cutter import clip
from bconnect_camera.core.types import Packet, StreamInfo

TICKS = 90_000


def packets(codec: str, count: int, between: int = 0) -> list[Packet]:
    """Pictures at 10 Hz; ``between``: as many B pictures between two others."""
    base = Fraction(1, TICKS)
    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height, context.time_base, context.framerate = 64, 48, base, 10
    context.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    if codec == "libx264":
        context.options = {"bf": str(between), "g": "5"}
    made = []
    for index in range(count):
        shade = np.full((48, 64, 3), 20 * index, np.uint8)
        frame = av.VideoFrame.from_ndarray(shade, format="rgb24").reformat(format=context.pix_fmt)
        frame.pts, frame.time_base = index * TICKS // 10, base
        made += context.encode(frame)
    made += context.encode(None)
    name = {"libx264": "h264"}.get(codec, codec)
    info = StreamInfo(1, name, 64, 48, base, bytes(context.extradata or b""), "a test")
    return [Packet(info, 0, p.pts, p.dts, p.is_keyframe, bytes(p)) for p in made]


@pytest.mark.parametrize("count", [1, 2, 10])
@pytest.mark.parametrize(("codec", "between"), [("mjpeg", 0), ("libx264", 0), ("libx264", 2)])
def test_no_picture_is_lost(codec: str, between: int, count: int) -> None:
    ending, data = clip(packets(codec, count, between))
    assert ending == "mp4"
    with av.open(io.BytesIO(data)) as film:
        shown = [round(float(frame.time), 3) for frame in film.decode(video=0)]
    assert shown == pytest.approx([index / 10 for index in range(count)], abs=0.002)
