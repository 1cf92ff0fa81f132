"""The lights of a site: what may be said of each, and what is wrong with it."""

from collections import deque
from collections.abc import Mapping
from datetime import tzinfo

from bconnect_detect.core.agreement import Agreement
from bconnect_detect.core.ntcip_talk import local
from bconnect_detect.core.types import SECOND, SignalReading
from bconnect_site.kinds import SignalAspect, word
from bconnect_site.model import Signal

PATIENCE = 60.0  # s without a recognised aspect before it is worth a sentence
FLAP_CHANGES, FLAP_TIME = 10, 10.0  # so many changes in so many s are no light's


class Lights:
    """Every light of a site. ``now`` is the node's clock in ns, as is start."""

    def __init__(self, signals: Mapping[str, Signal], zone: tzinfo, start: int) -> None:
        self._lights = {name: _Light(name, s, zone, start) for name, s in signals.items()}

    def from_lamp(self, reading: SignalReading, now: int) -> SignalReading | None:
        """What may be said after a look at a lamp."""
        light = self._lights[reading.signal]
        if light.agreement is not None:
            light.agreement.lamp(reading)
            return None
        return light.say(reading, now)

    def from_source(self, reading: SignalReading, now: int) -> SignalReading | None:
        """What may be said after a reading of a controller or recording."""
        light = self._lights[reading.signal]
        said = light.agreement.controller(reading) if light.agreement else reading
        light.heard = now
        return said and light.say(said, now)

    def trouble(self, now: int) -> list[str]:
        """What is wrong, one sentence a light at most."""
        return [text for light in self._lights.values() if (text := light.trouble(now))]

    def words(self, now: int) -> dict[str, str]:
        """The aspect of each light in a word, unknown where it is too old."""
        return {name: light.word(now) for name, light in self._lights.items()}


class _Light:
    def __init__(self, name: str, signal: Signal, zone: tzinfo, start: int) -> None:
        self.name, self.signal, self._zone = name, signal, zone
        watched = signal.adapter != "lamp_vision" and signal.camera is not None
        self.agreement = Agreement() if watched else None
        self.heard = self._known = self._start = start
        self._said: SignalReading | None = None
        self._said_at = start
        self._changes: deque[int] = deque(maxlen=FLAP_CHANGES)
        self._flaps_since: int | None = None

    def say(self, reading: SignalReading, now: int) -> SignalReading:
        if self._said is not None and reading.aspect != self._said.aspect:
            self._changes.append(now)
        self._said, self.heard, self._said_at = reading, now, now
        if reading.aspect != SignalAspect.UNKNOWN:
            self._known = now
        return reading

    def word(self, now: int) -> str:
        old = now - self._said_at > self.signal.max_age * SECOND
        return "unknown" if self._said is None or old else word(self._said.aspect)

    def trouble(self, now: int) -> str:
        if now < min(self.heard, self._known) or not self._known:  # set back, or simulated
            self.heard = self._known = self._said_at = now
            self._changes.clear()
        for found in (self._disagreed(now), self._unheard(now), self._unknown(now)):
            if found:
                return found
        return self._flaps(now)

    def _disagreed(self, now: int) -> str:
        if self.agreement is None:
            return ""
        both = self.agreement.contradiction
        if both is not None:
            return (
                f"camera and controller disagree about {self.name}: controller "
                f"{word(both.controller)}, lamp {word(both.lamp)} since {self._time(both.since)}; "
                "nothing is decided by it until they agree: check its region in camera "
                f"{self.signal.camera} and its phase at the controller"
            )
        blind = self.agreement.blind_for(now)
        if blind <= PATIENCE:
            return ""
        return (
            f"the lamp of {self.name} has not been recognised in camera {self.signal.camera} "
            f"since {self._time(now - int(blind * SECOND))}; the controller alone counts: "
            "check the region, glare, and what stands before the head"
        )

    def _unheard(self, now: int) -> str:
        if self.signal.adapter == "ntcip1202" or now - self.heard <= self._limit():
            return ""
        since = f"since {self._time(self.heard)}, nothing is decided by it"
        if self.signal.adapter == "recorded":
            return f"{self.name}: its recording says nothing {since}: it ended or has not begun"
        return (
            f"{self.name}: camera {self.signal.camera} gives no pictures {since}; see that camera"
        )

    def _unknown(self, now: int) -> str:
        heard = now - self.heard <= self._limit()
        lamp = self.signal.adapter == "lamp_vision"
        patience = PATIENCE * SECOND if lamp else self._limit()
        if not heard or now - self._known <= patience or self._said is None:
            return ""
        since = f"since {self._time(self._known)}, nothing is decided by it"
        if lamp:
            return (
                f"{self.name}: its lamp is not recognised in camera {self.signal.camera} {since}; "
                "check the region, glare, and what stands before the head"
            )
        return f"{self.name}: several colours at once, or unknown, {since}; check its phase"

    def _flaps(self, now: int) -> str:
        window = FLAP_TIME * SECOND
        full = len(self._changes) == FLAP_CHANGES
        if not full or now - self._changes[0] > window:
            self._flaps_since = None
            return ""
        self._flaps_since = self._flaps_since or self._changes[0]
        return (
            f"{self.name}: changes faster than a light does since {self._time(self._flaps_since)}; "
            "check its wiring, its phase or its region"
        )

    def _limit(self) -> int:
        return int(max(2.0, self.signal.max_age) * SECOND)

    def _time(self, stamp: int) -> str:
        return local(stamp, self._zone)
