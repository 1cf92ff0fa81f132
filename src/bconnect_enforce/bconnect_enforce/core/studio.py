"""Phrases and addresses as sounds, ready before they are needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from bconnect_enforce.core.sound import Sound, at_volume, digest, joined, prepare
from bconnect_site.phrases import is_recording

PAUSE = 0.12  # s between two pieces, beside the silence around each
MOST_RECORDED = 8  # recordings kept at once


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
    the name of voice and pace, part of the digest. `rate` is the mouth's in Hz, 0: any.
    `pieces` are the texts that may stand before a phrase. One thread may prepare while another
    asks for sounds: it waits at most for the one sound that is being made.
    """

    lines: dict[str, Line]
    voice: str
    volume: float
    say: Callable[[str], Sound]
    read: Callable[[str], Sound]
    load: Callable[[str], Sound | None]
    save: Callable[[str, Sound], None]
    rate: int = 0
    pieces: tuple[str, ...] = ()
    _ready: dict[str, Sound] = field(default_factory=dict)
    _said: dict[str, Sound] = field(default_factory=dict)
    _making: threading.Lock = field(default_factory=threading.Lock)
    _recorded: dict[str, Sound] = field(default_factory=dict)

    def __contains__(self, name: object) -> bool:
        """Whether it can be said: a phrase, or a recording that has come."""
        return name in self.lines or name in self._recorded

    def keep(self, name: str, sound: Sound) -> None:
        """A recording, to be said by its name; the eight newest stay."""
        made = self._finished(sound)
        with self._making:
            self._recorded.pop(name, None)
            self._recorded[name] = made
            while len(self._recorded) > MOST_RECORDED:
                del self._recorded[next(iter(self._recorded))]

    def prepare_all(self) -> Iterator[str]:
        """Makes one sound at each step, phrases first; yields what went wrong, or nothing."""
        for name in self.lines:
            try:
                yield self._make(name)
            except NoSound as error:
                yield f"phrase {name}: {error}"
        for text in self.pieces:
            try:
                with self._making:
                    self._said[text] = self._finished(self._synthesised(text))
                yield ""
            except NoSound as error:
                yield str(error)

    @property
    def unready(self) -> int:
        """How many phrases are not made yet."""
        return len(self.lines) - len(self._ready)

    def sound(self, name: str, pieces: Iterable[str] = ()) -> Sound:
        """The sound of a phrase, after those pieces when they are ready: it never waits for one.

        Raises NoSound, KeyError for an unknown name.
        """
        recorded = self._recorded.get(name)
        if recorded is not None:
            return recorded
        if is_recording(name):
            raise NoSound("the recording was forgotten before its turn came")
        if name not in self._ready:
            self._make(name)
        before = [self._said.get(piece) for piece in pieces]
        if None in before:
            return self._ready[name]
        return joined([*(sound for sound in before if sound), self._ready[name]], PAUSE)

    def _make(self, name: str) -> str:
        line, wrong, sound = self.lines[name], "", None
        with self._making:
            if name in self._ready:
                return ""
            if line.recording:
                try:
                    sound = self.read(line.recording)
                except NoSound as error:
                    wrong = f"phrase {name}: {error}; the synthesiser speaks instead"
            self._ready[name] = self._finished(sound or self._synthesised(line.text))
        return wrong

    def _finished(self, sound: Sound) -> Sound:
        return at_volume(prepare(sound, self.rate), self.volume)

    def _synthesised(self, text: str) -> Sound:
        key = digest(self.voice, text)
        sound = self.load(key)
        if sound is None:
            sound = self.say(text)
            self.save(key, sound)
        return sound
