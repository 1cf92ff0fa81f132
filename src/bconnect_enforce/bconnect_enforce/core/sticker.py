"""The life of a sticker task.

    measure -> requested -> acknowledged -> done
                   |  '---------|--------^
                   '------------'-----> cancelled

An officer on the road takes it, sticks, and says so. It ends by itself when its due time has
passed, when the vehicle left, or when an officer rejected the citation: a sticker is a word to
somebody who is there, and nobody must be looked for with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bconnect_enforce.core.citation import Refused
from bconnect_enforce.core.records import Measure, StickerTask, identity
from bconnect_enforce.core.roadside import line, person
from bconnect_site.kinds import Mode, Step, StickerStatus

_NEXT = {
    StickerStatus.REQUESTED: frozenset(
        {StickerStatus.ACKNOWLEDGED, StickerStatus.DONE, StickerStatus.CANCELLED}
    ),
    StickerStatus.ACKNOWLEDGED: frozenset({StickerStatus.DONE, StickerStatus.CANCELLED}),
}


@dataclass(frozen=True, slots=True)
class Change:
    """What an officer says of a task."""

    id: str
    status: StickerStatus
    officer: str
    detail: str = ""


def requested(measure: Measure, now: int, due_after: int) -> StickerTask:
    """The task a measure asks for, due after `due_after` ns unless the measure says when.

    Raises Refused for a measure that may not.
    """
    if measure.step is not Step.STICKER:
        raise Refused(f"measure {measure.id}: step {measure.step.name.lower()} is no sticker")
    if measure.mode is not Mode.ENFORCEMENT:
        raise Refused(f"measure {measure.id}: no sticker is asked for outside of enforcement mode")
    if not measure.violation_id:
        raise Refused(f"measure {measure.id}: names no violation")
    return StickerTask(
        id=identity(measure.violation_id, "sticker"),
        violation_id=measure.violation_id,
        site=measure.site,
        camera=measure.camera,
        type=measure.type,
        status=StickerStatus.REQUESTED,
        stamp=now,
        due=measure.due or measure.stamp + due_after,
        detail=measure.reason,
    )


def is_open(task: StickerTask) -> bool:
    """Whether anything may still happen to it."""
    return task.status in _NEXT


def changed(task: StickerTask, change: Change, now: int) -> StickerTask:
    """The task's next state. Raises Refused, with a sentence for the officer."""
    officer, detail = person(change.officer), line(change.detail, "detail")
    allowed = _NEXT.get(task.status, frozenset())
    if change.status not in allowed:
        words = ", ".join(word(s) for s in sorted(allowed)) or "nothing more"
        by = f" by {task.officer}" if task.officer else ""
        raise Refused(
            f"{task.id}: is {word(task.status)}{by}, cannot become {word(change.status)}; "
            f"allowed: {words}"
        )
    if now > task.due and change.status is not StickerStatus.CANCELLED:
        raise Refused(f"{task.id}: its due time has passed; the vehicle may not be the same")
    if change.status is StickerStatus.CANCELLED and not detail:
        raise Refused("detail: empty; say why it is cancelled")
    return replace(
        task,
        status=change.status,
        stamp=now,
        officer=officer,
        detail=detail or f"{word(change.status)} by {officer}",
        revision=task.revision + 1,
    )


def over(task: StickerTask, why: str, now: int) -> StickerTask | None:
    """The task cancelled by itself; None: it has ended already."""
    if not is_open(task):
        return None
    return replace(
        task,
        status=StickerStatus.CANCELLED,
        stamp=now,
        detail=f"cancelled by itself: {why}",
        revision=task.revision + 1,
    )


def expired(task: StickerTask, now: int) -> StickerTask | None:
    """The task cancelled because its due time passed; None: it may wait, or has ended."""
    return over(task, "its due time has passed", now) if now > task.due else None


def word(status: StickerStatus) -> str:
    """The status for people."""
    return status.name.lower()
