"""Riding a motorcycle with a bare head.

UU 22/2009 Art. 291 with 106(8): (1) the rider, (2) a rider whose passenger wears none. One
finding for the motorcycle; a human sees in the pictures who it was.

         o   (H)        riders 2, helmets 1
        /|\\--/|\\
      __/ \\__/ \\__      seconds that show the same give evidence (core/riders.py)
       O       O

Refuses when
- nobody counts helmets (the detector has no model of them): the rule is silent and says so;
- it was counted in too few images, or over too short a time;
- the box is small, or cut at its top or side by the image's border: heads may be outside;
- one count that offends was not seen for 1.6 s, and 1.5 times as long again as a lawful one;
  or more than a quarter of the images saw a helmet on every head.
Works in any view: a camera that has been turned still sees heads.
"""

from math import isfinite
from typing import ClassVar

from bconnect_detect.core.riders import Riders
from bconnect_detect.core.types import RoadUser
from bconnect_site.kinds import ViolationType


class NoHelmet(Riders):
    """Fewer helmets than riders."""

    type: ClassVar[ViolationType] = ViolationType.NO_HELMET
    counted: ClassVar[str] = "helmets"

    def counts(self, user: RoadUser) -> tuple[int, int] | None:
        """See ``Riders.counts``."""
        known = isfinite(user.riders) and user.riders >= 1 and 0 <= user.helmets <= user.riders
        return (round(user.riders), round(user.helmets)) if known else None

    def offends(self, riders: int, helmets: int) -> bool:
        """See ``Riders.offends``."""
        return helmets < riders

    def describe(self, riders: int, helmets: int) -> tuple[float, float, str]:
        """See ``Riders.describe``: heads without a helmet."""
        return float(riders - helmets), 0.0, f"{riders} riders and {helmets} helmets"
