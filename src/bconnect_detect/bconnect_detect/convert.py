"""Messages to core values and back. The only file that knows both."""

from array import array
from itertools import islice
from math import isfinite
from typing import Any

import numpy as np
from bconnect_msgs.msg import CameraStatus, ClockState, RoadUserArray, SignalState
from bconnect_msgs.msg import Capture as CaptureMsg
from bconnect_msgs.msg import CaptureRequest as CaptureRequestMsg
from bconnect_msgs.msg import Evidence as EvidenceMsg
from bconnect_msgs.msg import Finding as FindingMsg
from bconnect_msgs.msg import PlateReading as PlateReadingMsg
from bconnect_msgs.msg import PlateSighting as PlateSightingMsg
from bconnect_msgs.msg import RoadUser as RoadUserMsg
from bconnect_msgs.msg import Violation as ViolationMsg
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistWithCovarianceStamped
from numpy.typing import NDArray
from sensor_msgs.msg import Imu, NavSatFix

from bconnect_detect.core.ego import Fix, Heading, Velocity
from bconnect_detect.core.fit import MOST_TOLD
from bconnect_detect.core.history import CameraLook, GnssClock
from bconnect_detect.core.types import (
    SECOND,
    Finding,
    Floats,
    Look,
    PlateSighting,
    RoadUser,
    SignalReading,
    Tracks,
    warp_of,
)
from bconnect_detect.core.violation import (
    Capture,
    CaptureRequest,
    EvidenceFile,
    PlateReading,
    Violation,
)
from bconnect_site.kinds import (
    CameraState,
    Colour,
    EvidenceKind,
    PlateColour,
    PlateState,
    RoadUserKind,
    SignalAspect,
    SignalSource,
    ViolationType,
)

_NUMBERS = ("riders", "helmets", "emergency", "belted", "phone")
_PAIRS = ("position", "position_stddev", "velocity", "velocity_stddev")


def time_to_msg(stamp: int) -> Time:
    """Nanoseconds as a message; a stamp before 1970 becomes 0."""
    seconds, rest = divmod(max(0, stamp), SECOND)
    return Time(sec=seconds, nanosec=rest)


def time_from_msg(msg: Time) -> int:
    """Nanoseconds."""
    return int(msg.sec) * SECOND + int(msg.nanosec)


def tracks_to_msg(tracks: Tracks) -> RoadUserArray:
    """Columns to columns. The header is the image's: same stamp, same frame."""
    msg = RoadUserArray()
    msg.header.stamp = time_to_msg(tracks.stamp)
    msg.header.frame_id = tracks.frame_id
    msg.image_width, msg.image_height = tracks.width, tracks.height
    msg.ground_frame = tracks.ground_frame
    if tracks.warp is not None:
        msg.motion = array("f", tracks.warp.matrix)
        msg.motion_since = time_to_msg(tracks.warp.since)
    msg.kind = _column("B", tracks.kind, np.uint8)
    msg.track_id = _column("q", tracks.track_id, np.int64)
    msg.confidence = _floats(tracks.confidence)
    for index, name in enumerate(("x_min", "y_min", "x_max", "y_max")):
        setattr(msg, name, _floats(tracks.boxes[:, index]))
    for name in _NUMBERS:
        setattr(msg, name, _floats(getattr(tracks, name)))
    if tracks.colour is not None and tracks.colour.any():
        msg.colour = _column("B", tracks.colour, np.uint8)
    for name in _PAIRS:
        column = getattr(tracks, name)
        for index, field in enumerate(_pair_fields(name)):
            setattr(msg, field, _floats(None if column is None else column[:, index]))
    return msg


