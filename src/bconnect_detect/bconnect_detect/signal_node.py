"""signal: what the traffic lights of the site show.

<camera>/image_raw -> region of the head -> lamp vision -> signals
"""

import sys
import threading
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bconnect_msgs.msg import SignalState

from bconnect_detect.convert import signal_to_msg
from bconnect_detect.core.lamp import Lamp, crop, read_head
from bconnect_node import qos
from bconnect_node.base import BconnectNode
from bconnect_node.frames import Frame, FrameSubscription
from bconnect_node.mailbox import LatestMailbox
from bconnect_node.run import run
from bconnect_site import names
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import word
from bconnect_site.loader import load_frozen
from bconnect_site.model import Signal


@dataclass
class Params:
    """Parameters of the signal node."""

    site_file: str = field(metadata={"description": "the frozen site"})


class SignalNode(BconnectNode):
    """Reads every signal of the site that has a lamp_vision adapter."""

    def __init__(self, **kw: Any) -> None:
        super().__init__("signal", Params, **kw)
        loaded = load_frozen(self.params.site_file)
        later = [
            f"{loaded.shown}: signals.{name}.adapter: {signal.adapter} is not built in this "
            "version; use lamp_vision"
            for name, signal in loaded.site.signals.items()
            if signal.adapter != "lamp_vision"
        ]
        if later:
            raise ConfigError(*later)
        self._out = self.create_publisher(SignalState, names.SIGNALS, qos.STREAM)
        self._mailbox: LatestMailbox[Frame] = LatestMailbox()
        self._by_camera: dict[str, list[tuple[Signal, Lamp]]] = {}
        for name, signal in loaded.site.signals.items():
            self._by_camera.setdefault(signal.camera or "", []).append((signal, Lamp(name)))
        for camera in self._by_camera:
            image = names.camera_topic(camera, names.IMAGE_RAW)
            FrameSubscription(self, image, partial(self._hand_over, camera))
        self.worker("lamps", self._read_lamps)

    def close(self) -> None:
        """Wakes the worker and waits for it."""
        self._mailbox.close()
        super().close()

    def _hand_over(self, camera: str, frame: Frame) -> None:
        self._mailbox.put(camera, frame)

    def _read_lamps(self, stop: threading.Event) -> None:
        while not stop.is_set():
            taken = self._mailbox.take(timeout=0.5)
            if taken is not None:
                self._look(*taken)

    def _look(self, camera: str, frame: Frame) -> None:
        self.health.tick(camera)
        for signal, lamp in self._by_camera[camera]:
            head = crop(frame.image, signal.region or ())
            aspect, confidence = read_head(head, signal.orientation == "horizontal")
            reading = lamp.look(aspect, confidence, frame.stamp)
            if reading is None:
                continue
            msg = signal_to_msg(reading)
            msg.header.frame_id = frame.frame_id
            self.send(self._out, msg)
            self.health.set(lamp.signal, word(reading.aspect))


def main() -> None:
    """Entry point."""
    sys.exit(run(SignalNode))


if __name__ == "__main__":
    main()
