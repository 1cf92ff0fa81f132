"""Messages of the camera out of and into its core types."""

from __future__ import annotations

from bconnect_msgs.msg import CameraStatus, Capture, CaptureRequest, Evidence
from builtin_interfaces.msg import Time
from sensor_msgs.msg import CameraInfo, CompressedImage
from std_msgs.msg import Header

from .core.captures import CaptureJob
from .core.cuts import Cut
from .core.intrinsics import Intrinsics
from .core.status import Verdict
from .core.types import SECOND


def _time(ns: int) -> Time:
    return Time(sec=ns // SECOND, nanosec=ns % SECOND)


def _ns(time: Time) -> int:
    return time.sec * SECOND + time.nanosec


def _header(stamp: int, frame_id: str) -> Header:
    return Header(stamp=_time(stamp), frame_id=frame_id)


def job_from_msg(msg: CaptureRequest, received: int) -> CaptureJob:
    return CaptureJob(
        id=msg.id,
        stills=tuple(_ns(t) for t in msg.stills),
        clip_start=_ns(msg.clip_start),
        clip_end=_ns(msg.clip_end),
        directory=msg.directory,
        received=received,
    )


def capture_to_msg(job_id: str, cut: Cut, stamp: int, frame_id: str) -> Capture:
    evidence = [
        Evidence(kind=f.kind, stamp=_time(f.stamp), path=f.path, sha256=f.sha256) for f in cut.files
    ]
    return Capture(
        header=_header(stamp, frame_id),
        id=job_id,
        evidence=evidence,
        image_width=cut.width,
        image_height=cut.height,
        missing=cut.missing,
    )


def status_to_msg(
    verdict: Verdict,
    *,
    stamp: int,
    frame_id: str,
    camera: str,
    rate: float,
    reconnects: int,
    clock: tuple[str, float],
) -> CameraStatus:
    """``clock``: where stamps come from, and camera clock minus ours [s]."""
    source, offset = clock
    return CameraStatus(
        header=_header(stamp, frame_id),
        camera=camera,
        state=int(verdict.state),
        since=_time(verdict.since),
        detail=verdict.detail,
        frame_rate=rate,
        reconnects=reconnects,
        clock_offset=offset,
        clock_source=source,
    )


def video_to_msg(data: bytes, form: str, stamp: int, frame_id: str) -> CompressedImage:
    """One encoded packet; ``form``: h264 or h265, as Annex B."""
    msg = CompressedImage(header=_header(stamp, frame_id), format=form)
    msg._data = memoryview(data)  # the setter would look at each byte
    return msg


def camera_info_to_msg(
    intrinsics: Intrinsics | None, width: int, height: int, stamp: int, frame_id: str
) -> CameraInfo:
    """CameraInfo at the published size; without calibration K is zero, as REP-104 has it."""
    msg = CameraInfo(header=_header(stamp, frame_id), width=width, height=height)
    if intrinsics is not None:
        k = intrinsics.at(width, height).matrix()
        msg.distortion_model, msg.d = intrinsics.model, list(intrinsics.distortion)
        msg.k, msg.r = list(k), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        msg.p = [*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0]
    return msg
