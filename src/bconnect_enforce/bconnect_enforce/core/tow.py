"""The life of a tow job.

    measure -> proposed -> requested -> acknowledged -> en route -> done
                   |           |             |             |
                   '-----------+-------------+-------------'-----> cancelled

The ladder proposes, and a proposal moves nobody. Only an officer's yes, by name, makes it
`requested`; from there on the towing service is told of every change.

What the machine may do by itself is to drop a proposal: when the vehicle left, when an officer
rejected the citation, when nobody said yes in time. After the yes it only notes what it saw,
on the job, and the towing service hears of it too. It does not cancel, because "has left" may
be a mistake: the truck could be hooking the vehicle while the job says that nothing happens,
and its owner would look for it in vain. Nor does it keep silent, because the next vehicle in
that place must not be taken for the one that left. A person looks and decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bconnect_enforce.core.citation import Refused
from bconnect_enforce.core.records import Measure, TowJob, identity
from bconnect_enforce.core.roadside import SECOND, line, person
from bconnect_site.kinds import Mode, Step, TowStatus

_NEXT = {
    TowStatus.PROPOSED: frozenset({TowStatus.REQUESTED, TowStatus.CANCELLED}),
    TowStatus.REQUESTED: frozenset({TowStatus.ACKNOWLEDGED, TowStatus.CANCELLED}),
    TowStatus.ACKNOWLEDGED: frozenset({TowStatus.EN_ROUTE, TowStatus.CANCELLED}),
    TowStatus.EN_ROUTE: frozenset({TowStatus.DONE, TowStatus.CANCELLED}),
}
# Another truck may take over.
_AGAIN = frozenset({TowStatus.ACKNOWLEDGED, TowStatus.EN_ROUTE})


@dataclass(frozen=True, slots=True)
class Terms:
    """What a site allows. `propose_for`: ns a proposal waits for its yes."""

    yard: str = ""
    trucks: tuple[str, ...] = ()
    propose_for: int = 900 * SECOND


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody wants of a job; an empty truck or yard leaves what is there."""

    id: str
    status: TowStatus
    officer: str
    truck: str = ""
    yard: str = ""
    detail: str = ""


def proposed(measure: Measure, now: int) -> TowJob:
    """The job a measure proposes. Raises Refused for a measure that may not."""
    if measure.step is not Step.TOW:
        raise Refused(f"measure {measure.id}: step {measure.step.name.lower()} is no tow")
    if measure.mode is not Mode.ENFORCEMENT:
        raise Refused(f"measure {measure.id}: no tow is proposed outside of enforcement mode")
    if not measure.violation_id:
        raise Refused(f"measure {measure.id}: names no violation")
    return TowJob(
        id=identity(measure.violation_id, "tow"),
        violation_id=measure.violation_id,
        site=measure.site,
        camera=measure.camera,
        type=measure.type,
        status=TowStatus.PROPOSED,
        stamp=now,
        detail=measure.reason,
    )


def is_open(job: TowJob) -> bool:
    """Whether anything may still happen to it."""
    return job.status in _NEXT


def is_ordered(job: TowJob) -> bool:
    """Whether an officer said yes: only then may anybody outside be told."""
    return bool(job.ordered_by)


def changed(job: TowJob, change: Change, now: int, terms: Terms) -> TowJob:
    """The job's next state. Raises Refused, with a sentence for who asked."""
    officer, detail = person(change.officer), line(change.detail, "detail")
    truck = line(change.truck, "truck") or job.truck
    yard = line(change.yard, "yard") or job.yard
    _allowed(job, change.status, truck != job.truck or yard != job.yard)
    if terms.trucks and truck and truck not in terms.trucks:
        raise Refused(f'truck: found "{truck}", allowed: {", ".join(terms.trucks)}')
    ordered_by = job.ordered_by
    if change.status is TowStatus.REQUESTED:
        if now > job.stamp + terms.propose_for:
            raise Refused(f"{job.id}: the proposal is too old; the vehicle may not be the same")
        ordered_by, yard = officer, yard or terms.yard
    if change.status is TowStatus.CANCELLED and not detail:
        raise Refused("detail: empty; say why it is cancelled")
    if change.status in (TowStatus.EN_ROUTE, TowStatus.DONE) and not truck:
        raise Refused("truck: empty; say which one goes")
    if change.status is TowStatus.DONE and not yard:
        raise Refused("yard: empty; say where the vehicle is, or its owner cannot find it")
    return replace(
        job,
        status=change.status,
        stamp=now,
        ordered_by=ordered_by,
        truck=truck,
        yard=yard,
        detail=f"{word(change.status)} by {officer}" + (f": {detail}" if detail else ""),
        revision=job.revision + 1,
    )


def _allowed(job: TowJob, status: TowStatus, other: bool) -> None:
    allowed = _NEXT.get(job.status, frozenset())
    if status in allowed or (status is job.status and status in _AGAIN and other):
        return
    words = ", ".join(word(s) for s in sorted(allowed)) or "nothing more"
    raise Refused(
        f"{job.id}: is {word(job.status)}, cannot become {word(status)}; allowed: {words}"
    )


def over(history: Sequence[TowJob], why: str, now: int) -> TowJob | None:
    """What follows from something seen that speaks against the tow; None: nothing new.

    `history` is the job's states, oldest first. A proposal is dropped; an ordered job keeps
    its state and carries the news, once.
    """
    job = history[-1]
    if not is_open(job) or any(why in past.detail for past in history):
        return None
    if job.status is TowStatus.PROPOSED:
        return _dropped(job, why, now)
    detail = f"an officer must decide: {why}"
    return replace(job, stamp=now, detail=detail, revision=job.revision + 1)


def expired(job: TowJob, now: int, terms: Terms) -> TowJob | None:
    """A proposal nobody answered in time, dropped; None: it may wait, or is none."""
    if job.status is not TowStatus.PROPOSED or now <= job.stamp + terms.propose_for:
        return None
    return _dropped(job, f"nobody said yes within {terms.propose_for // SECOND} s", now)


def _dropped(job: TowJob, why: str, now: int) -> TowJob:
    return replace(
        job,
        status=TowStatus.CANCELLED,
        stamp=now,
        detail=f"cancelled by itself: {why}",
        revision=job.revision + 1,
    )


def word(status: TowStatus) -> str:
    """The status for people."""
    return status.name.lower().replace("_", " ")
