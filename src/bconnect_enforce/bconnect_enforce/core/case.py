"""All that is known about one citation."""

from __future__ import annotations

from dataclasses import dataclass

from bconnect_enforce.core.records import Citation, Measure, Violation


@dataclass(frozen=True, slots=True)
class Case:
    """All the ledger holds about one citation; `lines` in the order written."""

    lines: tuple[Citation, ...]
    violation: Violation
    measures: tuple[Measure, ...] = ()
    erased: int | None = None  # stamp

    @property
    def number(self) -> str:
        return self.lines[0].number

    @property
    def last(self) -> Citation:
        return self.lines[-1]
