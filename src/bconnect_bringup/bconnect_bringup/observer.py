"""Listens to a site's topics and keeps the tally."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from bconnect_msgs.msg import (
    CameraStatus,
    Citation,
    Evidence,
    Finding,
    Measure,
    RoadUserArray,
    SiteInfo,
    SpeakerState,
    Violation,
)
from rclpy.node import Node

from bconnect_bringup.tally import Said, Sealed, Tally
from bconnect_node import qos
from bconnect_site import names
from bconnect_site.kinds import CameraState, ViolationType


class Observer:
    """Subscribes on `node`; `tell` gets a sentence for each thing worth telling."""

    def __init__(
        self, node: Node, site: str, cameras: Iterable[str], tell: Callable[[str], None]
    ) -> None:
        self.tally = Tally(cameras)
        self.model = ""  # what detects, once it is loaded
        self._tell = tell
        self._subscriptions: list[Any] = []

        def listen(topic: str, kind: Any, callback: Callable[[Any], None], profile: Any) -> None:
            name = f"{names.site_ns(site)}/{topic}"
            self._subscriptions.append(node.create_subscription(kind, name, callback, profile))

        for camera in self.tally.cameras:
            under = partial(names.camera_topic, camera)
            listen(under(names.TRACKS), RoadUserArray, partial(self._on_tracks, camera), qos.STREAM)
            listen(
                under(names.CAMERA_STATUS),
                CameraStatus,
                partial(self._on_camera, camera),
                qos.STATE,
            )
        listen(names.SITE_INFO, SiteInfo, self._on_site_info, qos.STATE)
        listen(names.FINDINGS, Finding, self._on_finding, qos.EVENT)
        listen(names.VIOLATIONS, Violation, self._on_violation, qos.RECORD)
        listen(names.MEASURES, Measure, self._on_measure, qos.RECORD)
        listen(names.CITATIONS, Citation, self._on_citation, qos.RECORD)
        # Not STATE: with a depth of one, an end is overtaken by the next beginning.
        listen(names.SPEAKER_STATE, SpeakerState, self._on_speaker, qos.RECORD)

    def _on_site_info(self, msg: Any) -> None:
        if not self.model:
            self._tell(
                f"the detector is ready: {msg.model} by {msg.model_backend}, "
                f"sha256 {msg.model_sha256[:12]}, licence {msg.model_licence}"
            )
        self.model = msg.model

    def _on_tracks(self, camera: str, msg: Any) -> None:
        self.tally.on_tracks(camera, msg.track_id)

    def _on_camera(self, camera: str, msg: Any) -> None:
        self.tally.on_camera(camera, CameraState(msg.state).name.lower(), msg.detail)

    def _on_finding(self, msg: Any) -> None:
        if msg.same_as:
            return  # another camera's sight of an offence that was counted
        kind = ViolationType(msg.type)
        if self.tally.on_finding(msg.id, kind):
            self._tell(f"finding on {msg.camera}: {kind.name.lower()}: {msg.explanation}")

    def _on_violation(self, msg: Any) -> None:
        drawn = tuple(e.path for e in msg.evidence if e.kind == Evidence.KIND_ANNOTATED)
        kind = ViolationType(msg.finding.type)
        sealed = Sealed(msg.finding.camera, kind, drawn, tuple(msg.missing))
        self.tally.on_violation(msg.finding.id, sealed)

    def _on_measure(self, msg: Any) -> None:
        if msg.step == Measure.STEP_CITATION:
            self.tally.on_referral(msg.violation_id)

    def _on_citation(self, msg: Any) -> None:
        if self.tally.on_citation(msg.violation_id, msg.number):
            self._tell(f"citation {msg.number} waits for an officer: {msg.reason}")

    def _on_speaker(self, msg: Any) -> None:
        said = Said(msg.speaker, msg.phrase, msg.output)
        speaking = msg.state == SpeakerState.STATE_SPEAKING
        if self.tally.on_speaker(msg.speaker, speaking, msg.announcement_id, said, msg.spoken):
            self._tell(f"{msg.speaker} said {msg.phrase}: {msg.output}")
