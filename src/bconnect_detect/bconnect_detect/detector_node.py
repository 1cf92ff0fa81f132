"""detector: the newest frame of every camera in, its road users out. One per site.

<camera>/image_raw  -> mailbox (latest wins, cameras in turn) -> model -> <camera>/detections
                                                                      -> site_info
"""

import os
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from bconnect_msgs.msg import RoadUserArray, SiteInfo

from bconnect_detect.adapters.global_motion import GlobalMotion
from bconnect_detect.adapters.weights import resolve
from bconnect_detect.build import ADAPTERS, AUTO, build_lanes
from bconnect_detect.convert import tracks_to_msg
from bconnect_detect.core.colour import coloured
from bconnect_detect.core.detector import Detector as Model
from bconnect_detect.core.detector import Weights, tidy
from bconnect_detect.gating import Gates, crop_of, seen_by, shape_of
from bconnect_detect.site_info import site_info
from bconnect_node import qos
from bconnect_node.frames import Frame, FrameSubscription
from bconnect_node.health import OK, WARN
from bconnect_node.mailbox import LatestMailbox
from bconnect_node.managed import ManagedNode
from bconnect_node.run import run
from bconnect_site import names
from bconnect_site.errors import ConfigError
from bconnect_site.loader import load_frozen

BUSY = 0.5  # share of frames overtaken by newer ones above which the detector calls itself busy
LOOK = 5.0  # s between two looks at its own load
IDLE = "switched off over the graph (lifecycle): no camera of this site is watched"


@dataclass
class Params:
    """Parameters of the detector."""

    cameras: list[str] = field(metadata={"description": "cameras to watch"})
    importances: list[float] = field(
        default_factory=list,
        metadata={"description": "each camera's share of the detector when it cannot keep up"},
    )
    adapter: str = field(default="ultralytics", metadata={"choices": (*ADAPTERS, AUTO)})
    model: str = field(default="default", metadata={"description": "weights: a path, or default"})
    device: str = field(default="cpu", metadata={"description": "cpu, cuda:0, ..."})
    confidence: float = field(default=0.25, metadata={"minimum": 0.0, "maximum": 1.0})
    image_size: int = field(default=640, metadata={"minimum": 32, "maximum": 4096})
    threads: int = field(
        default=0, metadata={"minimum": 0, "maximum": 256, "description": "0: the adapter's own"}
    )
    lanes: int = field(
        default=1,
        metadata={"minimum": 0, "maximum": 16, "description": "models side by side; 0: by trying"},
    )
    fit: bool = field(
        default=False, metadata={"description": "fit the model to the cameras' own shape"}
    )
    site_file: str = field(default="", metadata={"description": "frozen site, for site_info"})


