"""Driving without a seat belt.

UU 22/2009 Art. 289 with 106(6): driver and passenger beside must wear one. Only the driver is
judged, since whether anybody sits beside is not told.

       ___________________
      / (D)      |        \\     D without a belt in nearly all images in which the model sees
     /___________|_________\\    the driver's half of the windscreen
       windscreen, from the front

Refuses when
- no model sees windscreens and belts: the rule is silent and says so;
- the windscreen's side is not known: none, or several, or seen aslant;
- fewer than eight images, or less than a second, or more than 15 % of them say otherwise;
- the model is not sure on average, or the vehicle is small in the picture;
- the vehicle stood: who is parked does not drive.
Works in any view.
"""

from typing import ClassVar

from bconnect_detect.core.cabin_watch import CabinWatch
from bconnect_detect.core.types import RoadUser
from bconnect_site.kinds import ViolationType


class NoSeatBelt(CabinWatch):
    """A driver without a belt."""

    type: ClassVar[ViolationType] = ViolationType.NO_SEAT_BELT
    seen: ClassVar[str] = "seat belts"
    words: ClassVar[str] = "The driver was seen without a seat belt"

    def guilt(self, user: RoadUser) -> float:
        """See ``CabinWatch.guilt``."""
        return 1.0 - user.belted
