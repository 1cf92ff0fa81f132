"""What is written and drawn on the copy of a scene: words and fractions, no pixels.

The words are for the officer who looks at the picture: what is claimed, where,
when by the local clock, how much was measured and how much was allowed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from math import degrees, isfinite

from bconnect_detect.core.types import Box, Finding, Pair
from bconnect_site.kinds import SignalAspect, ViolationType, word
from bconnect_site.model import Zone

SPEEDS = frozenset({ViolationType.SPEEDING, ViolationType.SECTION_SPEED, ViolationType.RACING})
DWELLS = frozenset(
    {ViolationType.ILLEGAL_STOPPING, ViolationType.ILLEGAL_PARKING, ViolationType.STOP_LINE}
)
ANGLES = frozenset({ViolationType.WRONG_WAY, ViolationType.ILLEGAL_U_TURN})


@dataclass(frozen=True, slots=True)
class ZoneShape:
    """A zone as drawn: two points are a line, more a region. Fractions of the image."""

    name: str
    points: tuple[Pair, ...]
    arrow: tuple[Pair, Pair] | None = None  # lawful direction of travel
    label: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that goes on an annotated still."""

    title: str
    where: str
    when: str
    verdict: str  # measured against allowed; empty: nothing was measured
    footer: tuple[str, ...]
    label: str  # at the box
    box: Box  # fractions of the image
    trail: tuple[Pair, ...]  # fractions
    zone: ZoneShape | None = None
    aspect: SignalAspect | None = None
    signal: str = ""


def zone_shape(name: str, zone: Zone) -> ZoneShape:
    """A zone of the site file as it is drawn."""
    label = f"{word(zone.kind).replace('_', ' ')} · {name}"
    arrow = (zone.direction[0], zone.direction[1]) if zone.direction else None
    return ZoneShape(name, tuple(zone.points), arrow, label)


def make_sheet(
    finding: Finding, zone: ZoneShape | None, title: str, local: tzinfo, original: str = ""
) -> Sheet:
    """The sheet of a finding. ``original``: name of the file that is drawn upon."""
    user, signal = finding.road_user, finding.signal
    return Sheet(
        title=word(finding.type).replace("_", " ").upper(),
        where=" · ".join(part for part in (title, finding.site, finding.camera) if part),
        when=local_time(finding.stamp, local),
        verdict=verdict(finding),
        footer=_footer(finding, original),
        label=f"{word(user.kind)} #{user.track_id}",
        box=box_fractions(finding),
        trail=tuple(p for p in finding.trail if isfinite(p[0]) and isfinite(p[1])),
        zone=zone,
        aspect=signal.aspect if signal else None,
        signal=_signal(finding) if signal else "",
    )


def box_fractions(finding: Finding) -> Box:
    """The road user's box as fractions of the image, cut off at its edges."""
    x0, y0, x1, y1 = finding.road_user.box
    width, height = max(finding.width, 1), max(finding.height, 1)
    return (_unit(x0 / width), _unit(y0 / height), _unit(x1 / width), _unit(y1 / height))


def verdict(finding: Finding) -> str:
    """Measured value against what was allowed, in the unit people use."""
    if not isfinite(finding.measured):
        return ""
    text = f"{_what(finding.type)} {_value(finding.type, finding.measured)}".strip()
    low, high = finding.measured_low, finding.measured_high
    if isfinite(low) and isfinite(high) and high > low:
        text += f", 95 %: {_value(finding.type, low)} to {_value(finding.type, high)}"
    if isfinite(finding.limit):
        text += f" · allowed {_value(finding.type, finding.limit)}"
    return text


def local_time(stamp: int, local: tzinfo) -> str:
    """``2026-11-24 16:03:22.4 WITA``: to the tenth of a second, cut, not rounded."""
    moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=stamp // 1000)
    here = moment.astimezone(local)
    return f"{here:%Y-%m-%d %H:%M:%S}.{here.microsecond // 100_000} {here.tzname()}"


def local_date(stamp: int, local: tzinfo) -> str:
    """``2026-11-24``, the day by the local clock."""
    return local_time(stamp, local)[:10]


def _unit(value: float) -> float:
    return min(max(value, 0.0), 1.0) if isfinite(value) else 0.0


def _what(kind: ViolationType) -> str:
    if kind == ViolationType.STOP_LINE:
        return "stood beyond the line"
    if kind in DWELLS:
        return "stood"
    if kind in ANGLES:
        return "off by"
    return "measured" if kind not in SPEEDS else ""


def _value(kind: ViolationType, value: float) -> str:
    if kind in SPEEDS:
        return f"{value * 3.6:.0f} km/h"
    if kind in DWELLS:
        return f"{value:.1f} s" if value < 120 else f"{value / 60:.1f} min"
    if kind in ANGLES:
        return f"{degrees(value):.0f}°"
    return f"{value:.2f}"


def _footer(finding: Finding, original: str) -> tuple[str, ...]:
    basis = f"basis: {finding.basis}" if finding.basis else ""
    law = " · ".join(part for part in (finding.article, basis) if part)
    copy = f"drawn on a copy of {original}" if original else ""
    lines = (
        finding.explanation or word(finding.type).replace("_", " "),
        law,
        " · ".join(part for part in (f"confidence {finding.confidence:.2f}", copy) if part),
        f"id {finding.id}",
    )
    return tuple(line for line in lines if line)


def _signal(finding: Finding) -> str:
    assert finding.signal is not None
    text = f"{finding.signal.signal}: {word(finding.signal.aspect)}"
    if isfinite(finding.time_into_red):
        text += f" for {finding.time_into_red:.1f} s"
    return text
