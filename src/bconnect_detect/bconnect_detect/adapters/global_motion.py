"""How a camera moved between two images, by sparse optical flow of what stands (OpenCV).

Corners outside of all road users are followed forth and back; a similarity (turn, shift, scale)
is fitted to them by RANSAC. Where too few agree nothing is said: no motion is better than a
wrong one.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.types import Warp

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class MotionSettings:
    """Lengths are pixels of the small picture."""

    width: int = 480  # of the small picture
    corners: int = 300
    apart: float = 8.0
    quality: float = 0.01
    back: float = 1.0  # a corner followed back ends this near to where it began
    inlier: float = 2.0
    least: int = 12  # corners that agree
    share: float = 0.4  # of those followed that agree
    turn: float = 0.5  # rad at most
    scale: float = 1.5  # times at most, and its inverse at least
    grown: float = 0.1  # of a box's size that is left out around it


class GlobalMotion:
    """One camera's. Not thread-safe."""

    def __init__(self, settings: MotionSettings | None = None) -> None:
        self.settings = settings or MotionSettings()
        self._before: Image | None = None
        self._boxes: NDArray[np.floating] = np.zeros((0, 4))
        self._stamp = 0

    def update(self, image: Image, boxes: NDArray[np.floating], stamp: int) -> Warp | None:
        """The motion since the image before; None: there was none, or it is not known.

        boxes (n, 4) px: road users of this image, which move themselves.
        """
        shrink = min(1.0, self.settings.width / image.shape[1])
        small = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        if shrink < 1.0:
            small = cv2.resize(small, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        now = np.asarray(small, np.uint8)
        before, there, since = self._before, self._boxes, self._stamp
        self._before, self._boxes, self._stamp = now, boxes * shrink, stamp
        if before is None or before.shape != now.shape or stamp <= since:
            return None
        found = self._fit(before, now, there, boxes * shrink)
        if found is None:
            return None
        (a, b, x), (c, d, y) = found.tolist()
        return Warp(since, (a, b, x / shrink, c, d, y / shrink))

    def reset(self) -> None:
        """The next image is the first."""
        self._before = None

    def _fit(
        self,
        before: Image,
        now: Image,
        there: NDArray[np.floating],
        here: NDArray[np.floating],
    ) -> NDArray[np.float64] | None:
        s = self.settings
        mask = self._standing(before.shape, there)
        start = cv2.goodFeaturesToTrack(before, s.corners, s.quality, s.apart, mask=mask)
        if start is None or len(start) < s.least:
            return None
        end, good, _ = cv2.calcOpticalFlowPyrLK(before, now, start, None)
        back, again, _ = cv2.calcOpticalFlowPyrLK(now, before, end, None)
        kept = (good.ravel() == 1) & (again.ravel() == 1)
        kept &= np.hypot(*(back - start)[:, 0].T) <= s.back
        kept &= self._outside(end[:, 0], here)
        if kept.sum() < s.least:
            return None
        made, agree = cv2.estimateAffinePartial2D(
            start[kept], end[kept], method=cv2.RANSAC, ransacReprojThreshold=s.inlier
        )
        if made is None or agree.sum() < max(s.least, s.share * kept.sum()):
            return None
        scale, turn = float(np.hypot(made[0, 0], made[1, 0])), np.arctan2(made[1, 0], made[0, 0])
        if not 1.0 / s.scale <= scale <= s.scale or abs(turn) > s.turn:
            return None
        return np.asarray(made, np.float64)

    def _standing(self, shape: tuple[int, ...], boxes: NDArray[np.floating]) -> Image:
        mask = np.full(shape, 255, np.uint8)
        for left, top, right, bottom in self._grown(boxes).tolist():
            mask[max(0, int(top)) : max(0, int(bottom)), max(0, int(left)) : max(0, int(right))] = 0
        return mask

    def _outside(
        self, points: NDArray[np.floating], boxes: NDArray[np.floating]
    ) -> NDArray[np.bool_]:
        if not len(boxes):
            return np.ones(len(points), np.bool_)
        left, top, right, bottom = self._grown(boxes).T[:, None, :]
        x, y = points[:, 0, None], points[:, 1, None]
        within = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
        return np.asarray(~within.any(axis=1), np.bool_)

    def _grown(self, boxes: NDArray[np.floating]) -> NDArray[np.floating]:
        by = self.settings.grown * (boxes[:, 2:] - boxes[:, :2])
        return np.concatenate((boxes[:, :2] - by, boxes[:, 2:] + by), axis=1)
