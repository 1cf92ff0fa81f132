"""Sensor noise: a few fields drawn once, shifted per frame, so that a frame costs little."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


class SensorNoise:
    """Adds Gaussian noise of standard deviation ``sigma`` (of 255); deterministic by seed."""

    def __init__(self, width: int, height: int, sigma: float, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._sigma = sigma
        fields = self._rng.normal(0.0, max(sigma, 1e-9), (3, height, width, 1))
        tint = self._rng.normal(0.0, max(sigma, 1e-9) * 0.5, (3, height, width, 3))
        self._fields = np.round(fields + tint).astype(np.int16)

    def add(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """A noisy copy of (h, w, 3) uint8."""
        if self._sigma <= 0:
            return image
        which = int(self._rng.integers(len(self._fields)))
        shift = (int(self._rng.integers(image.shape[0])), int(self._rng.integers(image.shape[1])))
        field = np.roll(self._fields[which], shift, axis=(0, 1))
        return np.clip(image + field, 0, 255).astype(np.uint8)
