"""What the officers' verdicts say about one rule at one camera.

Of the last decisions the share that officers upheld is compared with the mark the rule must
keep. Where even the optimistic end of its 95 % interval lies below the mark, the pair falls
back to observe only: it is found and kept, and nothing else is done. It comes back by a human's
act alone; then only decisions on what was seen afterwards count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from bconnect_enforce.core.records import RuleTrust
from bconnect_enforce.core.statistics import wilson
from bconnect_site.kinds import ViolationType, word

DAY = 86_400 * 1_000_000_000
BACK_OFF, REARM = "back_off", "rearm"
MACHINE = "ledger"  # who disarms; only people rearm


@dataclass(frozen=True, slots=True)
class Marks:
    """What is asked of every rule. `least`: decisions before anything is concluded; `bound`:
    which end of the interval must keep the mark."""

    mark: float = 0.8
    by_type: Mapping[ViolationType, float] = field(default_factory=dict)
    bound: Literal["high", "low"] = "high"
    least: int = 10
    window: int = 200
    window_days: int = 90

    def of(self, kind: ViolationType) -> float:
        return self.by_type.get(kind, self.mark)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The present state of one decided citation; `stamp` of the decision, `seen` of the offence."""

    camera: str
    type: ViolationType
    upheld: bool
    stamp: int
    seen: int


@dataclass(frozen=True, slots=True)
class Act:
    """A pair was disarmed or rearmed; the last act of a pair is its state."""

    camera: str
    type: ViolationType
    kind: str
    who: str
    why: str
    stamp: int


Pair = tuple[str, ViolationType]


def subject(camera: str, kind: ViolationType) -> str:
    """How an event names the pair."""
    return f"{camera}/{word(kind)}"


def weigh(
    site: str, verdicts: Iterable[Verdict], acts: Iterable[Act], marks: Marks, now: int
) -> list[RuleTrust]:
    """The trust in every pair that has decisions or acts; what may act first, by name.

    Acts come in the order written: two clocks may disagree about theirs.
    A pair without a standing act whose interval misses its mark comes out as observe only:
    the caller records the act.
    """
    last = {(act.camera, act.type): act for act in acts}
    by_pair: dict[Pair, list[Verdict]] = {pair: [] for pair in last}
    for verdict in verdicts:
        by_pair.setdefault((verdict.camera, verdict.type), []).append(verdict)
    found = [
        _trust(site, pair, _window(many, last.get(pair), marks, now), last.get(pair), marks, now)
        for pair, many in by_pair.items()
    ]
    return sorted(found, key=lambda t: (t.observe_only, t.camera, t.type))


def fallen(trusts: Iterable[RuleTrust], acts: Iterable[Act]) -> list[RuleTrust]:
    """Those that are disarmed now and were not before."""
    last = {(act.camera, act.type): act for act in acts}
    return [t for t in trusts if t.observe_only and not _disarmed(last.get((t.camera, t.type)))]


def _disarmed(act: Act | None) -> bool:
    return act is not None and act.kind == BACK_OFF


def _window(many: list[Verdict], act: Act | None, marks: Marks, now: int) -> list[Verdict]:
    """The last decisions; after a rearming only what was seen since."""
    oldest = now - marks.window_days * DAY
    since = act.stamp if act is not None and act.kind == REARM else -1
    counted = [v for v in many if v.stamp >= oldest and v.seen > since]
    return sorted(counted, key=lambda v: v.stamp)[-marks.window :]


def _trust(
    site: str, pair: Pair, counted: list[Verdict], act: Act | None, marks: Marks, now: int
) -> RuleTrust:
    camera, kind = pair
    decided, upheld = len(counted), sum(v.upheld for v in counted)
    low, high = wilson(upheld, decided)
    mark = marks.of(kind)
    misses = decided >= marks.least and (high if marks.bound == "high" else low) < mark
    stamp = max([v.stamp for v in counted] + ([act.stamp] if act else []), default=now)
    return RuleTrust(
        site=site,
        camera=camera,
        type=kind,
        decided=decided,
        upheld=upheld,
        precision=upheld / decided if decided else math.nan,
        low=low,
        high=high,
        mark=mark,
        observe_only=_disarmed(act) or misses,
        stamp=stamp,
        detail=_detail(decided, upheld, low, high, mark, act, misses, marks),
    )


def _detail(
    decided: int,
    upheld: int,
    low: float,
    high: float,
    mark: float,
    act: Act | None,
    misses: bool,
    marks: Marks,
) -> str:
    if act is not None and act.kind == BACK_OFF:
        return f"observe only: {act.why}" if act.who == MACHINE else act.why
    numbers = f"{upheld} of the last {decided} upheld"
    if decided:
        numbers += f" ({upheld / decided:.0%}, {low:.0%} to {high:.0%} at 95 %), mark {mark:.0%}"
    if misses:
        return f"{numbers}: observe only until somebody rearms it"
    if decided < marks.least:
        return f"{numbers}: too few to conclude, {marks.least} are needed"
    return numbers
