"""What the listener makes of what it hears: states, happenings, counts of road users."""

import math
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bconnect_center.core.moments import HOUR, SECOND

SILENT = 15 * SECOND  # after which a site counts as gone
AHEAD = 5 * SECOND  # a stamp later than this after it was heard: the site's clock is ahead
LATE = 120 * SECOND  # the same behind, of what comes at once
AT_ONCE = frozenset({"finding", "announcement", "spoken", "camera", "speaker"})
SIGHTS = 5  # images in which a road user must be seen to count


@dataclass(frozen=True, slots=True)
class State:
    """The last word of something. `kind`: site, camera, speaker, node, vehicle, signal, trust."""

    site: str
    kind: str
    name: str
    stamp: int
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened once. `id` begins with its kind: nothing comes twice."""

    id: str
    kind: str
    site: str
    camera: str
    type: int  # ViolationType
    stamp: int
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SiteCitation:
    """A case as the site's own ledger has it. `status`: CitationStatus."""

    violation_id: str
    site: str
    number: str
    status: int
    stamp: int


def clean(value: Any) -> Any:
    """The same for JSON: an unknown number is None, a float has six digits."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [clean(inner) for inner in value]
    return value


def skew(kind: str, stamp: int, heard: int) -> int:
    """Seconds by which the site's clock is ahead (or, negative, behind); 0: within reason.

    What is kept and told again may be old, so only what comes at once proves a clock behind.
    """
    off = stamp - heard
    if off > AHEAD or (kind in AT_ONCE and off < -LATE):
        return round(off / SECOND)
    return 0


def is_silent(heard: int, now: int) -> bool:
    """Whether what was last heard then no longer holds."""
    return now - heard > SILENT


@dataclass(slots=True)
class Throttle:
    """Passes a state on when it changed, and from time to time when it did not."""

    every: int = 5 * SECOND
    most: int = 4000
    _last: OrderedDict[tuple[str, str, str], tuple[int, Mapping[str, Any]]] = field(
        default_factory=OrderedDict
    )

    def passes(self, state: State, heard: int, steady: Iterable[str] = ()) -> bool:
        """Whether to write it; differences in the keys `steady` alone do not count."""
        key = (state.site, state.kind, state.name)
        told = {k: v for k, v in state.told.items() if k not in set(steady)}
        last = self._last.get(key)
        if last is not None and last[1] == told and 0 <= heard - last[0] < self.every:
            return False
        self._last[key] = (heard, told)
        self._last.move_to_end(key)
        while len(self._last) > self.most:
            self._last.popitem(last=False)
        return True


@dataclass(slots=True)
class _Seen:
    kinds: Counter[int] = field(default_factory=Counter)
    sights: int = 0
    stamp: int = 0


@dataclass(slots=True)
class Passing:
    """Counts distinct road users per camera, hour and kind.

    One counts at its fifth sight, as the kind it was seen as most; who was not seen for `gone` ns
    is forgotten, and of one camera at most `most` are known.
    """

    gone: int = 60 * SECOND
    most: int = 2000
    _cameras: dict[str, OrderedDict[int, _Seen]] = field(default_factory=dict)
    _counts: Counter[tuple[str, int, int]] = field(default_factory=Counter)

    def see(self, camera: str, stamp: int, ids: Iterable[int], kinds: Iterable[int]) -> None:
        """One image's tracks. Ids of 0 are no tracks."""
        known = self._cameras.setdefault(camera, OrderedDict())
        for id_, kind in zip(ids, kinds, strict=False):
            if not id_:
                continue
            seen = known.setdefault(id_, _Seen())
            seen.kinds[kind] += 1
            seen.sights += 1
            seen.stamp = stamp
            known.move_to_end(id_)
            if seen.sights == SIGHTS:
                kind = seen.kinds.most_common(1)[0][0]
                self._counts[(camera, stamp // HOUR * HOUR, kind)] += 1
        while known:
            first = next(iter(known.values()))
            if len(known) <= self.most and abs(stamp - first.stamp) <= self.gone:
                break
            known.popitem(last=False)

    def take(self) -> dict[tuple[str, int, int], int]:
        """What was counted since the last take: (camera, hour, kind) to count."""
        taken, self._counts = dict(self._counts), Counter()
        return taken

    def __len__(self) -> int:
        return sum(len(known) for known in self._cameras.values())