def tracks_from_msg(msg: RoadUserArray, camera: str) -> Tracks:
    """Columns to columns.

    Raises ValueError when columns differ in length or a kind is not known: the sender
    speaks another version of the messages; and for a box or a confidence that can be none.
    """
    kind = np.frombuffer(msg.kind, np.uint8) if len(msg.kind) else np.zeros(0, np.uint8)
    n = len(kind)
    if n and int(kind.max()) not in RoadUserKind._value2member_map_:
        raise ValueError(f"kind {int(kind.max())} of a road user is not known here")
    sides = [_array(msg, name, n) for name in ("x_min", "y_min", "x_max", "y_max")]
    pairs = {name: _pair_column(msg, name, n) for name in _PAIRS}
    if any(side is None for side in sides) and n:
        raise ValueError(f"{n} road users but a column of their boxes is empty")
    boxes = np.column_stack(sides) if n else np.zeros((0, 4), np.float32)  # type: ignore[arg-type]
    tracks = Tracks(
        stamp=time_from_msg(msg.header.stamp),
        camera=camera,
        width=int(msg.image_width),
        height=int(msg.image_height),
        kind=kind,
        track_id=np.array(msg.track_id, np.int64),
        confidence=np.array(msg.confidence, np.float32),
        boxes=boxes,
        **{name: _array(msg, name, n) for name in _NUMBERS},
        colour=_colours(msg, n),
        frame_id=msg.header.frame_id,
        ground_frame=msg.ground_frame,
        warp=warp_of(msg.motion, time_from_msg(msg.motion_since)),
        **pairs,
    )
    if not np.isfinite(tracks.boxes).all():
        raise ValueError("a box of a road user is not finite")
    if not ((tracks.confidence >= 0.0) & (tracks.confidence <= 1.0)).all():
        raise ValueError("a road user's confidence is no probability")
    return tracks


def road_user_to_msg(user: RoadUser) -> RoadUserMsg:
    """One road user."""
    msg = RoadUserMsg(kind=int(user.kind), track_id=user.track_id, colour=int(user.colour))
    msg.confidence = user.confidence
    for name in _NUMBERS:
        setattr(msg, name, getattr(user, name))
    msg.x_min, msg.y_min, msg.x_max, msg.y_max = user.box
    for name in _PAIRS:
        for field, value in zip(_pair_fields(name), getattr(user, name), strict=True):
            setattr(msg, field, value)
    return msg


def road_user_from_msg(msg: RoadUserMsg) -> RoadUser:
    """One road user."""
    return RoadUser(
        kind=RoadUserKind(msg.kind),
        track_id=msg.track_id,
        confidence=msg.confidence,
        box=(msg.x_min, msg.y_min, msg.x_max, msg.y_max),
        riders=msg.riders,
        helmets=msg.helmets,
        emergency=msg.emergency,
        belted=msg.belted,
        phone=msg.phone,
        position=(msg.position_x, msg.position_y),
        position_stddev=(msg.position_x_stddev, msg.position_y_stddev),
        velocity=(msg.velocity_x, msg.velocity_y),
        velocity_stddev=(msg.velocity_x_stddev, msg.velocity_y_stddev),
        colour=_colour(msg.colour),
    )


def signal_to_msg(reading: SignalReading) -> SignalState:
    """What a signal shows; the stamp says when it was observed."""
    msg = SignalState(signal=reading.signal, aspect=int(reading.aspect))
    msg.header.stamp = time_to_msg(reading.stamp)
    msg.since = time_to_msg(reading.since)
    msg.source, msg.confidence = int(reading.source), float(reading.confidence)
    return msg


def signal_from_msg(msg: SignalState) -> SignalReading:
    """What a signal shows. Raises ValueError for an aspect or source not known here."""
    return SignalReading(
        signal=msg.signal,
        aspect=SignalAspect(msg.aspect),
        stamp=time_from_msg(msg.header.stamp),
        since=time_from_msg(msg.since),
        source=SignalSource(msg.source),
        confidence=msg.confidence,
    )


def heading_from_msg(msg: Imu) -> Heading:
    """Which way a vehicle's front looks."""
    stamp, turn = time_from_msg(msg.header.stamp), msg.orientation
    return Heading.told(stamp, turn.z, turn.w, msg.orientation_covariance)


def clock_from_msg(msg: ClockState) -> GnssClock:
    """How a vehicle's clock stands to GNSS time; unknown numbers are None."""
    offset, uncertainty, age = (
        value if isfinite(value) else None for value in (msg.offset, msg.uncertainty, msg.age)
    )
    stamp = time_from_msg(msg.header.stamp)
    return GnssClock(stamp, offset, uncertainty, age, msg.source)


def camera_look_from_msg(msg: CameraStatus) -> CameraLook:
    """What a camera says of itself. Raises ValueError for a state not known here."""
    return CameraLook(
        stamp=time_from_msg(msg.header.stamp),
        state=CameraState(msg.state),
        frame_rate=msg.frame_rate,
        clock_offset=msg.clock_offset,
        clock_source=msg.clock_source,
        detail=msg.detail,
    )


def fix_from_msg(msg: NavSatFix) -> Fix:
    """Where a vehicle is."""
    known = msg.position_covariance_type != NavSatFix.COVARIANCE_TYPE_UNKNOWN
    return Fix.told(
        time_from_msg(msg.header.stamp),
        int(msg.status.status),
        (msg.latitude, msg.longitude),
        [float(v) for v in msg.position_covariance] if known else [],
    )


