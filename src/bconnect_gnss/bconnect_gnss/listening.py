"""One receiver from its bytes to believed fixes; reconnects are the caller's."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from bconnect_gnss.adapters.nmea import NmeaTalk
from bconnect_gnss.core.gate import Gate
from bconnect_gnss.core.gpsd import GpsdTalk
from bconnect_gnss.core.lines import Lines
from bconnect_gnss.core.report import Report
from bconnect_gnss.core.timing import Timing


class Talk(Protocol):
    """How a source's lines are read."""

    complaint: str
    receivers: int | None
    pulses: list[float]
    headings: list[float]

    def put(self, line: bytes, arrived: int) -> list[Report]: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """A report with its stamp [ns, this machine's clock]; ``refused``: why it is not believed."""

    report: Report
    stamp: int
    refused: str
    doubt: float  # m to add to its standard deviations


class Listening:
    """Takes bytes, gives what was heard. What it believes outlives a broken connection."""

    def __init__(self, scheme: str) -> None:
        self._scheme = scheme
        self.timing = Timing()
        self._gate = Gate()
        self.noise = 0  # lines that were none
        self._headings: list[float] = []
        self.begin()

    def begin(self) -> None:
        """A new connection: half a line of the old one is no line."""
        self._lines = Lines()
        self.talk: Talk = GpsdTalk() if self._scheme == "gpsd" else NmeaTalk()

    def put(self, data: bytes, arrived: int) -> Iterator[Heard]:
        """What is complete with these bytes, which arrived at a moment [ns]."""
        overlong = self._lines.overlong
        for line in self._lines.put(data):
            try:
                reports = self.talk.put(line, arrived)
            except ValueError:
                self.noise += 1
                continue
            self._headings += self.talk.headings
            self.talk.headings.clear()
            while self.talk.pulses:
                self.timing.pulse(arrived, self.talk.pulses.pop(0))
            for report in reports:
                stamp = self.timing.stamp(report)
                refused = self._gate.refuse(report, report.utc or stamp)
                yield Heard(report, stamp, refused, self.timing.doubt(report))
        self.noise += self._lines.overlong - overlong

    def headings(self) -> list[float]:
        """What a receiver with two antennas told of its baseline since it was asked, degrees from
        north."""
        found, self._headings = self._headings, []
        return found
