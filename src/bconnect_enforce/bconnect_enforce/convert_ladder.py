"""Messages that only the ladder reads, as its core wants them."""

from __future__ import annotations

import numpy as np
from bconnect_msgs import msg as messages
from numpy.typing import NDArray

from bconnect_enforce.convert import ns
from bconnect_enforce.core.compliance import Seen
from bconnect_enforce.core.obeying import Look, Sight

_SIDES = ("x_min", "y_min", "x_max", "y_max")


def sight_from(m: messages.Finding) -> Sight | None:
    """How a finding saw its road user; None where its image has no size."""
    if not m.image_width or not m.image_height:
        return None
    user, unit = m.road_user, float(m.image_height)
    aspect = m.image_width / m.image_height
    box = (user.x_min / unit, user.y_min / unit, user.x_max / unit, user.y_max / unit)
    speed = float(np.hypot(user.velocity_x, user.velocity_y))
    trail = tuple((x * aspect, y) for x, y in zip(m.trail_x, m.trail_y, strict=False))
    look = Look(ns(m.header.stamp), box, speed)
    return Sight(look, aspect, trail, float(m.measured), float(m.limit))


def seen_from(m: messages.RoadUserArray, camera: str) -> Seen:
    """Columns to columns. Raises ValueError where they differ in length."""
    track_id = np.array(m.track_id, np.int64)
    unit = np.float32(max(1, m.image_height))
    boxes = [np.array(getattr(m, side), np.float32) / unit for side in _SIDES]
    if any(len(side) != len(track_id) for side in boxes):
        raise ValueError(f"{len(track_id)} road users, but a column of boxes of another length")
    return Seen(
        ns(m.header.stamp), camera, track_id, np.stack(boxes, axis=1), _speed(m, len(track_id))
    )


def _speed(m: messages.RoadUserArray, n: int) -> NDArray[np.float32] | None:
    if len(m.velocity_x) != n or len(m.velocity_y) != n:
        return None
    return np.hypot(np.array(m.velocity_x, np.float32), np.array(m.velocity_y, np.float32))