def velocity_from_msg(msg: TwistWithCovarianceStamped) -> Velocity:
    """How a vehicle moves over ground: east is x, north is y."""
    linear, variances = msg.twist.twist.linear, msg.twist.covariance
    worst = max(float(variances[0]), float(variances[7]))
    known = min(float(variances[0]), float(variances[7])) >= 0.0
    stddev = worst**0.5 if known else float("nan")
    return Velocity(time_from_msg(msg.header.stamp), linear.x, linear.y, stddev)


_SIGHTING = ("camera", "zone", "track_id", "digest", "confidence", "stamp_stddev")


def sighting_to_msg(sighting: PlateSighting, frame_id: str = "") -> PlateSightingMsg:
    """A plate that passed a gate."""
    msg = PlateSightingMsg(**{name: getattr(sighting, name) for name in _SIGHTING})
    msg.header.stamp, msg.header.frame_id = time_to_msg(sighting.stamp), frame_id
    return msg


def sighting_from_msg(msg: PlateSightingMsg) -> PlateSighting:
    """A plate that passed a gate."""
    stamp = time_from_msg(msg.header.stamp)
    return PlateSighting(stamp, **{name: getattr(msg, name) for name in _SIGHTING})


_PLAIN = (
    "id",
    "site",
    "camera",
    "zone",
    "latitude",
    "longitude",
    "position_stddev",
    "measured",
    "measured_low",
    "measured_high",
    "limit",
    "time_into_red",
    "article",
    "basis",
    "catalogue_version",
    "confidence",
    "explanation",
    "same_as",
)


def finding_to_msg(finding: Finding, frame_id: str = "") -> FindingMsg:
    """A finding; without a signal its aspect is UNKNOWN."""
    msg = FindingMsg(type=int(finding.type), **{n: getattr(finding, n) for n in _PLAIN})
    msg.header.stamp = time_to_msg(finding.stamp)
    msg.header.frame_id = frame_id
    msg.started = time_to_msg(finding.started)
    msg.road_user = road_user_to_msg(finding.road_user)
    msg.image_width, msg.image_height = finding.width, finding.height
    msg.trail_x = array("f", (x for x, _ in finding.trail))
    msg.trail_y = array("f", (y for _, y in finding.trail))
    msg.look_stamps = [time_to_msg(look.stamp) for look in finding.looks]
    msg.look_ways = array("f", (look.way for look in finding.looks))
    msg.look_residuals = array("f", (look.residual for look in finding.looks))
    msg.look_stddevs = array("f", (look.stddev for look in finding.looks))
    if finding.signal is not None:
        msg.signal = signal_to_msg(finding.signal)
    return msg


def finding_from_msg(msg: FindingMsg) -> Finding:
    """A finding. Raises ValueError for a type or kind not known here."""
    return Finding(
        type=ViolationType(msg.type),
        stamp=time_from_msg(msg.header.stamp),
        started=time_from_msg(msg.started),
        road_user=road_user_from_msg(msg.road_user),
        width=int(msg.image_width),
        height=int(msg.image_height),
        trail=tuple(zip(msg.trail_x, msg.trail_y, strict=True)),
        signal=signal_from_msg(msg.signal) if msg.signal.signal else None,
        looks=_looks_from_msg(msg),
        **{name: getattr(msg, name) for name in _PLAIN},
    )


def _looks_from_msg(msg: FindingMsg) -> tuple[Look, ...]:
    stamps = (time_from_msg(stamp) for stamp in msg.look_stamps)
    columns = zip(stamps, msg.look_ways, msg.look_residuals, msg.look_stddevs, strict=True)
    return tuple(Look(*values) for values in islice(columns, MOST_TOLD))


def _pair_fields(name: str) -> tuple[str, str]:
    base, _, suffix = name.partition("_")
    tail = f"_{suffix}" if suffix else ""
    return f"{base}_x{tail}", f"{base}_y{tail}"


def _column(code: str, values: NDArray[Any], dtype: type) -> "array[Any]":
    made = array(code)
    made.frombytes(np.ascontiguousarray(values, dtype).tobytes())
    return made


def _floats(values: Floats | None) -> "array[float]":
    """A column; empty when nothing in it is known."""
    if values is None or (len(values) and np.isnan(values).all()):
        return array("f")
    return _column("f", values, np.float32)


def _array(msg: RoadUserArray, name: str, n: int) -> Floats | None:
    values = getattr(msg, name)
    if not len(values):
        return None
    if len(values) != n:
        raise ValueError(f"column {name} has {len(values)} entries, needs {n}")
    return np.array(values, np.float32)


