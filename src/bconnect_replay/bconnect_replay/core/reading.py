"""What a bag's messages say, as core values. Works on anything with the messages' fields."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bconnect_detect.core.ego import Fix, Heading, Velocity
from bconnect_detect.core.types import (
    SECOND,
    Floats,
    PlateSighting,
    SignalReading,
    Tracks,
    Warp,
    warp_of,
)
from bconnect_site.kinds import CameraState, Colour, RoadUserKind, SignalAspect, SignalSource

_SIDES = ("x_min", "y_min", "x_max", "y_max")
_NUMBERS = ("riders", "helmets", "emergency")
_LATER = ("belted", "phone")  # older bags have none
_PAIRS = {
    "position": ("position_x", "position_y"),
    "position_stddev": ("position_x_stddev", "position_y_stddev"),
    "velocity": ("velocity_x", "velocity_y"),
    "velocity_stddev": ("velocity_x_stddev", "velocity_y_stddev"),
}
_HIGHEST_KIND = max(RoadUserKind)


def stamp_of(time: Any) -> int:
    """A builtin_interfaces Time in ns."""
    return int(time.sec) * SECOND + int(time.nanosec)


def tracks_of(message: Any, camera: str) -> Tracks:
    """A RoadUserArray as columns.

    Raises ValueError: columns of different lengths, or a kind that is not known here.
    """
    kind = np.asarray(message.kind, np.uint8)
    n = len(kind)
    if n and int(kind.max()) > _HIGHEST_KIND:
        raise ValueError(f"kind {int(kind.max())} of a road user is not known here")
    boxes = np.empty((n, 4), np.float32)
    for index, name in enumerate(_SIDES):
        boxes[:, index] = _column(message, name, n, needed=True)
    columns: dict[str, Any] = {name: _column(message, name, n) for name in _NUMBERS}
    columns |= {name: _column(message, name, n) for name in _LATER if hasattr(message, name)}
    for name, (x, y) in _PAIRS.items():
        pair = (_column(message, x, n), _column(message, y, n))
        columns[name] = None if any(side is None for side in pair) else np.column_stack(pair)  # type: ignore[arg-type]
    return Tracks(
        stamp=stamp_of(message.header.stamp),
        camera=camera,
        width=int(message.image_width),
        height=int(message.image_height),
        kind=kind,
        track_id=np.asarray(message.track_id, np.int64),
        confidence=np.asarray(message.confidence, np.float32),
        boxes=boxes,
        frame_id=message.header.frame_id,
        ground_frame=message.ground_frame,
        colour=_colours(message, n),
        warp=_warp(message),
        **columns,
    )


def _warp(message: Any) -> Warp | None:
    if not hasattr(message, "motion"):  # an older bag
        return None
    return warp_of(message.motion, stamp_of(message.motion_since))


def _colours(message: Any, n: int) -> NDArray[np.uint8] | None:
    values = np.array(getattr(message, "colour", ()), np.uint8)  # older bags have none
    if not len(values):
        return None
    if len(values) != n:
        raise ValueError(f"column colour has {len(values)} entries, needs {n}")
    values[values > max(Colour)] = Colour.UNKNOWN
    return values


def _column(message: Any, name: str, n: int, needed: bool = False) -> Floats | None:
    values = getattr(message, name)
    if not len(values) and not (needed and n):
        return np.zeros(0, np.float32) if needed else None
    if len(values) != n:
        raise ValueError(f"column {name} has {len(values)} entries, needs {n}")
    return np.asarray(values, np.float32)


def signal_of(message: Any) -> SignalReading:
    """A SignalState. Raises ValueError for an aspect or source that is not known here."""
    return SignalReading(
        signal=message.signal,
        aspect=SignalAspect(message.aspect),
        stamp=stamp_of(message.header.stamp),
        since=stamp_of(message.since),
        source=SignalSource(message.source),
        confidence=float(message.confidence),
    )


def state_of(message: Any) -> CameraState:
    """A CameraStatus' state; one that is not known here is UNKNOWN."""
    known = message.state in CameraState._value2member_map_
    return CameraState(message.state) if known else CameraState.UNKNOWN


def fix_of(message: Any) -> Fix:
    """A NavSatFix."""
    return Fix.told(
        stamp_of(message.header.stamp),
        int(message.status.status),
        (float(message.latitude), float(message.longitude)),
        [float(v) for v in message.position_covariance] if message.position_covariance_type else [],
    )


def heading_of(message: Any) -> Heading:
    """An Imu that tells which way a vehicle's front looks."""
    turn, doubt = message.orientation, [float(v) for v in message.orientation_covariance]
    return Heading.told(stamp_of(message.header.stamp), float(turn.z), float(turn.w), doubt)


def velocity_of(message: Any) -> Velocity:
    """A TwistWithCovarianceStamped, east and north."""
    linear = message.twist.twist.linear
    variances = [float(message.twist.covariance[i]) for i in (0, 7)]
    stddev = max(variances) ** 0.5 if min(variances) >= 0.0 else float("nan")
    return Velocity(stamp_of(message.header.stamp), float(linear.x), float(linear.y), stddev)


def sighting_of(message: Any) -> PlateSighting:
    """A PlateSighting."""
    return PlateSighting(
        stamp=stamp_of(message.header.stamp),
        camera=message.camera,
        zone=message.zone,
        track_id=int(message.track_id),
        digest=message.digest,
        confidence=float(message.confidence),
        stamp_stddev=float(message.stamp_stddev),
    )
