"""What a rule on speed cannot do without, and the sentences it is off with."""

import numpy as np

from bconnect_detect.core.rule import Place, RuleOff
from bconnect_site.calibration import Calibration
from bconnect_site.errors import ConfigError

_GRID = 12  # points across and down a zone


def ground_of(place: Place, rule: str) -> Calibration:
    """The camera's ground calibration. Raises RuleOff where there is none for its picture, or
    where it says nothing about the zone."""
    made = place.calibration
    if made is None:
        raise RuleOff(
            f"no calibration, no {rule}; write one with bconnect calibrate and name it in "
            f"cameras.{place.camera}.calibration"
        )
    if not made.has_ground:
        raise RuleOff(f"the calibration knows the lens but no ground, so no {rule}")
    if made.file.ground is not None and made.file.ground.method == "plate":
        raise RuleOff(
            f"the calibration is made from number plates, whose scale is too doubtful for {rule}; "
            "survey points"
        )
    if place.size is not None and not made.fits(*place.size):
        image = made.file.image
        raise RuleOff(
            f"the calibration is for images of {image.width} x {image.height} pixels, another "
            f"aspect ratio than the {place.size[0]} x {place.size[1]} that are judged"
        )
    if place.zone.region is not None and not _touches(made, np.array(place.zone.region)):
        raise RuleOff("the zone lies outside the calibrated region")
    return made


def limit_of(place: Place, rule: str) -> float:
    """The zone's limit, m/s. Raises ConfigError where it gives none."""
    if place.zone.limit is None:
        raise ConfigError(
            f"{place.key}.limit: is missing; {rule} needs the limit in metres per second, "
            "e.g. 13.89 for 50 km/h"
        )
    return place.zone.limit


def _touches(calibration: Calibration, region: np.ndarray) -> bool:
    low, high = region.min(axis=0), region.max(axis=0)
    steps = np.linspace(0.0, 1.0, _GRID)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) * (high - low) + low
    return bool(calibration.covers(grid).any())
