"""gnss: a receiver in, fixes out.

gpsd or serial NMEA --> lines --> reports --> gate --> fix, fix_velocity
"""

import os
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

from bconnect_msgs.msg import ClockState
from geometry_msgs.msg import TwistWithCovarianceStamped
from sensor_msgs.msg import Imu, NavSatFix

from bconnect_gnss.adapters.stream import Stream, open_stream
from bconnect_gnss.convert import (
    clock_to_msg,
    fix_to_msg,
    heading_to_msg,
    nothing_to_msg,
    velocity_to_msg,
)
from bconnect_gnss.listening import Heard, Listening
from bconnect_node import qos
from bconnect_node.base import BconnectNode
from bconnect_node.health import OK, WARN
from bconnect_node.parameters import field
from bconnect_node.run import run
from bconnect_site import names
from bconnect_site.environment import expand_env
from bconnect_site.errors import ConfigError
from bconnect_site.gnss import GnssAddress, gnss_address

LOOK = 0.2  # s
CLOCK_PERIOD = 1.0  # s between two words on the clock
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # s before the next attempt
SECOND = 1_000_000_000


@dataclass(frozen=True)
class GnssParams:
    """Where fixes come from."""

    source: str = field(description="gpsd://, nmea:// or nmea+file://, or ${NAME}")
    frame_id: str = field("gnss", "frame of the antenna")
    base_frame: str = field("base_link", "frame of the vehicle, which a heading is of")
    heading_offset: float = field(0.0, "degrees from the front to the antennas' line, clockwise")
    heading_stddev: float = field(0.5, "degrees, of that line's direction", minimum=0.01)
    silence: float = field(3.0, "s without a report after which there is no fix", minimum=0.1)
    dead: float = field(10.0, "s without a byte after which it connects anew", minimum=0.1)


class Gnss(BconnectNode):
    """One per vehicle."""

    params: GnssParams

    def __init__(self, **kw: Any) -> None:
        super().__init__("gnss", GnssParams, **kw)
        text = expand_env(self.params.source, os.environ, "source")
        try:
            self._address: GnssAddress = gnss_address(text)
        except ValueError as error:
            raise ConfigError(f"gnss.source: {error}") from None
        self._shown = text.partition("?")[0]
        self._fix = self.create_publisher(NavSatFix, names.FIX, qos.STREAM)
        self._velocity = self.create_publisher(
            TwistWithCovarianceStamped, names.FIX_VELOCITY, qos.STREAM
        )
        self._heading = self.create_publisher(Imu, names.HEADING, qos.STREAM)
        self._clock_state = self.create_publisher(ClockState, names.CLOCK_STATE, qos.STATE)
        self._clock_told = float("-inf")
        self._listening = Listening(self._address.scheme)
        self._heard_at = time.monotonic()
        self._noise, self._utc = 0, 0
        self.worker("reader", self._read)

    def _read(self, stop: threading.Event) -> None:
        pause = FIRST_PAUSE
        while not stop.is_set():
            try:
                stream = open_stream(self._address)
            except OSError as error:
                self._lost(f"{self._shown}: cannot be opened: {error.strerror or error}")
            else:
                try:
                    if self._listen(stream, stop):
                        pause = FIRST_PAUSE
                finally:
                    stream.close()
                if self._address.scheme == "nmea+file":
                    return
            stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _listen(self, stream: Stream, stop: threading.Event) -> bool:
        """Until the connection breaks; whether it gave any report."""
        self._listening.begin()
        came, gave = time.monotonic(), False
        while not stop.is_set():
            try:
                data = stream.read(LOOK)
            except EOFError:
                self._lost(f"{self._shown}: ended")
                break
            except OSError as error:
                self._lost(f"{self._shown}: {error.strerror or error}")
                break
            if data:
                came = time.monotonic()
            for heard in self._listening.put(data, self.now()):
                gave = True
                self._take(heard, stop)
            self._tell_headings()
            self._tell()
            if time.monotonic() - came > self.params.dead:
                self._lost(f"{self._shown}: silent for {self.params.dead:g} s")
                break
        return gave

    def _take(self, heard: Heard, stop: threading.Event) -> None:
        self._heard_at = time.monotonic()
        self.health.tick("reports")
        self._keep_pace(heard, stop)
        if heard.refused:
            self.health.drop(heard.refused)
            if heard.refused == "repeated":
                return
            self.health.state(WARN, f"no fix: {heard.refused}")
            if heard.refused == "backwards":
                return
        else:
            self.health.tick("fixes")
            self.health.state(OK, "running")
        self.send(self._fix, fix_to_msg(heard, self.params.frame_id))
        velocity = velocity_to_msg(heard, self.params.frame_id)
        if velocity is not None:
            self.send(self._velocity, velocity)

    def _keep_pace(self, heard: Heard, stop: threading.Event) -> None:
        """A log is heard as fast as it was written."""
        if self._address.scheme == "nmea+file" and heard.report.utc:
            apart = (heard.report.utc - self._utc) / SECOND if self._utc else 0.0
            self._utc = heard.report.utc
            stop.wait(min(max(apart, 0.0), 5.0))

    def _tell(self) -> None:
        listening = self._listening
        if listening.noise > self._noise:
            self.health.drop("noise", listening.noise - self._noise)
            self._noise = listening.noise
        self._tell_clock()
        offset = listening.timing.offset
        self.health.set("clock_offset", None if offset != offset else round(offset, 3))
        self.health.set("clock_agrees", listening.timing.agrees)
        self.health.set("receivers", listening.talk.receivers)
        if listening.talk.complaint:
            self.health.error(f"{self._shown}: {listening.talk.complaint}")
            listening.talk.complaint = ""
        if time.monotonic() - self._heard_at > self.params.silence:
            self._heard_at = time.monotonic()
            self.health.state(WARN, "no fix: the receiver reports nothing")
            self.send(self._fix, nothing_to_msg(self.now(), self.params.frame_id))

    def _tell_headings(self) -> None:
        p, now = self.params, self.now()
        for line in self._listening.headings():
            self.health.tick("headings")
            front = (line - p.heading_offset) % 360.0
            self.send(self._heading, heading_to_msg(front, p.heading_stddev, now, p.base_frame))

    def _tell_clock(self) -> None:
        if time.monotonic() - self._clock_told >= CLOCK_PERIOD:
            self._clock_told, now = time.monotonic(), self.now()
            self.send(self._clock_state, clock_to_msg(self._listening.timing.look(now), now))

    def _lost(self, sentence: str) -> None:
        self.health.error(sentence)
        self.health.state(WARN, f"no fix: {sentence}")
        self.send(self._fix, nothing_to_msg(self.now(), self.params.frame_id))


def main() -> int:
    """Entry point of the executable."""
    return run(Gnss)


if __name__ == "__main__":
    sys.exit(main())
