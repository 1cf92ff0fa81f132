"""When a live scenario is where: everybody who plays it agrees, without asking each other.

A scenario is played again and again, in rounds of its duration that begin at the epoch. So a
camera that starts late, or comes back after a fault, is where all others are: it simulates what
it missed as fast as it can, or, where little is left of the round, waits for the next.

    epoch        + duration   + 2 duration
    |--- round ---|--- round ---|---        position: s since the beginning of the round
"""

from __future__ import annotations

from dataclasses import dataclass

SPEED = 12.0  # s of traffic simulated in a second, on a machine with other things to do
BUILD = 5.0  # s until a street stands
WORTH = 10.0  # s of a round that are worth joining it


@dataclass(frozen=True, slots=True)
class Rounds:
    """Rounds of ``duration`` s from ``epoch`` on, Unix time in s."""

    duration: float
    epoch: float = 0.0

    def position(self, now: float) -> float:
        """s since the beginning of the round that runs; before the epoch: negative."""
        since = now - self.epoch
        return since if since < 0 else since % self.duration

    def join(self, now: float, warm_up: float) -> float:
        """The position to start at: negative where it is to wait for the round to begin."""
        at = self.position(now)
        ready = at + BUILD + (warm_up + max(0.0, at)) / SPEED
        return at if at < 0 or ready + WORTH <= self.duration else at - self.duration


def epoch_of(text: str, now: float) -> float:
    """Unix time in s; "now": rounds of one's own. Raises ValueError with a sentence."""
    if text == "now":
        return now
    try:
        epoch = float(text)
    except ValueError:
        epoch = -1.0
    if not 0.0 <= epoch < 1e11:
        raise ValueError(f'found "{text}", needs Unix time in s, or now')
    return epoch
