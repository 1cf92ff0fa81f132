"""What a ledger holds, for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bconnect_enforce.core.records import Citation


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts by word ("wrong_way", "citation", "confirmed") and the citations themselves.

    `undecided`: violations for which no measure is known.
    """

    violations: Mapping[str, int] = field(default_factory=dict)
    measures: Mapping[str, int] = field(default_factory=dict)
    citations: Mapping[str, int] = field(default_factory=dict)
    pending: tuple[Citation, ...] = ()
    undecided: int = 0
