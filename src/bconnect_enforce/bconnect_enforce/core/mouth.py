"""What a mouth must do, whichever it is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from bconnect_enforce.core.sound import Sound


class MouthError(RuntimeError):
    """No sound came out; str() says why and what to do."""


class Mouth(Protocol):
    """A sound output. One sound at a time; `play` blocks until it has ended."""

    @property
    def output(self) -> str:
        """Device or folder, for people."""

    def play(
        self, sound: Sound, name: str, began: Callable[[], None], stop: threading.Event
    ) -> str:
        """Plays to the end, or until `stop` is set; calls `began` at the first sample.

        Returns where the sound went. Raises MouthError.
        """
