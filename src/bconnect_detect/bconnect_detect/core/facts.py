"""``facts.json``: all that decided, in numbers, with the signal around it and the clocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from bconnect_detect.core.history import CameraLook, GnssClock, Run
from bconnect_detect.core.manifest import Facts, clock_to_plain
from bconnect_detect.core.plain import Json, look_to_dict, moment
from bconnect_detect.core.sheet import ANGLES, DWELLS, SPEEDS, ZoneShape
from bconnect_detect.core.types import SECOND, Finding
from bconnect_site.kinds import word
from bconnect_site.mapzones import MapZone

FORMAT = "bconnect-facts/1"
SIGNAL_BEFORE = 90 * SECOND  # a whole cycle, usually
SIGNAL_AFTER = 15 * SECOND


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was heard around a finding."""

    signal: tuple[Run, ...] = ()
    camera: CameraLook | None = None
    clock: GnssClock | None = None  # of a vehicle


def window(finding: Finding) -> tuple[int, int]:
    """Between which stamps [ns] the signal's history is told."""
    started = min(finding.started or finding.stamp, finding.stamp)
    return started - SIGNAL_BEFORE, finding.stamp + SIGNAL_AFTER


def build(
    finding: Finding,
    around: Circumstances,
    zone: ZoneShape | None,
    facts: Facts,
    on_map: MapZone | None = None,
) -> Json:
    """The facts as plain JSON. Unknown numbers are null. ``on_map``: a zone of the map."""
    return {
        "format": FORMAT,
        "id": finding.id,
        "type": word(finding.type),
        **moment("stamp", finding.stamp),
        **moment("started", finding.started),
        "law": {
            "article": finding.article,
            "basis": finding.basis,
            "catalogue_version": finding.catalogue_version,
        },
        "decision": {
            "explanation": finding.explanation,
            "confidence": _number(finding.confidence),
            "unit": _unit(finding),
            "measured": _number(finding.measured),
            "measured_low": _number(finding.measured_low),
            "measured_high": _number(finding.measured_high),
            "limit": _number(finding.limit),
            "time_into_red": _number(finding.time_into_red),
        },
        "place": {
            "latitude": _number(finding.latitude),
            "longitude": _number(finding.longitude),
            "stddev": _number(finding.position_stddev),  # m
        },
        "speed": _speed(finding),
        "signal": _signal(finding, around.signal),
        "camera": {"name": finding.camera, **_camera(around.camera)},
        "zone": zone
        and {
            "name": zone.name,
            "points": [list(point) for point in zone.points],
            "direction": zone.arrow and [list(end) for end in zone.arrow],
        },
        "map_zone": on_map
        and {
            "name": on_map.name,
            "kind": word(on_map.kind),
            "basis": on_map.basis,
            "width": on_map.width or None,  # m, of a road
            "coordinates": [[longitude, latitude] for latitude, longitude in on_map.points],
        },
        "track": {
            "id": finding.road_user.track_id,
            "box": [_number(v) for v in finding.road_user.box],
            "image": [finding.width, finding.height],
            "trail": [[_number(x), _number(y)] for x, y in finding.trail],
        },
        "clock": clock_to_plain(facts.clock),
        "software": facts.software,
        "model": facts.model,
        "model_sha256": facts.model_sha256,
        "site_sha256": facts.site_sha256,
    }


def _speed(finding: Finding) -> Json | None:
    """The speed in m/s and, beside it, in km/h; None where no speed decided."""
    if finding.type not in SPEEDS:
        return None
    user = finding.road_user
    names = ("measured", "measured_low", "measured_high", "limit")
    return {
        "mps": {name: _number(getattr(finding, name)) for name in names},
        "kmh": {name: _number(getattr(finding, name) * 3.6) for name in names},
        "interval": "95 %",
        "fit": _fit(finding),
        "velocity": [_number(v) for v in user.velocity],
        "velocity_stddev": [_number(v) for v in user.velocity_stddev],
        "position": [_number(v) for v in user.position],
        "position_stddev": [_number(v) for v in user.position_stddev],
    }


def _fit(finding: Finding) -> Json | None:
    """The looks the speed was fitted through, m; None where it was measured otherwise."""
    if not finding.looks:
        return None
    return {
        **moment("from", min(finding.started or finding.stamp, finding.stamp)),
        **moment("to", finding.stamp),
        "looks": [look_to_dict(look) for look in finding.looks],
    }


def _signal(finding: Finding, runs: Sequence[Run]) -> Json | None:
    if finding.signal is None:
        return None
    start, end = window(finding)
    return {
        "name": finding.signal.signal,
        "decided": word(finding.signal.aspect),
        **moment("decided_since", finding.signal.since),
        **moment("from", start),
        **moment("to", end),
        "history": [
            {
                "aspect": word(run.aspect),
                **moment("since", run.since),
                **moment("first_seen", run.first),
                **moment("last_seen", run.last),
                "source": word(run.source),
                "least_confidence": _number(run.confidence),
                "readings": run.readings,
            }
            for run in runs
        ],
        "note": _gap(finding, runs),
    }


def _gap(finding: Finding, runs: Sequence[Run]) -> str:
    """What the history does not cover; empty: it covers the moment."""
    started = min(finding.started or finding.stamp, finding.stamp)
    if not runs:
        return "nothing of this signal was heard by the sealing node, it may have been restarted"
    if runs[0].first > started:
        late = (runs[0].first - started) / SECOND
        return f"the sealing node heard this signal only from {late:.1f} s after the offence began"
    if runs[-1].last < finding.stamp:
        early = (finding.stamp - runs[-1].last) / SECOND
        return f"the sealing node last heard this signal {early:.1f} s before the moment"
    return ""


def _camera(look: CameraLook | None) -> Json:
    if look is None:
        return {"state": "unknown", "clock_offset": None, "clock_source": "unknown"}
    return {
        "state": word(look.state),
        **moment("stamp", look.stamp),
        "frame_rate": _number(look.frame_rate),
        "clock_offset": _number(look.clock_offset),
        "clock_source": look.clock_source or "unknown",
        "detail": look.detail,
    }


def _unit(finding: Finding) -> str:
    for kinds, unit in ((SPEEDS, "m/s"), (DWELLS, "s"), (ANGLES, "rad")):
        if finding.type in kinds:
            return unit
    return ""


def _number(value: float) -> float | None:
    return float(value) if isfinite(value) else None
