"""ByteTrack on columns: every road user of an image at once, by stamps.

The constant-velocity Kalman filter of box corners falls apart into four filters with one common
covariance, so that a few array operations do for all what else is matrices for each. Numbers and
decisions are those of Roboflow's ``trackers`` 2.6 (tests/detect holds both side by side).

    predict -> IoU with sure boxes -> assign -> IoU of who is left with unsure boxes -> assign
            -> who is new -> who is given up
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Rows = NDArray[np.intp]
Assign = Callable[[NDArray[np.float32]], tuple[Rows, Rows]]

_NOISE, _DRIFT = 0.1, 0.01  # px2 of a seen corner; of a nominal step
_NOMINAL = 0.004  # s by which a step may differ from the nominal one


@dataclass(frozen=True, slots=True)
class FollowSettings:
    """Thresholds of ByteTrack."""

    rate: float  # Hz, nominal
    high: float  # confidence of a sure box
    new: float  # confidence that begins a track
    overlap: float  # IoU at least
    lost: float  # s a track is remembered without being seen
    confirm: int = 2  # images in a row until a track gets an id


class Follower:
    """The tracks of one group of road users; ids count from 0. ``assign``: rows and columns
    of the pairs that share most."""

    def __init__(self, settings: FollowSettings, assign: Assign) -> None:
        self.settings = settings
        self._assign = assign
        self._last: float | None = None
        self._next = 0
        self._place = np.zeros((0, 4))  # px
        self._speed = np.zeros((0, 4))  # px per nominal step
        self._spread = np.zeros((3, 0))  # variance of place, covariance, variance of speed
        self._unseen = np.zeros(0)  # s
        self._missed = np.zeros(0, np.bool_)  # at the last image
        self._run = np.zeros(0, np.int64)  # images in a row
        self._id = np.zeros(0, np.int64)  # -1: none yet

    def __len__(self) -> int:
        return len(self._id)

    def update(self, boxes: Vector, sure: NDArray[np.float32], seconds: float) -> NDArray[np.int64]:
        """Ids (n,) of boxes (n, 4) px with confidences (n,); -1: none. Seconds only ever rise.

        Raises ValueError for a box that is not finite.
        """
        ids = np.full(len(boxes), -1, np.int64)
        elapsed = 1.0 / self.settings.rate if self._last is None else seconds - self._last
        self._last = seconds
        if not len(self._id) and not len(boxes):
            return ids
        if not np.isfinite(boxes).all():
            raise ValueError("a box is not finite")
        self._predict(elapsed)
        high = sure >= self.settings.high
        predicted, n = self._place, len(self._id)
        self._missed = np.ones(n, np.bool_)
        seen = np.flatnonzero(high)
        rows, columns = self._match(predicted, boxes[seen])
        self._see(rows, boxes, seen[columns], ids)
        fresh = np.ones(len(seen), np.bool_)
        fresh[columns] = False
        if len(seen) < len(boxes):
            left, low = np.flatnonzero(self._missed), np.flatnonzero(~high)
            rows, columns = self._match(predicted[left], boxes[low])
            self._see(left[rows], boxes, low[columns], ids)
        self._forget()
        begun = seen[fresh]
        self._begin(boxes[begun[sure[begun].astype(np.float64) >= self.settings.new]])
        return ids

    def warp(self, matrix: Vector) -> None:
        """The camera moved: pixels of the last image are elsewhere in the next, by (2, 3).

        Boxes stay upright: they are turned about their middles and scaled.
        """
        if not len(self._id):
            return
        turn, shift = matrix[:, :2], matrix[:, 2]
        scale = float(np.sqrt(np.linalg.det(turn)))
        self._place = _warped(self._place, turn, shift, scale)
        self._speed = _warped(self._speed, turn, np.zeros(2), scale)
        self._spread = self._spread * scale**2

    def _predict(self, elapsed: float) -> None:
        step = elapsed * self.settings.rate
        noise = (_DRIFT, 0.0, _DRIFT)
        if abs(step - 1.0) > _NOMINAL * self.settings.rate:
            square = step * step
            noise = (_DRIFT * square * square / 4, _DRIFT * square * step / 2, _DRIFT * square)
        place, both, speed = self._spread
        self._place = self._place + step * self._speed
        turned = both + step * speed
        self._spread = np.stack(
            (place + step * both + step * turned + noise[0], turned + noise[1], speed + noise[2])
        )
        self._run = np.where(self._missed, 0, self._run)
        self._unseen = self._unseen + elapsed
        if not (known := self._unseen <= self.settings.lost).all():
            self._keep(known)

    def _match(self, tracks: Vector, boxes: Vector) -> tuple[Rows, Rows]:
        """Pairs of a track and a box that belong together."""
        if not len(tracks) or not len(boxes):
            none = np.zeros(0, np.intp)
            return none, none
        share = _share(tracks, boxes)
        rows, columns = self._assign(share)
        good = share[rows, columns] >= self.settings.overlap
        return rows[good], columns[good]

    def _see(self, rows: Rows, boxes: Vector, columns: Rows, ids: NDArray[np.int64]) -> None:
        """Tracks that were found again, in boxes."""
        if not len(rows):
            return
        place, both, speed = self._spread[:, rows]
        weight = 1.0 / (place + _NOISE)
        gain, turn = place * weight, both * weight
        off = boxes[columns] - self._place[rows]
        self._place[rows] += gain[:, None] * off
        self._speed[rows] += turn[:, None] * off
        rest, crossed = 1.0 - gain, both - turn * place
        self._spread[:, rows] = (
            rest * place * rest + _NOISE * gain * gain,
            rest * crossed + _NOISE * gain * turn,
            speed - turn * both - turn * crossed + _NOISE * turn * turn,
        )
        self._missed[rows], self._unseen[rows] = False, 0.0
        self._run[rows] += 1
        grown = rows[(self._id[rows] < 0) & (self._run[rows] >= self.settings.confirm)]
        self._id[grown] = np.arange(self._next, self._next + len(grown))
        self._next += len(grown)
        ids[columns] = self._id[rows]

    def _forget(self) -> None:
        """Who was never confirmed and is gone."""
        kept = (self._id >= 0) | (self._run >= self.settings.confirm) | ~self._missed
        if not kept.all():
            self._keep(kept)

    def _begin(self, boxes: Vector) -> None:
        n = len(boxes)
        if not n:
            return
        spread = np.repeat(((1.0,), (0.0,), (1.0,)), n, axis=1)
        self._place = np.concatenate((self._place, boxes))
        self._speed = np.concatenate((self._speed, np.zeros((n, 4))))
        self._spread = np.concatenate((self._spread, spread), axis=1)
        self._unseen = np.concatenate((self._unseen, np.zeros(n)))
        self._missed = np.concatenate((self._missed, np.zeros(n, np.bool_)))
        self._run = np.concatenate((self._run, np.ones(n, np.int64)))
        self._id = np.concatenate((self._id, np.full(n, -1, np.int64)))

    def _keep(self, mask: NDArray[np.bool_]) -> None:
        self._place, self._speed = self._place[mask], self._speed[mask]
        self._spread = self._spread[:, mask]
        self._unseen, self._missed = self._unseen[mask], self._missed[mask]
        self._run, self._id = self._run[mask], self._id[mask]


def _warped(corners: Vector, turn: Vector, shift: Vector, scale: float) -> Vector:
    """Corner pairs (n, 4), by their middles and sizes."""
    middle, half = (corners[:, :2] + corners[:, 2:]) / 2, (corners[:, 2:] - corners[:, :2]) / 2
    middle, half = middle @ turn.T + shift, half * scale
    return np.concatenate((middle - half, middle + half), axis=1)


def _share(a: Vector, b: Vector) -> NDArray[np.float32]:
    """IoU of every box of a (n, 4) with every box of b (m, 4)."""
    left, top, right, bottom = (column[:, None] for column in a.T)
    x_min, y_min, x_max, y_max = b.T
    wide = np.minimum(right, x_max) - np.maximum(left, x_min)
    high = np.minimum(bottom, y_max) - np.maximum(top, y_min)
    both = np.maximum(wide, 0.0) * np.maximum(high, 0.0)
    whole = (right - left) * (bottom - top) + (x_max - x_min) * (y_max - y_min) - both
    out = np.zeros(both.shape, np.float32)
    np.divide(both, whole, out=out, where=whole > 0)
    return out
