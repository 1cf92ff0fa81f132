"""Does the camera still look where its zones were drawn? If not, what they say is void."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from bconnect_site.kinds import CameraState

from .health import Condition
from .types import SECOND, Pixels
from .view import View, field_of
from .view_album import SMALL, Album, Page, Seen, Sight, judge
from .view_match import Shift, compare

RATE = 4.0  # Hz, how often a guarded camera is looked at
ROW = 8  # looks in a row that a decision rests on, at most
STEADY = 0.5  # px within which these lie when a page is added
VOID = "zones and calibration are void until it is back or drawn anew"
LOOKING = "looking whether the view is still the known one"
PLAIN = "the picture shows too little to know the view by; guard: false does without"


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """Times in s of the pictures' clock, lengths in px of a picture 320 px wide.

    Of the move, the corner that moved most counts: a pan of 1 %, a zoom of 2 % and a turn of
    1 deg are each about 3 px.
    """

    moved: float = 2.0  # px from the anchor from which a view is another one
    back: float = 1.2  # px within which it is the old one again
    confirm: float = 0.7  # s a shift is seen before it is believed
    lost: float = 1.5  # s nothing known is seen before the view counts as moved
    found: float = 0.45  # s the known view is seen after a start or an outage
    returned: float = 1.5  # s it is seen after it had moved
    learn: float = 2.0  # s the first picture of the view is made of
    repaint: float = 30.0  # s the view looks unlike its pages before one is added
    gap: float = 3.0  # s between two looks that do not belong together
    repeat: float = 2.0  # s between two sentences about one state


class ViewGuard:
    """Looks at grey pictures (see ``view.field_of``) in the order of their stamps.

    ``pages``: what is known of the view from before; empty: the first seconds are learned.
    """

    def __init__(self, pages: tuple[Page, ...] = (), settings: GuardSettings | None = None) -> None:
        self._set = settings or GuardSettings()
        self.album = Album(pages)
        self.condition: Condition | None = None
        self._last: int | None = None
        self._there: int | None = None  # since when the known view is seen
        self._away: int | None = None  # since when it is not
        self._said = 0
        self._row: deque[tuple[int, Shift]] = deque(maxlen=ROW)  # shifts seen without a break
        self._blind: deque[bool] = deque(maxlen=ROW)
        self._poor: int | None = None
        self._paint: deque[tuple[View, Shift]] = deque(maxlen=ROW)

    def forget(self, stamp: int) -> None:
        """After an outage or a picture not to be believed the view has to be found again."""
        self._pause()
        if self.condition is None or self.condition.state != CameraState.MOVED:
            self._say(CameraState.UNKNOWN, stamp, LOOKING)

    def look(self, stamp: int, grey: Pixels) -> Condition:
        """``grey`` is (180, 320) uint8 and fit to be believed; ``stamp`` in ns."""
        if self._last is not None and not 0 <= stamp - self._last <= self._set.gap * SECOND:
            self._pause()
        self._last = stamp
        now = View(field_of(grey))
        if self.album.pages:
            self._judge(stamp, now)
        else:
            self._learn(stamp, now)
        assert self.condition is not None
        return self.condition

    # -- learning --------------------------------------------------------------------------

    def _learn(self, stamp: int, now: View) -> None:
        if now.firm < SMALL:
            self._paint.clear()
            self._say(CameraState.UNKNOWN, stamp, PLAIN)
            return
        if self._paint and judge(compare(self._paint[0][0], now)) is not Sight.SAME:
            self._paint.clear()
            self._say(CameraState.UNKNOWN, stamp, "learning the view, which does not stand still")
        self._say(CameraState.UNKNOWN, stamp, "learning the view")
        if not self._paint:
            self._there = stamp
        self._paint.append((now, Shift()))
        assert self._there is not None
        if len(self._paint) > ROW // 2 and stamp - self._there >= self._set.learn * SECOND:
            self._add_page(Shift())
            self._say(CameraState.OK, stamp, "")

    def _add_page(self, shift: Shift) -> None:
        mean = np.mean([view.field for view, _ in self._paint], axis=0, dtype=np.complex64)
        self.album.add(np.asarray(mean, np.complex64), shift)
        self._paint.clear()
        self._poor = None

    def _repaint(self, stamp: int, now: View, seen: Seen) -> None:
        """A page is added once the view has long looked unlike its pages, yet lies in place."""
        if not (seen.poor and seen.sure and seen.shift.reach < self._set.back):
            self._poor = None
            self._paint.clear()
            return
        self._poor = stamp if self._poor is None else self._poor
        self._paint.append((now, seen.shift))
        if len(self._paint) == ROW and stamp - self._poor >= self._set.repaint * SECOND:
            middle = _middle([shift for _, shift in self._paint])
            if all((shift - middle).reach < STEADY for _, shift in self._paint):
                self._add_page(middle)

    # -- judging ---------------------------------------------------------------------------

    def _judge(self, stamp: int, now: View) -> None:
        seen = self.album.look(now)
        moved = self.condition is not None and self.condition.state == CameraState.MOVED
        limit = self._set.back if moved else self._set.moved
        if seen.sight in (Sight.SAME, Sight.SHIFTED) and seen.shift.reach < limit:
            self._away = None
            self._row.clear()
            self._here(stamp, self._set.returned if moved else self._set.found)
            if self.condition is not None and self.condition.state == CameraState.OK:
                self._repaint(stamp, now, seen)
            return
        self._there = self._poor = None
        self._gone(stamp, seen, moved)

    def _here(self, stamp: int, wait: float) -> None:
        self._there = stamp if self._there is None else self._there
        if stamp - self._there >= wait * SECOND:
            self._say(CameraState.OK, stamp, "")
        elif self.condition is None:
            self._say(CameraState.UNKNOWN, stamp, LOOKING)

    def _gone(self, stamp: int, seen: Seen, moved: bool) -> None:
        if self._away is None:
            self._away = stamp
            self._blind.clear()
        self._blind.append(seen.sight is Sight.BLIND)
        if seen.sight in (Sight.SAME, Sight.SHIFTED):
            self._row.append((stamp, seen.shift))
        else:
            self._row.clear()
        if self._row and stamp - self._row[0][0] >= self._set.confirm * SECOND:
            words = _middle([shift for _, shift in self._row]).words()
            self._say(CameraState.MOVED, stamp, f"the view {words}; {VOID}", self._away)
        elif stamp - self._away >= self._set.lost * SECOND:
            if sum(self._blind) * 2 <= len(self._blind):
                said = f"nothing known is in view; {VOID}"
                self._say(CameraState.MOVED, stamp, said, self._away)
            elif not moved:
                self._say(CameraState.UNKNOWN, stamp, PLAIN)
        elif self.condition is None:
            self._say(CameraState.UNKNOWN, stamp, LOOKING)

    def _pause(self) -> None:
        self._there = self._away = self._poor = None
        self._row.clear()
        self._paint.clear()

    def _say(self, state: CameraState, stamp: int, detail: str, since: int | None = None) -> None:
        old = self.condition
        if old is None or old.state != state:
            since = stamp if since is None else since
            self.condition, self._said = Condition(state, since, detail), stamp
        elif old.detail != detail and stamp - self._said >= self._set.repeat * SECOND:
            self.condition, self._said = Condition(state, old.since, detail), stamp


def _middle(shifts: list[Shift]) -> Shift:
    """Median of each number."""
    move, bend = (np.array(v) for v in zip(*((s.move, s.bend) for s in shifts), strict=True))
    return Shift(_median(move), _median(bend))


def _median(values: np.ndarray) -> complex:
    return complex(float(np.median(values.real)), float(np.median(values.imag)))
