"""How often per 1,000 road users, how sure that is, and how two periods compare."""

import math
from dataclasses import dataclass

from scipy.special import betaincinv, gammaincinv

from bconnect_enforce.core.statistics import wilson

ALPHA = 0.05
PER = 1000


@dataclass(frozen=True, slots=True)
class Rate:
    """Violations per 1,000 road users, with its 95 % interval; NaN where nobody was counted."""

    violations: int
    users: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many, with its 95 % interval (Wilson); NaN of none."""

    part: int
    of: int
    value: float
    low: float
    high: float


def poisson(count: int) -> tuple[float, float]:
    """The exact 95 % interval (Garwood) of the mean of which `count` were seen."""
    low = float(gammaincinv(count, ALPHA / 2)) if count else 0.0
    return low, float(gammaincinv(count + 1, 1 - ALPHA / 2))


def rate(violations: int, users: int) -> Rate:
    if users <= 0:
        return Rate(violations, 0, math.nan, math.nan, math.nan)
    low, high = (PER * bound / users for bound in poisson(violations))
    return Rate(violations, users, PER * violations / users, low, high)


def share(part: int, of: int) -> Share:
    low, high = wilson(part, of)
    return Share(part, of, part / of if of else math.nan, low, high)


def ratio(before: int, base: float, after: int, exposed: float) -> tuple[float, float, float]:
    """After over before, each per its exposure, with the exact conditional 95 % interval.

    Given their sum, the count after is binomial with p = r·exposed / (base + r·exposed): the
    bounds of p (Clopper and Pearson) give those of r. Infinity where nothing was seen before,
    NaN where nothing was seen at all or nothing was exposed.
    """
    if base <= 0 or exposed <= 0 or before + after == 0:
        return math.nan, math.nan, math.nan
    scale = base / exposed
    value = scale * after / before if before else math.inf
    low = float(betaincinv(after, before + 1, ALPHA / 2)) if after else 0.0
    high = float(betaincinv(after + 1, before, 1 - ALPHA / 2)) if before else 1.0
    return value, scale * _odds(low), scale * _odds(high)


def _odds(p: float) -> float:
    return p / (1 - p) if p < 1 else math.inf
