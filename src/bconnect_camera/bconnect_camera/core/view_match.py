"""By how much two views differ: every block says how far it moved, the majority is believed.

Vehicles, shadows and rain move some blocks, each its own way; a camera moves all of them as one
similarity (shift, zoom, turn).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from .health import HEIGHT, WIDTH
from .view import BAND, BLOCKS, COLUMNS, HIGH, ROWS, WIDE, Field, View, Waves

REACH = 10  # px a block is searched for on either side
_CLEAR = 0.25  # correlation above which a block knows where it lies
_NEAR = 1.25  # px within which a block agrees
_VOTERS = 20  # clearest blocks that propose similarities
_APART = 50.0  # px between two blocks that propose one
_BENT = 0.15  # most zoom or turn [rad] proposed
_COARSE = 4  # px of the picture per px of the coarse search
_OF = f"(of {WIDTH} x {HEIGHT})"
SAME, AGREED, INNER = 7, 10, 4  # blocks, see Match

Complex = NDArray[np.complex128]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Shift:
    """A small similarity: a point p (complex, px from the centre) moved by ``move + bend * p``.

    Right and down are positive; ``bend`` is zoom (share) + 1j * turn (rad, clockwise).
    """

    move: complex = 0j
    bend: complex = 0j

    def __add__(self, other: Shift) -> Shift:
        """One after the other, which for small ones is the sum."""
        return Shift(self.move + other.move, self.bend + other.bend)

    def __sub__(self, other: Shift) -> Shift:
        return Shift(self.move - other.move, self.bend - other.bend)

    @property
    def reach(self) -> float:
        """px, by how much the corner that moved most did."""
        corners = [complex(x * WIDTH / 2, y * HEIGHT / 2) for x in (-1, 1) for y in (-1, 1)]
        return max(abs(self.move + self.bend * corner) for corner in corners)

    def words(self) -> str:
        """For an operator: "moved by 12 px right, 3 px down (of 320 x 180), zoomed in by 4 %"."""
        x, y = round(self.move.real), round(self.move.imag)
        zoom, turn = self.bend.real * 100, math.degrees(self.bend.imag)
        sides = [f"{abs(x)} px {'right' if x > 0 else 'left'}"] if x else []
        sides += [f"{abs(y)} px {'down' if y > 0 else 'up'}"] if y else []
        said = [f"moved by {', '.join(sides)} {_OF}"] if sides else []
        if abs(zoom) >= 1.0:
            said.append(f"zoomed {'in' if zoom > 0 else 'out'} by {abs(zoom):.0f} %")
        if abs(turn) >= 0.5:
            way = "clockwise" if turn > 0 else "counter-clockwise"
            said.append(f"turned {abs(turn):.1f} deg {way}")
        return ", ".join(said) or f"moved by {self.reach:.1f} px at a corner {_OF}"


@dataclass(frozen=True, slots=True)
class Match:
    """How one view lies on another; numbers of blocks.

    same: in place; agreed: agree on ``shift``. Of both, ``inner`` lie away from the upper and
    lower edge, where text is written into pictures: text alone proves nothing.
    """

    same: int
    same_inner: int
    agreed: int
    agreed_inner: int
    shift: Shift

    @property
    def stays(self) -> bool:
        """Whether enough lies in place; views with nothing in common have 5 and 4 at most."""
        return self.same >= SAME and self.same_inner >= INNER

    @property
    def agrees(self) -> bool:
        """Whether enough agree on a shift; views with nothing in common reach 7."""
        return self.agreed >= AGREED and self.agreed_inner >= INNER


def compare(reference: View, now: View) -> Match:
    """How ``now`` lies on ``reference``, within ``REACH`` px."""
    places, clear = _peaks(reference, now)
    clear &= reference.held
    same = clear & (np.abs(places) <= _NEAR)
    shift, agreed = _agree(places, clear)
    return Match(int(same.sum()), _inner(same), int(agreed.sum()), _inner(agreed), shift)


def search(reference: View, now: View) -> Match | None:
    """Like ``compare`` for a view that left its reach; None when none is found out there."""
    x, y = _coarse(reference.field, now.field)
    if max(abs(x), abs(y)) < REACH - _COARSE:
        return None
    found = compare(reference, View(_slide(now.field, -x, -y)))
    if not found.agrees:
        return None
    return replace(found, same=0, same_inner=0, shift=Shift(complex(x, y)) + found.shift)


def _peaks(reference: View, now: View) -> tuple[Complex, Mask]:
    """Where each block of the reference lies now [px], and whether that is clear."""
    across, down = _back()
    cross = now.waves * reference.waves.conj()
    surface = (down @ cross @ across).real
    side = 2 * REACH + 1
    best = surface.reshape(BLOCKS, -1).argmax(1)
    row, column = np.divmod(best, side)
    height = surface[np.arange(BLOCKS), row, column] / (reference.norm * now.norm)
    inside = (row > 0) & (row < side - 1) & (column > 0) & (column < side - 1)
    r, c, b = row.clip(1, side - 2), column.clip(1, side - 2), np.arange(BLOCKS)
    x = c + _vertex(surface[b, r, c - 1], surface[b, r, c], surface[b, r, c + 1])
    y = r + _vertex(surface[b, r - 1, c], surface[b, r, c], surface[b, r + 1, c])
    return (x - REACH) + 1j * (y - REACH), inside & (height > _CLEAR)


def _vertex(left: Waves, middle: Waves, right: Waves) -> NDArray[np.float64]:
    """Where between three samples the parabola peaks, -0.5 to 0.5."""
    bow = np.minimum(left - 2.0 * middle + right, -1e-9)
    return np.clip(0.5 * (left - right) / bow, -0.5, 0.5)


def _agree(places: Complex, clear: Mask) -> tuple[Shift, Mask]:
    """The similarity most blocks agree on, and which do."""
    rows = np.flatnonzero(clear)
    agreed = np.zeros_like(clear)
    if len(rows) < 2:
        return Shift(), agreed
    at, went = _centres()[rows], places[rows]
    i, j = np.triu_indices(min(len(rows), _VOTERS), 1)
    if len(rows) > _VOTERS:  # voters from all over the picture
        pick = np.linspace(0, len(rows) - 1, _VOTERS).astype(int)
        i, j = pick[i], pick[j]
    far = np.abs(at[i] - at[j]) > _APART
    i, j = i[far], j[far]
    bend = np.concatenate((np.zeros(len(rows)), (went[i] - went[j]) / (at[i] - at[j])))
    move = np.concatenate((went, went[i])) - bend * np.concatenate((at, at[i]))
    sane = np.abs(bend) <= _BENT
    bend, move = bend[sane], move[sane]
    near = np.abs(move[:, None] + bend[:, None] * at - went) <= _NEAR
    inside = near[int(near.sum(1).argmax())]
    for _ in range(2):
        shift = _fit(at[inside], went[inside])
        again = np.abs(shift.move + shift.bend * at - went) <= _NEAR
        if again.sum() < 2:
            break
        inside = again
    agreed[rows[inside]] = True
    return shift, agreed


def _inner(blocks: Mask) -> int:
    return int(blocks.reshape(ROWS, COLUMNS)[1:-1].sum())


def _fit(at: Complex, went: Complex) -> Shift:
    """Least squares."""
    a, w = at - at.mean(), went - went.mean()
    spread = float((np.abs(a) ** 2).sum())
    bend = complex((a.conj() * w).sum() / spread) if len(at) > 2 and spread > 0 else 0j
    return Shift(complex(went.mean() - bend * at.mean()), bend)


def _coarse(reference: Field, now: Field) -> tuple[int, int]:
    """Shift of the whole picture [px], rough, up to half of it."""
    a, b = (f.reshape(HEIGHT // _COARSE, _COARSE, WIDTH // _COARSE, _COARSE).mean((1, 3))
            for f in (reference, now))  # fmt: skip
    size = (2 * a.shape[0], 2 * a.shape[1])  # padded with nothing: no wrapping round
    surface = np.fft.ifft2(np.fft.fft2(b, size) * np.fft.fft2(a, size).conj()).real
    row, column = np.divmod(int(surface.argmax()), size[1])
    y, x = ((v + n // 2) % n - n // 2 for v, n in zip((row, column), size, strict=True))
    return int(x) * _COARSE, int(y) * _COARSE


def _slide(field: Field, x: int, y: int) -> Field:
    """The field moved by so many px, nothing where nothing was."""
    made = np.zeros_like(field)
    h, w = field.shape
    made[max(0, y) : h + min(0, y), max(0, x) : w + min(0, x)] = field[
        max(0, -y) : h + min(0, -y), max(0, -x) : w + min(0, -x)
    ]
    return made


@cache
def _centres() -> Complex:
    x = (np.arange(COLUMNS) + 0.5) * WIDE - WIDTH / 2
    y = (np.arange(ROWS) + 0.5) * HIGH - HEIGHT / 2
    return np.asarray((x + 1j * y[:, None]).ravel(), np.complex128)


@cache
def _back() -> tuple[Waves, Waves]:
    """From frequencies to the correlations of all shifts within reach."""
    k, d = np.arange(-BAND, BAND + 1), np.arange(-REACH, REACH + 1)
    across = np.exp(2j * np.pi * np.outer(k, d) / WIDE)
    down = np.exp(2j * np.pi * np.outer(d, k) / HIGH)
    return across.astype(np.complex64), down.astype(np.complex64)
