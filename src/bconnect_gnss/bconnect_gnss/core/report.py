"""What a receiver reports of one moment, before anybody believes it."""

from dataclasses import dataclass
from math import cos, hypot, inf, isfinite, nan, radians, sin

SECOND = 1_000_000_000  # ns
RADIUS = 6_371_008.8  # m, mean of the earth
UERE = 5.0  # m, standard deviation of one pseudorange; takes HDOP to metres
DOPPLER = 0.2  # m/s per unit of HDOP, likewise of the speed


@dataclass(frozen=True, slots=True)
class Report:
    """One measurement. Unknown numbers are NaN; ``fixed``: the receiver itself believes it."""

    arrived: int  # ns, this machine's clock
    utc: int = 0  # ns since 1970, the receiver's; 0: unknown
    fixed: bool = False
    latitude: float = nan  # degrees, WGS 84
    longitude: float = nan
    altitude: float = nan  # m above the ellipsoid
    east_stddev: float = nan  # m
    north_stddev: float = nan
    up_stddev: float = nan
    measured: bool = False  # the receiver says how good it is; else taken from HDOP
    augmented: bool = False  # corrected by SBAS, DGPS or RTK
    speed: float = nan  # m/s over ground
    course: float = nan  # degrees from north, clockwise
    speed_stddev: float = nan  # m/s

    @property
    def velocity(self) -> tuple[float, float]:
        """m/s east and north; standing still needs no course."""
        if self.speed == 0.0:
            return 0.0, 0.0
        return self.speed * sin(radians(self.course)), self.speed * cos(radians(self.course))

    @property
    def sane(self) -> bool:
        """Whether it names a place on earth; exactly 0, 0 is what broken receivers say."""
        return (
            abs(self.latitude) <= 90.0
            and abs(self.longitude) <= 180.0
            and (self.latitude, self.longitude) != (0.0, 0.0)
        )

    @property
    def spread(self) -> float:
        """m, the larger standard deviation; inf: not known."""
        worst = max(self.east_stddev, self.north_stddev)
        return worst if isfinite(worst) else inf


def metres_between(a: Report, b: Report) -> float:
    """m between two places that are near each other."""
    turn = (b.longitude - a.longitude + 180.0) % 360.0 - 180.0
    middle = radians((a.latitude + b.latitude) / 2)
    return hypot(radians(turn) * cos(middle), radians(b.latitude - a.latitude)) * RADIUS
