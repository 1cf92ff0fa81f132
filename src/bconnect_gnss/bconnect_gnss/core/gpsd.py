"""gpsd's JSON lines become reports."""

import json
from datetime import datetime, timezone
from math import hypot, isfinite, nan, sqrt
from typing import Any

from bconnect_gnss.core.report import DOPPLER, SECOND, UERE, Report

WATCH = b'?WATCH={"enable":true,"json":true,"pps":true};\n'
CONFIDENCE = 1.96  # gpsd's error model (DOP times 15 m) is meant at 95 %
KEPT = 5 * SECOND  # ns for which a GST holds
BEYOND = 1e9  # no number of a receiver; infinity is none either
_REFUSED = frozenset({5, 7, 8})  # of TPV's status: dead reckoning, time only, simulated
_AUGMENTED = frozenset({2, 3, 4})
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class GpsdTalk:
    """Reads what gpsd says. ``complaint``: its last error; ``receivers``: how many it has."""

    def __init__(self) -> None:
        self.complaint = ""
        self.receivers: int | None = None
        self.pulses: list[float] = []  # s of offset, to be taken
        self.headings: list[float] = []  # degrees from north, to be taken
        self._hdop = nan
        self._gst = (nan, nan, nan, 0)  # m east, north, up, and when

    def put(self, line: bytes, arrived: int) -> list[Report]:
        """Reports of one line that arrived at a moment [ns]. Raises ValueError: no JSON object."""
        try:
            said = json.loads(line)
        except (UnicodeDecodeError, RecursionError):
            raise ValueError("is not JSON") from None
        if not isinstance(said, dict):
            raise ValueError("is not a JSON object")
        kind = said.get("class")
        if kind == "TPV":
            return [self._report(said, arrived)]
        if kind == "SKY":
            self._hdop = _number(said, "hdop") if "hdop" in said else self._hdop
        elif kind == "GST":
            east, north, up = (_number(said, name) for name in ("lon", "lat", "alt"))
            self._gst = (east, north, up, arrived)
        elif kind == "ERROR":
            self.complaint = str(said.get("message", ""))[:200]
        elif kind == "ATT":
            heading = _number(said, "heading")
            self.headings += [heading] if 0.0 <= heading <= 360.0 else []
        elif kind == "PPS":
            self.pulses += _pulse(said)
        elif kind == "DEVICES" and isinstance(said.get("devices"), list):
            self.receivers = len(said["devices"])
        return []

    def _report(self, said: dict[str, Any], arrived: int) -> Report:
        east, north, up, measured = self._spread(said, arrived)
        # What gpsd tells of an NMEA receiver's speed comes from positions: tens of m/s at rest.
        hdop = self._hdop if isfinite(self._hdop) else hypot(east, north) / UERE
        doppler = hdop * DOPPLER
        status = _whole(said, "status")
        mode = _whole(said, "mode")
        height = _number(said, "altHAE")
        return Report(
            arrived=arrived,
            utc=_utc(said.get("time")),
            fixed=mode >= 2 and status not in _REFUSED,
            latitude=_number(said, "lat"),
            longitude=_number(said, "lon"),
            altitude=height if isfinite(height) else _number(said, "alt"),
            east_stddev=east,
            north_stddev=north,
            up_stddev=up,
            measured=measured,
            augmented=status in _AUGMENTED,
            speed=_number(said, "speed"),
            course=_number(said, "track"),
            speed_stddev=doppler if isfinite(doppler) else _number(said, "eps"),
        )

    def _spread(self, said: dict[str, Any], arrived: int) -> tuple[float, float, float, bool]:
        """m east, north, up, and whether the receiver itself says so."""
        east, north, up, when = self._gst
        if isfinite(east) and isfinite(north) and 0 <= arrived - when <= KEPT:
            return east, north, up, True
        east, north, up = (_number(said, name) / CONFIDENCE for name in ("epx", "epy", "epv"))
        if not (isfinite(east) and isfinite(north)):
            east = north = self._hdop * UERE / sqrt(2.0)
        return east, north, up, False


def _pulse(said: dict[str, Any]) -> list[float]:
    """s, the clock minus GNSS time at a pulse; empty where it does not tell."""
    names = ("clock_sec", "clock_nsec", "real_sec", "real_nsec")
    found = [said.get(name) for name in names]
    if not all(isinstance(v, int) and abs(v) < 1 << 62 for v in found):
        return []
    clock, clock_ns, real, real_ns = found
    return [((clock - real) * SECOND + clock_ns - real_ns) / SECOND]  # type: ignore[operator]


def _number(said: dict[str, Any], name: str) -> float:
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return nan
    return float(value) if abs(value) < BEYOND else nan


def _whole(said: dict[str, Any], name: str) -> int:
    value = said.get(name)
    return value if isinstance(value, int) else 0


def _utc(text: object) -> int:
    """ns since 1970 of ``2026-11-24T05:00:00.000Z``; 0: no such time."""
    if not isinstance(text, str) or not text.endswith("Z"):
        return 0
    try:
        passed = datetime.fromisoformat(f"{_six(text[:-1])}+00:00") - _EPOCH
    except ValueError:
        return 0
    whole = passed.days * 86_400 + passed.seconds
    return max(0, whole * SECOND + passed.microseconds * 1000)


def _six(text: str) -> str:
    """With a fraction of exactly six digits, as older Pythons want it."""
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction[:6]:0<6}"
