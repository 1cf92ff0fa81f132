"""The views a camera is known by: the one its zones were drawn in, and how that looks at night.

A page that is added later keeps by how much it lay off the first one when it was taken, so what
is measured is always the distance from the anchor, and no slow move can hide behind new pages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from .view import Field, View
from .view_match import Match, Shift, compare, search

PAGES = 6  # the anchor among them
SMALL = 6  # firm blocks without which a picture tells nothing
_STAY = 0.6  # share of those that moved which may, at most, lie in place
_OTHERS = 3  # pages looked at beside the current one while it does not match
POOR = 0.7  # share of a page's firm blocks below which it no longer looks like the street
NOTHING = Shift()


class Sight(Enum):
    """What one picture says about the view."""

    SAME = "same"
    SHIFTED = "shifted"
    LOST = "lost"  # a good picture of something else
    BLIND = "blind"  # a picture of too little


@dataclass(frozen=True, slots=True)
class Page:
    """A view, by how much it lay off the anchor, how many pages it is away from it.

    ``used``: looks it was the best in, halved whenever a page is added.
    """

    view: View
    offset: Shift = NOTHING
    depth: int = 0
    used: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """``shift`` from the anchor; ``sure``: it was measured now, not taken from the page."""

    sight: Sight
    shift: Shift = NOTHING
    sure: bool = False
    poor: bool = False


class Album:
    """Up to ``PAGES`` pages; the first, the anchor, stays."""

    def __init__(self, pages: tuple[Page, ...] = ()) -> None:
        self.pages = pages  # replaced as a whole: other threads may read it
        self.added = 0  # pages added since the start
        self._at = 0
        self._next = 0

    @property
    def current(self) -> Page:
        """The page the camera looks like now."""
        return self.pages[self._at]

    def add(self, field: Field, shift: Shift) -> None:
        """A new page taken now, at ``shift`` from the anchor; the least used one goes."""
        depth = self.current.depth + 1 if self.pages else 0
        pages = [replace(page, used=page.used // 2) for page in self.pages]
        if len(pages) >= PAGES:
            pages.remove(min(pages[1:], key=lambda page: page.used))
        self.pages = (*pages, Page(View(field), shift, depth))
        self._at = len(self.pages) - 1
        self.added += 1

    def look(self, now: View) -> Seen:
        """Compares with the current page, and with the others in turn."""
        page, match = self.current, compare(self.current.view, now)
        well = match.stays and match.agreed >= POOR * page.view.firm
        for _ in range(min(len(self.pages) - 1, 1 if well else _OTHERS)):
            other = self._turn()
            found = compare(other.view, now)
            nearer = other.depth < page.depth and found.agrees
            if found.agreed > (_STAY if nearer else 1.2) * match.agreed:
                page, match = other, found
        poor = match.agreed < POOR * page.view.firm
        far = search(page.view, now) if poor else None
        if far is not None and far.agreed > 1.5 * match.same:
            match = far
        self._use(page)
        sight = judge(match)
        if sight is Sight.LOST and now.firm < max(SMALL, page.view.firm // 4):
            sight = Sight.BLIND
        shift = match.shift if match.agrees else NOTHING
        return Seen(sight, page.offset + shift, match.agrees, poor)

    def _turn(self) -> Page:
        """The next page that is not the current one."""
        self._next = (self._next + 1) % len(self.pages)
        if self._next == self._at:
            self._next = (self._next + 1) % len(self.pages)
        return self.pages[self._next]

    def _use(self, page: Page) -> None:
        self._at = next(i for i, one in enumerate(self.pages) if one is page)
        used = replace(page, used=page.used + 1)
        self.pages = (*self.pages[: self._at], used, *self.pages[self._at + 1 :])


def judge(match: Match) -> Sight:
    """SAME, SHIFTED (by however little) or LOST."""
    if match.agrees and not (match.stays and match.same >= _STAY * match.agreed):
        return Sight.SHIFTED
    return Sight.SAME if match.stays else Sight.LOST
