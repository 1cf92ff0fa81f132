"""Encoded packets as Annex B, key frames with their parameter sets (FFmpeg's filters)."""

from __future__ import annotations

import io
from typing import Any

import av
import av.error
from av.bitstream import BitStreamFilterContext

from ..core.annexb import FORMATS, begins
from ..core.types import Packet, StreamInfo

_FORMS = {codec: form for form, codec in FORMATS.items()}
_FILTERS = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}


class AnnexB:
    """One stream's packets, rewritten without encoding. Raises ValueError: it is another coding."""

    def __init__(self, info: StreamInfo) -> None:
        if info.codec not in _FORMS or not info.header:
            raise ValueError(f"the camera sends {info.codec}, allowed are H.264 and H.265")
        self.info, self.form = info, _FORMS[info.codec]
        with av.open(io.BytesIO(info.header), format="nut") as head:
            self._filter = BitStreamFilterContext(_FILTERS[info.codec], head.streams.video[0])

    def convert(self, packet: Packet) -> bytes:
        """A packet's bytes; empty when nothing can be made of it."""
        raw: Any = av.Packet(packet.data)
        raw.pts, raw.dts, raw.time_base = packet.pts, packet.dts, packet.info.time_base
        raw.is_keyframe = packet.keyframe
        try:
            data = b"".join(bytes(made) for made in self._filter.filter(raw))
        except (av.error.FFmpegError, ValueError):
            return b""
        if packet.keyframe and not begins(data, self.form):
            # RTSP tells parameter sets ahead of the stream only; as Annex B already.
            sets = self.info.extradata
            return sets + data if begins(sets, self.form) else data
        return data
