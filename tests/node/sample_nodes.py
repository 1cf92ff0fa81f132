"""Nodes to try the common node with; ``python sample_nodes.py Class [ROS arguments]`` runs one."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from std_msgs.msg import String
from std_srvs.srv import Trigger

from bconnect_node import frames, health, run
from bconnect_node.base import BconnectNode
from bconnect_node.parameters import field
from bconnect_node.qos import RECORD, STREAM
from bconnect_site.errors import ConfigError


@dataclass(frozen=True)
class NoParams:
    pass


@dataclass(frozen=True)
class SampleParams:
    name: str = field(description="must be given")
    rate: float = field(10.0, "Hz", minimum=0.1, maximum=60.0)
    count: int = field(3, "pieces", minimum=1)
    mode: str = field("auto", "how", choices=("auto", "manual"))
    loud: bool = field(False)
    cameras: list[str] = field([], "names")  # noqa: RUF009
    rates: list[float] = field([1.0], "Hz", minimum=0.0)  # noqa: RUF009


class Sample(BconnectNode):
    def __init__(self, **kw: Any) -> None:
        super().__init__("sample", SampleParams, **kw)


class Plain(BconnectNode):
    """Says where it is, and what it received by reference."""

    def __init__(self, **kw: Any) -> None:
        super().__init__("plain", NoParams, **kw)
        self.hello = self.create_publisher(String, "hello", RECORD)
        self.send(self.hello, String(data=self.get_fully_qualified_name()))
        print("ready", self.get_fully_qualified_name(), flush=True)


class Faulty(BconnectNode):
    """Fails in every way a node can, and lives."""

    def __init__(self, **kw: Any) -> None:
        super().__init__("faulty", NoParams, **kw)
        self.seen: list[str] = []
        self.runs = 0
        self.closed: list[str] = []
        self.create_subscription(String, "words", self.on_word, STREAM)
        self.create_service(Trigger, "ask", self.on_ask)
        self.worker("stumble", self.stumble)
        self.at_close(lambda: self.closed.append("released"))

    def on_word(self, m: String) -> None:
        self.seen.append(m.data)
        if m.data == "bad":
            raise ValueError("a bad word")

    def on_ask(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        raise RuntimeError("no answer")

    def stumble(self, stop: threading.Event) -> None:
        self.runs += 1
        if self.runs == 1:
            raise OSError("stumbled")
        stop.wait()
        self.closed.append("worker")

    def close(self) -> None:
        super().close()
        self.closed.append("close")


class Refuses(BconnectNode):
    """Finds a mistake after it has started a thread."""

    def __init__(self, **kw: Any) -> None:
        super().__init__("refuses", NoParams, **kw)
        self.worker("idle", lambda stop: print("worker ended", stop.wait(), flush=True))
        raise ConfigError("config/x.yaml: a.b: found 1, allowed: 2")


class RefusesLate(BconnectNode):
    """Finds the mistake in its worker."""

    def __init__(self, **kw: Any) -> None:
        super().__init__("refuses_late", NoParams, **kw)
        self.worker("load", self.load)

    def load(self, stop: threading.Event) -> None:
        raise ConfigError("weights.onnx: is no model")


class Busy(BconnectNode):
    """Callbacks that compute all the time, a worker too, and publishing until the very end."""

    def __init__(self, **kw: Any) -> None:
        super().__init__("busy", NoParams, **kw)
        self.publisher = self.create_publisher(String, "noise", STREAM)
        self.create_subscription(String, "noise", lambda m: self.compute(), STREAM)
        self.create_timer(0.001, self.compute)
        self.worker("noise", self.noise)
        self.ready = self.create_timer(0.2, lambda: print("ready", flush=True))

    def compute(self) -> None:
        sum(i * i for i in range(20000))
        self.send(self.publisher, String(data="x"))

    def noise(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.compute()
        for _ in range(100):
            self.send(self.publisher, String(data="after the end"))


class Stuck(BconnectNode):
    """A callback that never returns, which no node of ours may have."""

    def __init__(self, **kw: Any) -> None:
        super().__init__("stuck", NoParams, **kw)
        self.create_timer(0.01, self.hang)

    def hang(self) -> None:
        print("ready", flush=True)
        threading.Event().wait()


class Shows(BconnectNode):
    """Publishes numbered frames of a size as long as somebody wants them."""

    def __init__(self, **kw: Any) -> None:
        super().__init__("shows", NoParams, **kw)
        self.frames = frames.FramePublisher(self, "image_raw")
        self.sent: list[frames.Frame] = []
        self.size = (640, 360)

    def show(self) -> frames.Frame:
        width, height = self.size
        number = len(self.sent) + 1
        image = np.full((height, width, 3), number % 256, np.uint8)
        frame = frames.Frame(number * 10**9, "sample/shows_optical_frame", image)
        self.sent.append(frame)
        self.frames.publish(frame)
        return frame


class ShowsAlways(Shows):
    """The same by itself, at 30 Hz."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(**kw)
        self.create_timer(1 / 30, self.show)
        print("ready", flush=True)


class Looks(BconnectNode):
    """Keeps what it was shown."""

    def __init__(self, **kw: Any) -> None:
        super().__init__("looks", NoParams, **kw)
        self.seen: list[frames.Frame] = []
        self.view = frames.FrameSubscription(self, "image_raw", self.on_frame)

    def on_frame(self, frame: frames.Frame) -> None:
        self.seen.append(frame)
        self.health.tick("frames")
        self.health.state(health.OK, "looking")


class LooksAndTells(Looks):
    """Prints each frame's size."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(**kw)
        print("ready", flush=True)

    def on_frame(self, frame: frames.Frame) -> None:
        print("frame", frame.width, frame.height, int(frame.image[0, 0, 0]), flush=True)


if __name__ == "__main__":
    sys.exit(run.run(globals()[sys.argv[1]], sys.argv))
