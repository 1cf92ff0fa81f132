"""Holding a telephone while driving.

UU 22/2009 Art. 283 with 106(1): whoever drives does so with full attention; its elucidation
names the use of a telephone.

       ___________________
      / (D)[]    |        \\     a telephone at the driver's head or hand in nearly all images in
     /___________|_________\\    which the model sees the driver
       windscreen, from the front

Refuses when
- no model sees windscreens and telephones in use: the rule is silent and says so;
- the windscreen's side is not known, so that it may be the passenger's;
- fewer than eight images, or less than a second, or more than 15 % of them say otherwise;
- the model is not sure on average, or the vehicle is small in the picture;
- the vehicle stood: who is parked may telephone.
Works in any view.
"""

from typing import ClassVar

from bconnect_detect.core.cabin_watch import CabinWatch
from bconnect_detect.core.types import RoadUser
from bconnect_site.kinds import ViolationType


class PhoneUse(CabinWatch):
    """A driver with a telephone."""

    type: ClassVar[ViolationType] = ViolationType.PHONE_USE
    seen: ClassVar[str] = "telephones in use"
    words: ClassVar[str] = "The driver was seen with a telephone"

    def guilt(self, user: RoadUser) -> float:
        """See ``CabinWatch.guilt``."""
        return user.phone
