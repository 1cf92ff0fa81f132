"""A sound card through miniaudio (ALSA on Linux; no system package but libasound2)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator

import miniaudio

from bconnect_enforce.core.mouth import MouthError
from bconnect_enforce.core.sound import Sound

_BUFFER_MS = 40
_PATIENCE = 3.0  # s beyond the sound's length before the device counts as hung
_CHECK_RATE = 22050  # Hz
_ALSA_NULL = "null"


def _name(device_id: object) -> str:
    """The ALSA name inside a ma_device_id: a zero-terminated string at its begin."""
    return bytes(miniaudio.ffi.buffer(device_id)).split(b"\0", 1)[0].decode(errors="replace")


def devices() -> list[str]:
    """ALSA names of the playback devices; empty where there is none or no libasound."""
    try:
        found = miniaudio.Devices([miniaudio.Backend.ALSA]).get_playbacks()
    except miniaudio.MiniaudioError:
        return []
    names = [_name(device["id"]) for device in found]
    return [name for name in names if name and name != _ALSA_NULL]


class SoundCard:
    """Plays on one ALSA device: "default", "hw:1,0", "plughw:1,0" or a name from asoundrc.

    The device is opened for each sound, so that an unplugged one is noticed and one plugged
    in again is found.
    """

    def __init__(self, device: str = "default") -> None:
        self._device = device

    @property
    def output(self) -> str:
        return f"alsa:{self._device}"

    def check(self) -> None:
        try:
            self._open(_CHECK_RATE).close()
        except miniaudio.MiniaudioError as error:
            raise self._closed(error) from error

    def play(
        self, sound: Sound, name: str, began: Callable[[], None], stop: threading.Event
    ) -> str:
        ended = threading.Event()
        samples = self._samples(sound, began, ended)
        next(samples)
        try:
            with self._open(sound.rate) as device:
                device.start(samples)
                self._wait(ended, stop, sound.duration)
        except miniaudio.MiniaudioError as error:
            raise self._closed(error) from error
        return self.output

    def _closed(self, error: Exception) -> MouthError:
        return MouthError(
            f'sound device "{self._device}" cannot be opened ({error}); '
            "check the cable and `aplay -L`, or set another device"
        )

    def _open(self, rate: int) -> miniaudio.PlaybackDevice:
        device_id = miniaudio.ffi.new("ma_device_id*")
        raw = self._device.encode()[:200]
        miniaudio.ffi.buffer(device_id)[: len(raw)] = raw
        return miniaudio.PlaybackDevice(
            output_format=miniaudio.SampleFormat.SIGNED16,
            nchannels=1,
            sample_rate=rate,
            buffersize_msec=_BUFFER_MS,
            device_id=device_id,
            backends=[miniaudio.Backend.ALSA],
            app_name="bconnect",
        )

    @staticmethod
    def _samples(
        sound: Sound, began: Callable[[], None], ended: threading.Event
    ) -> Generator[bytes, int, None]:
        """Feeds the device's own thread. Silence after the end lets the buffer run dry."""
        data = sound.samples.astype("<i2").tobytes()
        frames = yield b""
        began()
        at = 0
        while at < len(data):
            piece = data[at : at + 2 * frames]
            at += len(piece)
            frames = yield piece
        tail = sound.rate * 3 * _BUFFER_MS // 1000
        while tail > 0:
            tail -= frames
            frames = yield bytes(2 * frames)
        ended.set()
        while True:
            frames = yield bytes(2 * frames)

    def _wait(self, ended: threading.Event, stop: threading.Event, duration: float) -> None:
        limit = time.monotonic() + duration + _PATIENCE
        while not ended.wait(0.02):
            if stop.is_set():
                return
            if time.monotonic() > limit:
                raise MouthError(
                    f'sound device "{self._device}" hangs: {duration:.1f} s of sound took more '
                    f"than {duration + _PATIENCE:.1f} s; restart the device"
                )
