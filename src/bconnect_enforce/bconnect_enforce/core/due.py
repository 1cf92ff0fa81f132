"""Which citations an officer must look at by when. Nothing is ever decided by a date."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bconnect_enforce.core.records import Citation
from bconnect_site.kinds import CitationStatus


@dataclass(frozen=True, slots=True)
class Due:
    """A pending citation; `deadline`: the first moment [ns] that is too late, None: not known."""

    line: Citation
    deadline: int | None
    overdue: bool


def due(lines: Iterable[Citation], deadline: Callable[[int], int | None], now: int) -> list[Due]:
    """What waits for a decision, the most urgent first; `deadline` of an offence's stamp."""
    found = []
    for line in lines:
        if line.status is CitationStatus.PENDING_REVIEW:
            last = deadline(line.violation_stamp)
            found.append(Due(line, last, last is not None and now >= last))
    return sorted(found, key=lambda d: (d.deadline is None, d.deadline or 0, d.line.number))
