"""Wall clocks are set anew: by hand, by NTP, by a battery that died. Who waits must notice."""

from dataclasses import dataclass

SECOND = 1_000_000_000
MOST = 10 * SECOND  # a look every second or so is never this late by itself


@dataclass(slots=True)
class Leaps:
    """Told the time at every look; what waits until a moment moves it by what was found."""

    most: int = MOST
    _last: int | None = None

    def __call__(self, now: int) -> int:
        """ns the clock was set ahead (or, negative, back) since the look before; 0: it was not."""
        last, self._last = self._last, now
        if last is None or 0 <= now - last <= self.most:
            return 0
        return now - last
