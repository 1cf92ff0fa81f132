"""What should make an officer look twice before confirming. Warnings, never decisions."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bconnect_center.core.moments import SECOND
from bconnect_enforce.core.records import Violation
from bconnect_site.kinds import (
    CitationStatus,
    EvidenceKind,
    PlateColour,
    PlateState,
    RoadUserKind,
    ViolationType,
    word,
)
from bconnect_site.plates import PlateRules

AROUND = 5 * SECOND  # of a moment: in which its signal should have been known
CLOSE = 0.10  # of the limit: so near to the interval's lower end is near
SPEEDS = frozenset({ViolationType.SPEEDING, ViolationType.SECTION_SPEED, ViolationType.RACING})
SIGNALS = frozenset({ViolationType.RED_LIGHT, ViolationType.STOP_LINE})
_PLATE = re.compile(r"([A-Z]{1,2}) ?(\d{1,4}) ?([A-Z]{0,3})")

# What must be there for a case to be judged by its pictures.
WANTED = (EvidenceKind.SCENE, EvidenceKind.CLIP, EvidenceKind.CONTEXT_BEFORE,
          EvidenceKind.CONTEXT_AFTER)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Warning_:
    """One reason to look twice: a key of checks in review.yaml with its values.

    `stops`: the case cannot be confirmed as it is.
    """

    key: str
    values: Mapping[str, object] = field(default_factory=dict)
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Seal:
    """What came of checking a sealed folder. `state`: whole, unchecked, touched, erased, lost."""

    state: str
    sentences: tuple[str, ...] = ()

    @property
    def stands(self) -> bool:
        """Whether what lies there may be believed as far as can be told."""
        return self.state in ("whole", "unchecked")


@dataclass(frozen=True, slots=True)
class Looked:
    """All that is compared. `facts`: of facts.json, as it is; `active`: the zone's hours, None:
    not known; `others`: numbers of other open cases of the same plate."""

    violation: Violation
    seal: Seal
    facts: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float | None = None  # m/s or s beyond the limit that count for nothing
    active: bool | None = None
    others: tuple[str, ...] = ()
    # What the site's own ledger, which is another than ours, calls the case and made of it;
    # `handed`: the site gave it to us to decide.
    site_number: str = ""
    site_status: CitationStatus = CitationStatus.UNKNOWN
    handed: bool = False


def warnings(looked: Looked, rules: PlateRules) -> list[Warning_]:
    """What speaks against a quick yes, what stops it first."""
    found = [
        one
        for check in (there, _seal, _pictures, _signal, _interval, _clock, _hours, _others)
        for one in check(looked)
    ] + list(_plate(looked, rules))
    return sorted(found, key=lambda one: not one.stops)


def there(looked: Looked) -> Iterator[Warning_]:
    """A case has one place where it is decided: nothing is confirmed twice."""
    if not looked.site_number:
        return
    values = {"number": looked.site_number}
    if looked.site_status is CitationStatus.CONFIRMED:
        yield Warning_("confirmed_there", values, stops=True)
    elif not looked.handed:
        yield Warning_("decided_there", values, stops=True)
    elif looked.site_status is not CitationStatus.PENDING_REVIEW:
        yield Warning_("dropped_there", values)


def _seal(looked: Looked) -> Iterator[Warning_]:
    if looked.seal.state == "unchecked":
        yield Warning_("seal_unchecked")
    elif not looked.seal.stands:
        yield Warning_(f"seal_{looked.seal.state}", stops=True)


def _pictures(looked: Looked) -> Iterator[Warning_]:
    kinds = {file.kind for file in looked.violation.evidence}
    lacking = [word(kind) for kind in WANTED if kind not in kinds]
    if EvidenceKind.SCENE not in kinds:
        yield Warning_("no_scene")
    elif lacking or looked.violation.missing:
        yield Warning_("incomplete")


def _plate(looked: Looked, rules: PlateRules) -> Iterator[Warning_]:
    seen = looked.violation
    if seen.plate_state is not PlateState.READ:
        yield Warning_("plate_unread")
        return
    found = _PLATE.fullmatch(seen.plate.strip().upper())
    if found is None:
        yield Warning_("plate_odd", {"plate": seen.plate})
        return
    user = seen.offence.road_user
    if user is not RoadUserKind.UNKNOWN:
        allowed = rules.kinds_of(found[1], int(found[2]))
        if allowed and user not in allowed:
            yield Warning_("plate_block", {"plate": seen.plate, "user": word(user)})
        under = rules.kinds_under(seen.plate_colour)
        if seen.plate_colour is not PlateColour.UNKNOWN and under and user not in under:
            values = {"colour": word(seen.plate_colour), "user": word(user)}
            yield Warning_("plate_colour", values)
    if found[1] not in rules.areas:
        yield Warning_("plate_area", {"area": found[1]})


def _clock(looked: Looked) -> Iterator[Warning_]:
    clock = _part(looked.facts, "clock")
    if looked.facts and clock.get("synchronised") is not True:
        yield Warning_("clock_unknown" if clock.get("synchronised") is None else "clock_free")
    offset = _part(looked.facts, "camera").get("clock_offset")
    if isinstance(offset, int | float) and 1.0 < abs(offset) < 1e12:
        yield Warning_("camera_clock", {"offset": f"{offset:.1f}"})


def _signal(looked: Looked) -> Iterator[Warning_]:
    if looked.violation.offence.type not in SIGNALS or not looked.facts:
        return
    signal = _part(looked.facts, "signal")
    runs = signal.get("history")
    if not isinstance(runs, list) or not runs or signal.get("note"):
        yield Warning_("signal_gap")
        return
    moment = looked.violation.offence.stamp
    near = [run for run in runs if _near(run, moment)]
    aspects = {run.get("aspect") for run in near}
    at = [run for run in near if _int(run.get("since")) <= moment <= _int(run.get("last_seen"))]
    if (
        "unknown" in aspects
        or len({run.get("aspect") for run in at}) > 1
        or any(run.get("aspect") != signal.get("decided") for run in at)
    ):
        yield Warning_("signal_disagree")


def _near(run: Any, moment: int) -> bool:
    if not isinstance(run, dict):
        return False
    return _int(run.get("since")) <= moment + AROUND and _int(run.get("last_seen")) >= (
        moment - AROUND
    )


def _interval(looked: Looked) -> Iterator[Warning_]:
    seen = looked.violation
    if seen.offence.type not in SPEEDS or math.isnan(seen.limit):
        return
    bound = seen.limit + (looked.tolerance or 0.0)
    if math.isnan(seen.measured_low):
        yield Warning_("no_interval")
    elif seen.measured_low < bound + CLOSE * seen.limit:
        yield Warning_("near_limit", {"low": _kmh(seen.measured_low), "bound": _kmh(bound)})


def _hours(looked: Looked) -> Iterator[Warning_]:
    if looked.active is False:
        yield Warning_("not_active", {"zone": looked.violation.offence.zone})


def _others(looked: Looked) -> Iterator[Warning_]:
    if looked.others:
        yield Warning_("same_vehicle", {"number": ", ".join(looked.others)})


def _part(plain: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = plain.get(key)
    return value if isinstance(value, dict) else {}


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0


def _kmh(value: float) -> str:
    return f"{value * 3.6:.1f}"