def _colour(number: int) -> Colour:
    """A colour this software lacks is unknown: it accuses nobody, so nobody refuses for it."""
    return Colour(number) if number in Colour._value2member_map_ else Colour.UNKNOWN


def _colours(msg: RoadUserArray, n: int) -> NDArray[np.uint8] | None:
    if not len(msg.colour):
        return None
    if len(msg.colour) != n:
        raise ValueError(f"column colour has {len(msg.colour)} entries, needs {n}")
    values = np.array(msg.colour, np.uint8)
    values[values > max(Colour)] = Colour.UNKNOWN
    return values


def _pair_column(msg: RoadUserArray, name: str, n: int) -> Floats | None:
    x, y = (_array(msg, field, n) for field in _pair_fields(name))
    return None if x is None or y is None else np.column_stack((x, y))


def capture_request_to_msg(request: CaptureRequest) -> CaptureRequestMsg:
    """What a camera is asked for."""
    msg = CaptureRequestMsg(id=request.id, directory=request.directory)
    msg.header.stamp = time_to_msg(request.stamp)
    msg.stills = [time_to_msg(stamp) for stamp in request.stills]
    msg.clip_start = time_to_msg(request.clip_start)
    msg.clip_end = time_to_msg(request.clip_end)
    return msg


def capture_from_msg(msg: CaptureMsg) -> Capture:
    """A camera's answer. Raises ValueError for a kind of evidence not known here."""
    return Capture(
        id=msg.id,
        files=tuple(evidence_from_msg(file) for file in msg.evidence),
        width=int(msg.image_width),
        height=int(msg.image_height),
        missing=tuple(msg.missing),
    )


def evidence_to_msg(file: EvidenceFile) -> EvidenceMsg:
    """One file; its path is relative to the store."""
    stamp = time_to_msg(file.stamp)
    return EvidenceMsg(kind=int(file.kind), stamp=stamp, path=file.path, sha256=file.sha256)


def evidence_from_msg(msg: EvidenceMsg) -> EvidenceFile:
    """One file. Raises ValueError for a kind not known here."""
    stamp = time_from_msg(msg.stamp)
    return EvidenceFile(EvidenceKind(msg.kind), stamp, msg.path, msg.sha256)


def plate_to_msg(plate: PlateReading) -> PlateReadingMsg:
    """A plate reading; UNKNOWN: nobody looked."""
    msg = PlateReadingMsg(state=int(plate.state), text=plate.text, votes=plate.votes)
    msg.confidence, msg.pixel_height = plate.confidence, plate.pixel_height
    msg.x_min, msg.y_min, msg.x_max, msg.y_max = plate.box
    msg.frames, msg.colour, msg.reason = plate.frames, int(plate.colour), plate.reason
    return msg


def plate_from_msg(msg: PlateReadingMsg) -> PlateReading:
    """A plate reading. Raises ValueError for a state or colour not known here."""
    return PlateReading(
        state=PlateState(msg.state),
        text=msg.text,
        confidence=msg.confidence,
        box=(msg.x_min, msg.y_min, msg.x_max, msg.y_max),
        pixel_height=msg.pixel_height,
        votes=int(msg.votes),
        frames=int(msg.frames),
        colour=PlateColour(msg.colour),
        reason=msg.reason,
    )


def violation_to_msg(violation: Violation, frame_id: str = "") -> ViolationMsg:
    """A sealed violation; its stamp is the finding's."""
    msg = ViolationMsg(
        finding=finding_to_msg(violation.finding, frame_id),
        plate=plate_to_msg(violation.plate),
        evidence=[evidence_to_msg(file) for file in violation.files],
        witnesses=list(violation.witnesses),
        manifest=violation.manifest,
        manifest_sha256=violation.manifest_sha256,
        missing=list(violation.missing),
        key_id=violation.key_id,
    )
    msg.header = msg.finding.header
    return msg


def violation_from_msg(msg: ViolationMsg) -> Violation:
    """A sealed violation. Raises ValueError for a kind not known here."""
    return Violation(
        finding=finding_from_msg(msg.finding),
        files=tuple(evidence_from_msg(file) for file in msg.evidence),
        manifest=msg.manifest,
        manifest_sha256=msg.manifest_sha256,
        missing=tuple(msg.missing),
        plate=plate_from_msg(msg.plate),
        witnesses=tuple(msg.witnesses),
        key_id=msg.key_id,
    )
