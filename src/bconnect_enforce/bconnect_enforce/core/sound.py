"""Sound as data: 16-bit samples, how loud they are, the name they are cached under."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
Wave = NDArray[np.float64]

PEAK = 0.89  # of full scale, -1 dBFS
_LOW, _HIGH = (200.0, 350.0), (6000.0, 8000.0)  # Hz; a horn gives nothing beyond
_TILT = 3.0  # dB more for each octave from 1 kHz to 4 kHz, where consonants are
_EVEN, _MOST = 0.7, 4.0  # how far soft sounds are lifted, and by how much at most
_WINDOW = 0.02  # s over which loudness is taken
_DRIVE = 2.5  # of the limiter


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


def prepare(sound: Sound, rate: int = 0, lead: float = 0.05) -> Sound:
    """The sound as a horn over traffic needs it, at `rate` Hz (0: its own).

    Silence is trimmed. What a horn cannot give is taken away, consonants are raised, soft sounds
    lifted, peaks limited softly: 8 dB louder at the same peak (-1 dBFS), and better understood
    in noise than the plain voice. `lead` seconds of silence stand around it, so that a waking
    amplifier does not swallow the first letter.
    """
    loud = np.flatnonzero(np.abs(sound.samples.astype(np.int32)) > 200)
    rate = rate or sound.rate
    if not len(loud):
        return Sound(sound.samples, sound.rate) if rate == sound.rate else resampled(sound, rate)
    voice = sound.samples[loud[0] : loud[-1] + 1].astype(np.float64) / 32768.0
    voice = _resample(_shape(voice, sound.rate), sound.rate, rate)
    voice = _even(voice / np.max(np.abs(voice)), rate)
    voice = np.tanh(_DRIVE * voice / np.max(np.abs(voice)))
    silence = np.zeros(int(lead * rate))
    whole = np.concatenate([silence, PEAK * 32767.0 * voice / np.max(np.abs(voice)), silence])
    return Sound(whole.astype(np.int16), rate)


def _shape(voice: Wave, rate: int) -> Wave:
    hertz: Wave = np.fft.rfftfreq(_padded(len(voice)), 1 / rate).astype(np.float64)
    high = min(_HIGH[0], 0.42 * rate), min(_HIGH[1], 0.49 * rate)
    gain = _rise(hertz, *_LOW) * (1.0 - _rise(hertz, *high))
    octaves = np.clip(np.log2(np.maximum(hertz, 1.0) / 1000.0), 0.0, 2.0)
    gain *= 10.0 ** (_TILT * octaves / 20.0)
    spectrum = np.fft.rfft(voice, _padded(len(voice)))
    shaped: Wave = np.fft.irfft(gain * spectrum, _padded(len(voice)))[: len(voice)]
    return shaped


def _rise(hertz: Wave, low: float, high: float) -> Wave:
    share = np.clip((hertz - low) / (high - low), 0.0, 1.0)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * share))


def _even(voice: Wave, rate: int) -> Wave:
    """Soft sounds nearer to the loud ones; silence stays silent."""
    window = np.hanning(int(_WINDOW * rate) + 2)[1:-1]
    if len(voice) <= len(window):  # a click has nothing soft in it
        return voice
    window /= window.sum()
    level = np.sqrt(np.convolve(voice**2, window, "same") + 1e-9)
    top = float(level.max())
    usual = np.sqrt(np.mean(voice[level > 0.05 * top] ** 2))
    gain = np.minimum((usual / level) ** _EVEN, _MOST)
    gain = np.where(level < 0.02 * top, np.minimum(gain, 1.0), gain)
    return np.asarray(voice * np.convolve(gain, window, "same"))


def resampled(sound: Sound, rate: int) -> Sound:
    """The same sound at another rate, Hz."""
    if rate == sound.rate:
        return sound
    wave = _resample(sound.samples.astype(np.float64), sound.rate, rate)
    return Sound(np.clip(wave, -32768, 32767).astype(np.int16), rate)


def _resample(wave: Wave, old: int, new: int) -> Wave:
    """Through the spectrum: what the new rate cannot carry is cut off, nothing is mirrored."""
    if old == new or not len(wave):
        return wave
    step = old // int(np.gcd(old, new))  # a length that both rates divide
    before = -(-(len(wave) + old // 10) // step) * step
    after = before * new // old
    spectrum = np.fft.rfft(wave, before)[: after // 2 + 1]
    spectrum = np.pad(spectrum, (0, after // 2 + 1 - len(spectrum)))
    made: Wave = np.fft.irfft(spectrum, after) * (new / old)
    return made[: round(len(wave) * new / old)]


def _padded(count: int) -> int:
    """A length that is transformed quickly."""
    return -(-(count + 1000) // 4096) * 4096


def joined(sounds: Sequence[Sound], pause: float) -> Sound:
    """One after the other, `pause` seconds between; all have the rate of the last."""
    if len(sounds) == 1:
        return sounds[0]
    rate = sounds[-1].rate
    gap = np.zeros(int(pause * rate), np.int16)
    parts = [part for sound in sounds for part in (resampled(sound, rate).samples, gap)][:-1]
    return Sound(np.concatenate(parts), rate)


def at_volume(sound: Sound, volume: float) -> Sound:
    """The sound scaled by `volume` (0 to 1)."""
    scaled = np.clip(sound.samples.astype(np.float64) * volume, -32768, 32767)
    return Sound(scaled.astype(np.int16), sound.rate)


def digest(*parts: str) -> str:
    """The name of a cached sound: equal text, voice and settings give an equal name."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
