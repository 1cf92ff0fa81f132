"""Whether people do what the loudspeakers say: the number the mission is measured by."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from zoneinfo import ZoneInfo

from bconnect_enforce.core.reasons import local_time
from bconnect_enforce.core.records import Compliance
from bconnect_enforce.core.statistics import wilson
from bconnect_site.kinds import Outcome

BY = ("speaker", "phrase", "hour")


@dataclass(frozen=True, slots=True)
class Heeding:
    """Of those who were spoken to: who complied. `unknown` counts for nothing.

    `rate` with `low` and `high` at 95 % (Wilson); `delay`: median s from the order until they
    complied; NaN where nothing was counted.
    """

    group: str
    complied: int
    ignored: int
    unknown: int
    rate: float
    low: float
    high: float
    delay: float


def compliance_by(records: Iterable[Compliance], by: str, zone: ZoneInfo) -> list[Heeding]:
    """Compliance in groups: by speaker, phrase, or local hour of the day ("07").

    Raises ValueError for another grouping.
    """
    keys: Mapping[str, Callable[[Compliance], str]] = {
        "speaker": lambda r: r.speaker,
        "phrase": lambda r: r.phrase,
        "hour": lambda r: f"{local_time(r.spoken, zone):%H}",
    }
    if by not in keys:
        raise ValueError(f'by: found "{by}", allowed: {", ".join(BY)}')
    groups: dict[str, list[Compliance]] = defaultdict(list)
    for record in records:
        groups[keys[by](record)].append(record)
    return [_heeding(group, many) for group, many in sorted(groups.items())]


def _heeding(group: str, many: list[Compliance]) -> Heeding:
    complied = sum(r.outcome is Outcome.COMPLIED for r in many)
    ignored = sum(r.outcome is Outcome.IGNORED for r in many)
    counted = complied + ignored
    low, high = wilson(complied, counted)
    delays = [r.delay for r in many if r.outcome is Outcome.COMPLIED and not math.isnan(r.delay)]
    return Heeding(
        group=group,
        complied=complied,
        ignored=ignored,
        unknown=len(many) - counted,
        rate=complied / counted if counted else math.nan,
        low=low,
        high=high,
        delay=median(delays) if delays else math.nan,
    )
