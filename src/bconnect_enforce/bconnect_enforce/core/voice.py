"""What one speaker says next: priority, expiry, quiet hours, mute; never two at once."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime, time, timezone
from enum import Enum
from zoneinfo import ZoneInfo

from bconnect_enforce.core.memory import Memory
from bconnect_enforce.core.records import Announcement

HOUR = 3600 * 1_000_000_000


class Drop(Enum):
    """Why an order was not spoken."""

    EXPIRED = "expired"
    MUTED = "muted"
    QUIET = "quiet hours"
    REPEATED = "already ordered"
    SUPERSEDED = "superseded"
    UNKNOWN_PHRASE = "unknown phrase"
    UNHEARD = "mouth at fault"


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of silence in local time; `start` after `end` means over midnight."""

    start: time
    end: time
    zone: ZoneInfo

    def covers(self, stamp: int) -> bool:
        moment = datetime.fromtimestamp(stamp // 1_000_000_000, timezone.utc)
        now = moment.astimezone(self.zone).time()
        if self.start <= self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


@dataclass(slots=True)
class VoiceQueue:
    """Orders waiting for one mouth. Give the present stamp (ns) with every call.

    Dropped orders are returned, never raised, with the reason. At most `capacity` wait; the
    least urgent gives way. Nobody needs the same sentence twice in a row: of two orders that
    say the same to the same road user the more urgent one waits, else the earlier one. What is
    being spoken is never cut short by what comes.
    """

    phrases: Container[str]
    quiet: Quiet | None = None
    capacity: int = 8
    muted: bool = False
    _waiting: list[Announcement] = field(default_factory=list)
    _seen: Memory[str, bool] = field(default_factory=lambda: Memory(HOUR, 10_000))

    def add(self, order: Announcement, now: int) -> list[tuple[Announcement, Drop]]:
        """Takes the order in; returns what is dropped because of it."""
        drop = self._refusal(order, now)
        self._seen.put(order.id, True, order.stamp)
        if drop is not None:
            return [(order, drop)]
        same = [waiting for waiting in self._waiting if _says(waiting) == _says(order)]
        if any(waiting.priority >= order.priority for waiting in same):
            return [(order, Drop.SUPERSEDED)]
        self._waiting = [waiting for waiting in self._waiting if waiting not in same]
        self._waiting.append(order)
        self._waiting.sort(key=lambda waiting: (-waiting.priority, waiting.stamp))
        surplus = self._waiting[self.capacity :]
        del self._waiting[self.capacity :]
        return [(lost, Drop.SUPERSEDED) for lost in (*same, *surplus)]

    def take(self, now: int) -> tuple[Announcement | None, list[tuple[Announcement, Drop]]]:
        """The next order to speak, if any, and those that became too late meanwhile."""
        dropped: list[tuple[Announcement, Drop]] = []
        while self._waiting:
            order = self._waiting.pop(0)
            drop = self._silence(order, now)
            if drop is None:
                return order, dropped
            dropped.append((order, drop))
        return None, dropped

    def mute(self, muted: bool) -> list[tuple[Announcement, Drop]]:
        """Mutes or unmutes; muting drops what waits."""
        self.muted = muted
        dropped = [(order, Drop.MUTED) for order in self._waiting] if muted else []
        if muted:
            self._waiting.clear()
        return dropped

    def __len__(self) -> int:
        return len(self._waiting)

    def _refusal(self, order: Announcement, now: int) -> Drop | None:
        if order.id in self._seen:
            return Drop.REPEATED
        if order.phrase not in self.phrases:
            return Drop.UNKNOWN_PHRASE
        return self._silence(order, now)

    def _silence(self, order: Announcement, now: int) -> Drop | None:
        if self.muted:
            return Drop.MUTED
        if order.expires and now > order.expires:
            return Drop.EXPIRED
        if self.quiet is not None and self.quiet.covers(now):
            return Drop.QUIET
        return None


def _says(order: Announcement) -> tuple[object, ...]:
    return order.phrase, order.road_user, order.colour, order.place, order.plate
