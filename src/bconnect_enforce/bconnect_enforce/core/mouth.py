"""What a mouth must do, whichever it is, and what happens when it fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bconnect_enforce.core.sound import Sound


class MouthError(RuntimeError):
    """No sound came out; str() says why and what to do."""


class Mouth(Protocol):
    """A sound output. One sound at a time; `play` blocks until it has ended."""

    @property
    def output(self) -> str:
        """Device or folder, for people."""

    def check(self) -> None:
        """Raises MouthError where it could not speak now; makes no sound."""

    def play(
        self, sound: Sound, name: str, began: Callable[[], None], stop: threading.Event
    ) -> str:
        """Plays to the end, or until `stop` is set; calls `began` at the first sample.

        Returns where the sound went. Raises MouthError.
        """


@dataclass(slots=True)
class Fallback:
    """Speaks by `first`; while that fails, by `second`. Tries `first` again each time after
    `patience` ns. `now` gives the present stamp. `fault` is the sentence of the last failure,
    empty while `first` works.
    """

    first: Mouth
    second: Mouth
    now: Callable[[], int]
    patience: int = 30_000_000_000
    fault: str = ""
    _failed: int = 0

    @property
    def output(self) -> str:
        return self.second.output if self.fault else self.first.output

    def check(self) -> None:
        """Notices a fault before the first word is due; raises nothing."""
        try:
            self.first.check()
        except MouthError as error:
            self.fault, self._failed = str(error), self.now()

    def play(
        self, sound: Sound, name: str, began: Callable[[], None], stop: threading.Event
    ) -> str:
        first_sample = _once(began)
        if not self.fault or abs(self.now() - self._failed) >= self.patience:
            try:
                where = self.first.play(sound, name, first_sample, stop)
            except MouthError as error:
                self.fault, self._failed = str(error), self.now()
            else:
                self.fault = ""
                return where
        return self.second.play(sound, name, first_sample, stop)


def _once(began: Callable[[], None]) -> Callable[[], None]:
    called: list[bool] = []

    def first() -> None:
        if not called:
            called.append(True)
            began()

    return first
