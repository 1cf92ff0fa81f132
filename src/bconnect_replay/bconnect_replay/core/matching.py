"""Which finding is which true event: one to one, as many pairs as can be, the nearest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, inf, isfinite, nan

import numpy as np
from scipy.optimize import linear_sum_assignment

from bconnect_replay.core.line import Event, Found

SECOND = 1_000_000_000
SLACK = 3 * SECOND  # ns by which a finding may lie beside its event
NEAR = 15.0  # m, a finding's place from its event's
STANDS = frozenset({"illegal_parking", "illegal_stopping"})
DRIVES = 15.0  # m/s that other kinds may have driven on since their event began
FARTHEST = 80.0  # m, as far as a camera sees
_FAR = 1e6  # cost of a pair that is none
_AGO = 30.0  # s between two beginnings that weigh as much as NEAR


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident with all its sights, the first in front."""

    sights: tuple[Found, ...]

    @property
    def first(self) -> Found:
        """The finding the others are sights of."""
        return self.sights[0]


@dataclass(frozen=True, slots=True)
class Matching:
    """Index pairs (incident, event), and what was left over.

    ``doubled``: incidents that tell of an event once more; ``false``: of none.
    """

    pairs: tuple[tuple[int, int], ...]
    doubled: tuple[tuple[int, int], ...]
    false: tuple[int, ...]
    missed: tuple[int, ...]


def incidents(found: Sequence[Found]) -> list[Incident]:
    """Findings with the sights that name them; in order of their verdicts, whatever the input's."""
    by_id = {f.id: f for f in found}
    groups: dict[str, list[Found]] = {}
    for finding in sorted(by_id.values(), key=lambda f: (f.stamp, f.id)):
        groups.setdefault(_root(finding, by_id), []).append(finding)
    made = [
        Incident((by_id[root], *(f for f in sights if f.id != root)))
        for root, sights in groups.items()
    ]
    return sorted(made, key=lambda i: (i.first.stamp, i.first.id))


def _root(finding: Found, by_id: dict[str, Found]) -> str:
    """The first of a chain of sights; a name nobody bears, or a ring, ends it."""
    seen = {finding.id}
    while finding.same_as and finding.same_as in by_id and finding.same_as not in seen:
        finding = by_id[finding.same_as]
        seen.add(finding.id)
    return finding.id


def match(
    told: Sequence[Incident], events: Sequence[Event], *, any_camera: bool = False
) -> Matching:
    """Pairs incidents with events of their kind; see ``fit`` for which pairs can be."""
    pairs: list[tuple[int, int]] = []
    for kind in sorted({i.first.kind for i in told} & {e.kind for e in events}):
        rows = [n for n, i in enumerate(told) if i.first.kind == kind]
        columns = [n for n, e in enumerate(events) if e.kind == kind]
        pairs += _assign(told, events, rows, columns, any_camera)
    taken = {row for row, _ in pairs}
    doubled, false = [], []
    for row, incident in enumerate(told):
        if row in taken:
            continue
        costs = [(fit(incident, e, any_camera), n) for n, e in enumerate(events)]
        cost, column = min(costs, default=(inf, -1))
        if cost < inf:
            doubled.append((row, column))
        else:
            false.append(row)
    seen = {column for _, column in pairs}
    missed = tuple(n for n in range(len(events)) if n not in seen)
    return Matching(tuple(sorted(pairs)), tuple(doubled), tuple(false), missed)


def _assign(
    told: Sequence[Incident],
    events: Sequence[Event],
    rows: list[int],
    columns: list[int],
    any_camera: bool,
) -> list[tuple[int, int]]:
    costs = np.full((len(rows), len(columns)), _FAR)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            costs[i, j] = min(_FAR, fit(told[row], events[column], any_camera))
    chosen = zip(*linear_sum_assignment(costs), strict=True)
    return [(rows[i], columns[j]) for i, j in chosen if costs[i, j] < _FAR]


def fit(incident: Incident, event: Event, any_camera: bool = False) -> float:
    """How badly an incident fits an event, 0 best; inf: it cannot be it.

    It can be it when one of its sights is of the kind, overlaps in time but for SLACK, was
    taken by a camera that had the event in its picture, and lies within reach of it where
    both places are known: NEAR, and as far as it may have driven since the event began.
    """
    return min(_fit(sight, event, any_camera) for sight in incident.sights)


def _fit(sight: Found, event: Event, any_camera: bool) -> float:
    if sight.kind != event.kind or not (any_camera or sight.camera in event.cameras):
        return inf
    if sight.started > event.end + SLACK or sight.stamp < event.start - SLACK:
        return inf
    away = distance(sight, event)
    if isfinite(away) and away > reach(sight, event):
        return inf
    apart = abs(sight.started - event.start) / SECOND
    other_place = bool(event.place and sight.zone and event.place != sight.zone)
    other_user = bool(event.road_user and sight.road_user and event.road_user != sight.road_user)
    return (
        (away / NEAR if isfinite(away) else 0.5)
        + min(apart / _AGO, 2.0)
        + 0.5 * other_place
        + 0.25 * other_user
    )


def reach(sight: Found, event: Event) -> float:
    """m a sight may lie from where its event began."""
    if event.kind in STANDS:
        return NEAR
    driven = DRIVES * max(0, min(sight.started, event.end) - event.start) / SECOND
    return min(FARTHEST, NEAR + driven)


def distance(sight: Found, event: Event) -> float:
    """m between an event's place and the nearest part of the way seen; NaN: not known."""
    ends = [p for p in (*sight.way, (sight.x, sight.y)) if isfinite(p[0] + p[1])]
    if not ends or not isfinite(event.x + event.y):
        return nan
    return min(
        _beside(event.x, event.y, a, b) for a, b in zip(ends, ends[1:] or ends, strict=False)
    )


def _beside(x: float, y: float, a: tuple[float, float], b: tuple[float, float]) -> float:
    """m from a place to the straight way from a to b."""
    along, across = b[0] - a[0], b[1] - a[1]
    length = along * along + across * across
    share = ((x - a[0]) * along + (y - a[1]) * across) / length if length > 0.0 else 0.0
    share = min(1.0, max(0.0, share))
    return hypot(x - a[0] - share * along, y - a[1] - share * across)
