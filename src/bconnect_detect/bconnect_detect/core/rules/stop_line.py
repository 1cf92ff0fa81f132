"""Stopping past the stop line while the signal is red.

UU 22/2009 Art. 287(1) with 106(4)b: the stop line is a marking. (Driving on into the
junction is Art. 287(2), the rule red_light.)

            junction region
        .........................
             [car]                  2. stands here, its front past the line, for ``hold`` s
        ====== stop line ========
               ^
             [car]                  1. was seen before the line, crossed it in red
               |
             travel

Refuses when
- the signal is unknown, stale or not red, at the crossing or at any look until the verdict;
- red was younger than the zone's ``grace`` when its front came to the line at the earliest;
- it already stood past or on the line when red began, or nobody saw it before the line;
- it enters the junction (red_light's business), goes back, or never stands still;
- the crossing is one leap (an id that changed vehicles) or lies beside the line;
- a vehicle with warning lights is or was just there: it may have made room.
The foot of a box is the front of oncoming traffic and the rear of traffic seen from behind.
Where the camera is calibrated the front of the latter is measured from its rear with the
shortest usual length; elsewhere only a whole vehicle past the line counts.
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
class StopLineSettings(CrossingSettings):
    """When standing is standing."""

    hold: float = 2.0  # s it must be seen standing past the line
    still: float = 0.12  # box sizes it may wander while standing
    min_looks: int = 4  # images of it standing


class StopLine(SignalLine):
    """Standing between line and junction after crossing in red."""

    type: ClassVar[ViolationType] = ViolationType.STOP_LINE

    def __init__(self, place: Place, settings: StopLineSettings | None = None) -> None:
        self.settings = settings or StopLineSettings()
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
        if line.in_junction(extent.front_least):
            known.acquit()
            return None
        s = self.settings
        moved = known.stands_at is None or (
            geometry.distance(known.stands_at, user.foot) > s.still * geometry.size(user.box)
        )
        if moved:
            known.stands_at, known.since, known.looks = user.foot, tracks.stamp, 0
        known.looks += 1
        stood = (tracks.stamp - known.since) / SECOND
        if stood < s.hold or known.looks < s.min_looks:
            return None
        return self._finding(known, user, tracks, red, stood)

    def _finding(
        self, known: Crossing, user: RoadUser, tracks: Tracks, red: SignalReading, stood: float
    ) -> Finding:
        return self.place.find(
            self.type,
            user,
            tracks,
            known.crossed,
            trail=trail_of(known.trail, tracks),
            measured=stood,
            measured_low=stood,
            measured_high=(tracks.stamp - known.crossed) / SECOND,
            limit=0.0,
            signal=red,
            time_into_red=known.red_for,
            confidence=min(user.confidence, red.confidence),
            explanation=(
                f"The {word(user.kind)} crossed {self.place.name} when {self.signal} had been "
                f"red for {known.red_for:.1f} s and was seen standing past the line for "
                f"{stood:.1f} s, still in red."
            ),
        )
