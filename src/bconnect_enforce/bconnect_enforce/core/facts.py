"""What of a waiting violation must survive a restart: enough to decide, and no plate."""

from __future__ import annotations

import json
import math

from bconnect_enforce.core.records import EvidenceFile, Offence, Violation
from bconnect_site.kinds import Colour, EvidenceKind, RoadUserKind, ViolationType

_PLAIN = ("id", "site", "camera", "zone", "stamp", "track_id", "article", "place")


def text(violation: Violation) -> str:
    """The facts as JSON."""
    offence = violation.offence
    plain = {name: getattr(offence, name) for name in _PLAIN} | {
        "type": int(offence.type),
        "road_user": int(offence.road_user),
        "colour": int(offence.colour),
        "measured": _number(violation.measured),
        "limit": _number(violation.limit),
        "scene": violation.has_scene,
    }
    return json.dumps(plain, separators=(",", ":"))


def violation(facts: str) -> Violation:
    """A violation that is decided as the one the facts are of. Raises ValueError."""
    try:
        plain = json.loads(facts)
        offence = Offence(
            **{name: plain[name] for name in _PLAIN},
            type=ViolationType(plain["type"]),
            road_user=RoadUserKind(plain["road_user"]),
            colour=Colour(plain["colour"]),
        )
        scene = EvidenceFile(EvidenceKind.SCENE, "", "sealed", offence.stamp)
        return Violation(
            offence=offence,
            started=offence.stamp,
            basis="",
            catalogue_version="",
            confidence=math.nan,
            explanation="",
            latitude=math.nan,
            longitude=math.nan,
            measured=_read(plain["measured"]),
            limit=_read(plain["limit"]),
            evidence=(scene,) if plain["scene"] else (),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"facts of a violation: {error}") from None


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _read(value: float | None) -> float:
    return math.nan if value is None else float(value)
