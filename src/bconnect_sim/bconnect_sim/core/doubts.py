"""What makes a true event one that nobody could decide by looking, whatever a rule does.

- Somebody on duty was there just before, or came after: who crossed a line may have made way.
- A solid line was crossed within ``END`` of where it begins or ends: a vehicle passes over it on
  metres of its way, part of them beside the line.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bconnect_sim.core.watch_lines import Line
from bconnect_sim.core.world import Place, Truth, VehicleState
from bconnect_site.giving_way import AFTER, AHEAD, NEAR

END = 1.0  # m
CROSSINGS = frozenset({"red_light", "stop_line", "lane_marking"})


class Doubts:
    """Where vehicles on duty were; moments come in order. Remembers one run, as its truth does."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._marks = {p.name: Line(p) for p in places if p.kind == "lane_marking"}
        self._times: list[float] = []
        self._at: list[tuple[float, float]] = []

    def look(self, time: float, on_duty: Sequence[VehicleState]) -> None:
        """Takes in one moment."""
        for vehicle in on_duty:
            self._times.append(time)
            self._at.append((vehicle.x, vehicle.y))

    def tell(self, event: Truth) -> Truth:
        """The event with its ``doubt``; empty: none."""
        if event.kind not in CROSSINGS or event.why:
            return event
        if self._met(event):
            return replace(event, doubt="may have made way")
        return replace(event, doubt="close to the line's end") if self._at_end(event) else event

    def _met(self, event: Truth) -> bool:
        first = bisect_left(self._times, event.start - AFTER)
        ahead = AHEAD if event.kind == "lane_marking" else 0.0
        last = bisect_left(self._times, event.end + ahead)
        return any(
            (x - event.x) ** 2 + (y - event.y) ** 2 <= NEAR**2 for x, y in self._at[first:last]
        )

    def _at_end(self, event: Truth) -> bool:
        marks: Mapping[str, Line] = self._marks
        if (line := marks.get(event.place)) is None:
            return False
        _, along = line.of((event.x, event.y))
        return not END <= along <= line.length - END
