"""Sound as data: 16-bit samples, how loud they are, the name they are cached under."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """`samples`: (n,) int16, one channel; `rate` in Hz."""

    samples: Samples
    rate: int

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.rate

    @property
    def rms(self) -> float:
        """Root mean square, 0 to 1 of full scale."""
        if not len(self.samples):
            return 0.0
        return float(np.sqrt(np.mean(np.square(self.samples.astype(np.float64))))) / 32768.0

    @property
    def peak(self) -> float:
        """0 to 1 of full scale."""
        return float(np.max(np.abs(self.samples.astype(np.int32)), initial=0)) / 32768.0


def prepare(sound: Sound, peak: float = 0.89, lead: float = 0.05, drive: float = 2.5) -> Sound:
    """The sound as a horn over traffic needs it.

    Silence is trimmed; loudness evened out by a soft limiter (`drive` times tanh: about 6 dB
    louder on average at the same peak); the peak set to `peak` of full scale (-1 dBFS); and
    `lead` seconds of silence put around it, so that a waking amplifier does not swallow the
    first letter.
    """
    loud = np.flatnonzero(np.abs(sound.samples.astype(np.int32)) > 200)
    if not len(loud):
        return sound
    voice = sound.samples[loud[0] : loud[-1] + 1].astype(np.float64)
    voice = np.tanh(drive * voice / np.max(np.abs(voice))) / np.tanh(drive)
    silence = np.zeros(int(lead * sound.rate))
    whole = np.concatenate([silence, peak * 32767.0 * voice, silence])
    return Sound(whole.astype(np.int16), sound.rate)


def at_volume(sound: Sound, volume: float) -> Sound:
    """The sound scaled by `volume` (0 to 1)."""
    scaled = np.clip(sound.samples.astype(np.float64) * volume, -32768, 32767)
    return Sound(scaled.astype(np.int16), sound.rate)


def digest(*parts: str) -> str:
    """The name of a cached sound: equal text, voice and settings give an equal name."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
