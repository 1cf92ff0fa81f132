"""Who gives way to an ambulance breaks no rule: when one was last in the picture."""

import numpy as np

from bconnect_detect.core.types import SECOND, Tracks

SURE = 0.5  # how sure a road user must be one with warning lights
HOLD = 10.0  # s after it was last seen in which others may still be giving way


class Emergency:
    """When a vehicle with warning lights was last seen by one camera."""

    def __init__(self, hold: float = HOLD) -> None:
        self._hold = int(hold * SECOND)
        self._seen: int | None = None

    def look(self, tracks: Tracks) -> bool:
        """Notes one image's road users; whether one was in the picture within ``hold`` s."""
        column = tracks.emergency
        if column is not None and bool((np.nan_to_num(column) >= SURE).any()):
            self._seen = tracks.stamp
        return self._seen is not None and 0 <= tracks.stamp - self._seen <= self._hold

    def clear(self) -> None:
        """Forgets it."""
        self._seen = None
