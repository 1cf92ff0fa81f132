"""A sound card through miniaudio (ALSA on Linux; no system package but libasound2)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator

import miniaudio

from bconnect_enforce.core.mouth import MouthError
from bconnect_enforce.core.sound import Sound

_BUFFER_MS = 40
_PATIENCE = 1.0  # s without being asked for samples before the device counts as gone
_CHECK_RATE = 22050  # Hz
_ALSA_NULL = "null"
_SWALLOWED = 0.6  # share of a sound's length: a device that is faster plays nothing


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

    @property
    def rate(self) -> int:
        return 0

    def check(self) -> None:
        try:
            self._open(_CHECK_RATE).close()
        except miniaudio.MiniaudioError as error:
            raise self._closed(error) from error

    def play(
        self, sound: Sound, name: str, began: Callable[[], None], stop: threading.Event
    ) -> str:
        feed = _Feed(sound, began)
        samples = feed.samples()
        next(samples)
        try:
            with self._open(sound.rate) as device:
                feed.asked = begin = time.monotonic()
                device.start(samples)
                self._wait(feed, stop, sound.duration)
        except miniaudio.MiniaudioError as error:
            raise self._closed(error) from error
        seconds = time.monotonic() - begin
        if feed.ended.is_set() and not stop.is_set() and seconds < _SWALLOWED * sound.duration:
            raise MouthError(
                f'sound device "{self._device}" is silent: it took {sound.duration:.1f} s of '
                f"sound in {seconds:.1f} s, as ALSA's null does; set another device, see `aplay -L`"
            )
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

    def _wait(self, feed: _Feed, stop: threading.Event, duration: float) -> None:
        while not feed.ended.wait(0.02):
            if stop.is_set():
                return
            if time.monotonic() - feed.asked > _PATIENCE:
                raise MouthError(
                    f'sound device "{self._device}" has stopped: {feed.played:.1f} of '
                    f"{duration:.1f} s were played; check its cable, or restart it"
                )


class _Feed:
    """Feeds the device's own thread."""

    def __init__(self, sound: Sound, began: Callable[[], None]) -> None:
        self._data = sound.samples.astype("<i2").tobytes()
        self._rate, self._began = sound.rate, began
        self.ended = threading.Event()
        self.asked = 0.0  # when the device last asked for samples, monotonic s
        self.played = 0.0  # s

    def samples(self) -> Generator[bytes, int, None]:
        """Silence after the end lets the device's buffer run dry."""
        frames = yield b""
        self._began()
        at = 0
        while at < len(self._data):
            piece = self._data[at : at + 2 * frames]
            at += len(piece)
            self.asked, self.played = time.monotonic(), at / 2 / self._rate
            frames = yield piece
        tail = self._rate * 3 * _BUFFER_MS // 1000
        while tail > 0:
            tail -= frames
            self.asked = time.monotonic()
            frames = yield bytes(2 * frames)
        self.ended.set()
        while True:
            frames = yield bytes(2 * frames)
