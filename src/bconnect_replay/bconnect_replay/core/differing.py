"""What changed between two verdicts on one bag, and why."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from bconnect_replay.core.line import Found

SECOND = 1_000_000_000
APART = 2 * SECOND  # ns between two sights of one event
NEAR = 6.0  # m between its places, where both are known
# What decides, beside the track: settings of a zone and of a section.
_SETTINGS = ("dwell", "grace", "limit", "tolerance", "active", "applies_to", "signal", "basis")
_SHAPE = ("line", "region", "direction")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``what``: lost, new, or changed; ``why``: a sentence each."""

    what: str
    finding: Found
    other: Found | None
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One run: its findings and what it stood on (rerun.json)."""

    findings: Sequence[Found]
    summary: Mapping[str, Any]


def differences(a: Verdicts, b: Verdicts) -> tuple[int, list[Change]]:
    """How many findings are the same, and every change from ``a`` to ``b`` by time."""
    pairs, lost, new = _pair(a.findings, b.findings)
    changes: list[Change] = []
    same = 0
    for one, other in pairs:
        why = _changes(one, other)
        if why:
            changes.append(Change("changed", one, other, (*why, *_settings_changed(one, a, b))))
        else:
            same += 1
    changes += [Change("lost", one, None, _why_missing(one, a, b)) for one in lost]
    changes += [Change("new", one, None, _why_missing(one, b, a)) for one in new]
    return same, sorted(changes, key=lambda c: (c.finding.started, c.finding.id))


def grounds_differ(a: Verdicts, b: Verdicts) -> list[str]:
    """What the two runs stand on that is not the same, one sentence each."""
    said: list[str] = []
    for key, words in (("software", "software"), ("site", "site"), ("tracker", "tracker settings")):
        one, other = _ground(a, key), _ground(b, key)
        if one != other:
            said.append(f"{words}: {_short(one)} -> {_short(other)}")
    inputs = (a.summary.get("inputs") or {}, b.summary.get("inputs") or {})
    for name in sorted({*inputs[0], *inputs[1]}):
        if inputs[0].get(name) != inputs[1].get(name):
            said.append(f"{name}: another file")
    return said


def _ground(run: Verdicts, key: str) -> Any:
    return (run.summary.get("settings") or {}).get(key, run.summary.get(key))


def _pair(
    a: Sequence[Found], b: Sequence[Found]
) -> tuple[list[tuple[Found, Found]], list[Found], list[Found]]:
    """Pairs of one event: by id first, then by kind, camera, zone, time and place."""
    by_id = {found.id: found for found in b}
    pairs = [(one, by_id.pop(one.id)) for one in a if one.id in by_id]
    known = {one.id for one, _ in pairs}
    left, lost = list(by_id.values()), []
    for one in a:
        if one.id in known:
            continue
        alike = [other for other in left if _alike(one, other)]
        if not alike:
            lost.append(one)
            continue
        nearest = min(alike, key=lambda other: (abs(other.started - one.started), other.id))
        left.remove(nearest)
        pairs.append((one, nearest))
    return pairs, lost, left


def _alike(one: Found, other: Found) -> bool:
    if (one.kind, one.camera, one.zone) != (other.kind, other.camera, other.zone):
        return False
    if one.started > other.stamp + APART or other.started > one.stamp + APART:
        return False
    distance = max(abs(one.x - other.x), abs(one.y - other.y))
    return isnan(distance) or distance <= NEAR


def _changes(one: Found, other: Found) -> tuple[str, ...]:
    said: list[str] = []
    if one.id != other.id:
        said.append(
            f"another track or beginning: track {one.track} -> {other.track}, "
            f"begun {(other.started - one.started) / SECOND:+.1f} s"
        )
    if one.stamp != other.stamp:
        said.append(f"decided {(other.stamp - one.stamp) / SECOND:+.1f} s")
    for name in ("measured", "low", "high", "limit"):
        before, after = getattr(one, name), getattr(other, name)
        if before != after and not (isnan(before) and isnan(after)):
            said.append(f"{name}: {before:g} -> {after:g}")
    if one.same_as != other.same_as:
        said.append(f"same as: {one.same_as or 'itself'} -> {other.same_as or 'itself'}")
    return tuple(said)


def _why_missing(one: Found, has: Verdicts, lacks: Verdicts) -> tuple[str, ...]:
    """Why a finding of one run is missing in the other, most certain first."""
    asked = _asked(lacks, one.camera)
    if asked is None:
        return (f"camera {one.camera} is not judged there",)
    off = [s for s in lacks.summary.get("off") or () if one.camera in s and one.kind in s]
    if off:
        return (f"rule {one.kind} is off there: {off[0]}",)
    if one.kind not in asked:
        return (f"rule {one.kind} is not asked of {one.camera} there",)
    changed = _settings_changed(one, has, lacks)
    if changed:
        return changed
    merged = [f for f in lacks.findings if f.kind == one.kind and f.same_as and _near(one, f)]
    if merged:
        return (f"there it is one more sight of {merged[0].same_as}",)
    differ = grounds_differ(has, lacks)
    if differ:
        return ("its zone is the same; what differs: " + "; ".join(differ),)
    return ("same site, same software, same bag: the track differs, or the code of the rule",)


def _near(one: Found, other: Found) -> bool:
    return one.started <= other.stamp + APART and other.started <= one.stamp + APART


def _asked(run: Verdicts, camera: str) -> Iterable[str] | None:
    cameras = run.summary.get("cameras") or {}
    told = cameras.get(camera)
    return None if told is None else (told.get("asked") or {})


def _settings_changed(one: Found, a: Verdicts, b: Verdicts) -> tuple[str, ...]:
    """What was set otherwise for the zone (or section) that decided."""
    before, after = _zone(a, one), _zone(b, one)
    if before is None or after is None or before == after:
        if before is not None and after is None:
            return (f"zone {one.zone} is gone",)
        return ()
    said = [
        f"zone {one.zone}: {key}: {_short(before.get(key))} -> {_short(after.get(key))}"
        for key in _SETTINGS
        if before.get(key) != after.get(key)
    ]
    if any(before.get(key) != after.get(key) for key in _SHAPE):
        said.append(f"zone {one.zone} was drawn anew")
    if said and not isnan(one.measured):
        said.append(f"measured {one.measured:g}, interval {one.low:g} to {one.high:g}")
    return tuple(said)


def _zone(run: Verdicts, one: Found) -> Mapping[str, Any] | None:
    settings = run.summary.get("settings") or {}
    camera = (settings.get("cameras") or {}).get(one.camera) or {}
    zones = {**(settings.get("sections") or {}), **(camera.get("zones") or {})}
    found: Mapping[str, Any] | None = zones.get(one.zone)
    return found


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
