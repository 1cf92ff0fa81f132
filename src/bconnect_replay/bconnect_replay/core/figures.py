"""How good findings were: counts, rates with their doubt, delays, places, speeds. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import isfinite, nan, sqrt
from typing import Any

import numpy as np

from bconnect_replay.core.line import Event, Found, number
from bconnect_replay.core.matching import SECOND, Incident, distance, incidents, match
from bconnect_replay.core.visible import COUNTED, HIDDEN, NOWHERE, PLATE, Watched, left_out

SPEED_KINDS = ("speeding", "section_speed")
KMH = 1.0 / 3.6  # m/s
_BAND, _SHARE = 3.0 * KMH, 0.03  # m/s and of the speed; the larger is allowed


@dataclass(slots=True)
class Tally:
    """Counts and samples of one kind; tallies of several runs add up."""

    right: int = 0
    missed: int = 0
    false: int = 0  # findings of no event
    doubled: int = 0  # an event told once more
    hidden: int = 0  # events that left too little in any picture: not counted
    plate: int = 0  # likewise, whose plate the sensor at a gate did not read
    beyond: int = 0  # findings of such events: neither right nor wrong
    delays: list[float] = field(default_factory=list)  # s, from its beginning to the verdict
    aways: list[float] = field(default_factory=list)  # m
    speeds: list[tuple[float, float, float, float]] = field(default_factory=list)  # m/s: true,
    # measured, low, high

    def add(self, other: "Tally") -> None:
        """Takes in another run."""
        for name in ("right", "missed", "false", "doubled", "hidden", "plate", "beyond"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("delays", "aways", "speeds"):
            getattr(self, name).extend(getattr(other, name))


@dataclass(slots=True)
class Score:
    """One or more runs. ``near_misses``: false findings by the near miss they hit."""

    kinds: dict[str, Tally] = field(default_factory=dict)
    near_misses: dict[str, int] = field(default_factory=dict)
    lawful: int = 0  # near misses there were
    unseen: int = 0  # events in no picture of a camera that was to judge them: not counted
    hours: float = 0.0  # camera-hours watched

    def add(self, other: "Score") -> None:
        """Takes in another run."""
        for kind, tally in other.kinds.items():
            self.kinds.setdefault(kind, Tally()).add(tally)
        for why, n in other.near_misses.items():
            self.near_misses[why] = self.near_misses.get(why, 0) + n
        for name in ("lawful", "unseen", "hours"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def all(self) -> Tally:
        """Every kind together."""
        whole = Tally()
        for tally in self.kinds.values():
            whole.add(tally)
        return whole


@dataclass(frozen=True, slots=True)
class Note:
    """One finding or event that did not match: for whoever improves the rules."""

    what: str  # missed, false, doubled
    kind: str
    stamp: int  # ns
    found: Found | None = None
    event: Event | None = None  # missed; or the near miss or event a finding stands beside
    beside: str = ""  # "near miss", "event of another kind"


def score(
    found: Sequence[Found],
    truth: Sequence[Event],
    lawful: Sequence[Event] = (),
    hours: float = nan,
    watched: Watched | None = None,
) -> tuple[Score, list[Note]]:
    """One run. Events that left too little in any picture (``visible.left_out``) are not counted,
    nor what was found of them. The order of findings does not matter."""
    reasons = [left_out(event, watched) for event in truth]
    both = [
        (e, reason == COUNTED)
        for e, reason in zip(truth, reasons, strict=True)
        if reason != NOWHERE
    ]
    seen, counts = [e for e, _ in both], [counted for _, counted in both]
    told = incidents(found)
    matched = match(told, seen)
    made = Score(lawful=len(lawful), unseen=reasons.count(NOWHERE))
    made.hours = hours if isfinite(hours) else nan
    notes: list[Note] = []

    def tally(kind: str) -> Tally:
        return made.kinds.setdefault(kind, Tally())

    for row, column in matched.pairs:
        if counts[column]:
            _hit(tally(seen[column].kind), told[row], seen[column])
        else:
            tally(seen[column].kind).beyond += 1
    for column in matched.missed:
        event = seen[column]
        if not counts[column]:
            continue
        tally(event.kind).missed += 1
        notes.append(Note("missed", event.kind, event.start, event=event))
    for row, column in matched.doubled:
        first = told[row].first
        if not counts[column]:
            continue
        tally(first.kind).doubled += 1
        notes.append(Note("doubled", first.kind, first.stamp, first, seen[column]))
    for event, counted in both:
        if not counted:
            tally(event.kind).hidden += left_out(event, watched) == HIDDEN
            tally(event.kind).plate += left_out(event, watched) == PLATE
    false = [told[row] for row in matched.false]
    hits = match(false, lawful, any_camera=True)
    beside = {row: lawful[column] for row, column in (*hits.pairs, *hits.doubled)}
    for row, incident in enumerate(false):
        first = incident.first
        tally(first.kind).false += 1
        note = _false_note(first, beside.get(row), truth)
        notes.append(note)
        if note.beside == "near miss" and note.event is not None:
            why = f"{first.kind}: {note.event.why or 'near miss'}"
            made.near_misses[why] = made.near_misses.get(why, 0) + 1
    return made, sorted(notes, key=lambda n: (n.kind, n.what, n.stamp))


def _hit(tally: Tally, incident: Incident, event: Event) -> None:
    tally.right += 1
    first = incident.first
    tally.delays.append((first.stamp - event.start) / SECOND)
    away = distance(first, event)
    if isfinite(away):
        tally.aways.append(away)
    if event.kind in SPEED_KINDS and isfinite(event.speed) and isfinite(first.measured):
        tally.speeds.append((event.speed, first.measured, first.low, first.high))


def _false_note(finding: Found, near: Event | None, truth: Iterable[Event]) -> Note:
    if near is not None:
        return Note("false", finding.kind, finding.stamp, finding, near, "near miss")
    for event in truth:
        overlaps = finding.started <= event.end and finding.stamp >= event.start
        if overlaps and 0.0 <= distance(finding, event) <= 5.0:
            how = "unseen event" if event.kind == finding.kind else "event of another kind"
            return Note("false", finding.kind, finding.stamp, finding, event, how)
    return Note("false", finding.kind, finding.stamp, finding)


def wilson(hits: int, of: int) -> tuple[float, float]:
    """95 % interval of a share; (0, 1) where nothing is known."""
    if of == 0:
        return 0.0, 1.0
    z, p = 1.959964, hits / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z * sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return max(0.0, middle - half), min(1.0, middle + half)


def share(hits: int, of: int) -> float:
    """NaN where there is nothing to share."""
    return hits / of if of else nan


def figures(tally: Tally) -> dict[str, Any]:
    """A kind's figures as plain values; None: there is none."""
    told = tally.right + tally.false + tally.doubled
    true = tally.right + tally.missed
    made: dict[str, Any] = {
        "true": true,
        "right": tally.right,
        "missed": tally.missed,
        "false": tally.false,
        "doubled": tally.doubled,
        "hidden": tally.hidden,
        "plate_not_read": tally.plate,
        "found_of_these": tally.beyond,
        "precision": number(share(tally.right, told)),
        "precision_interval": [number(v) for v in wilson(tally.right, told)],
        "recall": number(share(tally.right, true)),
        "recall_interval": [number(v) for v in wilson(tally.right, true)],
        "f1": number(share(2 * tally.right, told + true)),
        "delay_s": quantiles(tally.delays, (50, 95)),
        "position_error_m": quantiles(tally.aways, (50, 95)),
    }
    if tally.speeds:
        made["speed"] = speed_figures(tally.speeds)
    return made


