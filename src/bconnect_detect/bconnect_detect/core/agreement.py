"""One light, two witnesses: its controller and a camera that sees its lamp.

           controller    amber | red ...................... | green
           lamp          amber    | ? | red ................... | ? | green
           said          amber ......   red .............. ?  ?  ?   green

Red and green accuse somebody (a queue in red is not parking), so they begin when both witnesses
say so and end when one does not. What lasts longer than a change takes is a contradiction:
nothing is known then. A lamp that cannot be recognised is no witness, and the controller alone
counts.
"""

from dataclasses import dataclass, replace

from bconnect_detect.core.types import SECOND, SignalReading
from bconnect_site.kinds import SignalAspect

ACCUSING = (SignalAspect.RED, SignalAspect.GREEN)


@dataclass(frozen=True, slots=True)
class AgreementSettings:
    """Seconds, unless said otherwise."""

    allowance: float = 1.0  # both may show different aspects that long around a change
    stale: float = 2.0  # without a look at the lamp: it is not watched any more
    alone: float = 0.7  # confidence of a controller without its lamp, at most
    patience: float = 60.0  # until a lamp that is not recognised, or contradicted last, is told


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Both said different things at once, from ``since`` ns on."""

    controller: SignalAspect
    lamp: SignalAspect
    since: int


class Agreement:
    """What is known of one light by both. Stamps of both are of the same clock."""

    def __init__(self, settings: AgreementSettings | None = None) -> None:
        self.settings = settings or AgreementSettings()
        self.contradiction: Contradiction | None = None
        self._lamp: SignalReading | None = None  # the last that knew an aspect
        self._looked: int | None = None  # last reading of the lamp
        self._dim_since: int | None = None  # since when the lamp is not recognised
        self._first: int | None = None  # first reading of the controller
        self._said: SignalReading | None = None
        self._newest = 0

    def lamp(self, reading: SignalReading) -> None:
        """The lamp as the camera sees it."""
        self._looked = reading.stamp
        if reading.aspect != SignalAspect.UNKNOWN:
            self._lamp, self._dim_since = reading, None
        elif self._dim_since is None:
            self._dim_since = reading.stamp

    def controller(self, reading: SignalReading) -> SignalReading | None:
        """What is known by a reading of the controller; None: what was said before ages."""
        if reading.stamp < self._newest - 5 * SECOND:
            self._first = self._looked = self._dim_since = self._lamp = self._said = None
            self.contradiction = None
        self._newest = reading.stamp
        self._first = self._first or reading.stamp
        found = self._decide(reading)
        self._said = found or self._said
        return found

    def blind_for(self, stamp: int) -> float:
        """For how many s the lamp has not been recognised; 0 while it is, or may be."""
        since = self._blind_since(stamp)
        return 0.0 if since is None else max(0, stamp - since) / SECOND

    def _blind_since(self, stamp: int) -> int | None:
        if self._looked is None:
            return self._first
        if abs(stamp - self._looked) > self.settings.stale * SECOND:
            return min(self._dim_since or self._looked, stamp)
        dim = self._dim_since
        late = dim is not None and stamp - dim > self.settings.allowance * SECOND
        return dim if late else None

    def _decide(self, told: SignalReading) -> SignalReading | None:
        if told.aspect == SignalAspect.UNKNOWN:
            return told
        blind = self.blind_for(told.stamp)
        if self.contradiction and 0 < blind <= self.settings.patience:
            return self._unknown(told)
        if self._blind_since(told.stamp) is not None:
            self.contradiction = None
            return replace(told, confidence=min(told.confidence, self.settings.alone))
        lamp = None if self._dim_since is not None else self._lamp
        if told.aspect == SignalAspect.FLASHING:  # a lamp that flashes looks like anything
            return told
        if lamp is not None and lamp.aspect == told.aspect:
            self.contradiction = None
            return replace(told, since=max(told.since, min(lamp.since, told.stamp)))
        if lamp is not None and self._contradicts(told, lamp):
            return self._unknown(told)
        return self._changing(told, lamp)

    def _contradicts(self, told: SignalReading, lamp: SignalReading) -> bool:
        """Both held their aspects at the same time for longer than a change takes."""
        began = max(told.since, lamp.since)
        together = min(told.stamp, lamp.stamp) - began
        if self.contradiction is None and together <= self.settings.allowance * SECOND:
            return False
        since = began if self.contradiction is None else self.contradiction.since
        self.contradiction = Contradiction(told.aspect, lamp.aspect, since)
        return True

    def _changing(self, told: SignalReading, lamp: SignalReading | None) -> SignalReading | None:
        said = self._said.aspect if self._said else SignalAspect.UNKNOWN
        one_left = told.aspect != said or (lamp is not None and lamp.aspect != said)
        if said in ACCUSING and one_left:
            return self._unknown(told)
        return None if told.aspect in ACCUSING else told

    def _unknown(self, told: SignalReading) -> SignalReading:
        """Doubt, from right after what was last known."""
        since = told.stamp
        if self._said is not None:
            doubtful = self._said.aspect == SignalAspect.UNKNOWN
            since = self._said.since if doubtful else min(told.stamp, self._said.stamp + 1)
        return replace(told, aspect=SignalAspect.UNKNOWN, since=since, confidence=0.0)
