"""rule_checker: tracks, signals and camera status in, findings out.

<camera>/tracks --------------.
signals ----------------------+--> one RuleBook per camera --> findings
<camera>/camera_status -------'
"""

import sys
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from bconnect_msgs.msg import CameraStatus, Finding, RoadUserArray, SignalState

from bconnect_detect.convert import finding_to_msg, signal_from_msg, tracks_from_msg
from bconnect_detect.core.judge import Judge
from bconnect_node import qos
from bconnect_node.base import BconnectNode
from bconnect_node.health import OK
from bconnect_node.run import run
from bconnect_node.stamps import SECOND
from bconnect_site import names
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import CameraState, word
from bconnect_site.loader import load_frozen


@dataclass
class Params:
    """Parameters of the rule checker."""

    site_file: str = field(metadata={"description": "the frozen site"})


class RuleChecker(BconnectNode):
    """Holds the rules of every camera of the site."""

    def __init__(self, **kw: Any) -> None:
        super().__init__("rule_checker", Params, **kw)
        loaded = load_frozen(self.params.site_file)
        site, law = loaded.site, loaded.catalogue()
        self._findings = self.create_publisher(Finding, names.FINDINGS, qos.EVENT)
        today = datetime.fromtimestamp(self.now() // SECOND, ZoneInfo(site.timezone)).date()
        try:
            self._judge = Judge(site, law, today, loaded.calibrations())
        except ConfigError as error:
            raise ConfigError(*(f"{loaded.shown}: {s}" for s in error.sentences)) from None
        for camera in site.cameras:
            self._listen(camera)
        self.create_subscription(SignalState, names.SIGNALS, self._on_signal, qos.STREAM)
        self._say()

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
            self.send(self._findings, finding_to_msg(finding, tracks.frame_id))
            self.health.tick(f"finding {word(finding.type)}")
            self.get_logger().info(f"{camera}: {word(finding.type)}: {finding.explanation}")

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
        self.health.set("disarmed", ", ".join(self._judge.disarmed) or None)


def main() -> None:
    """Entry point."""
    sys.exit(run(RuleChecker))


if __name__ == "__main__":
    main()
