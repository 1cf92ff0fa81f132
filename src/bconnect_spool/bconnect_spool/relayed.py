"""Which topics and services of a site the wire carries. The only file here that lists messages."""

from collections.abc import Iterable
from typing import Any

from bconnect_msgs import msg, srv
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import NavSatFix
from std_msgs.msg import UInt8MultiArray

from bconnect_node import qos
from bconnect_site import names

DIAGNOSTICS = "/diagnostics"
_OF_SITE: dict[str, tuple[Any, Any]] = {
    names.SITE_INFO: (msg.SiteInfo, qos.STATE),
    names.SPEAKER_STATE: (msg.SpeakerState, qos.RECORD),
    names.FINDINGS: (msg.Finding, qos.EVENT),
    names.ANNOUNCEMENTS: (msg.Announcement, qos.EVENT),
    names.VIOLATIONS: (msg.Violation, qos.RECORD),
    names.MEASURES: (msg.Measure, qos.RECORD),
    names.COMPLIANCE: (msg.Compliance, qos.RECORD),
    names.CITATIONS: (msg.Citation, qos.RECORD),
    names.TOW_JOBS: (msg.TowJob, qos.RECORD),
    names.STICKER_TASKS: (msg.StickerTask, qos.RECORD),
    names.RULE_TRUST: (msg.RuleTrust, qos.RECORD),
    names.SIGNALS: (msg.SignalState, qos.STREAM),
    names.FIX: (NavSatFix, qos.STREAM),
    DIAGNOSTICS: (DiagnosticArray, 10),
}
_OF_CAMERA: dict[str, tuple[Any, Any]] = {
    names.CAMERA_STATUS: (msg.CameraStatus, qos.STATE),
    names.TRACKS: (msg.RoadUserArray, qos.STREAM),
}
# How many of a topic are kept for a centre that comes later: as DDS does for one on its network.
DEPTHS = {name: 100 for name, (_, q) in _OF_SITE.items() if q is qos.RECORD}
DEPTHS |= {names.SITE_INFO: 1, names.SPEAKER_STATE: 8, names.CAMERA_STATUS: 1}
MAY_DROP = (names.TRACKS, names.SIGNALS, names.FIX, DIAGNOSTICS.lstrip("/"))
# What the centre may have said here, and asked: all of it signed, and checked by who follows it.
SAYS: dict[str, Any] = {names.ANNOUNCEMENTS: msg.Announcement, names.RECORDINGS: UInt8MultiArray}
CALLS: dict[str, Any] = {
    names.REVIEW_CITATION: srv.ReviewCitation,
    names.UPDATE_TOW_JOB: srv.UpdateTowJob,
    names.UPDATE_STICKER_TASK: srv.UpdateStickerTask,
}


def topics(cameras: Iterable[str]) -> list[tuple[str, Any, Any]]:
    """Topic, message, QoS of everything a site says to the centre."""
    found = [(name, kind, profile) for name, (kind, profile) in _OF_SITE.items()]
    for camera in cameras:
        found += [
            (names.camera_topic(camera, name), kind, profile)
            for name, (kind, profile) in _OF_CAMERA.items()
        ]
    return found
