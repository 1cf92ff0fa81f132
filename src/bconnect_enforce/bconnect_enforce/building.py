"""Puts a speaker together: voice, recordings, cache and mouth out of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import time
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

from bconnect_enforce.adapters import g711, soundcard, wav
from bconnect_enforce.adapters.espeak import EspeakVoice, VoiceError
from bconnect_enforce.adapters.http_horn import HttpHorn
from bconnect_enforce.adapters.piper_voice import PiperVoice
from bconnect_enforce.adapters.rtp_horn import RtpHorn
from bconnect_enforce.core.address import every_piece
from bconnect_enforce.core.mouth import Guard, Mouth
from bconnect_enforce.core.sound import Sound
from bconnect_enforce.core.studio import Line, NoSound, Studio
from bconnect_enforce.core.voice import Quiet
from bconnect_site.environment import expand_env, value_of
from bconnect_site.errors import ConfigError
from bconnect_site.fields import ENV
from bconnect_site.horns import G711_RATE, http_address, rtp_address
from bconnect_site.phrases import Phrases

PIPER = "piper:"


def make_zone(name: str) -> ZoneInfo:
    """Raises ConfigError for an unknown timezone."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        sentence = f'timezone: found "{name}", allowed: a name such as Asia/Makassar'
        raise ConfigError(sentence) from None


def make_quiet(start: str, end: str, zone: ZoneInfo) -> Quiet | None:
    """Quiet hours of "22:00" and "06:00"; None for two empty texts. Raises ConfigError."""
    if not start and not end:
        return None
    try:
        return Quiet(time.fromisoformat(start), time.fromisoformat(end), zone)
    except ValueError:
        found = f'"{start}" and "{end}"'
        sentence = f'quiet_from, quiet_to: found {found}, allowed: times such as "22:00"'
        raise ConfigError(sentence) from None


def make_mouth(
    adapter: str,
    device: str,
    address: str,
    folder: Path,
    now: Callable[[], int],
    env: Mapping[str, str],
) -> Guard:
    """`adapter`: rtp, http, alsa, file, or auto: alsa where there is a playback device.

    Raises ConfigError for a bad address or a variable that is not set.
    """
    files = wav.SoundFile(folder)
    if adapter == "auto":
        adapter = "alsa" if soundcard.devices() else "file"
    first: Mouth = files
    if adapter == "alsa":
        first = soundcard.SoundCard(device)
    elif adapter in ("rtp", "http"):
        first = _horn(adapter, _expanded(address, env))
    return Guard(first, files.store, now)


def _horn(adapter: str, address: str) -> Mouth:
    try:
        if adapter == "http":
            web = http_address(address)
            if web.send == "mulaw":
                return HttpHorn(web, lambda sound: g711.encode(sound, "PCMU", G711_RATE))
            return HttpHorn(web, wav.encode)
        rtp = rtp_address(address)
    except ValueError as error:
        raise ConfigError(f"address: {error}") from None
    width, quiet = g711.WIDTH[rtp.codec], g711.QUIET[rtp.codec]
    return RtpHorn(rtp, lambda sound: g711.encode(sound, rtp.codec, rtp.rate), width, quiet)


def _expanded(address: str, env: Mapping[str, str]) -> str:
    """With the environment's values; a user or password may hold any character."""
    head, at, tail = address.rpartition("@")
    quoted = {name: quote(value_of(name, env, "address"), safe="") for name in ENV.findall(head)}
    return expand_env(head, quoted, "address") + at + expand_env(tail, env, "address")


def make_studio(
    phrases: Phrases, voice: str, volume: float, cache: Path, rate: int, say_plates: bool
) -> Studio:
    """`rate` is the mouth's in Hz, 0: any. Raises ConfigError for an unknown voice."""
    lines = {name: Line(p.text, p.recording) for name, p in phrases.by_name.items()}
    outside = _Outside(voice, cache, phrases.language)
    pieces = tuple(every_piece(phrases.vocabulary, say_plates))
    return Studio(
        lines, outside.name, volume, outside.say, outside.read, outside.load, outside.save, rate,
        pieces,
    )  # fmt: skip


class _Outside:
    """What a studio needs of the world. Where Piper fails eSpeak NG speaks instead."""

    def __init__(self, voice: str, cache: Path, language: str) -> None:
        """Raises ConfigError."""
        self._cache = cache
        self._natural = None
        if voice.startswith(PIPER):
            self._natural = PiperVoice(Path(voice.removeprefix(PIPER)).expanduser())
            voice = language
        self._plain = EspeakVoice(voice)
        self._borrowed: Sound | None = None
        try:
            self._plain.say("satu")
        except VoiceError as error:
            raise ConfigError(str(error)) from error

    @property
    def name(self) -> str:
        return self._natural.name if self._natural else self._plain.name

    def say(self, text: str) -> Sound:
        if self._natural:
            try:
                return self._natural.say(text)
            except NoSound:
                self._borrowed = self._said_plainly(text)
                return self._borrowed
        return self._said_plainly(text)

    def _said_plainly(self, text: str) -> Sound:
        try:
            return self._plain.say(text)
        except VoiceError as error:
            raise NoSound(str(error)) from error

    def read(self, path: str) -> Sound:
        try:
            return wav.read(Path(path))
        except wav.WavError as error:
            raise NoSound(str(error)) from error

    def load(self, key: str) -> Sound | None:
        try:
            return wav.read(self._cache / f"{key}.wav")
        except wav.WavError:
            return None

    def save(self, key: str, sound: Sound) -> None:
        if sound is self._borrowed:  # the next start tries the natural voice again
            return
        try:
            wav.write(self._cache / f"{key}.wav", sound)
        except OSError:
            return  # a cache only: the next start synthesises again
