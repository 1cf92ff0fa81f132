"""Who gives way to an ambulance breaks no rule: where and when one was last seen on a site.

An ambulance makes way from behind, where the camera that judges may not see it yet: what
another camera saw of it counts as well, by its place on the ground.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core import geometry
from bconnect_detect.core.types import SECOND, Tracks
from bconnect_site.calibration import Calibration
from bconnect_site.giving_way import AFTER, NEAR

SURE = 0.5  # how sure a road user must be one with warning lights
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EmergencySettings:
    """How far and how long others may be giving way."""

    near: float = NEAR  # m
    hold: float = AFTER  # s after it was last seen there
    keep: float = 60.0  # s
    capacity: int = 1024


@dataclass(frozen=True, slots=True)
class _Sight:
    stamp: int
    camera: str
    place: Vector  # m; NaN: not known


class Emergencies:
    """Sights of vehicles with warning lights, of all cameras of a site."""

    def __init__(self, settings: EmergencySettings | None = None) -> None:
        self.settings = settings or EmergencySettings()
        self._sights: deque[_Sight] = deque(maxlen=self.settings.capacity)
        self._looked: dict[str, int] = {}

    def look(self, tracks: Tracks, calibration: Calibration | None) -> None:
        """Notes one image's; an image that was looked at already is not noted again."""
        if tracks.emergency is None or self._looked.get(tracks.camera) == tracks.stamp:
            return
        self._looked[tracks.camera] = tracks.stamp
        rows = (tracks.emergency >= SURE).nonzero()[0]  # NaN is not
        if not len(rows):
            return
        places = np.full((len(rows), 2), np.nan)
        if calibration is not None and calibration.fits(tracks.width, tracks.height):
            # Cut by the border it is close to the camera: what the plane says there is near enough.
            feet = geometry.feet(tracks.boxes[rows]) / (tracks.width, tracks.height)
            places = calibration.to_ground(feet, anywhere=True)
        self._sights.extend(_Sight(tracks.stamp, tracks.camera, place) for place in places)
        oldest = tracks.stamp - int(self.settings.keep * SECOND)
        while self._sights and self._sights[0].stamp < oldest:
            self._sights.popleft()

    def near(
        self, camera: str, place: Vector | None, since: int, until: int, hold: float | None = None
    ) -> bool:
        """Whether one was near a place (m; None or NaN: not known) between two stamps, or up to
        ``hold`` s before.

        Where a place is not known, what the same camera saw is near. Of other cameras only
        earlier images count: those of one moment come in no order.
        """
        s = self.settings
        first = since - int((s.hold if hold is None else hold) * SECOND)
        here = np.full(2, np.nan) if place is None else place
        known = bool(np.isfinite(here).all())
        for sight in reversed(self._sights):
            own = sight.camera == camera
            if not first <= sight.stamp <= until or (not own and sight.stamp == until):
                continue
            if known and np.isfinite(sight.place).all():
                if np.hypot(*(sight.place - here)) <= s.near:
                    return True
            elif own:
                return True
        return False

    def about(self, stamp: int) -> bool:
        """Whether one was on this site's roads a while ago (``keep``), wherever it is now."""
        oldest = stamp - int(self.settings.keep * SECOND)
        return any(oldest <= sight.stamp <= stamp for sight in reversed(self._sights))

    def __len__(self) -> int:
        return len(self._sights)
