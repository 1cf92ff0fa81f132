"""rule_checker: tracks, signals and camera status in, findings out.

<camera>/tracks --------------.
<camera>/plate_sightings -----+
fix, fix_velocity ------------+
signals ----------------------+--> one RuleBook per camera --> findings
<camera>/camera_status -------'
"""

import sys
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bconnect_msgs.msg import CameraStatus, Finding, PlateSighting, RoadUserArray, SignalState
from geometry_msgs.msg import TwistWithCovarianceStamped
from sensor_msgs.msg import Imu, NavSatFix

from bconnect_detect.convert import (
    finding_to_msg,
    fix_from_msg,
    heading_from_msg,
    sighting_from_msg,
    signal_from_msg,
    tracks_from_msg,
    velocity_from_msg,
)
from bconnect_detect.core.judge import Judge
from bconnect_detect.core.types import Finding as CoreFinding
from bconnect_node import qos
from bconnect_node.base import BconnectNode
from bconnect_node.health import OK
from bconnect_node.run import run
from bconnect_node.stamps import SECOND
from bconnect_site import lawbook, names
from bconnect_site.calibration import Calibration
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import CameraState, word
from bconnect_site.loader import LoadedSite, load_frozen
from bconnect_site.model import Site
from bconnect_site.state import LAW_FILE


def _gates(site: Site) -> list[str]:
    return [gate for s in site.sections.values() for gate in (s.entry, s.exit)]


@dataclass
class Params:
    """Parameters of the rule checker."""

    site_file: str = field(metadata={"description": "the frozen site"})
    day: str = field(
        default="",
        metadata={"description": "whose law holds, as 2026-11-24; empty: the day of the start"},
    )


class RuleChecker(BconnectNode):
    """Holds the rules of every camera of the site."""

    def __init__(self, **kw: Any) -> None:
        super().__init__("rule_checker", Params, **kw)
        loaded = load_frozen(self.params.site_file)
        site, law = loaded.site, loaded.catalogue()
        self._findings = self.create_publisher(Finding, names.FINDINGS, qos.EVENT)
        self._zone = ZoneInfo(site.timezone)
        today = self._day(self._zone)
        self._law = lawbook.Held(law, Path(self.params.site_file).with_name(LAW_FILE))
        self._law.hold(today)
        try:
            calibrations, on_map = self._calibrations(loaded), loaded.map_zones()
            self._judge = Judge(site, law, today, calibrations, on_map)
        except ConfigError as error:
            raise ConfigError(*(f"{loaded.shown}: {s}" for s in error.sentences)) from None
        for camera in site.cameras:
            self._listen(camera)
        for camera in sorted({gate.partition("/")[0] for gate in _gates(site)}):
            topic = names.camera_topic(camera, names.PLATE_SIGHTINGS)
            on_plate = partial(self._on_plate, camera)
            self.create_subscription(PlateSighting, topic, on_plate, qos.EVENT)
        self.create_subscription(SignalState, names.SIGNALS, self._on_signal, qos.STREAM)
        if site.gnss is not None:
            self.create_subscription(NavSatFix, names.FIX, self._on_fix, qos.STREAM)
            self.create_subscription(
                TwistWithCovarianceStamped, names.FIX_VELOCITY, self._on_velocity, qos.STREAM
            )
            self.create_subscription(Imu, names.HEADING, self._on_heading, qos.STREAM)
        self._say()

    def _day(self, zone: ZoneInfo) -> date:
        """The day whose law the rules take; a replay's is given, since its clock has not begun."""
        if not self.params.day:
            return datetime.fromtimestamp(self.now() // SECOND, zone).date()
        try:
            return date.fromisoformat(self.params.day)
        except ValueError:
            raise ConfigError(
                f'day: found "{self.params.day}", needs a date such as 2026-11-24'
            ) from None

    def _calibrations(self, loaded: LoadedSite) -> dict[str, Calibration]:
        wrong: list[str] = []
        made = loaded.calibrations(wrong)
        for sentence in wrong:
            self.get_logger().error(f"not calibrated: {sentence}")
        return made

    def _listen(self, camera: str) -> None:
        tracks, status = (
            names.camera_topic(camera, t) for t in (names.TRACKS, names.CAMERA_STATUS)
        )
        on_tracks, on_status = (partial(f, camera) for f in (self._on_tracks, self._on_status))
        self.create_subscription(RoadUserArray, tracks, on_tracks, qos.STREAM)
        self.create_subscription(CameraStatus, status, on_status, qos.STATE)

    def _say(self) -> None:
        for sentence in self._judge.off:
            self.get_logger().warning(sentence)
        rules = self._judge.rules
        self.health.set("rules", rules)
        self.health.set("rules_off", "; ".join(self._judge.off) or None)
        self.health.state(OK, f"watching {rules} zones on {len(self._judge.books)} cameras")

    def _on_tracks(self, camera: str, msg: RoadUserArray) -> None:
        try:
            tracks = tracks_from_msg(msg, camera)
        except ValueError as error:
            self.health.drop("bad message")
            self.health.error(f"{camera}: tracks dropped: {error}")
            return
        self.health.tick(camera)
        for finding in self._judge.on_tracks(tracks):
            self._publish(finding, tracks.frame_id)

    def _on_plate(self, camera: str, msg: PlateSighting) -> None:
        sighting = sighting_from_msg(msg)
        if sighting.camera != camera:
            self.health.drop("bad message")
            return
        for finding in self._judge.on_plate(sighting):
            self._publish(finding, msg.header.frame_id)

    def _on_fix(self, msg: NavSatFix) -> None:
        self.health.tick(names.FIX)
        self._judge.on_fix(fix_from_msg(msg))
        self.health.set("rules_off", "; ".join(self._judge.off) or None)

    def _on_velocity(self, msg: TwistWithCovarianceStamped) -> None:
        self._judge.on_velocity(velocity_from_msg(msg))

    def _on_heading(self, msg: Imu) -> None:
        self._judge.on_heading(heading_from_msg(msg))

    def _publish(self, finding: CoreFinding, frame_id: str) -> None:
        self.send(self._findings, finding_to_msg(finding, frame_id))
        if finding.catalogue_version not in self._law:  # came into force while we ran
            self._law.hold(datetime.fromtimestamp(finding.stamp // SECOND, self._zone).date())
        self.health.tick(f"finding {word(finding.type)}")
        self.get_logger().info(f"{finding.camera}: {word(finding.type)}: {finding.explanation}")

    def _on_signal(self, msg: SignalState) -> None:
        try:
            self._judge.on_signal(signal_from_msg(msg))
        except ValueError as error:
            self.health.drop("bad message")
            self.health.error(f"signal dropped: {error}")

    def _on_status(self, camera: str, msg: CameraStatus) -> None:
        known = msg.state in CameraState._value2member_map_
        state = CameraState(msg.state) if known else CameraState.UNKNOWN
        self._judge.on_camera_status(camera, state)
        self.health.set(f"camera {camera}", word(state))
        self.health.set("rules_off", "; ".join(self._judge.off) or None)
        self.health.set("disarmed", ", ".join(self._judge.disarmed) or None)


def main() -> None:
    """Entry point."""
    sys.exit(run(RuleChecker))


if __name__ == "__main__":
    main()
