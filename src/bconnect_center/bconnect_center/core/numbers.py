"""Sums of weeks, by week, weekday, hour, rule, kind of road user, corridor and camera.

A rate needs both counts from the same time. A corridor's week in which a violation was found on
a day on which nobody counted its road users is left out of the rates; the counts keep it.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bconnect_center.core.rates import Rate, Share, rate, share

K = TypeVar("K", bound=Hashable)
SiteWeek = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Week:
    """What a corridor counted in one week. `week`: days from 1970 to its Monday, local time."""

    site: str
    week: int
    days: tuple[int, ...]
    hours: tuple[int, ...]

    @property
    def count(self) -> int:
        return sum(self.days)


@dataclass(frozen=True, slots=True)
class Part:
    """The violations of one rule by one kind of road user in a corridor's week; of road users,
    `type` is 0."""

    site: str
    week: int
    type: int
    road_user: int
    count: int


@dataclass(frozen=True, slots=True)
class Group(Generic[K]):
    """`violations`: all of them; `rate`: of those in time in which road users were counted."""

    key: K
    violations: int
    rate: Rate


@dataclass(frozen=True, slots=True)
class Heed:
    """Of those who were spoken to: who complied. `unclear` counts for nothing."""

    key: Hashable
    complied: int
    ignored: int
    unclear: int
    share: Share


@dataclass(frozen=True, slots=True)
class Overview:
    """Every way to look at the same weeks."""

    total: Group[str]
    weeks: list[Group[int]]
    weekdays: list[Group[int]]
    hours: list[Group[int]]
    rules: list[Group[int]]
    kinds: list[Group[int]]
    sites: list[Group[str]]
    uncounted: int  # violations that are in no rate


@dataclass(slots=True)
class _Sum:
    violations: int = 0
    counted: int = 0
    users: int = 0


@dataclass(slots=True)
class _Sums(Generic[K]):
    cells: dict[K, _Sum] = field(default_factory=dict)

    def at(self, key: K) -> _Sum:
        return self.cells.setdefault(key, _Sum())

    def groups(self, keys: Iterable[K] | None = None) -> list[Group[K]]:
        chosen = self.cells if keys is None else keys
        return [_group(key, self.cells.get(key, _Sum())) for key in chosen]


def _group(key: K, cell: _Sum) -> Group[K]:
    return Group(key, cell.violations, rate(cell.counted, cell.users))


def uncounted(violations: Iterable[Week], users: Iterable[Week]) -> frozenset[SiteWeek]:
    """Corridors' weeks with a violation on a day on which no road user was counted."""
    days = {(w.site, w.week): w.days for w in users}
    return frozenset(
        (w.site, w.week)
        for w in violations
        if any(found and not passed for found, passed in
               zip(w.days, days.get((w.site, w.week), (0,) * 7), strict=True))
    )  # fmt: skip


def overview(
    violations: Sequence[Week],
    parts: Sequence[Part],
    users: Sequence[Week],
    user_parts: Sequence[Part],
    left_out: frozenset[SiteWeek],
    weeks: Sequence[int],
) -> Overview:
    """`users`, `user_parts`: of the kinds of road user that were asked for; `left_out`: see
    `uncounted`; `weeks`: all that were asked for, for those with nothing are shown too."""
    total, by_week, by_day, by_hour = _Sums[str](), _Sums[int](), _Sums[int](), _Sums[int]()
    by_site = _Sums[str]()
    for source, seen in ((violations, True), (users, False)):
        for w in source:
            counts = (w.site, w.week) not in left_out
            for sums, key in ((total, ""), (by_week, w.week), (by_site, w.site)):
                _add(sums.at(key), w.count, seen, counts)  # type: ignore[arg-type]
            for day, many in enumerate(w.days):
                _add(by_day.at(day), many, seen, counts)
            for hour, many in enumerate(w.hours):
                _add(by_hour.at(hour), many, seen, counts)
    rules, kinds = _parts(parts, user_parts, total.at("").users, left_out)
    return Overview(
        total=_group("", total.at("")),
        weeks=by_week.groups(weeks),
        weekdays=by_day.groups(range(7)),
        hours=by_hour.groups(range(24)),
        rules=_largest(rules.groups()),
        kinds=_largest(kinds.groups()),
        sites=sorted(by_site.groups(), key=lambda g: (-g.violations, g.key)),
        uncounted=sum(w.count for w in violations if (w.site, w.week) in left_out),
    )


def _parts(
    parts: Sequence[Part], user_parts: Sequence[Part], users: int, left_out: frozenset[SiteWeek]
) -> tuple[_Sums[int], _Sums[int]]:
    """By rule, per all road users; by kind, per road users of that kind."""
    rules, kinds = _Sums[int](), _Sums[int]()
    for part in parts:
        counts = (part.site, part.week) not in left_out
        _add(rules.at(part.type), part.count, True, counts)
        _add(kinds.at(part.road_user), part.count, True, counts)
    for part in user_parts:
        _add(kinds.at(part.road_user), part.count, False, (part.site, part.week) not in left_out)
    for cell in rules.cells.values():
        cell.users = users
    return rules, kinds


def _add(cell: _Sum, many: int, seen: bool, counts: bool) -> None:
    if seen:
        cell.violations += many
        cell.counted += many if counts else 0
    elif counts:
        cell.users += many


def _largest(groups: list[Group[int]]) -> list[Group[int]]:
    return sorted(groups, key=lambda g: (-g.violations, g.key))


def cameras(
    violations: Mapping[tuple[str, str], Mapping[int, int]],
    users: Mapping[tuple[str, str], Mapping[int, int]],
) -> list[Group[tuple[str, str]]]:
    """By (site, camera), most violations first. Given: week to count."""
    found = []
    for key in violations.keys() | users.keys():
        mine, passed = violations.get(key, {}), users.get(key, {})
        counted = sum(many for week, many in mine.items() if passed.get(week))
        found.append(Group(key, sum(mine.values()), rate(counted, sum(passed.values()))))
    return sorted(found, key=lambda g: (-g.violations, g.key))


def heeds(rows: Iterable[tuple[K, int, int, int]]) -> list[Heed]:
    """(key, complied, ignored, unclear), summed by key, in the order of first sight."""
    sums: dict[K, list[int]] = defaultdict(lambda: [0, 0, 0])
    for key, *counts in rows:
        for place, many in enumerate(counts):
            sums[key][place] += many
    return [Heed(key, c, i, u, share(c, c + i)) for key, (c, i, u) in sums.items()]
