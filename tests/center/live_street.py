"""A site that says what real ones say, for the listener to hear."""

from __future__ import annotations

from typing import Any

import numpy as np
from bconnect_msgs import msg as messages
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import NavSatFix

from bconnect_node import qos
from bconnect_node.frames import Frame
from bconnect_node.images import to_image
from bconnect_site.loader import load_site, resolve_site

SECOND = 1_000_000_000
TOPICS: dict[str, tuple[Any, Any]] = {
    "site_info": (messages.SiteInfo, qos.STATE),
    "speaker_state": (messages.SpeakerState, qos.STATE),
    "findings": (messages.Finding, qos.EVENT),
    "announcements": (messages.Announcement, qos.EVENT),
    "violations": (messages.Violation, qos.RECORD),
    "measures": (messages.Measure, qos.RECORD),
    "compliance": (messages.Compliance, qos.RECORD),
    "citations": (messages.Citation, qos.RECORD),
    "tow_jobs": (messages.TowJob, qos.RECORD),
    "sticker_tasks": (messages.StickerTask, qos.RECORD),
    "rule_trust": (messages.RuleTrust, qos.RECORD),
    "signals": (messages.SignalState, qos.STREAM),
    "fix": (NavSatFix, qos.STREAM),
}


def at(stamp: int) -> Time:
    return Time(sec=stamp // SECOND, nanosec=stamp % SECOND)


class Street:
    """One site's publishers. `now()` is its clock, `ahead` what it is wrong by (ns)."""

    def __init__(self, node: Any, site: str = "beruang_madu", ahead: int = 0) -> None:
        self.node, self.site, self.ahead = node, site, ahead
        self.cameras = ["simpang_utara", "mt_haryono_1"]
        self._publishers: dict[str, Any] = {}
        for name, (kind, profile) in TOPICS.items():
            self._publishers[name] = node.create_publisher(kind, f"/{site}/{name}", profile)
        for camera in self.cameras:
            for name, kind, profile in (
                ("camera_status", messages.CameraStatus, qos.STATE),
                ("tracks", messages.RoadUserArray, qos.STREAM),
            ):
                topic = f"{camera}/{name}"
                self._publishers[topic] = node.create_publisher(kind, f"/{site}/{topic}", profile)
        self.diagnostics = node.create_publisher(DiagnosticArray, "/diagnostics", 10)

    def now(self) -> int:
        return int(self.node.get_clock().now().nanoseconds) + self.ahead

    def heard_by(self, topic: str) -> int:
        return int(self._publishers[topic].get_subscription_count())

    def say(self, topic: str, **fields: Any) -> Any:
        """Publishes one message; its stamp is the site's clock unless given."""
        stamp = fields.pop("stamp", None) or self.now()
        kind = TOPICS[topic][0] if topic in TOPICS else self._publishers[topic].msg_type
        m = kind(**fields)
        m.header.stamp = at(stamp)
        self._publishers[topic].publish(m)
        return m

    def introduce(self, **fields: Any) -> None:
        loaded = load_site(resolve_site(self.site)) if self.site == "beruang_madu" else None
        told = {
            "site": self.site, "kind": "corridor", "title": "Beruang Madu",
            "timezone": "Asia/Makassar", "latitude": -1.2463, "longitude": 116.8563,
            "cameras": self.cameras,
            "site_yaml": loaded.to_yaml() if loaded else "",
        }  # fmt: skip
        self.say("site_info", **{**told, **fields})

    def camera(self, name: str, state: int = 1, since: int = 5, **fields: Any) -> None:
        self.say(f"{name}/camera_status", camera=name, state=state, since=at(since), **fields)

    def tracks(self, camera: str, ids: list[int], kinds: list[int], stamp: int) -> None:
        self.say(f"{camera}/tracks", track_id=ids, kind=kinds, stamp=stamp)

    def finding(self, id_: str, type_: int = 5, **fields: Any) -> Any:
        fields = {"camera": "simpang_utara", "zone": "bahu", "site": self.site} | fields
        return self.say("findings", id=id_, type=type_, **fields)

    def violation(self, id_: str, type_: int = 5) -> None:
        m = messages.Violation()
        m.header.stamp = at(self.now())
        m.finding.header.stamp = at(self.now())
        m.finding.id, m.finding.type, m.finding.site = id_, type_, self.site
        m.finding.camera, m.manifest, m.manifest_sha256 = (
            "simpang_utara",
            f"{id_}/m.json",
            "ab" * 32,
        )
        m.plate.state, m.plate.text = messages.PlateReading.STATE_READ, "KT 1234 AB"
        self._publishers["violations"].publish(m)

    def diagnose(self, name: str, level: int = 0, message: str = "running") -> None:
        m = DiagnosticArray(
            status=[DiagnosticStatus(level=bytes([level]), name=name, message=message)]
        )
        m.header.stamp = at(self.now())
        self.diagnostics.publish(m)


def picture(stamp: int, colour: tuple[int, int, int] = (30, 120, 40)) -> Any:
    """An image message of one colour with a white square, (360, 640)."""
    image = np.full((360, 640, 3), colour, np.uint8)
    image[100:200, 200:400] = 255
    return to_image(Frame(stamp, "camera", image))
