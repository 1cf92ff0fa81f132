"""Findings and plates as plain JSON and back.

Kinds are their words, unknown numbers null, stamps int nanoseconds with an
ISO 8601 twin in UTC.
"""

from datetime import datetime, timedelta, timezone
from math import isfinite, nan
from typing import Any

from bconnect_detect.core.types import Finding, Look, RoadUser, SignalReading
from bconnect_detect.core.violation import PlateReading
from bconnect_site.kinds import (
    Colour,
    PlateColour,
    PlateState,
    RoadUserKind,
    SignalAspect,
    SignalSource,
    ViolationType,
    from_word,
    word,
)

Json = dict[str, Any]


def finding_to_dict(finding: Finding) -> Json:
    """All fields in plain JSON. Kinds are their words, unknown numbers null."""
    user, signal = finding.road_user, finding.signal
    return {
        "id": finding.id,
        "type": word(finding.type),
        "site": finding.site,
        "camera": finding.camera,
        "zone": finding.zone,
        **moment("stamp", finding.stamp),
        **moment("started", finding.started),
        "road_user": {
            "kind": word(user.kind),
            "colour": word(user.colour),
            "track_id": user.track_id,
            "confidence": _number(user.confidence),
            "box": [_number(v) for v in user.box],
            "riders": _number(user.riders),
            "helmets": _number(user.helmets),
            "emergency": _number(user.emergency),
            "belted": _number(user.belted),
            "phone": _number(user.phone),
            "position": [_number(v) for v in user.position],
            "position_stddev": [_number(v) for v in user.position_stddev],
            "velocity": [_number(v) for v in user.velocity],
            "velocity_stddev": [_number(v) for v in user.velocity_stddev],
        },
        "width": finding.width,
        "height": finding.height,
        "trail": [[_number(x), _number(y)] for x, y in finding.trail],
        **{key: _number(getattr(finding, key)) for key in _NUMBERS},
        "position_stddev": _number(finding.position_stddev),
        "signal": signal
        and {
            "signal": signal.signal,
            "aspect": word(signal.aspect),
            **moment("stamp", signal.stamp),
            **moment("since", signal.since),
            "source": word(signal.source),
            "confidence": _number(signal.confidence),
        },
        **{key: getattr(finding, key) for key in _TEXTS},
        "same_as": finding.same_as,
        "looks": [look_to_dict(look) for look in finding.looks],
    }


def finding_from_dict(body: Json) -> Finding:
    """The inverse of ``finding_to_dict``. Raises KeyError, TypeError or ValueError."""
    user, signal = body["road_user"], body["signal"]
    pairs = {key: _floats(user[key]) for key in _PAIRS}
    return Finding(
        id=body["id"],
        type=_kind(ViolationType, body["type"]),
        site=body["site"],
        camera=body["camera"],
        zone=body["zone"],
        stamp=int(body["stamp"]),
        started=int(body["started"]),
        road_user=RoadUser(
            kind=_kind(RoadUserKind, user["kind"]),
            track_id=int(user["track_id"]),
            confidence=_float(user["confidence"]),
            box=_floats(user["box"]),
            riders=_float(user["riders"]),
            helmets=_float(user["helmets"]),
            emergency=_float(user.get("emergency")),
            belted=_float(user.get("belted")),
            phone=_float(user.get("phone")),
            colour=_kind(Colour, user.get("colour", "unknown")),
            **pairs,
        ),
        width=int(body["width"]),
        height=int(body["height"]),
        trail=tuple(_floats(point) for point in body["trail"]),
        signal=signal
        and SignalReading(
            signal=signal["signal"],
            aspect=_kind(SignalAspect, signal["aspect"]),
            stamp=int(signal["stamp"]),
            since=int(signal["since"]),
            source=_kind(SignalSource, signal["source"]),
            confidence=_float(signal["confidence"]),
        ),
        looks=tuple(
            Look(int(look["stamp"]), *(_float(look[key]) for key in _LOOK))
            for look in body.get("looks", ())
        ),
        same_as=body.get("same_as", ""),  # seals of format 1 lack it
        position_stddev=_float(body.get("position_stddev")),  # older seals lack it
        **({key: _float(body[key]) for key in _NUMBERS} | {key: body[key] for key in _TEXTS}),
    )


def look_to_dict(look: Look) -> Json:
    """A look in plain JSON; m."""
    return {**moment("stamp", look.stamp), **{key: _number(getattr(look, key)) for key in _LOOK}}


def plate_to_dict(plate: PlateReading) -> Json:
    """A plate reading in plain JSON."""
    return {
        "state": word(plate.state),
        "text": plate.text,
        "confidence": _number(plate.confidence),
        "box": [_number(v) for v in plate.box],
        "pixel_height": _number(plate.pixel_height),
        "votes": plate.votes,
        "frames": plate.frames,
        "colour": word(plate.colour),
        "reason": plate.reason,
        "stamp": plate.stamp,
    }


def plate_from_dict(body: Json) -> PlateReading:
    """The inverse. Raises KeyError, TypeError or ValueError."""
    return PlateReading(
        state=_kind(PlateState, body["state"]),
        text=body["text"],
        confidence=_float(body["confidence"]),
        box=_floats(body["box"]),
        pixel_height=_float(body["pixel_height"]),
        votes=int(body["votes"]),
        frames=int(body.get("frames", 0)),  # seals of format 1 lack these
        colour=_kind(PlateColour, body.get("colour", "unknown")),
        reason=body.get("reason", ""),
        stamp=int(body.get("stamp", 0)),
    )


def iso(stamp: int) -> str:
    """ISO 8601 in UTC with microseconds, exact in integers."""
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    moment = epoch + timedelta(microseconds=stamp // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(key: str, stamp: int) -> Json:
    """A stamp under its name, and readable beside it."""
    return {key: stamp, f"{key}_utc": iso(stamp)}


_PAIRS = ("position", "position_stddev", "velocity", "velocity_stddev")
_NUMBERS = (
    "measured",
    "measured_low",
    "measured_high",
    "limit",
    "time_into_red",
    "confidence",
    "latitude",
    "longitude",
)
_LOOK = ("way", "residual", "stddev")
_TEXTS = ("article", "basis", "catalogue_version", "explanation")


def _number(value: float) -> float | None:
    return float(value) if isfinite(value) else None


def _float(value: float | None) -> float:
    return nan if value is None else float(value)


def _floats(values: list[float | None]) -> Any:
    return tuple(_float(value) for value in values)


def _kind(kinds: Any, text: str) -> Any:
    return kinds(0) if text == "unknown" else from_word(kinds, text)
