"""Which lamp of a signal head is lit, from a picture of it.

The head is cut into three thirds. The lit lamp is the brightest third *in its own
colour*, and only when it stands out. In doubt the aspect is UNKNOWN, which never
counts as red.

        vertical            horizontal
         ( R )            ( R )( A )( G )
         ( A )
         ( G )
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.types import SECOND, Pair, SignalReading
from bconnect_site.kinds import SignalAspect, SignalSource

THIRDS = (SignalAspect.RED, SignalAspect.AMBER, SignalAspect.GREEN)


@dataclass(frozen=True, slots=True)
class LampSettings:
    """When a lamp is surely lit. Brightness is 0 to 255."""

    bright: float = 90.0  # the lit third's brightest tenth, at least
    contrast: float = 35.0  # above the next third
    ratio: float = 1.25  # times the next third
    colour: float = 0.12  # share the right colour leads by
    white: float = 225.0  # above this a lamp may have lost its colour to over-exposure
    min_pixels: int = 4  # along each third's shorter side
    hold: float = 0.25  # s a new aspect must last
    max_gap: float = 2.0  # s without a look until nothing is known any more


def crop(image: NDArray[np.uint8], region: Sequence[Pair]) -> NDArray[np.uint8]:
    """The upright box around a region (fractions) of an image (h, w, 3)."""
    height, width = image.shape[:2]
    xs, ys = [p[0] for p in region], [p[1] for p in region]
    left, right = int(min(xs) * width), int(np.ceil(max(xs) * width))
    top, bottom = int(min(ys) * height), int(np.ceil(max(ys) * height))
    return image[top:bottom, left:right]


def read_head(
    head: NDArray[np.uint8], horizontal: bool = False, settings: LampSettings | None = None
) -> tuple[SignalAspect, float]:
    """Aspect and confidence [0, 1] of a picture of a head, (h, w, 3) BGR.

    UNKNOWN when it is too small, too dark, evenly lit, or lit in a colour that the
    place of the lamp does not have.
    """
    s = settings or LampSettings()
    thirds = np.array_split(head, 3, axis=1 if horizontal else 0)
    if any(min(third.shape[:2]) < s.min_pixels for third in thirds):
        return SignalAspect.UNKNOWN, 0.0
    glow = [_glow(third) for third in thirds]
    order = sorted(range(3), key=lambda i: -glow[i])
    first, second = glow[order[0]], glow[order[1]]
    aspect = THIRDS[order[0]]
    stands_out = first >= s.bright and first - second >= s.contrast and first >= s.ratio * second
    if not stands_out or not _has_colour(thirds[order[0]], aspect, s):
        return SignalAspect.UNKNOWN, 0.0
    return aspect, float(min(1.0, (first - second) / 128.0))


def _glow(third: NDArray[np.uint8]) -> float:
    """Mean of the brightest tenth: a lamp fills only part of its third."""
    brightest = np.sort(third.max(axis=2), axis=None)
    return float(brightest[-max(1, len(brightest) // 10) :].mean())


def _has_colour(third: NDArray[np.uint8], aspect: SignalAspect, s: LampSettings) -> bool:
    value = third.max(axis=2)
    lit = third[value >= np.quantile(value, 0.9)].astype(np.float64)
    blue, green, red = lit.mean(axis=0)
    strongest = max(blue, green, red, 1.0)
    if min(blue, green, red) >= s.white:
        return True
    if aspect == SignalAspect.RED:
        return bool(red - max(green, blue) >= s.colour * strongest)
    if aspect == SignalAspect.GREEN:
        return bool(green - red >= s.colour * strongest)
    return bool(min(red, green) - blue >= s.colour * strongest)


class Lamp:
    """One signal over time: an aspect counts once it has lasted."""

    def __init__(self, signal: str, settings: LampSettings | None = None) -> None:
        self.signal = signal
        self.settings = settings or LampSettings()
        self._aspect = SignalAspect.UNKNOWN
        self._since = 0
        self._next = SignalAspect.UNKNOWN
        self._next_since = 0
        self._last: int | None = None

    def look(self, aspect: SignalAspect, confidence: float, stamp: int) -> SignalReading | None:
        """What the signal shows, given one look at it.

        None: nothing to say (a repeated stamp, or one unsure look that may be noise);
        what was said before then ages. Another colour is doubt at once.
        """
        if self._last is not None:
            if self._last - 5 * SECOND < stamp <= self._last:
                return None
            if not 0 < stamp - self._last <= self.settings.max_gap * SECOND:
                self._aspect, self._since = SignalAspect.UNKNOWN, stamp
                self._next, self._next_since = SignalAspect.UNKNOWN, stamp
        self._last = stamp
        if aspect != self._next:
            self._next, self._next_since = aspect, stamp
        lasted = stamp - self._next_since >= self.settings.hold * SECOND
        if self._next != self._aspect and lasted:
            self._aspect, self._since = self._next, self._next_since
        if aspect == SignalAspect.UNKNOWN and self._aspect != aspect:
            return None
        sure = aspect == self._aspect
        shown = self._aspect if sure else SignalAspect.UNKNOWN
        return SignalReading(
            signal=self.signal,
            aspect=shown,
            stamp=stamp,
            since=self._since if sure else self._next_since,
            source=SignalSource.LAMP_VISION,
            confidence=confidence if sure else 0.0,
        )
