"""tracker: detections in, the same road users under lasting ids out. One small object per camera.

<camera>/detections  ->  ByteTrack  ->  <camera>/tracks
"""

import sys
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bconnect_msgs.msg import RoadUserArray

from bconnect_detect.adapters.bytetrack import ByteTrack, ByteTrackSettings
from bconnect_detect.convert import tracks_from_msg, tracks_to_msg
from bconnect_node import qos
from bconnect_node.base import BconnectNode
from bconnect_node.run import run
from bconnect_site import names
from bconnect_site.errors import ConfigError

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
        self._out = {}
        for camera in p.cameras:
            topic = names.camera_topic(camera, names.TRACKS)
            self._out[camera] = self.create_publisher(RoadUserArray, topic, qos.STREAM)
            found = names.camera_topic(camera, names.DETECTIONS)
            on_found = partial(self._on_detections, camera)
            self.create_subscription(RoadUserArray, found, on_found, qos.STREAM)

    def _on_detections(self, camera: str, msg: RoadUserArray) -> None:
        try:
            found = tracks_from_msg(msg, camera)
        except ValueError as error:
            self.health.drop("bad message")
            self.health.error(f"{camera}: detections dropped: {error}")
            return
        self.health.tick(camera)
        self.send(self._out[camera], tracks_to_msg(self._trackers[camera].update(found)))


def main() -> None:
    """Entry point."""
    sys.exit(run(Tracker))


if __name__ == "__main__":
    main()
