"""Puts the ladder's decisions into records: measures, orders, answers to a warning."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bconnect_enforce.core.compliance import Watched
from bconnect_enforce.core.history import Decided, Entry
from bconnect_enforce.core.reasons import Facts, reason
from bconnect_enforce.core.records import (
    Announcement,
    Compliance,
    Measure,
    Offence,
    Violation,
    identity,
)
from bconnect_enforce.core.rungs import DAY, LEGAL, SECOND, Phrase, Policy, Rules, Rung
from bconnect_site.kinds import Outcome, Step


@dataclass(frozen=True, slots=True)
class Case:
    """An offence as it lies before us; `violation` once it is sealed."""

    entry: Entry
    offence: Offence
    policy: Policy
    violation: Violation | None = None


def measure(case: Case, step: Step, decided: Decided, rules: Rules) -> Measure:
    """The measure of a step that was taken."""
    offence, violation, entry = case.offence, case.violation, case.entry
    mode = rules.mode_at(offence.stamp)
    spoken = entry.decided.get(Step.ANNOUNCEMENT)
    weighty = step in LEGAL
    measured = violation.measured if violation and weighty else math.nan
    facts = Facts(
        history=decided.history,
        mode=mode,
        measured=max(measured, entry.stood / SECOND) if entry.stood and weighty else measured,
        limit=violation.limit if violation else math.nan,
        days=rules.history / DAY if entry.plated else 0.0,
        warned=weighty
        and spoken is not None
        and spoken.taken
        and case.policy.spare
        and case.policy.watch_of(offence.type) > 0,
        ignored=weighty and entry.outcome is Outcome.IGNORED,
        late=entry.late and step is not Step.ANNOUNCEMENT,
    )
    return Measure(
        id=identity(offence.id, step.name.lower()),
        violation_id=offence.id,
        site=offence.site,
        camera=offence.camera,
        type=offence.type,
        step=step,
        mode=mode,
        stamp=offence.stamp,
        reason=reason(offence, step, facts, rules.timezone),
        policy=decided.policy,
        history=decided.history,
    )


def order(
    offence: Offence, speaker: str, phrase: Phrase, speak_within: int, place: str
) -> Announcement:
    """The order to one pole, with whom it addresses."""
    return Announcement(
        id=identity(offence.id, "announcement", speaker, phrase.name),
        speaker=speaker,
        phrase=phrase.name,
        finding_id=offence.id,
        priority=phrase.priority,
        stamp=offence.stamp,
        expires=offence.stamp + speak_within,
        road_user=offence.road_user,
        colour=offence.colour,
        place=offence.place or place,
    )


def compliance(report: Watched, order: Announcement, spoken: bool) -> Compliance:
    """What one announcement did; of one that was never spoken nothing is known."""
    outcome = report.outcome if spoken else Outcome.UNKNOWN
    obeyed = outcome is Outcome.COMPLIED
    offence = report.offence
    return Compliance(
        id=identity(order.id, "compliance"),
        announcement_id=order.id,
        finding_id=offence.id,
        site=offence.site,
        camera=offence.camera,
        speaker=order.speaker,
        phrase=order.phrase,
        type=offence.type,
        outcome=outcome,
        spoken=order.stamp,
        stamp=report.stamp,
        delay=(report.obeyed - order.stamp) / SECOND if obeyed else math.nan,
        detail=report.detail if spoken else f"{report.detail}; the phrase was not heard",
    )


def dwells(
    rungs: tuple[Rung, ...], violation: Violation, stood: int
) -> tuple[tuple[Rung, ...], tuple[Rung, ...]]:
    """The rungs whose dwell was reached, and the others. `stood` ns by the watch."""
    measured = violation.measured * SECOND if math.isfinite(violation.measured) else 0.0
    reached = max(measured, stood)
    due = tuple(rung for rung in rungs if reached >= (rung.dwell or 0))
    return due, tuple(rung for rung in rungs if rung not in due)
