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
        """Device, address or folder, for people."""

    @property
    def rate(self) -> int:
        """Samples per second it wants; 0: any."""

    def check(self) -> None:
        """Raises MouthError where it could not speak now; makes no sound."""

    def play(
        self, sound: Sound, name: str, began: Callable[[], None], stop: threading.Event
    ) -> str:
        """Plays to the end, or until `stop` is set; calls `began` at the first sample.

        `name` ends in the phrase's name after its last slash. Returns where the sound went.
        Raises MouthError.
        """


@dataclass(slots=True)
class Guard:
    """Speaks by `mouth` and remembers its fault until it works again.

    What it could not say is kept by `record`, which nobody hears. While there is a fault
    `mouth` is left alone between two looks: a dead horn must not make every order late.
    `now` gives the present stamp, `patience` and `look` are ns.
    """

    mouth: Mouth
    record: Callable[[Sound, str], str]  # keeps a sound under a name, says where; may raise
    now: Callable[[], int]
    patience: int = 5_000_000_000
    look: int = 10_000_000_000
    fault: str = ""  # the sentence of the last failure, empty while it works
    _looked: int = 0

    def check(self, always: bool = False) -> bool:
        """Looks whether it could speak, when it is time to; whether the fault changed."""
        now, before = self.now(), self.fault
        if not always and abs(now - self._looked) < (self.patience if before else self.look):
            return False
        try:
            self.mouth.check()
        except MouthError as error:
            self.fault = str(error)
        else:
            self.fault = ""
        self._looked = self.now()
        return self.fault != before

    def play(
        self, sound: Sound, name: str, began: Callable[[], None], stop: threading.Event
    ) -> tuple[bool, str]:
        """Whether it was heard, and where it went."""
        if self.fault:
            self.check()
        if not self.fault:
            try:
                where = self.mouth.play(sound, name, _once(began), stop)
            except MouthError as error:
                self.fault = str(error)
            else:
                self._looked = self.now()
                return True, where
            self._looked = self.now()
        try:
            return False, self.record(sound, name.replace("/", "_"))
        except MouthError:
            return False, self.mouth.output


def _once(began: Callable[[], None]) -> Callable[[], None]:
    called: list[bool] = []

    def first() -> None:
        if not called:
            called.append(True)
            began()

    return first