def quantiles(values: Sequence[float], percents: Sequence[int]) -> dict[str, float | None]:
    """{"p50": ..., "p95": ..., "max": ...}; None without values."""
    if not values:
        return {**{f"p{p}": None for p in percents}, "max": None}
    found = {f"p{p}": number(float(np.percentile(values, p))) for p in percents}
    return {**found, "max": number(max(values))}


def speed_figures(speeds: Sequence[tuple[float, float, float, float]]) -> dict[str, Any]:
    """Errors of measured speeds, and whether the stated intervals hold."""
    true, measured, low, high = np.array(speeds, np.float64).T
    errors = np.abs(measured - true)
    within = int((errors <= np.maximum(_BAND, _SHARE * true)).sum())
    stated = np.isfinite(low) & np.isfinite(high)
    covered = int(((low <= true) & (true <= high))[stated].sum())
    n, m = len(true), int(stated.sum())
    return {
        "count": n,
        "error_mps": quantiles(errors.tolist(), (50, 95, 99)),
        "bias_mps": number(float((measured - true).mean())),
        "within_3kmh_3pct": number(share(within, n)),
        "within_count": within,
        "interval_covers": number(share(covered, m)),
        "covers_count": covered,
        "covers_of": m,
        "covers_interval": [number(v) for v in wilson(covered, m)],
        "half_width_mps": number(float(((high - low) / 2)[stated].mean())) if m else None,
    }


def summary(made: Score) -> dict[str, Any]:
    """A whole score as plain values."""
    whole = made.all
    known = isfinite(made.hours) and made.hours > 0
    return {
        "kinds": {kind: figures(made.kinds[kind]) for kind in sorted(made.kinds)},
        "all": figures(whole),
        "camera_hours": number(made.hours),
        "false_findings": whole.false,
        "false_per_camera_hour": number(whole.false / made.hours) if known else None,
        "near_misses": made.lawful,
        "near_misses_hit": dict(sorted(made.near_misses.items())),
        "events_no_camera_saw": made.unseen,
    }
