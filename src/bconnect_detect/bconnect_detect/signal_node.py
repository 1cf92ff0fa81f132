"""signal: what the traffic lights of the site show.

<camera>/image_raw -> region of the head -> lamp vision --.
traffic controller (NTCIP 1202 over SNMP) ----------------+--> do they agree? --> signals
recording ------------------------------------------------'
"""

import os
import sys
import threading
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from bconnect_msgs.msg import SignalState
from rclpy.clock import Clock, ClockType

from bconnect_detect.convert import signal_to_msg
from bconnect_detect.core.lamp import Lamp, crop, read_head
from bconnect_detect.core.lights import Lights
from bconnect_detect.core.types import SignalReading
from bconnect_detect.signal_sources import Controller, Recordings, controllers
from bconnect_node import qos
from bconnect_node.base import BconnectNode
from bconnect_node.frames import Frame, FrameSubscription
from bconnect_node.health import OK, WARN
from bconnect_node.mailbox import LatestMailbox
from bconnect_node.run import run
from bconnect_site import names
from bconnect_site.loader import load_frozen
from bconnect_site.model import Signal

REPORT = 1.0  # s between looks at what is wrong
PLAY = 0.2  # s between readings of a recording


@dataclass
class Params:
    """Parameters of the signal node."""

    site_file: str = field(metadata={"description": "the frozen site"})


class SignalNode(BconnectNode):
    """Reads every signal of the site by its adapter, and compares where a camera watches it too."""

    def __init__(self, **kw: Any) -> None:
        super().__init__("signal", Params, **kw)
        loaded = load_frozen(self.params.site_file)
        signals = loaded.site.signals
        self._controllers = controllers(loaded, os.environ, self.now)
        self._recordings = Recordings(loaded, os.environ)
        self._lights = Lights(signals, ZoneInfo(loaded.site.timezone), self.now())
        self._lock = threading.Lock()  # lamps, controllers and recordings speak from threads
        self._out = self.create_publisher(SignalState, names.SIGNALS, qos.STREAM)
        self._watch_lamps(signals)
        for controller in self._controllers:
            self.worker(f"controller {controller.name}", partial(self._ask, controller))
        if self._recordings:
            self.worker("recordings", self._play)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(REPORT, self._report, clock=steady)

    def close(self) -> None:
        """Wakes the worker and waits for it."""
        self._mailbox.close()
        super().close()

    def _watch_lamps(self, signals: dict[str, Signal]) -> None:
        self._mailbox: LatestMailbox[Frame] = LatestMailbox()
        self._by_camera: dict[str, list[tuple[Signal, Lamp]]] = {}
        for name, signal in signals.items():
            if signal.camera is not None:
                self._by_camera.setdefault(signal.camera, []).append((signal, Lamp(name)))
        for camera in self._by_camera:
            image = names.camera_topic(camera, names.IMAGE_RAW)
            FrameSubscription(self, image, partial(self._hand_over, camera))
        if self._by_camera:
            self.worker("lamps", self._read_lamps)

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
            if reading is not None:
                with self._lock:
                    self._say(self._lights.from_lamp(reading, self.now()), frame.frame_id)

    def _ask(self, controller: Controller, stop: threading.Event) -> None:
        controller.listen(stop, self._take, self.health.drop)

    def _play(self, stop: threading.Event) -> None:
        last = 0
        while not stop.wait(PLAY):
            now = self.now()
            for reading in self._recordings.at(now) if now not in (0, last) else ():
                self._take(reading)
            last = now

    def _take(self, reading: SignalReading) -> None:
        self.health.tick(f"signal {reading.signal}")
        with self._lock:
            self._say(self._lights.from_source(reading, self.now()))

    def _say(self, reading: SignalReading | None, frame_id: str = "") -> None:
        if reading is None:
            return
        msg = signal_to_msg(reading)
        msg.header.frame_id = frame_id
        self.send(self._out, msg)

    def _report(self) -> None:
        now = self.now()
        with self._lock:
            trouble, words = self._lights.trouble(now), self._lights.words(now)
        trouble = [*filter(None, (c.talk.trouble(now) for c in self._controllers)), *trouble]
        for signal, word in words.items():
            self.health.set(signal, word)
        self.health.state(
            WARN if trouble else OK, "; ".join(trouble) or f"reading {len(words)} signals"
        )


def main() -> None:
    """Entry point."""
    sys.exit(run(SignalNode))


if __name__ == "__main__":
    main()
