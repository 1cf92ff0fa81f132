"""What was heard lately of signals and cameras, to be told around the moment of a finding."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import nan

from bconnect_detect.core.types import SECOND, SignalReading
from bconnect_site.kinds import CameraState, SignalAspect, SignalSource

MOST_RUNS = 200  # per signal
MOST_SIGNALS = 64
MOST_LOOKS = 240  # of one camera; at 1 Hz four minutes
SPARSE = 5 * SECOND  # between two looks at the clock that are kept
WRONG = 0.5  # s that a clock may be off, beyond what is not known
FAR = 120 * SECOND  # from a moment at which a look at the clock tells nothing of it
FORGET = 900 * SECOND  # a case is sealed long before


@dataclass(frozen=True, slots=True)
class Run:
    """One aspect of a signal for as long as nothing else was heard. Stamps in ns."""

    aspect: SignalAspect
    since: int  # when the aspect began, as the source says; 0: unknown
    first: int  # first and last time that it was observed
    last: int
    source: SignalSource
    confidence: float  # the least of the readings
    readings: int = 1


@dataclass(frozen=True, slots=True)
class CameraLook:
    """What a camera said of itself at one moment."""

    stamp: int  # ns
    state: CameraState
    frame_rate: float = nan  # Hz
    clock_offset: float = nan  # s, camera clock minus this machine's
    clock_source: str = ""
    detail: str = ""


class SignalHistory:
    """Runs of each signal, bounded in number and age. One thread at a time."""

    def __init__(self) -> None:
        self._runs: dict[str, deque[Run]] = {}

    def __len__(self) -> int:
        return sum(len(runs) for runs in self._runs.values())

    def add(self, reading: SignalReading) -> None:
        """Takes a reading; one older than the last of its signal is left out."""
        if reading.signal not in self._runs and len(self._runs) >= MOST_SIGNALS:
            return
        runs = self._runs.setdefault(reading.signal, deque(maxlen=MOST_RUNS))
        if runs and reading.stamp < runs[-1].last:
            return
        if runs and _same(runs[-1], reading):
            last = runs[-1]
            least = min(last.confidence, reading.confidence)
            runs[-1] = replace(
                last, last=reading.stamp, confidence=least, readings=last.readings + 1
            )
        else:
            runs.append(
                Run(
                    reading.aspect,
                    reading.since,
                    reading.stamp,
                    reading.stamp,
                    reading.source,
                    reading.confidence,
                )
            )
        while runs[0].last < reading.stamp - FORGET:
            runs.popleft()

    def around(self, signal: str, start: int, end: int) -> tuple[Run, ...]:
        """The runs of a signal that were observed between two stamps [ns]."""
        runs: Iterable[Run] = self._runs.get(signal, ())
        return tuple(run for run in runs if run.last >= start and run.first <= end)


class CameraHistory:
    """Looks of each camera at itself, bounded. ``cameras``: the only ones that are kept."""

    def __init__(self, cameras: Iterable[str]) -> None:
        self._looks: dict[str, deque[CameraLook]] = {
            camera: deque(maxlen=MOST_LOOKS) for camera in cameras
        }

    def add(self, camera: str, look: CameraLook) -> None:
        """Takes a look of a camera of this site."""
        if camera in self._looks:
            self._looks[camera].append(look)

    def at(self, camera: str, stamp: int) -> CameraLook | None:
        """The look nearest to a stamp [ns]; None: nothing was heard."""
        looks = self._looks.get(camera, ())
        return min(looks, key=lambda look: abs(look.stamp - stamp), default=None)


@dataclass(frozen=True, slots=True)
class GnssClock:
    """How this machine's clock stood to GNSS time. None: not known."""

    stamp: int  # ns, this machine's clock
    offset: float | None = None  # s, this machine's clock minus GNSS time
    uncertainty: float | None = None  # s, half of the interval that surely holds it
    age: float | None = None  # s since GNSS told
    source: str = ""

    def to_plain(self, stamp: int) -> dict[str, object]:
        """As in manifests, for a moment [ns]: its age grows with the way to that."""
        apart = abs(stamp - self.stamp) / SECOND
        return {
            "offset": self.offset,
            "uncertainty": self.uncertainty,
            "age": None if self.age is None else round(self.age + apart, 3),
            "source": self.source or "none",
        }

    def fault(self, stamp: int) -> str:
        """That the clock was surely wrong at a moment [ns], one sentence; empty: it was not."""
        if self.offset is None or self.uncertainty is None:
            return ""
        if abs(self.offset) - self.uncertainty < WRONG or abs(stamp - self.stamp) > FAR:
            return ""
        ahead = "ahead of" if self.offset > 0 else "behind"
        return (
            f"this machine's clock was {abs(self.offset):.1f} s {ahead} GNSS time (known to "
            f"{self.uncertainty:g} s): all stamps are that clock's, none was changed"
        )


class ClockHistory:
    """What was heard of this machine's clock, bounded."""

    def __init__(self) -> None:
        self._looks: deque[GnssClock] = deque(maxlen=MOST_LOOKS)

    def add(self, look: GnssClock) -> None:
        """Takes a look; one a few seconds apart is kept, and each in which it was set."""
        last = self._looks[-1] if self._looks else None
        if last is None or not 0 <= look.stamp - last.stamp < SPARSE or _apart(last, look):
            self._looks.append(look)

    def at(self, stamp: int) -> GnssClock | None:
        """The look nearest to a stamp [ns]; None: nothing was heard."""
        return min(self._looks, key=lambda look: abs(look.stamp - stamp), default=None)


def _apart(a: GnssClock, b: GnssClock) -> bool:
    if a.offset is None or b.offset is None:
        return (a.offset is None) != (b.offset is None)
    return abs(a.offset - b.offset) > WRONG


def _same(run: Run, reading: SignalReading) -> bool:
    return (run.aspect, run.since, run.source) == (reading.aspect, reading.since, reading.source)
