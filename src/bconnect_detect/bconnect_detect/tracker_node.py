"""tracker: detections in, the same road users under lasting ids out, placed on the ground.

<camera>/detections  ->  ByteTrack  ->  Ground (where calibrated)  ->  <camera>/tracks
"""

import sys
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bconnect_msgs.msg import RoadUserArray

from bconnect_detect.adapters.bytetrack import ByteTrack, ByteTrackSettings
from bconnect_detect.convert import tracks_from_msg, tracks_to_msg
from bconnect_detect.core.ground import Ground
from bconnect_node import qos
from bconnect_node.base import BconnectNode
from bconnect_node.run import run
from bconnect_site import names
from bconnect_site.errors import ConfigError
from bconnect_site.loader import load_frozen

SHARE: dict[str, Any] = {"minimum": 0.0, "maximum": 1.0}


@dataclass
class Params:
    """Parameters of the tracker; thresholds are those of ByteTrack."""

    cameras: list[str] = field(metadata={"description": "cameras to follow"})
    rates: list[float] = field(
        default_factory=list, metadata={"description": "Hz, each camera's detection rate"}
    )
    track_high_thresh: float = field(default=0.25, metadata=SHARE)
    track_low_thresh: float = field(default=0.1, metadata=SHARE)
    new_track_thresh: float = field(default=0.25, metadata=SHARE)
    match_thresh: float = field(default=0.8, metadata=SHARE)
    lost_seconds: float = field(
        default=2.0, metadata={"minimum": 0.0, "description": "s a lost track is remembered"}
    )
    site_file: str = field(
        default="", metadata={"description": "the frozen site; empty: no places on the ground"}
    )


class Tracker(BconnectNode):
    """Follows the road users of every camera."""

    def __init__(self, **kw: Any) -> None:
        super().__init__("tracker", Params, **kw)
        p = self.params
        rates = p.rates or [10.0] * len(p.cameras)
        if len(rates) != len(p.cameras) or min(rates, default=1.0) <= 0:
            raise ConfigError(
                f"{self.get_fully_qualified_name()}: rates: found {rates}; needs one positive "
                f"rate for each of {len(p.cameras)} cameras"
            )
        settings = ByteTrackSettings(
            p.track_high_thresh,
            p.track_low_thresh,
            p.new_track_thresh,
            p.match_thresh,
            p.lost_seconds,
        )
        self._trackers = {
            c: ByteTrack(rate, settings) for c, rate in zip(p.cameras, rates, strict=True)
        }
        self._grounds = self._load_grounds(p.site_file)
        self._out = {}
        for camera in p.cameras:
            topic = names.camera_topic(camera, names.TRACKS)
            self._out[camera] = self.create_publisher(RoadUserArray, topic, qos.STREAM)
            found = names.camera_topic(camera, names.DETECTIONS)
            on_found = partial(self._on_detections, camera)
            self.create_subscription(RoadUserArray, found, on_found, qos.STREAM)

    def _load_grounds(self, site_file: str) -> dict[str, Ground]:
        if not site_file:
            return {}
        wrong: list[str] = []
        loaded = load_frozen(site_file)
        made = loaded.calibrations(wrong)
        for sentence in wrong:
            self.get_logger().warning(f"no places on the ground: {sentence}")
        self.health.set("calibrated", ", ".join(made) or None)
        frame = names.ground_frame(loaded.site.site, loaded.site.kind)
        return {name: Ground(calibration, frame) for name, calibration in made.items()}

    def _on_detections(self, camera: str, msg: RoadUserArray) -> None:
        try:
            found = tracks_from_msg(msg, camera)
        except ValueError as error:
            self.health.drop("bad message")
            self.health.error(f"{camera}: detections dropped: {error}")
            return
        self.health.tick(camera)
        tracks = self._trackers[camera].update(found)
        if camera in self._grounds:
            tracks = self._grounds[camera].place(tracks)
        self.send(self._out[camera], tracks_to_msg(tracks))


def main() -> None:
    """Entry point."""
    sys.exit(run(Tracker))


if __name__ == "__main__":
    main()
