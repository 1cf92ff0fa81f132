"""What a lens does to straight lines, and undoes: sensor_msgs/CameraInfo's models.

Points are fractions of the image. ``model``: plumb_bob (k1 k2 p1 p2 k3), rational_polynomial
(k1 k2 p1 p2 k3 k4 k5 k6) or equidistant (k1 k2 k3 k4).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bconnect_site.errors import ConfigError, suggest

Array = NDArray[np.float64]

MODELS = {"plumb_bob": 5, "rational_polynomial": 8, "equidistant": 4}
_ROUNDS = 60
_CLOSE = 1e-5  # of the focal length: an undistorted point must come back this near


class Distortion:
    """A lens that bends. Raises ConfigError for a model not known here."""

    def __init__(
        self,
        model: str,
        coefficients: Sequence[float],
        focal: tuple[float, float],
        center: tuple[float, float],
    ) -> None:
        """focal, center: fractions of the image's width and height."""
        if model not in MODELS:
            raise ConfigError(
                f'intrinsics.model: no lens model is called "{model}"{suggest(model, MODELS)}'
            )
        if len(coefficients) > MODELS[model]:
            raise ConfigError(
                f"intrinsics.distortion: found {len(coefficients)} numbers, {model} takes at most "
                f"{MODELS[model]}"
            )
        self._fisheye = model == "equidistant"
        self._k = np.zeros(8)
        self._k[: len(coefficients)] = coefficients
        self._focal, self._center = np.array(focal), np.array(center)

    def bend(self, fractions: Array) -> Array:
        """From a pinhole's image (n, 2) to the image as taken."""
        plane = (fractions - self._center) / self._focal
        return np.asarray(self._bend(plane) * self._focal + self._center, np.float64)

    def straighten(self, fractions: Array) -> Array:
        """From the image as taken (n, 2) to a pinhole's; NaN where the lens folds the image."""
        bent = (fractions - self._center) / self._focal
        plane = bent.copy()
        with np.errstate(all="ignore"):
            for _ in range(_ROUNDS):
                miss = self._bend(plane) - bent
                plane = plane - miss
                if np.nanmax(np.abs(miss), initial=0.0) < 1e-12:
                    break
            miss = np.abs(self._bend(plane) - bent).max(axis=1, initial=0.0)
            plane[~(miss < _CLOSE)] = np.nan
        return np.asarray(plane * self._focal + self._center, np.float64)

    def _bend(self, plane: Array) -> Array:
        k = self._k
        r2 = (plane**2).sum(axis=1)
        if self._fisheye:
            r = np.sqrt(r2)
            a = np.arctan(r)
            turned = a * (1 + k[0] * a**2 + k[1] * a**4 + k[2] * a**6 + k[3] * a**8)
            scale = np.where(r > 1e-9, turned / np.where(r > 1e-9, r, 1.0), 1.0)
            return np.asarray(plane * scale[:, None], np.float64)
        above = 1 + r2 * (k[0] + r2 * (k[1] + r2 * k[4]))
        below = 1 + r2 * (k[5] + r2 * (k[6] + r2 * k[7]))
        x, y = plane.T
        shift = np.column_stack(
            (
                2 * k[2] * x * y + k[3] * (r2 + 2 * x**2),
                k[2] * (r2 + 2 * y**2) + 2 * k[3] * x * y,
            )
        )
        return np.asarray(plane * (above / below)[:, None] + shift, np.float64)
