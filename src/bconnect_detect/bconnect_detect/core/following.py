"""ByteTrack on columns: every road user of an image at once, by stamps.

The constant-velocity Kalman filter of box corners falls apart into four filters with one common
covariance: a few numbers for each instead of matrices. Numbers and decisions are those of
Roboflow's ``trackers`` 2.6 (tests/detect holds both side by side). Compiled, by the types in
following.pxd.

    predict -> IoU with sure boxes -> assign -> IoU of who is left with unsure boxes -> assign
            -> who is new -> who is given up
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Rows = NDArray[np.intp]
Assign = Callable[[NDArray[np.float32]], tuple[Rows, Rows]]

_NOISE, _DRIFT = 0.1, 0.01  # px2 of a seen corner; of a nominal step
_MOST = float("inf")
_UNMATCHED = -2  # a sure box without a track
_ROOM = 16  # tracks, to begin with
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
        self._rate, self._lost, self._new = settings.rate, settings.lost, settings.new
        # Boxes tell their confidence, and IoU is told, in single precision.
        self._high, self._overlap = np.float32(settings.high), np.float32(settings.overlap)
        self._confirm = settings.confirm
        self._assign = assign
        self._last = float("nan")
        self._next, self._n, self._room = 0, 0, _ROOM
        self._place = np.zeros((_ROOM, 4))  # px
        self._speed = np.zeros((_ROOM, 4))  # px per nominal step
        self._spread = np.zeros((_ROOM, 3))  # variance of place, covariance, variance of speed
        self._unseen = np.zeros(_ROOM)  # s
        self._missed = np.zeros(_ROOM, np.int64)  # at the last image
        self._run = np.zeros(_ROOM, np.int64)  # images in a row
        self._id = np.zeros(_ROOM, np.int64)  # -1: none yet
        # What one image needs: tracks and boxes in question, and what they were given.
        self._rows, self._best = np.zeros(_ROOM, np.intp), np.zeros(_ROOM, np.intp)
        self._columns, self._taken = np.zeros(_ROOM, np.intp), np.zeros(_ROOM, np.intp)

    def __len__(self) -> int:
        return self._n

    def update(self, boxes: Vector, sure: NDArray[np.float32], seconds: float) -> NDArray[np.int64]:
        """Ids (n,) of boxes (n, 4) px with confidences (n,); -1: none. Seconds only ever rise.

        Raises ValueError for a box that is not finite.
        """
        ids = np.full(boxes.shape[0], -1, np.int64)
        out = ids
        elapsed = 1.0 / self._rate if self._last != self._last else seconds - self._last
        self._last = seconds
        if not self._n and not boxes.shape[0]:
            return ids
        for i in range(boxes.shape[0]):
            for k in range(4):
                if not -_MOST < boxes[i, k] < _MOST:
                    raise ValueError("a box is not finite")
        self._predict(elapsed)
        self._look(boxes, sure, out, True)
        self._look(boxes, sure, out, False)
        self._forget()
        for i in range(boxes.shape[0]):
            if out[i] == _UNMATCHED:
                out[i] = -1
                if sure[i] >= self._new:
                    self._begin(boxes, i)
        return ids

    def warp(self, matrix: Vector) -> None:
        """The camera moved: pixels of the last image are elsewhere in the next, by (2, 3).

        Boxes stay upright: they are turned about their middles and scaled.
        """
        n = self._n
        if not n:
            return
        turn, shift = matrix[:, :2], matrix[:, 2]
        scale = float(np.sqrt(np.linalg.det(turn)))
        place: Vector = np.asarray(self._place)
        speed: Vector = np.asarray(self._speed)
        spread: Vector = np.asarray(self._spread)
        place[:n] = _warped(place[:n], turn, shift, scale)
        speed[:n] = _warped(speed[:n], turn, np.zeros(2), scale)
        spread[:n] = spread[:n] * scale**2

    def _predict(self, elapsed: float) -> None:
        step = elapsed * self._rate
        drift, both_drift, speed_drift = _DRIFT, 0.0, _DRIFT
        if abs(step - 1.0) > _NOMINAL * self._rate:
            square = step * step
            drift, both_drift = _DRIFT * square * square / 4, _DRIFT * square * step / 2
            speed_drift = _DRIFT * square
        kept = 0
        for j in range(self._n):
            for k in range(4):
                self._place[j, k] = self._place[j, k] + step * self._speed[j, k]
            place, both, speed = self._spread[j, 0], self._spread[j, 1], self._spread[j, 2]
            turned = both + step * speed
            self._spread[j, 0] = place + step * both + step * turned + drift
            self._spread[j, 1] = turned + both_drift
            self._spread[j, 2] = speed + speed_drift
            if self._missed[j]:
                self._run[j] = 0
            self._missed[j] = 1
            self._unseen[j] = self._unseen[j] + elapsed
            if self._unseen[j] <= self._lost:
                self._move(j, kept)
                kept += 1
        self._n = kept

    def _look(self, boxes: Vector, sure: NDArray[np.float32], ids: Rows, high: bool) -> None:
        """Finds tracks that were not yet, in boxes that are sure (high), or in the others."""
        tracks, columns = self._rows, self._columns
        n, m = 0, 0
        for j in range(self._n):
            if self._missed[j]:
                tracks[n] = j
                n += 1
        if boxes.shape[0] > columns.shape[0]:
            self._columns = columns = np.empty(2 * boxes.shape[0], np.intp)
        for i in range(boxes.shape[0]):
            if (sure[i] >= self._high) == high:
                columns[m] = i
                m += 1
                if high:
                    ids[i] = _UNMATCHED
        if not n or not m:
            return
        share = np.zeros((n, m), np.float32)
        whole = self._share(boxes, share, n, m)
        if self._plain(share, n, m):
            pairs = self._best
            for r in range(n):
                if pairs[r] >= 0 and share[r, pairs[r]] >= self._overlap:
                    self._see(tracks[r], boxes, columns[pairs[r]], ids)
        elif whole:
            self._assigned(share, boxes, ids)

    def _assigned(self, share: NDArray[np.float32], boxes: Vector, ids: Rows) -> None:
        """By the assignment that shares most in all."""
        rows, others = self._assign(np.asarray(share))
        found, given = np.asarray(rows, np.intp), np.asarray(others, np.intp)
        for p in range(found.shape[0]):
            if share[found[p], given[p]] >= self._overlap:
                self._see(self._rows[found[p]], boxes, self._columns[given[p]], ids)

    def _share(self, boxes: Vector, share: NDArray[np.float32], n: int, m: int) -> bool:
        """IoU of the tracks in question with the boxes in question. Whether any share something."""
        some = False
        for r in range(n):
            j = self._rows[r]
            left, top = self._place[j, 0], self._place[j, 1]
            right, bottom = self._place[j, 2], self._place[j, 3]
            for c in range(m):
                i = self._columns[c]
                wide = min(right, boxes[i, 2]) - max(left, boxes[i, 0])
                high = min(bottom, boxes[i, 3]) - max(top, boxes[i, 1])
                if wide > 0.0 and high > 0.0:
                    both = wide * high
                    area = (boxes[i, 2] - boxes[i, 0]) * (boxes[i, 3] - boxes[i, 1])
                    whole = (right - left) * (bottom - top) + area - both
                    if whole > 0.0:
                        share[r, c] = both / whole
                        some = True
        return some

    def _plain(self, share: NDArray[np.float32], n: int, m: int) -> bool:
        """Whether each track shares most with a box of its own: nothing can share more in all."""
        best, taken = self._best, self._taken
        if m > taken.shape[0]:
            self._taken = taken = np.empty(2 * m, np.intp)
        for c in range(m):
            taken[c] = 0
        for r in range(n):
            most, at, twice = 0.0, -1, False
            for c in range(m):
                if share[r, c] > most:
                    most, at, twice = share[r, c], c, False
                elif share[r, c] == most and most > 0.0:
                    twice = True
            if twice or (at >= 0 and taken[at]):
                return False
            if at >= 0:
                taken[at] = 1
            best[r] = at
        return True

    def _see(self, j: int, boxes: Vector, i: int, ids: Rows) -> None:
        """A track that was found again, in a box."""
        place, both, speed = self._spread[j, 0], self._spread[j, 1], self._spread[j, 2]
        weight = 1.0 / (place + _NOISE)
        gain, turn = place * weight, both * weight
        for k in range(4):
            off = boxes[i, k] - self._place[j, k]
            self._place[j, k] = self._place[j, k] + gain * off
            self._speed[j, k] = self._speed[j, k] + turn * off
        rest, crossed = 1.0 - gain, both - turn * place
        self._spread[j, 0] = rest * place * rest + _NOISE * gain * gain
        self._spread[j, 1] = rest * crossed + _NOISE * gain * turn
        self._spread[j, 2] = speed - turn * both - turn * crossed + _NOISE * turn * turn
        self._missed[j] = 0
        self._unseen[j] = 0.0
        self._run[j] += 1
        if self._id[j] < 0 and self._run[j] >= self._confirm:
            self._id[j] = self._next
            self._next += 1
        ids[i] = self._id[j]

    def _forget(self) -> None:
        """Who was never confirmed and is gone."""
        kept = 0
        for j in range(self._n):
            if self._id[j] >= 0 or self._run[j] >= self._confirm or not self._missed[j]:
                self._move(j, kept)
                kept += 1
        self._n = kept

    def _begin(self, boxes: Vector, i: int) -> None:
        if self._n == self._room:
            self._grow(2 * self._room)
        j = self._n
        for k in range(4):
            self._place[j, k] = boxes[i, k]
            self._speed[j, k] = 0.0
        self._spread[j, 0], self._spread[j, 1], self._spread[j, 2] = 1.0, 0.0, 1.0
        self._unseen[j] = 0.0
        self._missed[j], self._run[j], self._id[j] = 0, 1, -1
        self._n = j + 1

    def _move(self, j: int, to: int) -> None:
        if j == to:
            return
        for k in range(4):
            self._place[to, k] = self._place[j, k]
            self._speed[to, k] = self._speed[j, k]
        for k in range(3):
            self._spread[to, k] = self._spread[j, k]
        self._unseen[to], self._missed[to] = self._unseen[j], self._missed[j]
        self._run[to], self._id[to] = self._run[j], self._id[j]

    def _grow(self, room: int) -> None:
        self._place = _longer(self._place, room)
        self._speed = _longer(self._speed, room)
        self._spread = _longer(self._spread, room)
        self._unseen = _longer(self._unseen, room)
        self._missed, self._run = _longer(self._missed, room), _longer(self._run, room)
        self._id = _longer(self._id, room)
        self._rows, self._best = _longer(self._rows, room), _longer(self._best, room)
        self._room = room


def _longer(column: Any, room: int) -> Any:
    made = np.zeros((room, *column.shape[1:]), np.asarray(column).dtype)
    made[: column.shape[0]] = column
    return made


def numbered(raw: Rows, rows: Rows, ids: Rows, base: int, step: int) -> int:
    """Puts ids ``base`` + raw x ``step`` into rows of ids (0 for raw < 0); the highest of them."""
    most = 0
    for i in range(rows.shape[0]):
        value = base + raw[i] * step if raw[i] >= 0 else 0
        ids[rows[i]] = value
        if value > most:
            most = value
    return most


def settled(
    votes: list[list[float]], kind: NDArray[np.uint8], sure: NDArray[np.float32], fade: float
) -> NDArray[np.uint8]:
    """Kinds (n,) that n tracks have mostly been; each gets a vote, and older ones fade."""
    made = np.empty(kind.shape[0], np.uint8)
    out = made
    for i in range(kind.shape[0]):
        mine = votes[i]
        most, best = -1.0, 0
        for k in range(len(mine)):
            value = mine[k] * fade
            if k == kind[i]:
                value = value + sure[i]
            mine[k] = value
            if value > most:
                most, best = value, k
        out[i] = best
    return made


def _warped(corners: Vector, turn: Vector, shift: Vector, scale: float) -> Vector:
    """Corner pairs (n, 4), by their middles and sizes."""
    middle, half = (corners[:, :2] + corners[:, 2:]) / 2, (corners[:, 2:] - corners[:, :2]) / 2
    middle, half = middle @ turn.T + shift, half * scale
    return np.concatenate((middle - half, middle + half), axis=1)
