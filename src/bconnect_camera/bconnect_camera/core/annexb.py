"""H.264 and H.265 as Annex B: which pictures a decoder can begin with. Bytes in, words out."""

from collections.abc import Iterator

FORMATS = {"h264": "h264", "h265": "hevc"}  # as bags call them: as FFmpeg does
_LOOK = 4096  # bytes: parameter sets stand ahead of the picture, and are small
_SEQUENCE = {"h264": 7, "h265": 33}  # NAL units of a sequence parameter set


def begins(data: bytes, form: str) -> bool:
    """Whether a decoder can begin with this packet: it brings its parameter sets along."""
    wanted = _SEQUENCE.get(form)
    return wanted is not None and any(kind == wanted for kind in units(data[:_LOOK], form))


def units(data: bytes, form: str) -> Iterator[int]:
    """The kinds of the NAL units in a packet."""
    at = data.find(b"\x00\x00\x01")
    while at >= 0 and at + 3 < len(data):
        first = data[at + 3]
        yield first & 0x1F if form == "h264" else first >> 1 & 0x3F
        at = data.find(b"\x00\x00\x01", at + 3)
