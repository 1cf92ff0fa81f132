"""A finding as one line of findings.jsonl, and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import Any

from bconnect_detect.core.types import Finding
from bconnect_site.errors import ConfigError
from bconnect_site.kinds import ViolationType, word, words

_DIGITS = 4  # of lengths [m, px], speeds [m/s] and shares: what is beyond is noise


def line_of(finding: Finding) -> dict[str, Any]:
    """A finding as plain values of JSON; an unknown number is None."""
    user, signal = finding.road_user, finding.signal
    return {
        "id": finding.id,
        "kind": word(finding.type),
        "camera": finding.camera,
        "zone": finding.zone,
        "started": finding.started,
        "stamp": finding.stamp,
        "track": user.track_id,
        "road_user": word(user.kind),
        "measured": number(finding.measured),
        "low": number(finding.measured_low),
        "high": number(finding.measured_high),
        "limit": number(finding.limit),
        "time_into_red": number(finding.time_into_red),
        "signal": signal.signal if signal else "",
        "aspect": word(signal.aspect) if signal else "",
        "article": finding.article,
        "basis": finding.basis,
        "same_as": finding.same_as,
        "x": number(user.position[0]),
        "y": number(user.position[1]),
        "box": [number(side) for side in user.box],
        "image": [finding.width, finding.height],
        "confidence": number(finding.confidence),
        "explanation": finding.explanation,
    }


def number(value: float) -> float | None:
    """A number as it is written: rounded, None when it is not known."""
    return round(float(value), _DIGITS) + 0.0 if isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Found:
    """What a score needs of a finding. Stamps ns, places m, speeds m/s; unknown is NaN."""

    id: str
    kind: str
    camera: str
    started: int
    stamp: int
    zone: str = ""
    track: int = 0
    x: float = nan
    y: float = nan
    measured: float = nan
    low: float = nan
    high: float = nan
    limit: float = nan
    same_as: str = ""
    road_user: str = ""
    explanation: str = ""
    way: tuple[tuple[float, float], ...] = ()  # m, of its foot


@dataclass(frozen=True, slots=True)
class Event:
    """A true violation, or a lawful near miss. Stamps ns, places m, speeds m/s."""

    kind: str
    start: int
    end: int
    vehicle: str = ""
    road_user: str = ""
    place: str = ""
    x: float = nan
    y: float = nan
    cameras: tuple[str, ...] = ()
    speed: float = nan
    limit: float = nan
    why: str = ""
    doubt: str = ""  # why nobody could decide it by looking; empty: one could
    # By camera, s of clear sight in the second before, during and in the second after.
    sight: Mapping[str, tuple[float, float, float]] | None = None  # None: not told
    plates: Mapping[str, str] = field(default_factory=dict)  # by gate


def found_of(plain: Any) -> Found:
    """A line of findings.jsonl. Raises ConfigError: which key is wrong."""
    values = _Line(plain)
    return Found(
        id=values.text("id"),
        kind=values.kind(),
        camera=values.text("camera"),
        started=values.stamp("started"),
        stamp=values.stamp("stamp"),
        zone=values.text("zone", ""),
        track=values.stamp("track", 0),
        same_as=values.text("same_as", ""),
        road_user=values.text("road_user", ""),
        explanation=values.text("explanation", ""),
        way=values.way(),
        x=values.number("x"),
        y=values.number("y"),
        measured=values.number("measured"),
        low=values.number("low"),
        high=values.number("high"),
        limit=values.number("limit"),
    )


def event_of(plain: Any) -> Event:
    """A line of truth.jsonl or lawful.jsonl. Raises ConfigError: which key is wrong."""
    values = _Line(plain)
    return Event(
        kind=values.kind(),
        start=values.stamp("start"),
        end=values.stamp("end"),
        cameras=values.texts("cameras"),
        vehicle=values.text("vehicle", ""),
        road_user=values.text("road_user", ""),
        place=values.text("place", ""),
        why=values.text("why", ""),
        doubt=values.text("doubt", ""),
        x=values.number("x"),
        y=values.number("y"),
        speed=values.number("speed"),
        limit=values.number("limit"),
        sight=values.sight(),
        plates=values.plates(),
    )


class _Line:
    def __init__(self, plain: Any) -> None:
        if not isinstance(plain, Mapping):
            raise ConfigError(f"found {type(plain).__name__}, needs an object {{...}}")
        self._plain = plain

    def _get(self, key: str, kinds: tuple[type, ...], what: str, default: Any) -> Any:
        if key not in self._plain and default is not None:
            return default
        value = self._plain.get(key)
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise ConfigError(f"{key}: found {value!r}, needs {what}")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        return str(self._get(key, (str,), "a text", default))

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(str(v) for v in self._get(key, (list, tuple), "a list of names", ()))

    def stamp(self, key: str, default: int | None = None) -> int:
        return int(self._get(key, (int,), "a whole number (ns)", default))

    def number(self, key: str) -> float:
        if self._plain.get(key) is None:
            return nan
        return float(self._get(key, (int, float), "a number or null", None))

    def way(self) -> tuple[tuple[float, float], ...]:
        try:
            return tuple((float(x), float(y)) for x, y in self._plain.get("way") or ())
        except (TypeError, ValueError):
            raise ConfigError("way: needs a list of places [[x, y], ...], m") from None

    def sight(self) -> dict[str, tuple[float, float, float]] | None:
        found = self._plain.get("sight")
        if found is None:
            return None
        try:
            return {str(c): (float(a), float(b), float(d)) for c, (a, b, d) in found.items()}
        except (AttributeError, TypeError, ValueError):
            raise ConfigError("sight: needs by camera [before, during, after], s") from None

    def plates(self) -> dict[str, str]:
        found = self._get("plates", (Mapping,), "an object of gates", {})
        return {str(gate): str(word) for gate, word in found.items()}

    def kind(self) -> str:
        found = self.text("kind")
        if found not in words(ViolationType):
            raise ConfigError(f'kind: found "{found}", allowed: {", ".join(words(ViolationType))}')
        return found
