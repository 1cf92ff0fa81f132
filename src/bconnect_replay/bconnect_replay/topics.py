"""The topics of a site: what travels on each, and how. What a recorder takes and a player gives."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bconnect_msgs import msg
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistWithCovarianceStamped
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image, Imu, NavSatFix

from bconnect_node import qos
from bconnect_replay.album import JPEG
from bconnect_site import names
from bconnect_site.model import Site

DIAGNOSTICS = "/diagnostics"


@dataclass(frozen=True, slots=True)
class TopicOf:
    """A topic by its absolute name."""

    name: str
    message: Any
    profile: QoSProfile
    camera: str = ""

    @property
    def type(self) -> str:
        """E.g. ``bconnect_msgs/msg/SignalState``."""
        package, kind = self.message.__module__.split(".")[0], self.message.__name__
        return f"{package}/msg/{kind}"


_OF_CAMERA: dict[str, tuple[Any, QoSProfile]] = {
    names.CAMERA_STATUS: (msg.CameraStatus, qos.STATE),
    names.DETECTIONS: (msg.RoadUserArray, qos.STREAM),
    names.TRACKS: (msg.RoadUserArray, qos.STREAM),
    names.PLATE_SIGHTINGS: (msg.PlateSighting, qos.EVENT),
    names.CAPTURE_REQUESTS: (msg.CaptureRequest, qos.EVENT),
    names.CAPTURES: (msg.Capture, qos.EVENT),
}
_OF_SITE: dict[str, tuple[Any, QoSProfile]] = {
    names.SITE_INFO: (msg.SiteInfo, qos.STATE),
    names.FIX: (NavSatFix, qos.STREAM),
    names.FIX_VELOCITY: (TwistWithCovarianceStamped, qos.STREAM),
    names.HEADING: (Imu, qos.STREAM),
    names.CLOCK_STATE: (msg.ClockState, qos.STATE),
    names.SIGNALS: (msg.SignalState, qos.STREAM),
    names.FINDINGS: (msg.Finding, qos.EVENT),
    names.VIOLATIONS: (msg.Violation, qos.RECORD),
    names.MEASURES: (msg.Measure, qos.RECORD),
    names.ANNOUNCEMENTS: (msg.Announcement, qos.EVENT),
    names.SPEAKER_STATE: (msg.SpeakerState, qos.STATE),
    names.COMPLIANCE: (msg.Compliance, qos.RECORD),
    names.CITATIONS: (msg.Citation, qos.RECORD),
    names.STICKER_TASKS: (msg.StickerTask, qos.RECORD),
    names.TOW_JOBS: (msg.TowJob, qos.RECORD),
    names.RULE_TRUST: (msg.RuleTrust, qos.RECORD),
}


def topics_of(site: Site) -> Iterator[TopicOf]:
    """Every topic of a running site but the images, site_info first."""
    space = names.site_ns(site.site)
    for name, (message, profile) in _OF_SITE.items():
        yield TopicOf(f"{space}/{name}", message, profile)
    for camera in site.cameras:
        under = names.camera_ns(site.site, camera)
        for name, (message, profile) in _OF_CAMERA.items():
            yield TopicOf(f"{under}/{name}", message, profile, camera)
    yield TopicOf(DIAGNOSTICS, DiagnosticArray, qos.STREAM)


def image_topic(site: Site, camera: str) -> TopicOf:
    """A camera's pictures as they travel."""
    name = f"{names.camera_ns(site.site, camera)}/{names.IMAGE_RAW}"
    return TopicOf(name, Image, qos.SENSOR, camera)


def jpeg_topic(site: Site, camera: str) -> TopicOf:
    """A camera's pictures as a bag keeps them."""
    name = f"{names.camera_ns(site.site, camera)}/{JPEG}"
    return TopicOf(name, CompressedImage, qos.STREAM, camera)


def video_topic(site: Site, camera: str) -> TopicOf:
    """A camera's encoded stream as it travels."""
    name = f"{names.camera_ns(site.site, camera)}/{names.VIDEO}"
    return TopicOf(name, CompressedImage, qos.EVENT, camera)
