"""A pinhole camera: where a place on the street appears in the picture."""

from __future__ import annotations

import math

import numpy as np

from bconnect_sim.core.scenario import Picture, View


class Projection:
    """Street coordinates [m] to fractions of the image, (0, 0) top left."""

    def __init__(self, view: View, picture: Picture) -> None:
        self._eye = np.array(view.position, float)
        ahead = np.array(view.look_at, float) - self._eye
        self._ahead = ahead / np.linalg.norm(ahead)
        right = np.cross(self._ahead, (0.0, 0.0, 1.0))
        self._right = right / np.linalg.norm(right)
        self._up = np.cross(self._right, self._ahead)
        self._half = math.tan(math.radians(view.field_of_view / 2))
        self._aspect = picture.width / picture.height

    def fraction(self, x: float, y: float, z: float = 0.0) -> tuple[float, float] | None:
        """Where (x, y, z) appears; may lie outside 0..1; None: behind the camera."""
        to = np.array((x, y, z)) - self._eye
        depth = float(to @ self._ahead)
        if depth <= 0.1:
            return None
        across = float(to @ self._right) / depth / self._half
        up = float(to @ self._up) / depth / self._half * self._aspect
        return (0.5 + across / 2, 0.5 - up / 2)
