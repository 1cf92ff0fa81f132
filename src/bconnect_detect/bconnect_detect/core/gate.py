"""Which pictures are worth the detector: those in which something moved, and one now and then.

    small grey picture -> differs from the one last looked at? - yes -> look, and go on for ``hold``
                                                               ` no --> look every ``floor`` s

The floor makes it lawful: whoever stands is looked at often enough that no rule and no tracker
takes him for lost, and standing stays provable. A picture that is not looked at gives nothing: no
box is carried forward. Where the picture cannot tell (too much noise) it is looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.types import SECOND, Box, Floats

Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_TO_SIGMA = 1.4826  # median of absolute values -> standard deviation of a normal one
_BLOCK = 4  # px: side of what is averaged to see faint motion through noise


@dataclass(frozen=True, slots=True)
class GateSettings:
    """Levels are grey values 0..255 of the small picture."""

    floor: float = 0.5  # s between two looks at most: ground.py begins anew after 0.6
    hold: float = 1.0  # s that every picture is looked at after motion: trackers settle
    quiet: float = 3.0  # s of motion in the reach without a road user: leaves, rain
    pixel: float = 12.0  # a pixel changed
    block: float = 5.0  # the mean of a block changed
    sure: float = 6.0  # times the noise, whatever the level
    loud: float = 8.0  # noise above which the picture tells nothing


class Look(Enum):
    """Whether to look at a picture, and why."""

    STILL = "nothing moved"
    EMPTY = "nobody near a zone"
    FIRST = "the first one"
    MOVED = "something moved"
    HELD = "something moved a moment ago"
    FLOOR = "it was time"

    def __bool__(self) -> bool:
        return self not in (Look.STILL, Look.EMPTY)


class Gate:
    """One camera's. Ask in the order of stamps; what it says to look at must be looked at.

    ``reach``: boxes in fractions of the image. Motion counts only there, and after ``quiet`` of
    it without a road user in them no more, until one is seen. None: the whole image, whoever.
    """

    def __init__(
        self, settings: GateSettings | None = None, reach: Sequence[Box] | None = None
    ) -> None:
        self.settings = settings or GateSettings()
        self._reach = None if reach is None else np.array(reach, np.float64).reshape(-1, 4)
        self._mask: Mask | None = None
        self.reset()

    def reset(self) -> None:
        """The next picture is the first."""
        self._before: Grey | None = None
        self._looked = self._last = 0
        self._moved: int | None = None  # ns, the last motion
        self._began: int | None = None  # ns, when this motion began, or somebody was there

    def look(self, stamp: int, small: Grey) -> Look:
        """Whether to look at a picture, given small and grey (h, w)."""
        said = self._judge(stamp, small)
        self._last = stamp
        if said:
            self._before, self._looked = small, stamp
        return said

    def found(self, stamp: int, boxes: Floats, size: tuple[int, int]) -> None:
        """Who was seen in a picture: boxes (n, 4) px of ``size`` (width, height)."""
        if self._reach is None or not len(boxes):
            return
        low, high = boxes[:, None, :2] / size, boxes[:, None, 2:] / size
        there = (low <= self._reach[:, 2:]) & (high >= self._reach[:, :2])
        if there.all(axis=2).any():
            self._began = stamp

    def _judge(self, stamp: int, small: Grey) -> Look:
        before, s = self._before, self.settings
        if before is None or before.shape != small.shape or stamp <= self._last:
            self.reset()
            return Look.FIRST
        moved = self._differs(before, small)
        if moved:
            if self._moved is None or stamp - self._moved > s.hold * SECOND:
                self._began = stamp
            self._moved = stamp
        awake = self._moved is not None and stamp - self._moved <= s.hold * SECOND
        empty = self._reach is not None and stamp - (self._began or stamp) > s.quiet * SECOND
        if awake and not empty:
            return Look.MOVED if moved else Look.HELD
        # The next picture comes a step later: then it may be too late.
        if 2 * stamp - self._last - self._looked > s.floor * SECOND:
            return Look.FLOOR
        return Look.EMPTY if awake else Look.STILL

    def _differs(self, before: Grey, now: Grey) -> bool:
        """Whether something moved; a light that changes everywhere by as much is no motion."""
        s, change = self.settings, now.astype(np.float32) - before
        if not change.any():
            return False
        noise, over = _over(change, s.pixel, s.sure)
        if noise > s.loud:
            return True
        mask = self._within(now.shape)
        if mask is not None:
            over &= mask
        if (over[:, 1:] & over[:, :-1]).any() or (over[1:] & over[:-1]).any():
            return True  # one pixel alone is noise
        height, width = (side - side % _BLOCK for side in now.shape)
        blocks = change[:height, :width].reshape(height // _BLOCK, _BLOCK, -1, _BLOCK)
        _, over = _over(blocks.mean(axis=(1, 3)), s.block, s.sure)
        if mask is not None:
            over &= mask[:height:_BLOCK, :width:_BLOCK]
        return bool(over.any())

    def _within(self, shape: tuple[int, ...]) -> Mask | None:
        if self._reach is None:
            return None
        if self._mask is None or self._mask.shape != shape:
            height, width = shape
            self._mask = np.zeros((height, width), np.bool_)
            for left, top, right, bottom in self._reach:
                rows = slice(int(max(0.0, top) * height), int(np.ceil(bottom * height)))
                self._mask[rows, int(max(0.0, left) * width) : int(np.ceil(right * width))] = True
        return self._mask


def _over(change: Floats, level: float, sure: float) -> tuple[float, Mask]:
    """The noise (standard deviation) of a change, and where it is more than noise and level."""
    some = change[::3, ::3]
    middle = np.median(some)
    noise = _TO_SIGMA * float(np.median(np.abs(some - middle)))
    return noise, np.asarray(np.abs(change - middle) > max(level, sure * noise))
