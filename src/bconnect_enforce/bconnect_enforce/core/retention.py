"""What is erased on schedule: what was rejected, withdrawn or never became a case.

A case is a citation that is pending or confirmed, or a sticker or tow that was carried out or
still may be: those stay. The days count from the last thing that happened to it: the offence,
or the officer's decision.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bconnect_site.kinds import CitationStatus, StickerStatus, TowStatus

DAY = 86_400 * 1_000_000_000
RULE = "evidence.retention_days"

_CLOSED = {
    CitationStatus.REJECTED: "rejected by an officer",
    CitationStatus.WITHDRAWN: "withdrawn by an officer",
}
_TOWED = frozenset(
    {TowStatus.REQUESTED, TowStatus.ACKNOWLEDGED, TowStatus.EN_ROUTE, TowStatus.DONE}
)
_STUCK = frozenset({StickerStatus.REQUESTED, StickerStatus.ACKNOWLEDGED, StickerStatus.DONE})


@dataclass(frozen=True, slots=True)
class Held:
    """A violation that is kept, and what became of it; `manifest` empty: none was sealed."""

    violation_id: str
    manifest: str
    stamp: int
    status: CitationStatus | None = None  # None: no citation
    decided: int = 0  # stamp of the last decision
    tows: frozenset[TowStatus] = frozenset()
    stickers: frozenset[StickerStatus] = frozenset()


@dataclass(frozen=True, slots=True)
class Erasure:
    """One violation to be erased, and why; `rule` names the setting that says so."""

    violation_id: str
    manifest: str
    why: str
    rule: str


def due(held: Iterable[Held], now: int, days: int) -> list[Erasure]:
    """What is to be erased at `now`, oldest first."""
    found = [
        (max(one.stamp, one.decided), one, why)
        for one in held
        if (why := _why(one)) and now - max(one.stamp, one.decided) >= days * DAY
    ]
    rule = f"{RULE} = {days}"
    return [
        Erasure(one.violation_id, one.manifest, why, rule)
        for _, one, why in sorted(found, key=lambda item: (item[0], item[1].violation_id))
    ]


def _why(one: Held) -> str:
    """Why it may go; empty: it is a case."""
    if one.tows & _TOWED or one.stickers & _STUCK:
        return ""
    if one.status is None:
        return "never became a case"
    return _CLOSED.get(one.status, "")
