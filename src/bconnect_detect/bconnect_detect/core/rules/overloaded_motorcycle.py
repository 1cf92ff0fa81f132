"""More than one passenger on a motorcycle.

UU 22/2009 Art. 292 with 106(9): a motorcycle without sidecar carries one passenger at most.

        o  o  o         riders 3
       /|\\/|\\/|\\
      _/ \\/_\\/ \\__      seconds that show the same give evidence (core/riders.py)
       O       O

Refuses when
- nobody counts riders: the rule is silent and says so;
- it was counted in too few images, or over too short a time;
- the box is small, or cut at its top or side by the image's border;
- one number above two was not seen for 1.6 s, and 1.5 times as long again as two or fewer, or
  more than a quarter of the images saw two or fewer: somebody who walks behind a motorcycle is
  counted on it now and then.
Works in any view: a camera that has been turned still sees people.
"""

from math import isfinite
from typing import ClassVar

from bconnect_detect.core.riders import Riders
from bconnect_detect.core.types import RoadUser
from bconnect_site.kinds import ViolationType

ALLOWED = 2  # the driver and one passenger


class OverloadedMotorcycle(Riders):
    """Three or more riders."""

    type: ClassVar[ViolationType] = ViolationType.OVERLOADED_MOTORCYCLE
    counted: ClassVar[str] = "riders"

    def counts(self, user: RoadUser) -> tuple[int, int] | None:
        """See ``Riders.counts``."""
        known = isfinite(user.riders) and user.riders >= 0
        return (round(user.riders), -1) if known else None

    def offends(self, riders: int, helmets: int) -> bool:
        """See ``Riders.offends``."""
        return riders > ALLOWED

    def describe(self, riders: int, helmets: int) -> tuple[float, float, str]:
        """See ``Riders.describe``."""
        return float(riders), float(ALLOWED), f"{riders} riders"
