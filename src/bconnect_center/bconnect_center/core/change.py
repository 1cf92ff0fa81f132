"""Before and after a date: whole weeks on both sides, so that every weekday counts equally."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bconnect_center.core.rates import ratio

LONGEST = 26  # weeks on each side
FEW = 10  # violations on a side, below which little can be said
APART = 0.2  # by which traffic may differ
UNEVEN = 1.5  # times the scatter of chance, between weeks
Days = Mapping[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class Side:
    """One side. `begin`: days from 1970; `users`: 0 where they were not counted throughout."""

    begin: int
    days: int
    violations: int
    users: int
    weekly: tuple[int, ...] = ()
    weekly_users: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Caution:
    """Why the comparison may mislead: a key of the words, and what to fill in."""

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """`ratio` after over before with `low` and `high` at 95 %, per road user or (`by` "days") per
    day; `spread`: how much more than chance weeks differ, by which the interval is widened."""

    before: Side
    after: Side
    by: str
    ratio: float
    low: float
    high: float
    spread: float
    cautions: tuple[Caution, ...]

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out "no change"."""
        return self.high < 1 or self.low > 1


def compare(
    violations: Days,
    users: Days,
    counted: Days,
    date: int,
    weeks: int,
    today: int,
    cameras: tuple[int, int] | None = None,
) -> Change | None:
    """None: not one whole week after the date has passed yet.

    Given by (site, day): violations, road users of the kinds asked for, and `counted` of all
    kinds. `weeks` on each side, fewer where `today` is too near; `cameras` that found anything
    before and after.
    """
    whole = min(weeks, (today - date) // 7)
    if whole < 1:
        return None
    before = _side(violations, users, date - 7 * whole, whole)
    after = _side(violations, users, date, whole)
    begin, end = before.begin, after.begin + after.days
    everywhere = all(
        counted.get(key, 0) > 0
        for key, many in violations.items()
        if many and begin <= key[1] < end
    )
    by = "users" if everywhere and before.users and after.users else "days"
    base, exposed = (before.users, after.users) if by == "users" else (before.days, after.days)
    value, low, high = ratio(before.violations, base, after.violations, exposed)
    spread = _spread((before, after), by)
    low, high = _widened(value, low, high, spread)
    told = _cautions(before, after, by, spread, weeks, whole, cameras)
    return Change(before, after, by, value, low, high, spread, told)


def _side(violations: Days, users: Days, begin: int, weeks: int) -> Side:
    found, passed = ([0] * weeks for _ in range(2))
    for source, sums in ((violations, found), (users, passed)):
        for (_, day), many in source.items():
            if 0 <= day - begin < 7 * weeks:
                sums[(day - begin) // 7] += many
    return Side(begin, 7 * weeks, sum(found), sum(passed), tuple(found), tuple(passed))


def _spread(sides: Sequence[Side], by: str) -> float:
    """Pearson's chi-square between the weeks of each side over its degrees; at least 1."""
    chi, free = 0.0, 0
    for side in sides:
        shares = side.weekly_users if by == "users" else (1,) * len(side.weekly)
        for found, part in zip(side.weekly, shares, strict=True):
            expected = side.violations * part / (sum(shares) or 1)
            if expected > 0:
                chi += (found - expected) ** 2 / expected
                free += 1
        free -= 1
    return max(1.0, chi / free) if free > 0 else 1.0


def _widened(value: float, low: float, high: float, spread: float) -> tuple[float, float]:
    """The interval of counts that scatter more than Poisson's: on the logarithm, by the root."""
    if not (0 < value < math.inf) or spread <= 1:
        return low, high
    root = math.sqrt(spread)
    return value * (low / value) ** root, value * (high / value) ** root


def _cautions(
    before: Side,
    after: Side,
    by: str,
    spread: float,
    asked: int,
    whole: int,
    cameras: tuple[int, int] | None,
) -> tuple[Caution, ...]:
    told = []
    if whole < asked:
        told.append(Caution("shortened", {"weeks": whole}))
    if min(before.violations, after.violations) < FEW:
        told.append(Caution("thin", {"few": FEW}))
    if whole == 1:
        told.append(Caution("one_week"))
    if by == "days":
        told.append(Caution("uncounted"))
    elif abs(more := after.users / before.users - 1) > APART:
        key = "more_traffic" if more > 0 else "less_traffic"
        told.append(Caution(key, {"percent": round(100 * abs(more))}))
    if spread > UNEVEN:
        told.append(Caution("uneven", {"spread": round(spread, 1)}))
    if cameras is not None and abs(cameras[1] - cameras[0]) > APART * max(cameras):
        told.append(Caution("cameras", {"before": cameras[0], "after": cameras[1]}))
    return tuple(told)
