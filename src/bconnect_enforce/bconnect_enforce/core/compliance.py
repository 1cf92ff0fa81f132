"""Watches whether who was spoken to obeys, and how much longer who stands keeps standing.

After an announcement the tracks of its camera are looked at, for the road user it addressed
only. The watch ends when the answer is clear, when its time is over, or when nothing can be
seen any more: a camera whose tracks fell silent, a road user out of sight. Sight lost counts
for nothing. Where a policy waits for a dwell the watch goes on for that long.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bconnect_enforce.core.obeying import (
    BLIND,
    Box,
    Look,
    Sight,
    Stander,
    Verdict,
    Watcher,
    make_watcher,
    unknown,
)
from bconnect_enforce.core.records import Announcement, Offence
from bconnect_enforce.core.rungs import SECOND, STANDING, Shape
from bconnect_site.kinds import Outcome

HIDDEN = 60 * SECOND  # behind a bus at the lights; longer, and somebody else may stand there
SLACK = 2 * SECOND  # between the camera's clock and ours
CAPACITY = 512


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The road users of one image. Boxes in image heights; speed in m/s, or None."""

    stamp: int
    camera: str
    track_id: NDArray[np.int64]
    boxes: NDArray[np.float32]  # (n, 4)
    speed: NDArray[np.float32] | None = None

    def look(self, row: int) -> Look:
        box: Box = tuple(float(side) for side in self.boxes[row])  # type: ignore[assignment]
        speed = math.nan if self.speed is None else float(self.speed[row])
        return Look(self.stamp, box, speed)

    def row(self, track_id: int) -> int | None:
        rows = np.flatnonzero(self.track_id == track_id)
        return int(rows[0]) if len(rows) else None


@dataclass(frozen=True, slots=True)
class Watched:
    """What a watch found out: whether a warning was obeyed, at which stamp (0: it was not)."""

    offence: Offence
    orders: tuple[Announcement, ...]
    outcome: Outcome
    obeyed: int
    stamp: int
    detail: str


@dataclass(frozen=True, slots=True)
class Stood:
    """Whether a vehicle was still standing after `dwell` ns."""

    offence_id: str
    dwell: int
    still: bool
    stamp: int
    detail: str


Report = Watched | Stood


@dataclass(slots=True)
class _Watch:
    offence: Offence
    orders: tuple[Announcement, ...]
    watcher: Watcher
    until: int
    opened: int
    track_id: int
    seen: int
    stood: int  # ns, when it was found
    dwells: list[int] = field(default_factory=list)
    answered: bool = False

    @property
    def standing(self) -> bool:
        return self.offence.type in STANDING

    @property
    def end(self) -> int:
        """The last stamp anything is asked about."""
        last = self.offence.stamp + max(self.dwells, default=0) - self.stood
        return max(self.until, last if self.dwells else 0)


