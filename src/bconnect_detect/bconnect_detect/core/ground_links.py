"""Ids that last: a track that broke off is taken up again where its vehicle must be.

A tracker in the image loses a fast or small vehicle that was missed once or twice. On the ground
its way is nearly straight, so who appears where somebody lost must have come to is the same one,
if nobody else can be meant. In doubt a new id stays new.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, isfinite, nan

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.memory import Memory
from bconnect_detect.core.types import SECOND

Vector = NDArray[np.float64]
Ids = NDArray[np.int64]
_UNKNOWN: Sequence[float] = (nan, nan)


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """When two tracks are one vehicle's."""

    longest: float = 1.0  # s out of sight
    fit: float = 9.0  # squared standard deviations off where it must be, at most
    apart: float = 9.0  # twice the logarithm of how much less likely anybody else must be
    push: float = 3.0  # m/s2 it may have been pushed by, one standard deviation
    unknown: float = 3.0  # m/s, standard deviation of a speed of few looks beside its noise
    stray: float = 2.0  # m off at most, beside a third of the way
    wider: float = 1.7  # times one may look wider than the other
    forget: float = 60.0  # s an id is known


class _Lost:
    """The last of one road user. Stamps ns, m, m/s."""

    __slots__ = ("began", "doubt", "id", "place", "spread", "stamp", "start", "velocity", "width")

    def __init__(self) -> None:
        self.id, self.began, self.stamp = 0, 0, 0
        self.start = self.place = self.velocity = _UNKNOWN
        self.spread = (_UNKNOWN, _UNKNOWN)  # m2
        self.width = self.doubt = nan


class Links:
    """Names tracks (raw ids) by the first id their road user had."""

    def __init__(self, settings: LinkSettings | None = None) -> None:
        self.settings = settings or LinkSettings()
        forget = int(self.settings.forget * SECOND)
        self._names: Memory[list[int]] = Memory(list, forget, capacity=8192)
        self._users: Memory[_Lost] = Memory(_Lost, int(self.settings.longest * SECOND))

    def name(self, raw: Ids, stamp: int, places: Vector, spread: Vector, widths: Vector) -> Ids:
        """Lasting ids of the rows of one image; 0 stays 0.

        places (n, 2) m with covariances spread (n, 2, 2), widths (n,) m as they look.
        """
        self._names.expire(stamp)
        self._users.expire(stamp)
        ids = raw.tolist()
        known = [self._names.touch(r, stamp) if r > 0 else [0] for r in ids]
        new = [row for row, name in enumerate(known) if not name]
        if new:
            present = {name[0] for name in known if name}
            self._link(known, new, present, raw, (stamp, places, spread, widths))
        named = [name[0] for name in known]
        for row, name in enumerate(named):
            if name != ids[row] and named.count(name) > 1:  # the first one is back: it was another
                known[row][0] = named[row] = ids[row]
        seen = zip(named, places.tolist(), spread.tolist(), widths.tolist(), strict=True)
        for id_, place, doubt, width in seen:
            if id_ > 0 and isfinite(place[0]) and isfinite(place[1]):
                user = self._users.touch(id_, stamp)
                if not user.id:
                    user.id, user.began, user.start = id_, stamp, place
                user.stamp, user.place, user.spread, user.width = stamp, place, doubt, width
        return np.array(named, np.int64)

    def learn(self, named: Ids, stamp: int, velocity: Vector, doubt: Vector) -> None:
        """How fast they are by now, m/s, where that is known."""
        for id_, way, off in zip(named.tolist(), velocity.tolist(), doubt.tolist(), strict=True):
            if id_ > 0 and isfinite(way[0]) and isfinite(way[1]):
                user = self._users.touch(id_, stamp)
                user.velocity, user.doubt = way, hypot(off[0], off[1])

    def clear(self) -> None:
        """A new scene; ids given before are not given again."""
        self._names.clear()
        self._users.clear()

    def __len__(self) -> int:
        return len(self._users)

    def _link(
        self,
        known: list[list[int]],
        new: list[int],
        present: set[int],
        raw: Ids,
        seen: tuple[int, Vector, Vector, Vector],
    ) -> None:
        stamp, places, spread, widths = seen
        lost = [u for u in self._users if u.id not in present and stamp > u.stamp]
        fits = np.full((2, len(new), len(lost)), np.inf)
        if lost and new:
            missing = _Missing(lost, stamp, self.settings)
            for i, row in enumerate(new):
                fits[:, i] = missing.fit(places[row], spread[row], float(widths[row]))
        for i, row in enumerate(new):
            j = int(fits[1, i].argmin()) if lost else -1
            known[row].append(lost[j].id if j >= 0 and self._plain(fits, i, j) else int(raw[row]))

    def _plain(self, fits: Vector, i: int, j: int) -> bool:
        """Whether it fits, and nobody else is nearly as likely."""
        off, cost = fits
        others = np.concatenate((np.delete(cost[i], j), np.delete(cost[:, j], i)))
        clear = (others > cost[i, j] + self.settings.apart).all()
        return bool(off[i, j] <= self.settings.fit and clear)


class _Missing:
    """Where those who are out of sight must be by now; columns of length m."""

    def __init__(self, lost: list[_Lost], stamp: int, settings: LinkSettings) -> None:
        self._settings = s = settings
        seconds = np.array([stamp - u.stamp for u in lost]) / SECOND
        places = np.array([u.place for u in lost])
        self._spread = np.array([u.spread for u in lost])
        self._widths = np.array([u.width for u in lost])
        velocity, doubt = np.array([u.velocity for u in lost]), np.array([u.doubt for u in lost])
        # Of those seen a few times only the ends of their way tell how fast they were.
        seen = np.array([u.stamp - u.began for u in lost]) / SECOND
        with np.errstate(divide="ignore", invalid="ignore"):
            rough = (places - np.array([u.start for u in lost])) / seen[:, None]
            loose = np.sqrt(2 * self._spread.trace(axis1=1, axis2=2)) / seen + s.unknown
        unknown = ~np.isfinite(velocity).all(axis=1)
        velocity = np.where(unknown[:, None], rough, velocity)
        doubt = np.where(unknown, loose, doubt)
        self._places = places + velocity * seconds[:, None]
        self._reach = s.stray + np.hypot(*velocity.T) * seconds / 3
        self._loose = (doubt * seconds) ** 2 + (s.push * seconds**2 / 2) ** 2
        self._good = (seconds <= s.longest) & np.isfinite(self._places).all(axis=1)

    def fit(self, place: Vector, spread: Vector, width: float) -> Vector:
        """Of somebody and each of them (2, m): squared standard deviations off, and from which
        likelihoods follow; inf: it is not. Who was lost for long may be anywhere, and so is
        less likely to be just here.
        """
        made, s = np.full((2, len(self._places)), np.inf), self._settings
        off = place - self._places
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = width / self._widths
            near = self._good & (np.hypot(*off.T) <= self._reach)
            near &= (ratio >= 1.0 / s.wider) & (ratio <= s.wider)
        for j in np.flatnonzero(near):
            whole = self._spread[j] + spread + self._loose[j] * np.eye(2)
            made[0, j] = off[j] @ np.linalg.solve(whole, off[j])
            made[1, j] = made[0, j] + np.log(np.linalg.det(whole))
        return np.where(np.isfinite(made), made, np.inf)
