"""Sound as bytes on the wire: G.711 by FFmpeg's encoders, L16 as RFC 3551 wants it."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

from bconnect_enforce.core.sound import Samples, Sound, resampled

_NAME = {"PCMU": "pcm_mulaw", "PCMA": "pcm_alaw"}
WIDTH = {"PCMU": 1, "PCMA": 1, "L16": 2}  # bytes a sample
QUIET = {"PCMU": b"\xff", "PCMA": b"\xd5", "L16": b"\0\0"}  # one silent sample


def encode(sound: Sound, codec: str, rate: int) -> bytes:
    """The sound at `rate` Hz as L16, PCMA or PCMU."""
    samples = resampled(sound, rate).samples
    if codec == "L16":
        return samples.astype(">i2").tobytes()
    return _g711(samples, _NAME[codec], rate) if len(samples) else b""


def _g711(samples: Samples, name: str, rate: int) -> bytes:
    context = av.AudioCodecContext.create(name, "w")
    context.sample_rate, context.layout, context.format = rate, "mono", "s16"
    context.time_base = Fraction(1, rate)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples)[None], "s16", "mono")
    frame.sample_rate = rate
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
