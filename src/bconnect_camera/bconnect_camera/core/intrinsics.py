"""Pinhole intrinsics, measured at one picture size and used at another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Intrinsics:
    """All in px of a picture of ``width`` x ``height``; distortion as in sensor_msgs."""

    width: float
    height: float
    fx: float
    fy: float
    cx: float
    cy: float
    model: str = "plumb_bob"
    distortion: tuple[float, ...] = ()

    def at(self, width: int, height: int) -> Intrinsics:
        """The same lens seen through a picture scaled to ``width`` x ``height``.

        Pixel centres are at half-integers of the scale: cx moves with (cx + 0.5).
        """
        x, y = width / self.width, height / self.height
        return Intrinsics(
            width,
            height,
            self.fx * x,
            self.fy * y,
            (self.cx + 0.5) * x - 0.5,
            (self.cy + 0.5) * y - 0.5,
            self.model,
            self.distortion,
        )

    def matrix(self) -> tuple[float, ...]:
        """K, row by row."""
        return (self.fx, 0.0, self.cx, 0.0, self.fy, self.cy, 0.0, 0.0, 1.0)
