"""Puts a speaker together: voice, recordings, cache and mouth out of its parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

from bconnect_enforce.adapters import soundcard, wav
from bconnect_enforce.adapters.espeak import EspeakVoice, VoiceError
from bconnect_enforce.core.mouth import Fallback, Mouth
from bconnect_enforce.core.sound import Sound
from bconnect_enforce.core.studio import Line, NoSound, Studio
from bconnect_enforce.core.voice import Quiet
from bconnect_site.errors import ConfigError
from bconnect_site.phrases import load_phrases


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


def make_mouth(adapter: str, device: str, folder: Path, now: Callable[[], int]) -> Fallback:
    """`adapter`: alsa, file, or auto: alsa where there is a playback device."""
    files = wav.SoundFile(folder)
    if adapter == "auto":
        adapter = "alsa" if soundcard.devices() else "file"
    first: Mouth = soundcard.SoundCard(device) if adapter == "alsa" else files
    return Fallback(first, files, now)


def make_studio(phrases_file: str, voice: str, volume: float, cache: Path) -> Studio:
    """Raises ConfigError for a bad phrases file or an unknown voice."""
    phrases = load_phrases(phrases_file or None)
    lines = {name: Line(p.text, p.recording) for name, p in phrases.by_name.items()}
    outside = _Outside(EspeakVoice(voice), cache)
    try:
        outside.say("satu")
    except NoSound as error:
        raise ConfigError(str(error)) from error
    name = outside.voice.name
    return Studio(lines, name, volume, outside.say, outside.read, outside.load, outside.save)


@dataclass(frozen=True)
class _Outside:
    """What a studio needs of the world."""

    voice: EspeakVoice
    cache: Path

    def say(self, text: str) -> Sound:
        try:
            return self.voice.say(text)
        except VoiceError as error:
            raise NoSound(str(error)) from error

    def read(self, path: str) -> Sound:
        try:
            return wav.read(Path(path))
        except wav.WavError as error:
            raise NoSound(str(error)) from error

    def load(self, key: str) -> Sound | None:
        try:
            return wav.read(self.cache / f"{key}.wav")
        except wav.WavError:
            return None

    def save(self, key: str, sound: Sound) -> None:
        try:
            wav.write(self.cache / f"{key}.wav", sound)
        except OSError:
            return  # a cache only: the next start synthesises again
