"""Which true events left something in a picture that could be judged at all.

What counts as clear sight is the maker's to say (``bconnect_sim.core.sights``: half of the road
user in the picture with nothing in front, its foot or its heads among it); how long of it an
offence of a kind takes stands here. The least that could convince a human, not what a rule needs:

- who crossed a line: two pictures in the second before it and two from then on;
- who stood, stopped or turned back: half of the time it took;
- how fast or which way it drove: a second of its way, or half of it where that is shorter;
- who sat on a motorcycle: half a second of heads;
- a section: the plate at both gates.

Beside that the maker of the truth may call an event undecidable (``doubt``): who crosses a line
with an ambulance about may be making way, and near its end a line is hardly crossed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bconnect_replay.core.line import Event

SECOND = 1_000_000_000
# By camera, the kinds it was asked to judge, each with its zones (none: anywhere).
Watched = Mapping[str, Mapping[str, Sequence[str]]]

COUNTED, NOWHERE, HIDDEN, PLATE = "", "nowhere", "hidden", "plate"


@dataclass(frozen=True, slots=True)
class Need:
    """s of clear sight, each at least; ``share`` of the time it took, where that is shorter
    than ``during`` or nothing else is said."""

    before: float = 0.0
    during: float = 0.0
    share: float = 0.0
    onward: float = 0.0  # during and after

    def met(self, seen: tuple[float, float, float], took: float) -> bool:
        """Whether seconds (before, during, after) of an event that took so long do."""
        before, during, after = seen
        least = min(self.during, self.share * took) if self.during else self.share * took
        return before >= self.before and during >= least and during + after >= self.onward


_LINE = Need(before=0.2, onward=0.2)
_WAY = Need(during=1.0, share=0.5)
_TIME = Need(share=0.5)
_HEADS = Need(onward=0.5)
NEEDS: dict[str, Need] = {
    "red_light": _LINE,
    "lane_marking": _LINE,
    "stop_line": Need(before=0.2, share=0.5),
    "illegal_stopping": _TIME,
    "illegal_parking": _TIME,
    "illegal_u_turn": _TIME,
    "speeding": _WAY,
    "racing": _WAY,
    "wrong_way": _WAY,
    "no_helmet": _HEADS,
    "overloaded_motorcycle": _HEADS,
}


def left_out(event: Event, watched: Watched | None) -> str:
    """Why an event is not counted; COUNTED: it is.

    NOWHERE: no camera that was to judge it had its place in the picture; HIDDEN: none had it in
    clear sight, a gate none, or looking could not decide it; PLATE: a plate that could be seen was
    not read, or misread.
    """
    cameras = [camera for camera in event.cameras if _asked(event, watched, camera)]
    if not cameras:
        return NOWHERE
    if event.doubt:
        return HIDDEN
    if event.plates:
        words = set(event.plates.values())
        return HIDDEN if "hidden" in words else PLATE if words - {"read"} else COUNTED
    need = NEEDS.get(event.kind)
    if event.sight is None or need is None:
        return COUNTED
    took = (event.end - event.start) / SECOND
    known = (event.sight.get(camera) for camera in cameras)
    # 1 ms: seconds are written with three digits.
    seen = ((a + 1e-3, b + 1e-3, c + 1e-3) for a, b, c in filter(None, known))
    return COUNTED if any(need.met(parts, took) for parts in seen) else HIDDEN


def _asked(event: Event, watched: Watched | None, camera: str) -> bool:
    if watched is None:
        return True
    zones = watched.get(camera, {}).get(event.kind)
    return zones is not None and (not zones or not event.place or event.place in zones)
