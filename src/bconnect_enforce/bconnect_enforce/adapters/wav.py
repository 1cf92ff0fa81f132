"""WAV files: recorded phrases in, spoken phrases out, and a folder as a loudspeaker."""

from __future__ import annotations

import io
import os
import tempfile
import threading
import wave
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from bconnect_enforce.core.mouth import MouthError
from bconnect_enforce.core.sound import Sound

KEEP = 1000
RATES = 4000, 192_000  # Hz


class WavError(RuntimeError):
    """A file that cannot be used; str() names it and says what is allowed."""


def read(path: Path) -> Sound:
    """A 16-bit PCM WAV, its channels mixed to one. Raises WavError."""
    return _read(str(path), str(path))


def decode(data: bytes) -> Sound:
    """The sound of a WAV's bytes, as read. Raises WavError."""
    return _read(io.BytesIO(data), "recording")


def _read(source: str | BinaryIO, shown: str) -> Sound:
    try:
        with wave.open(source, "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (OSError, EOFError, RuntimeError, wave.Error) as error:
        raise WavError(f"{shown}: cannot be read as WAV ({error})") from error
    if width != 2:
        raise WavError(f"{shown}: {8 * width} bits per sample, allowed: 16")
    if len(data) < 2 * channels or not channels:
        raise WavError(f"{shown}: holds no sound")
    if not RATES[0] <= rate <= RATES[1]:
        raise WavError(f"{shown}: {rate} samples per second, allowed: {RATES[0]} to {RATES[1]}")
    samples = np.frombuffer(data[: len(data) // (2 * channels) * 2 * channels], "<i2")
    mono = samples.reshape(-1, channels).mean(axis=1).astype(np.int16)
    return Sound(mono, rate)


def write(path: Path, sound: Sound) -> None:
    """Writes 16-bit mono, whole or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as stream:
            _fill(stream, sound)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def encode(sound: Sound) -> bytes:
    """The bytes of a 16-bit mono WAV."""
    stream = io.BytesIO()
    _fill(stream, sound)
    return stream.getvalue()


def _fill(stream: BinaryIO, sound: Sound) -> None:
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sound.rate)
        file.writeframes(sound.samples.astype("<i2").tobytes())


def prune(folder: Path, pattern: str, keep: int) -> int:
    """Removes the oldest files beyond `keep`; returns how many."""
    files = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)
    surplus = files[: max(0, len(files) - keep)]
    for path in surplus:
        path.unlink(missing_ok=True)
    return len(surplus)


class SoundFile:
    """A folder instead of a loudspeaker: each phrase becomes `<name>.wav`.

    `play` takes as long as the sound would, so that what waits behind it ages as it would
    behind a real mouth. The newest `keep` files stay.
    """

    def __init__(self, folder: Path, keep: int = KEEP) -> None:
        self._folder = folder
        self._keep = keep

    @property
    def output(self) -> str:
        return str(self._folder)

    @property
    def rate(self) -> int:
        return 0

    def check(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder) as file:
                file.write(bytes(4096))
        except OSError as error:
            raise self._unwritable(self._folder, error) from error

    def play(
        self, sound: Sound, name: str, began: Callable[[], None], stop: threading.Event
    ) -> str:
        where = self.store(sound, name.replace("/", "_"), began)
        stop.wait(sound.duration)
        return where

    def store(self, sound: Sound, name: str, began: Callable[[], None] = lambda: None) -> str:
        """Writes the file at once, without the time it would take to speak. Raises MouthError."""
        path = self._folder / f"{name}.wav"
        began()
        try:
            write(path, sound)
            prune(self._folder, "*.wav", self._keep)
        except OSError as error:
            raise self._unwritable(path, error) from error
        return str(path)

    @staticmethod
    def _unwritable(path: Path, error: OSError) -> MouthError:
        what = error.strerror or error
        return MouthError(f"{path}: cannot be written ({what}); free or remount the disk")