class Watchman:
    """The watches of one site. Stamps in ns; `now` is the node's clock. Not thread-safe."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._watches: dict[str, _Watch] = {}
        self._heard: dict[str, int] = {}  # when tracks of a camera last came, by our clock

    def __len__(self) -> int:
        return len(self._watches) + len(self._heard)

    @property
    def cameras(self) -> frozenset[str]:
        """Whose tracks are wanted."""
        return frozenset(watch.offence.camera for watch in self._watches.values())

    def watches(self, offence_id: str) -> bool:
        """Whether it is still open if this one's warning was obeyed."""
        watch = self._watches.get(offence_id)
        return watch is not None and not watch.answered

    def follows(self, offence_id: str, dwell: int) -> bool:
        """Whether it will be known if this vehicle stands that long."""
        watch = self._watches.get(offence_id)
        return watch is not None and dwell in watch.dwells

    def open(
        self,
        offence: Offence,
        sight: Sight,
        shape: Shape,
        now: int,
        *,
        orders: tuple[Announcement, ...] = (),
        length: int = 0,
        dwells: Sequence[int] = (),
    ) -> bool:
        """Begins to watch: a warning (`orders`, for `length` ns), a dwell, or both.

        False where nothing can be seen, or too much is watched already.
        """
        watcher = make_watcher(offence.type, sight, shape)
        full = len(self._watches) >= self._capacity
        if watcher is None or not offence.track_id or full or offence.id in self._watches:
            return False
        stood = int(sight.measured * SECOND) if math.isfinite(sight.measured) else 0
        waiting = sorted(d for d in dwells if d > stood) if offence.type in STANDING else []
        if not orders and not waiting:
            return False
        camera, stamp = offence.camera, offence.stamp
        until = stamp + length if orders else stamp
        self._watches[offence.id] = _Watch(
            offence, orders, watcher, until, now, offence.track_id, stamp, stood, waiting
        )
        self._watches[offence.id].answered = not orders
        self._heard[camera] = now
        return True

    def look(self, seen: Seen, now: int) -> list[Report]:
        """One image of a camera; returns what became clear."""
        found: list[Report] = []
        self._heard[seen.camera] = now
        for watch in [w for w in self._watches.values() if w.offence.camera == seen.camera]:
            if seen.stamp > watch.seen:
                found += self._look(watch, seen)
        return found

    def tick(self, now: int) -> list[Report]:
        """Time passes, whether or not tracks come; ends what cannot become clear any more."""
        found: list[Report] = []
        for watch in list(self._watches.values()):
            silence = now - self._heard.get(watch.offence.camera, now)
            passed = now - min(watch.opened, watch.offence.stamp) - SLACK + watch.offence.stamp
            if silence >= BLIND:
                verdict = watch.watcher.end(watch.seen + BLIND + 1)
                if verdict[0] is Outcome.UNKNOWN:
                    verdict = unknown(f"no tracks of {watch.offence.camera} came")
                found += self._answer(watch, verdict, watch.seen)
            elif passed > watch.until:
                found += self._answer(watch, watch.watcher.end(watch.until), watch.until)
            if silence > HIDDEN or passed > watch.end:
                found += self._gave_up(watch, watch.seen, "it was out of sight")
            self._done(watch)
        self._heard = {c: heard for c, heard in self._heard.items() if c in self.cameras}
        return found

    def lose(self, why: str) -> list[Report]:
        """Ends every watch: what is seen from now on cannot be held against what was."""
        found: list[Report] = []
        for watch in list(self._watches.values()):
            found += self._answer(watch, unknown(why), watch.seen)
            found += self._gave_up(watch, watch.seen, why)
            self._done(watch)
        return found

    def _look(self, watch: _Watch, seen: Seen) -> list[Report]:
        found: list[Report] = []
        look = self._recognise(watch, seen)
        # What lies beyond the end of the watch is no longer an answer to the warning.
        if not watch.answered and seen.stamp > watch.until:
            found += self._answer(watch, watch.watcher.end(watch.until), watch.until)
        verdict = None
        if look is not None:
            watch.seen = seen.stamp
            verdict = watch.watcher.look(look)
        gone = seen.stamp - watch.seen
        if not watch.answered:
            if verdict is None and not watch.standing and gone > BLIND:
                verdict = watch.watcher.end(seen.stamp)
            if verdict is not None:
                found += self._answer(watch, verdict, seen.stamp)
        if watch.dwells:
            found += self._dwell(watch, verdict, look, seen.stamp)
        self._done(watch)
        return found

    def _recognise(self, watch: _Watch, seen: Seen) -> Look | None:
        row = seen.row(watch.track_id)
        if row is None and isinstance(watch.watcher, Stander) and watch.watcher.off is None:
            row = self._in_its_place(watch, watch.watcher, seen)
        return None if row is None else seen.look(row)

    @staticmethod
    def _in_its_place(watch: _Watch, stander: Stander, seen: Seen) -> int | None:
        """Who stands where it stood a moment ago is the same, whatever its id says."""
        if seen.stamp - watch.seen > BLIND:
            return None
        for row in range(len(seen.track_id)):
            look = seen.look(row)
            if stander.stands_here(look.box):
                watch.track_id = int(seen.track_id[row])
                return row
        return None

    def _answer(self, watch: _Watch, verdict: Verdict, stamp: int) -> list[Report]:
        if watch.answered:
            return []
        watch.answered = True
        outcome, obeyed, detail = verdict
        self._done(watch)
        return [Watched(watch.offence, watch.orders, outcome, obeyed, stamp, detail)]

    def _dwell(
        self, watch: _Watch, verdict: Verdict | None, look: Look | None, stamp: int
    ) -> list[Report]:
        off = isinstance(watch.watcher, Stander) and watch.watcher.off is not None
        if verdict is not None and verdict[0] is Outcome.COMPLIED:
            return self._gave_up(watch, stamp, "it moved off")
        if stamp - watch.seen > HIDDEN:
            return self._gave_up(watch, stamp, "it was out of sight")
        reached = watch.stood + stamp - watch.offence.stamp
        found: list[Report] = []
        while watch.dwells and look is not None and not off and reached >= watch.dwells[0]:
            dwell = watch.dwells.pop(0)
            found.append(Stood(watch.offence.id, dwell, True, stamp, "still stood there"))
        return found

    @staticmethod
    def _gave_up(watch: _Watch, stamp: int, why: str) -> list[Report]:
        found = [Stood(watch.offence.id, dwell, False, stamp, why) for dwell in watch.dwells]
        watch.dwells.clear()
        return list(found)

    def _done(self, watch: _Watch) -> None:
        if watch.answered and not watch.dwells:
            self._watches.pop(watch.offence.id, None)
