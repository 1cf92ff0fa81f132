"""What one camera saw around one finding: the track, its speed, its signal, who else was there."""

from collections import deque
from dataclasses import dataclass, field
from math import hypot, isfinite, nan
from typing import Any

from bconnect_detect.core.types import SECOND, Finding, SignalReading, Tracks
from bconnect_replay.core.line import number
from bconnect_site.kinds import word

BEFORE, AFTER = 20 * SECOND, 3 * SECOND  # ns kept around a finding


@dataclass(frozen=True, slots=True)
class Look:
    """The road user in one image. Fractions of the image, m, m/s; unknown is NaN."""

    stamp: int
    box: tuple[float, float, float, float]
    confidence: float
    position: tuple[float, float]
    velocity: tuple[float, float]

    @property
    def speed(self) -> float:
        """m/s over the ground."""
        return hypot(*self.velocity) if all(isfinite(v) for v in self.velocity) else nan


@dataclass(slots=True)
class Account:
    """All that is shown of one finding."""

    finding: Finding
    looks: list[Look] = field(default_factory=list)
    signal: list[SignalReading] = field(default_factory=list)  # its changes
    others: list[tuple[float, float, float, float]] = field(default_factory=list)  # fractions

    def plain(self) -> dict[str, Any]:
        """The numbers, as JSON."""
        finding = self.finding
        return {
            "id": finding.id,
            "kind": word(finding.type),
            "camera": finding.camera,
            "zone": finding.zone,
            "explanation": finding.explanation,
            "measured": number(finding.measured),
            "interval": [number(finding.measured_low), number(finding.measured_high)],
            "limit": number(finding.limit),
            "time_into_red": number(finding.time_into_red),
            "article": finding.article,
            "basis": finding.basis,
            "catalogue_version": finding.catalogue_version,
            "started": finding.started,
            "stamp": finding.stamp,
            "track": finding.road_user.track_id,
            "signal": [
                {"stamp": s.stamp, "aspect": word(s.aspect), "source": word(s.source)}
                for s in self.signal
            ],
            "looks": [
                {
                    "stamp": look.stamp,
                    "box": [number(v) for v in look.box],
                    "confidence": number(look.confidence),
                    "position": [number(v) for v in look.position],
                    "speed": number(look.speed),
                }
                for look in self.looks
            ],
        }


class Recollection:
    """The last seconds of every camera and signal; bounded by time and number."""

    def __init__(self, most: int = 1200) -> None:
        self._tracks: dict[str, deque[Tracks]] = {}
        self._signals: dict[str, deque[SignalReading]] = {}
        self._most = most

    def on_tracks(self, tracks: Tracks) -> None:
        """Road users with ids, as the rules got them."""
        kept = self._tracks.setdefault(tracks.camera, deque(maxlen=self._most))
        kept.append(tracks)
        while kept[0].stamp < tracks.stamp - BEFORE - AFTER:
            kept.popleft()

    def on_signal(self, reading: SignalReading) -> None:
        """A signal; only its changes are kept."""
        kept = self._signals.setdefault(reading.signal, deque(maxlen=50))
        if not kept or kept[-1].aspect is not reading.aspect:
            kept.append(reading)

    def account(self, finding: Finding) -> Account:
        """What is remembered of a finding."""
        made = Account(finding)
        track = finding.road_user.track_id
        for tracks in self._tracks.get(finding.camera, ()):
            if not finding.stamp - BEFORE <= tracks.stamp <= finding.stamp + AFTER:
                continue
            for user in tracks:
                box = _fractions(user.box, tracks.width, tracks.height)
                if user.track_id == track and track:
                    look = Look(tracks.stamp, box, user.confidence, user.position, user.velocity)
                    made.looks.append(look)
                elif tracks.stamp == finding.stamp:
                    made.others.append(box)
        if finding.signal is not None:
            made.signal = list(self._signals.get(finding.signal.signal, ()))
        return made


def _fractions(
    box: tuple[float, float, float, float], width: int, height: int
) -> tuple[float, float, float, float]:
    w, h = max(width, 1), max(height, 1)
    return (box[0] / w, box[1] / h, box[2] / w, box[3] / h)
