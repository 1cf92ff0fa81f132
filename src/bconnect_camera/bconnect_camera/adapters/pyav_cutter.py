"""Stills and clips out of encoded packets (PyAV): clips by stream copy, stills by decoding."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import av
import av.error

from ..core.types import Packet, Pixels, StreamInfo

MP4 = {"h264", "hevc", "mpeg4", "mjpeg", "av1", "libdav1d", "vp9"}  # the rest goes to Matroska


class CutError(Exception):
    """Something could not be cut; str() is a clause without a subject."""


def still(packets: Sequence[Packet], pts: int) -> Pixels:
    """The full-size picture (h, w, 3) uint8 BGR of ``pts``; decodes from the key frame.

    Raises CutError.
    """
    best: Any = None
    try:
        with _decoder(packets[0].info) as context:
            for raw in (*map(_raw, packets), None):
                for frame in context.decode(raw):
                    # The mark of damage is unreliable (MPEG-4 carries it now and then on sound
                    # pictures): it must not exchange the very picture for its neighbour.
                    if frame.pts is None or (frame.is_corrupt and frame.pts != pts):
                        continue
                    if best is None or abs(frame.pts - pts) < abs(best.pts - pts):
                        best = frame
    except (av.error.FFmpegError, ValueError, IndexError) as error:
        raise CutError(f"its pictures cannot be decoded ({type(error).__name__})") from None
    if best is None:
        raise CutError("its pictures cannot be decoded")
    return best.to_ndarray(format="bgr24")


def clip(packets: Sequence[Packet]) -> tuple[str, bytes]:
    """(file ending, file) of the packets as they are, without encoding again.

    Times start at 0; packets belong to one session. Raises CutError.
    """
    info = packets[0].info
    ending, form = ("mp4", "mp4") if info.codec in MP4 else ("mkv", "matroska")
    # A raw stream's first key frame may carry a negative decoding time; pictures start at 0.
    first = min(packet.pts for packet in packets)
    buffer = io.BytesIO()
    try:
        with av.open(buffer, "w", format=form) as out:
            stream = _stream(out, info)
            for number, packet in enumerate(packets, 1):
                raw = _raw(packet, first)
                raw.stream = stream
                if number == len(packets):  # without it MP4 ends where its last picture begins
                    raw.duration = _step(packets)
                out.mux(raw)
    except (av.error.FFmpegError, ValueError, IndexError) as error:
        raise CutError(
            f"the {info.codec} stream does not fit into {ending} ({type(error).__name__})"
        ) from None
    return ending, buffer.getvalue()


def _step(packets: Sequence[Packet]) -> int:
    """Ticks that the last picture is shown: as long as the one before."""
    shown = sorted(packet.pts for packet in packets)
    return max(1, shown[-1] - shown[-2]) if len(shown) > 1 else 1


@contextmanager
def _decoder(info: StreamInfo) -> Iterator[Any]:
    if not info.header:
        yield av.CodecContext.create(info.codec, "r")
        return
    with av.open(io.BytesIO(info.header), format="nut") as head:
        context = head.streams.video[0].codec_context
        context.thread_count = 1  # evidence takes its time; the other cameras need the cores
        yield context


def _stream(out: Any, info: StreamInfo) -> Any:
    if info.header:
        with av.open(io.BytesIO(info.header), format="nut") as head:
            return out.add_stream_from_template(head.streams.video[0])
    return out.add_mux_stream(info.codec, width=info.width, height=info.height)


def _raw(packet: Packet, origin: int = 0) -> Any:
    raw: Any = av.Packet(packet.data)
    raw.pts, raw.dts = packet.pts - origin, packet.dts - origin
    raw.time_base, raw.is_keyframe = packet.info.time_base, packet.keyframe
    return raw
