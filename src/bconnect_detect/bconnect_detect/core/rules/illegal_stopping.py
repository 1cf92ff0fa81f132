"""Stopping where even stopping is forbidden.

UU 22/2009 Art. 287(1) with 106(4)a where a sign (S-11 and the like) or b where a
marking forbids it, else Art. 287(3) with 106(4)e. The site file states which (basis).

        ____________________________
       |  zone: no_stopping         |
       |      [car]  .  .  .  .  .  |     a few seconds (the zone's dwell) and it is
       |____________________________|     no longer giving way but stopping

The same watch as illegal parking on another kind of zone, and it refuses for the same
reasons; a zone in the approach of a signal must name that signal.
"""

from typing import ClassVar

from bconnect_detect.core.dwell import Dwell
from bconnect_site.kinds import ViolationType, ZoneKind


class IllegalStopping(Dwell):
    """Dwell above the (short) allowance of a no-stopping zone."""

    type: ClassVar[ViolationType] = ViolationType.ILLEGAL_STOPPING
    zone_kinds: ClassVar[frozenset[ZoneKind]] = frozenset({ZoneKind.NO_STOPPING})
