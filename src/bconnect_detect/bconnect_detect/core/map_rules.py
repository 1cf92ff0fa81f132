"""The rules on zones of a picture, made to judge by zones of the map: only what is sure counts."""

from math import hypot

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.chart import Laid, Vector
from bconnect_detect.core.dwell import Dwell
from bconnect_detect.core.geometry import Points
from bconnect_detect.core.rule import Context, Place, Rule
from bconnect_detect.core.rules import RULES
from bconnect_detect.core.types import Finding, Tracks
from bconnect_site.kinds import ViolationType


class MapRule:
    """What a rule is told of each image beside its tracks. Mixed in before the rule."""

    sure: Vector = np.zeros(0)  # (n,) 1: surely in the zone, 0: surely outside
    laid: Laid | None = None

    def judge(self, laid: Laid, sure: Vector, context: Context) -> list[Finding]:
        """``Rule.check`` of an image laid on the map."""
        self.laid, self.sure = laid, sure
        found: list[Finding] = self.check(laid.tracks, context)  # type: ignore[attr-defined]
        return found


class _MapDwell(MapRule):
    """Stands in the zone while all of its uncertainty does, and left when all of it has."""

    def _shares(
        self, tracks: Tracks, polygon: Points, near: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        return self.sure


class _MapWay(MapRule):
    """Drives in the zone while all of its uncertainty does."""

    def check(self, tracks: Tracks, context: Context) -> list[Finding]:
        """See ``Rule.check``."""
        inside = self.sure >= 1.0
        self._reach = float(self.laid.reach[inside].max()) if inside.any() and self.laid else 0.0
        return super().check(tracks.select(inside), context)  # type: ignore[misc,no-any-return]

    def _on_ground(
        self, feet: Vector, sizes: list[float], tracks: Tracks
    ) -> tuple[Vector, Vector, float, float, tuple[float, str]]:
        """A heading that is off turns the way, a speed that is off lengthens it."""
        places, arrow, needed, noise, unit = super()._on_ground(feet, sizes, tracks)  # type: ignore[misc]
        if self.laid is None:
            return places, arrow, needed, noise, unit
        pose, length = self.laid.pose, float(np.hypot(*(places[-1] - places[0])))
        turned = pose.heading_stddev * (length if pose.parked else length + 2 * self._reach)
        drift = 0.0 if pose.parked else pose.speed_stddev * self._span(tracks)
        return places, arrow, needed, hypot(noise, turned / 2**0.5, drift), unit

    def _span(self, tracks: Tracks) -> float:
        return float(self.settings.window)  # type: ignore[attr-defined]


def map_rule(kind: ViolationType, place: Place) -> MapRule | None:
    """The rule of a kind on one zone of the map; None: this version has no such rule.

    Raises ConfigError, RuleOff as the rule itself does.
    """
    rule: type[Rule] | None = RULES.get(kind)
    if rule is None:
        return None
    mixed = _MapDwell if issubclass(rule, Dwell) else _MapWay
    made: MapRule = type(f"Map{rule.__name__}", (mixed, rule), {})(place)
    return made
