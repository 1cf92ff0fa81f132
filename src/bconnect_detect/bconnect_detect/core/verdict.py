"""What a check of sealed evidence came to, for one folder and for a whole store."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum


class State(IntEnum):
    """Exit codes of ``bconnect verify``."""

    WHOLE = 0  # as it was sealed, signed by a known key
    TOUCHED = 1  # something was changed, taken away, added, or signed by nobody known
    NOTHING = 2  # there was nothing to check, or it could not be read
    UNSIGNED = 3  # the files are as the manifest says, but no key was there to check that


SEVERITY = (State.TOUCHED, State.NOTHING, State.UNSIGNED, State.WHOLE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line or more about one thing that was checked."""

    where: str
    state: State
    sentences: Sequence[str] = field(default=())  # faults, or what to say of what is whole

    def lines(self) -> list[str]:
        """For people, each beginning with where it is."""
        return [f"{self.where}: {sentence}" for sentence in self.sentences]


def worst(verdicts: Sequence[Verdict]) -> State:
    """What all verdicts together come to."""
    states = {verdict.state for verdict in verdicts}
    return next((state for state in SEVERITY if state in states), State.NOTHING)
