"""Whose turn it is to speak: one pole at a time on one junction.

Poles that hear the same camera, or share a junction key, are one junction. The pole that was
given an order holds the word until it has said it (or until it must be through); meanwhile
other orders of that junction go to it alone, whose own queue keeps phrases apart. Afterwards
the pole that was silent longest has its turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bconnect_enforce.core.rungs import SECOND, Pole
from bconnect_site.kinds import SpeakerStateKind

LONGEST_PHRASE = 12 * SECOND


@dataclass(slots=True)
class _Word:
    """Who holds the word of a junction."""

    speaker: str
    stamp: int
    order: str
    free: bool = False


class Turns:
    """`pause` ns lie between two orders to one pole, `speak_within` until one begins."""

    def __init__(self, poles: Mapping[str, Pole], pause: int, speak_within: int) -> None:
        self._poles = poles
        self._pause = pause
        self._hold = speak_within + LONGEST_PHRASE
        self._junction = _junctions(poles)
        self._word: dict[str, _Word] = {}
        self._last: dict[str, int] = {}
        self._muted: set[str] = set()
        self._broken: set[str] = set()

    def pick(self, camera: str, stamp: int) -> tuple[str, str]:
        """The pole that may speak to the road users of a camera now, or "" and why none may."""
        hearing = [name for name, pole in self._poles.items() if camera in pole.hears]
        able = [name for name in hearing if name not in self._muted]
        if not able:
            why = f"every speaker that hears {camera} is muted"
            return "", why if hearing else f"no speaker hears {camera}"
        word = self._word.get(self._junction[able[0]])
        if word is not None and not word.free and abs(stamp - word.stamp) < self._hold:
            if word.speaker not in able:
                return "", f"{word.speaker} of this junction is speaking"
            able = [word.speaker]
        rested = [name for name in able if self._rested(name, stamp)]
        if not rested:
            return "", "cool-down: the speaker spoke a moment ago"
        sound = [name for name in rested if name not in self._broken] or rested
        return min(sound, key=lambda name: self._last.get(name, -1)), ""

    def give(self, speaker: str, order: str, stamp: int) -> None:
        """A pole got an order of this id."""
        self._last[speaker] = stamp
        self._word[self._junction[speaker]] = _Word(speaker, stamp, order)

    def heard(self, speaker: str, state: SpeakerStateKind, order: str) -> None:
        """What a pole says about itself; `order` is the id it speaks or spoke last."""
        if speaker not in self._poles:
            return
        for told, kind in (
            (self._muted, SpeakerStateKind.MUTED),
            (self._broken, SpeakerStateKind.FAULT),
        ):
            (told.add if state is kind else told.discard)(speaker)
        word = self._word.get(self._junction[speaker])
        if word is not None and word.speaker == speaker and state is not SpeakerStateKind.SPEAKING:
            word.free = word.free or word.order == order

    def _rested(self, speaker: str, stamp: int) -> bool:
        last = self._last.get(speaker)
        return last is None or abs(stamp - last) >= self._pause


def _junctions(poles: Mapping[str, Pole]) -> dict[str, str]:
    """Each pole's junction, named by its first pole."""
    found = {name: name for name in poles}
    for first, one in poles.items():
        for second, other in poles.items():
            together = one.junction and one.junction == other.junction
            if together or one.hears & other.hears:
                old, new = found[second], found[first]
                found = {name: new if at == old else at for name, at in found.items()}
    return found
