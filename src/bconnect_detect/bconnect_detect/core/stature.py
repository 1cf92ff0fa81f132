"""How tall a vehicle is, and whether somebody nearer hides its lower part: a box that ends where
its vehicle is covered has no foot, and its vehicle then seems to be further on."""

from dataclasses import dataclass

from bconnect_detect.core import geometry
from bconnect_detect.core.types import Pair, RoadUser

_STIRS = 0.08  # box sizes that a box at rest jitters
_FASTEST = 0.04  # of its height that a vehicle seems to shrink by from one look to the next
_SHRINKS = 0.25  # of its height, per box size its top has moved
_CUT = 0.88  # share of its height below which its foot is hidden, not further on


@dataclass(slots=True)
class Stature:
    """Of one vehicle, look by look."""

    tall: float = 0.0  # m, a little forgotten while it moves
    top: Pair = (0.0, 0.0)  # what hides its foot does not move its top

    def is_cut(self, user: RoadUser, scale: float) -> bool:
        """Takes a look; whether its foot is hidden. scale: pixels of 1 m there; NaN: never cut."""
        height = user.height / scale
        top = user.foot[0], user.box[1]
        moved = geometry.distance(top, self.top) / geometry.size(user.box)
        if moved > _STIRS:
            self.top = top
            self.tall *= 1.0 - min(_FASTEST, _SHRINKS * moved)
        if height > 0:
            self.tall = max(self.tall, height)
        return height < _CUT * self.tall