class Detector(ManagedNode):
    """Loads the model once and serves every camera of the site.

    Configured it loads or holds the model; only active it looks at pictures.
    """

    def __init__(self, **kw: Any) -> None:
        super().__init__("detector", Params, **kw)
        self._site = load_frozen(self.params.site_file) if self.params.site_file else None
        self._info = self.create_publisher(SiteInfo, names.SITE_INFO, qos.STATE)
        self._mailbox: LatestMailbox[Frame] = LatestMailbox(self._shares())
        self._motions = self._moving()
        known = self._site.site.cameras if self._site else {}
        self._gates = Gates.of(self._site.site if self._site else None, self.params.cameras)
        self._crops = {c: crop_of(known[c]) for c in self.params.cameras if c in known}
        self._out = {}
        for camera in self.params.cameras:
            topic = names.camera_topic(camera, names.DETECTIONS)
            self._out[camera] = self.create_publisher(RoadUserArray, topic, qos.STREAM)
            image = names.camera_topic(camera, names.IMAGE_RAW)
            FrameSubscription(self, image, partial(self._hand_over, camera))
        self._watching = False
        self.start()

    def configure(self) -> None:
        """Finds the weights, and has a worker load them. Raises ConfigError."""
        weights = resolve(self.params.model, os.environ)
        self._calm = f"loading {weights.path.name}"
        self._over = threading.Event()
        self.worker("inference", partial(self._run_model, weights), self._over)

    def activate(self) -> None:
        """From now on pictures are looked at, as soon as the model is there."""
        self._watching = True
        self.health.state(OK, self._calm)

    def deactivate(self) -> None:
        """Pictures that come are left alone."""
        self._watching = False
        self._mailbox.clear()
        self.health.state(WARN, IDLE)

    def cleanup(self) -> None:
        """Gives the model's memory back."""
        self._over.set()

    def _moving(self) -> dict[str, GlobalMotion]:
        """Of each camera that moves or shakes."""
        site = self._site.site if self._site else None
        there = [c for c in self.params.cameras if site and c in site.cameras and site.moves(c)]
        self.health.set("moving", ", ".join(there) or None)
        return {camera: GlobalMotion() for camera in there}

    def _shares(self) -> dict[str, float]:
        p = self.params
        if p.importances and (
            len(p.importances) != len(p.cameras) or min(p.importances, default=1) < 1
        ):
            raise ConfigError(
                f"{self.get_fully_qualified_name()}: importances: found {p.importances}; needs "
                f"one number from 1 up for each of {len(p.cameras)} cameras"
            )
        return dict(zip(p.cameras, p.importances, strict=False))

    def close(self) -> None:
        """Wakes the worker and waits for it."""
        self._mailbox.close()
        super().close()

    def _hand_over(self, camera: str, frame: Frame) -> None:
        if self._watching:
            self._mailbox.put(camera, frame)

    def _run_model(self, weights: Weights, stop: threading.Event) -> None:
        p = self.params
        models = build_lanes(
            p.adapter,
            weights,
            lanes=p.lanes,
            device=p.device,
            confidence=p.confidence,
            image_size=p.image_size,
            threads=p.threads,
            shape=shape_of(self._site, p.cameras, p.image_size) if p.fit else None,
        )
        self._announce(models[0])
        load, over = _Load(self), threading.Event()
        for n, model in enumerate(models[1:], 2):
            self.worker(f"inference {n}", partial(self._watch, model, load), over)
        try:
            self._watch(models[0], load, stop)
        finally:
            over.set()

    def _watch(self, model: Model, load: "_Load", stop: threading.Event) -> None:
        while not stop.is_set():
            taken = self._mailbox.take(timeout=0.5, hold=True)
            try:
                if taken is not None and self._watching and self._worth(*taken):
                    self._detect(model, *taken, load)
            finally:
                if taken is not None:
                    self._mailbox.done(taken[0])
            if self._watching:
                load.look(self._mailbox, self._gates)

    def _worth(self, camera: str, frame: Frame) -> bool:
        try:
            return self._gates.wants(camera, frame.stamp, frame.image)
        except Exception:  # the model says what is wrong with it
            self._gates.lost(camera)
            return True

    def _announce(self, model: Model) -> None:
        info = model.info
        self.get_logger().info(
            f"weights {info.name}, sha256 {info.sha256[:12]}..., licence {info.licence}; "
            f"{info.backend}"
        )
        self._calm = f"detecting with {info.name} on {info.backend}"
        if self._watching:
            self.health.state(OK, self._calm)
        self.health.set("model_sha256", info.sha256)
        if self._site is not None:
            file = self.params.site_file
            self.send(self._info, site_info(self._site, info, file, self.now()))

    def _detect(self, model: Model, camera: str, frame: Frame, load: "_Load") -> None:
        began = time.monotonic()
        try:
            size = frame.width, frame.height
            seen = tidy(seen_by(model, frame.image, self._crops.get(camera)))
            found = seen.to_tracks(frame.stamp, camera, size, frame.frame_id)
            found = coloured(found, frame.image)
            if motion := self._motions.get(camera):
                found = replace(found, warp=motion.update(frame.image, found.boxes, frame.stamp))
        except Exception as error:  # a broken frame must not stop the other cameras
            if motion := self._motions.get(camera):
                motion.reset()
            self._gates.lost(camera)
            self.health.drop("broken frame")
            self.health.error(f"{camera}: frame dropped: {error}")
            return
        self._gates.found(camera, frame.stamp, found.boxes, size)
        load.done(camera, time.monotonic() - began)
        self.send(self._out[camera], tracks_to_msg(found))


class _Load:
    """Says when the detector cannot keep up: a slow detector is no faulty camera."""

    def __init__(self, node: Detector) -> None:
        self._node = node
        self._done: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self._seconds = 0.0
        self._next = time.monotonic() + LOOK
        self._lock = threading.Lock()

    def done(self, camera: str, seconds: float) -> None:
        """One frame of a camera took so long."""
        self._node.health.tick(camera)
        with self._lock:
            self._done[camera] = self._done.get(camera, 0) + 1
            self._seconds += seconds

    def look(self, mailbox: LatestMailbox[Frame], gates: Gates) -> None:
        """Now and then: ms per frame, frames spared and overtaken, and if these are too many."""
        with self._lock:
            if time.monotonic() < self._next:
                return
            self._next = time.monotonic() + LOOK
        done, shed = sum(self._done.values()), {}
        for camera in self._node.params.cameras:
            total = mailbox.dropped(camera)
            shed[camera] = total - self._before.get(camera, 0)
            self._node.health.drop(f"{camera} overtaken", shed[camera])
            self._before[camera] = total
        overtaken = sum(shed.values())
        each = 1000 * self._seconds / done if done else 0.0
        self._node.health.set("inference_ms", each)
        self._node.health.set("gate", gates.told())
        busy = overtaken > BUSY * (done + overtaken)
        self._node.health.state(
            WARN if busy else OK,
            f"too slow: {overtaken} of {done + overtaken} frames overtaken by newer ones at "
            f"{each:.0f} ms each, most of {max(shed, key=lambda c: shed[c])}; cameras are fine"
            if busy
            else self._node._calm,
        )
        self._done.clear()
        self._seconds = 0.0


def main() -> None:
    """Entry point."""
    sys.exit(run(Detector))


if __name__ == "__main__":
    main()
