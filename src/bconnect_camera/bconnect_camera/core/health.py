"""Can the picture be believed? Dark, blurred, obstructed, frozen; with hysteresis.

Works on a small grey picture a few times a second. Thresholds are those of a street camera;
what they say is only ever "do not judge by this picture", so doubt protects the road user.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bconnect_site.kinds import CameraState

from .types import SECOND, Pixels

WIDTH, HEIGHT = 320, 180  # px, the picture that is looked at


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """Levels are grey values 0..255; the second of a pair is the level that ends the state."""

    dark: tuple[float, float] = (45.0, 55.0)  # the brightest twentieth stays below
    flat: tuple[float, float] = (6.0, 9.0)  # standard deviation: a cover, a wall of fog
    # Variance of the Laplacian / of the picture. Sharp street pictures measure 0.4 to 0.9, out
    # of focus by 1 px (of 320) 0.03 to 0.07, by 2 px 0.005 to 0.01.
    blurred: tuple[float, float] = (0.02, 0.03)
    unchanged: float = 0.001  # share of pixels that may change in a frozen picture (its clock)
    frozen_after: float = 10.0  # s without any other change
    settle: float = 3.0  # s a picture must look different before the state changes


@dataclass(frozen=True, slots=True)
class Condition:
    """What the pictures say, since when [ns], as one sentence."""

    state: CameraState
    since: int
    detail: str


class PictureHealth:
    """Looks at grey pictures in the order of their stamps and returns the settled condition."""

    def __init__(self, settings: HealthSettings | None = None) -> None:
        self._set = settings or HealthSettings()
        self._now: Condition | None = None
        self._candidate: Condition | None = None
        self._reference: Pixels | None = None
        self._changed = 0

    @property
    def condition(self) -> Condition | None:
        """The settled condition; None before the first picture."""
        return self._now

    @property
    def doubtful(self) -> bool:
        """Whether the last picture spoke against the settled condition."""
        return self._candidate is not None

    def look(self, stamp: int, grey: Pixels) -> Condition:
        """``grey`` is (h, w) uint8 with constant h, w; ``stamp`` in ns."""
        state, detail = self._judge(stamp, grey)
        if self._now is None:
            self._now = Condition(state, stamp, detail)
        elif state == self._now.state:
            self._candidate = None
        elif self._candidate is None or self._candidate.state != state:
            self._candidate = Condition(state, stamp, detail)
        if self._candidate is not None and self._settled(stamp):
            self._now, self._candidate = self._candidate, None
        return self._now

    def forget(self) -> None:
        """After an outage the next picture is judged afresh."""
        self._now = self._candidate = self._reference = None

    def _settled(self, stamp: int) -> bool:
        assert self._candidate is not None
        if CameraState.FROZEN in (self._candidate.state, self._now and self._now.state):
            return True  # frozen_after has waited already, and any change ends it
        return stamp - self._candidate.since >= self._set.settle * SECOND

    def _judge(self, stamp: int, grey: Pixels) -> tuple[CameraState, str]:
        still = self._unchanged_for(stamp, grey)
        if still >= self._set.frozen_after:
            return CameraState.FROZEN, f"the same picture for {still:.0f} s"
        bright = float(np.percentile(grey[::2, ::2], 95))
        if bright < self._level(self._set.dark, CameraState.DARK):
            return CameraState.DARK, f"too dark: the bright parts reach {bright:.0f} of 255"
        spread = float(grey.std())
        if spread < self._level(self._set.flat, CameraState.OBSTRUCTED):
            return CameraState.OBSTRUCTED, f"covered or fogged: contrast {spread:.1f} of 255"
        ratio = sharpness(grey)
        if ratio < self._level(self._set.blurred, CameraState.BLURRED):
            return (
                CameraState.BLURRED,
                f"blurred: sharpness {ratio:.4f}, needed is {self._set.blurred[1]:.4f}",
            )
        return CameraState.OK, ""

    def _level(self, pair: tuple[float, float], state: CameraState) -> float:
        return pair[1] if self._now is not None and self._now.state == state else pair[0]

    def _unchanged_for(self, stamp: int, grey: Pixels) -> float:
        """Seconds since more than a clock's digits changed."""
        if self._reference is None or self._reference.shape != grey.shape:
            share = 1.0
        else:
            share = float(np.mean(grey != self._reference))
        if share > self._set.unchanged or stamp < self._changed:
            self._reference, self._changed = grey.copy(), stamp
        return (stamp - self._changed) / SECOND


def sharpness(grey: Pixels) -> float:
    """Variance of the 4-neighbour Laplacian over the picture's own: contrast cancels out."""
    g = grey.astype(np.float32)
    lap = 4 * g[1:-1, 1:-1] - g[:-2, 1:-1] - g[2:, 1:-1] - g[1:-1, :-2] - g[1:-1, 2:]
    return float(lap.var() / (g.var() + 1e-6))
