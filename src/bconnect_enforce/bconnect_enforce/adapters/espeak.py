"""Offline speech with eSpeak NG, its library and data from the espeakng-loader wheel.

eSpeak NG is GPL-3.0-or-later; its C functions are called by ctypes (speak_lib.h, API
revision 12). The library keeps one global state per process, so all voices share one lock.
"""

from __future__ import annotations

import ctypes
import threading

import espeakng_loader
import numpy as np

from bconnect_enforce.core.sound import Samples, Sound

_OUTPUT_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_UTF8 = 1
_RATE, _VOLUME = 1, 2
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)

_lock = threading.Lock()
_engine: _Engine | None = None


class VoiceError(RuntimeError):
    """Speech could not be made; str() says why and what to do."""


class _Engine:
    """The library, initialised once per process."""

    def __init__(self) -> None:
        try:
            self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
        except OSError as error:
            raise VoiceError(
                f"eSpeak NG cannot be loaded ({error}); reinstall espeakng-loader"
            ) from error
        data = espeakng_loader.get_data_path().encode()
        self.rate: int = self._lib.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, data, _DO_NOT_EXIT)
        if self.rate <= 0:
            raise VoiceError("eSpeak NG finds no voice data; reinstall espeakng-loader")
        self._pieces: list[Samples] = []
        # Kept as an attribute: the library calls it as long as it lives.
        self._callback = _CALLBACK(self._collect)
        self._lib.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, voice: str, words_per_minute: int) -> Samples:
        """Mono int16 samples at `rate`."""
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise VoiceError(f'voice: found "{voice}", allowed: an eSpeak NG voice such as "id"')
        self._lib.espeak_SetParameter(_RATE, words_per_minute, 0)
        self._lib.espeak_SetParameter(_VOLUME, 100, 0)
        self._pieces.clear()
        raw = text.encode() + b"\0"
        status = self._lib.espeak_Synth(raw, ctypes.c_size_t(len(raw)), 0, 0, 0, _UTF8, None, None)
        self._lib.espeak_Synchronize()
        samples = np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.int16)
        if status != 0 or not samples.any():
            raise VoiceError(f'eSpeak NG made no sound of "{text}" (status {status})')
        return samples

    def _collect(self, wave: ctypes._Pointer[ctypes.c_short], count: int, _: object) -> int:
        if wave and count > 0:
            self._pieces.append(np.ctypeslib.as_array(wave, (count,)).copy())
        return 0


class EspeakVoice:
    """Speaks text in one voice. `voice` as eSpeak NG names it: "id", or "id+f3" for a variant.

    The default pace is slower than speech in a room: a horn over traffic needs it.
    """

    def __init__(self, voice: str = "id", words_per_minute: int = 145) -> None:
        self.voice = voice
        self.words_per_minute = words_per_minute

    @property
    def name(self) -> str:
        """What decides the sound beside the text; part of the cache's key."""
        return f"espeak-ng/{self.voice}/{self.words_per_minute}"

    def say(self, text: str) -> Sound:
        """The text as sound. Raises VoiceError for an unknown voice or empty speech."""
        global _engine
        with _lock:
            if _engine is None:
                _engine = _Engine()
            return Sound(_engine.speak(text, self.voice, self.words_per_minute), _engine.rate)
