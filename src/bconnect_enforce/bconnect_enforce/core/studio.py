"""Phrases as sounds, ready before they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bconnect_enforce.core.sound import Sound, at_volume, digest, prepare


class NoSound(RuntimeError):
    """A phrase cannot be made audible; str() says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a phrase says; `recording` is the path of a WAV, empty: to be synthesised."""

    text: str
    recording: str = ""


@dataclass(slots=True)
class Studio:
    """Keeps the sounds of all phrases in memory, and beyond a restart by `load` and `save`.

    `say` synthesises a text, `read` reads a recording, both raise NoSound; `load` gives the
    cached sound of a digest or None; `save` may fail silently: it is only a cache. `voice` is
    the name of voice and pace, part of the digest. Use one Studio from one thread.
    """

    lines: dict[str, Line]
    voice: str
    volume: float
    say: Callable[[str], Sound]
    read: Callable[[str], Sound]
    load: Callable[[str], Sound | None]
    save: Callable[[str, Sound], None]
    _ready: dict[str, Sound] = field(default_factory=dict)

    def prepare_all(self) -> Iterator[str]:
        """Makes every sound; yields a sentence for each that cannot be had as wanted."""
        for name in self.lines:
            try:
                yield from self._make(name)
            except NoSound as error:
                yield f"phrase {name}: {error}"

    def sound(self, name: str) -> Sound:
        """The sound of a phrase. Raises NoSound, KeyError for an unknown name."""
        if name not in self._ready:
            list(self._make(name))
        return self._ready[name]

    def _make(self, name: str) -> Iterator[str]:
        line = self.lines[name]
        sound = None
        if line.recording:
            try:
                sound = self.read(line.recording)
            except NoSound as error:
                yield f"phrase {name}: {error}; the synthesiser speaks instead"
        self._ready[name] = at_volume(prepare(sound or self._synthesised(line.text)), self.volume)

    def _synthesised(self, text: str) -> Sound:
        key = digest(self.voice, text)
        sound = self.load(key)
        if sound is None:
            sound = self.say(text)
            self.save(key, sound)
        return sound
