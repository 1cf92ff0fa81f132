"""What officers record in the browser: decoded, judged, kept under its digest."""

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from bconnect_center.core.speech import LONGEST, RATE, fault_of
from bconnect_enforce.adapters import wav
from bconnect_enforce.core.sound import Sound
from bconnect_site import disk
from bconnect_site.phrases import RECORDING, is_recording

MOST_BYTES = 3_000_000
KEEP = 1000  # files
# Named, never guessed: FFmpeg knows formats that open other files and addresses.
FORMATS = ((b"RIFF", 0, "wav"), (b"OggS", 0, "ogg"), (b"\x1aE\xdf\xa3", 0, "matroska"),
           (b"ftyp", 4, "mp4"))  # fmt: skip


class BadRecording(ValueError):
    """str() is the key of the sentence."""


def decode(data: bytes) -> Sound:
    """One channel at 16 kHz. Raises BadRecording: no sound, too short, too long, too soft."""
    name = next((f for magic, at, f in FORMATS if data[at : at + len(magic)] == magic), None)
    if name is None or len(data) > MOST_BYTES:
        raise BadRecording("no_sound" if name is None else "too_large")
    try:
        samples = _samples(data, name)
    except (FFmpegError, ValueError, IndexError, MemoryError, EOFError) as error:
        raise BadRecording("no_sound") from error
    fault = fault_of(samples, RATE)
    if fault is not None:
        raise BadRecording(fault)
    return Sound(samples, RATE)


def _samples(data: bytes, name: str) -> NDArray[np.int16]:
    parts: list[Any] = []
    count = 0
    with av.open(io.BytesIO(data), format=name, metadata_errors="ignore") as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        for frame in container.decode(container.streams.audio[0]):
            for made in resampler.resample(frame):
                parts.append(made.to_ndarray().reshape(-1))
                count += len(parts[-1])
            if count > (LONGEST + 1) * RATE:  # a small file may hold hours of silence
                break
        else:
            parts += [made.to_ndarray().reshape(-1) for made in resampler.resample(None)]
    return np.concatenate(parts).astype(np.int16) if parts else np.zeros(0, np.int16)


class Recordings:
    """A folder of WAV files, named by the digest of their bytes; the newest thousand stay."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "recordings"

    def keep(self, sound: Sound) -> str:
        """The name by which orders call it. Raises OSError."""
        data = wav.encode(sound)
        name = RECORDING + hashlib.sha256(data).hexdigest()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{name}.wav"
        disk.replace(path, data, many=True)
        os.chmod(path, 0o600)
        wav.prune(self._folder, f"{RECORDING}*.wav", KEEP)
        return name

    def read(self, name: str) -> bytes | None:
        """The WAV of a name; None: there is none."""
        try:
            return (self._folder / f"{name}.wav").read_bytes() if is_recording(name) else None
        except OSError:
            return None
