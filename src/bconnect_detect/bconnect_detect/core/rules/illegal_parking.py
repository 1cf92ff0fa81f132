"""Standing too long where parking is forbidden.

UU 22/2009 Art. 287(1) with 106(4)a where a sign (S-12 and the like) or b where a
marking forbids it, else Art. 287(3) with 106(4)e. The site file states which (basis).

        kerb ___________________________
            /  zone: no_parking        /
           /    [van]  <- foot in zone/     dwell counts while it is seen standing
          /__________________________/
        ------------------ road -------->

Refuses (or stops counting) when
- the vehicle was not looked at: an outage, a missing detection or a bus in front adds nothing;
- it stands in a queue: somebody stands right ahead of it, or did until a moment ago; who stands
  behind one found parked may be shut in, and is given 20 s more;
- its zone has a signal: then only time counts in which that is surely green and has been for
  ``discharge`` seconds (the first at a stop line has nobody ahead: its zone needs the signal);
- it was only rolling, or a vehicle with warning lights is or was just there;
- the hours of the zone have not begun or are over: counting starts anew;
- it is not surely in the zone (its middle where the camera is calibrated, else the foot of its
  box), or was seen too seldom.
Fires once per standing vehicle; only leaving the place arms it again.
"""

from typing import ClassVar

from bconnect_detect.core.dwell import Dwell
from bconnect_site.kinds import ViolationType, ZoneKind


class IllegalParking(Dwell):
    """Dwell above the allowance of a no-parking zone."""

    type: ClassVar[ViolationType] = ViolationType.ILLEGAL_PARKING
    zone_kinds: ClassVar[frozenset[ZoneKind]] = frozenset({ZoneKind.NO_PARKING})
