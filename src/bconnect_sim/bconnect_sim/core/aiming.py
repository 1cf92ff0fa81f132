"""Where a camera looks at a time, when somebody turns its head."""

from __future__ import annotations

from collections.abc import Iterable
from math import atan2, degrees, hypot

from bconnect_sim.core.world import CameraView, Move

TURN = 0.5  # s a head takes to turn


def turned(moves: Iterable[Move], camera: str, time: float) -> tuple[float, float]:
    """(pan, tilt): how far a camera's head is from its survey, degrees left and up."""
    pan = tilt = 0.0
    for move in moves:
        if move.camera == camera:
            share = _gone(time - move.at)
            if move.back is not None:
                share -= _gone(time - move.back)
            pan, tilt = pan + share * move.pan, tilt + share * move.tilt
    return pan, tilt


def aim(view: CameraView, moves: Iterable[Move], time: float) -> tuple[float, float]:
    """(heading, pitch) of a camera at a time: degrees counter-clockwise from east, up."""
    dx, dy, dz = (b - a for a, b in zip(view.position, view.look_at, strict=True))
    pan, tilt = turned(moves, view.name, time)
    return degrees(atan2(dy, dx)) + pan, degrees(atan2(dz, hypot(dx, dy))) + tilt


def _gone(since: float) -> float:
    """Share of a turn that is done, gently begun and ended."""
    at = min(1.0, max(0.0, since / TURN))
    return at * at * (3.0 - 2.0 * at)
