"""Driving through a red signal.

UU 22/2009 Art. 287(2) with 106(4)c: the signal (APILL) forbids to go on.

            junction region
        .........................
        :    [car]              :   2. its middle is in the junction, still in the same red
        :......^................:
        ====== | ================   stop line
             [car]                  1. was seen before the line when red was older than grace
               |
             travel

Refuses when
- the signal is unknown, stale, flapping or not red at any look from the line to the verdict,
  or no reading at or after the second position confirms it;
- red was younger than the zone's ``grace`` when its front came to the line at the earliest:
  from behind the rear is seen, and the front passed earlier, perhaps in amber;
- it only stands on or past the line (that is stop_line), goes back, or was not seen before it;
- without a drawn junction: it is less than ``depth`` box sizes past the line;
- the crossing is one leap (an id that changed vehicles) or lies beside the line;
- a vehicle with warning lights is or was just there: it may have made room.
"""

from dataclasses import dataclass
from typing import ClassVar

from bconnect_detect.core import geometry
from bconnect_detect.core.crossing import Crossing, CrossingSettings, Line, SignalLine
from bconnect_detect.core.footprint import Extent
from bconnect_detect.core.rule import Place, trail_of
from bconnect_detect.core.types import SECOND, Finding, RoadUser, SignalReading, Tracks
from bconnect_site.kinds import ViolationType, word


@dataclass(frozen=True, slots=True)
class RedLightSettings(CrossingSettings):
    """How deep is deep."""

    depth: float = 2.0  # box sizes past the line where no junction is drawn
    min_looks: int = 2  # images of it in the junction


class RedLight(SignalLine):
    """Crossing the stop line in red and driving on into the junction in the same red."""

    type: ClassVar[ViolationType] = ViolationType.RED_LIGHT

    def __init__(self, place: Place, settings: RedLightSettings | None = None) -> None:
        self.settings = settings or RedLightSettings()
        super().__init__(place, self.settings)

    def judge(
        self,
        known: Crossing,
        user: RoadUser,
        extent: Extent,
        tracks: Tracks,
        line: Line,
        red: SignalReading,
    ) -> Finding | None:
        """See ``SignalLine.judge``."""
        if not known.looks and not self._deep(extent, user, line):
            return None
        if not known.looks:
            known.since = tracks.stamp
        known.looks += 1
        if known.looks < self.settings.min_looks or red.stamp < known.since:
            return None
        return self._finding(known, user, tracks, red)

    def _deep(self, extent: Extent, user: RoadUser, line: Line) -> bool:
        if line.has_junction:
            return line.in_junction(extent.middle_least)
        return line.depth(extent.middle_least) >= self.settings.depth * geometry.size(user.box)

    def _finding(
        self, known: Crossing, user: RoadUser, tracks: Tracks, red: SignalReading
    ) -> Finding:
        inside = (known.since - red.since) / SECOND
        return self.place.find(
            self.type,
            user,
            tracks,
            known.crossed,
            trail=trail_of(known.trail, tracks),
            measured=known.red_for,
            measured_low=known.red_for,
            measured_high=(known.crossed - red.since) / SECOND,
            limit=self.place.zone.grace,
            signal=red,
            time_into_red=known.red_for,
            confidence=min(user.confidence, red.confidence),
            explanation=(
                f"The {word(user.kind)} crossed {self.place.name} when {self.signal} had been "
                f"red for at least {known.red_for:.1f} s ({self.place.zone.grace:g} s are "
                f"forgiven) and was in the junction {inside:.1f} s after red began, still in red."
            ),
        )
