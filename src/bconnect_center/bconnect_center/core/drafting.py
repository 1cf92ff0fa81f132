"""What a person drew for one camera, as changes of the site file's keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bconnect_site.errors import ConfigError
from bconnect_site.yamledit import REMOVE
from bconnect_site.yamlfile import Key

# Keys of a zone in the order in which they are written.
ZONE_KEYS = (
    *("kind", "line", "region", "direction", "signal", "dwell", "grace", "limit", "tolerance"),
    *("applies_to", "basis", "place", "active"),
)


@dataclass(frozen=True, slots=True)
class ZoneDraft:
    """A zone as it shall be. ``was``: its name in the file; empty: it is new."""

    name: str
    was: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)  # without keys that are not given


@dataclass(frozen=True, slots=True)
class SignalDraft:
    """A signal's head in this camera's image; no region: it is not seen here."""

    name: str
    region: tuple[tuple[float, float], ...] = ()
    orientation: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything that may be drawn on one camera. ``calibration``: its file; None: as it is."""

    camera: str
    zones: tuple[ZoneDraft, ...] = ()
    rules: tuple[str, ...] = ()
    signals: tuple[SignalDraft, ...] = ()
    calibration: str | None = None


@dataclass(slots=True)
class Changes:
    """What to change in a file; see bconnect_site.yamledit."""

    values: dict[Key, Any] = field(default_factory=dict)
    renames: dict[Key, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.values or self.renames)


def changes_of(site: Mapping[str, Any], draft: Draft) -> Changes:
    """From the file's plain values to the draft. Raises ConfigError."""
    cameras = _mapping(site.get("cameras"))
    if draft.camera not in cameras:
        raise ConfigError(f'cameras: no camera is called "{draft.camera}"')
    camera = _mapping(cameras[draft.camera])
    made = Changes()
    _zones(made, ("cameras", draft.camera, "zones"), _mapping(camera.get("zones")), draft.zones)
    if list(draft.rules) != list(camera.get("rules") or ()):
        made.values["cameras", draft.camera, "rules"] = list(draft.rules) or REMOVE
        if not draft.rules and "rules" not in camera:
            del made.values["cameras", draft.camera, "rules"]
    _signals(made, _mapping(site.get("signals")), draft)
    if draft.calibration is not None and draft.calibration != camera.get("calibration"):
        made.values["cameras", draft.camera, "calibration"] = draft.calibration or REMOVE
    return made


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _zones(
    made: Changes, key: Key, current: Mapping[str, Any], zones: tuple[ZoneDraft, ...]
) -> None:
    names = [zone.name for zone in zones]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(*(f"zones.{name}.name: two zones have this name" for name in twice))
    kept = {zone.was for zone in zones if zone.was in current}
    for name in current:
        if name not in kept:
            made.values[(*key, name)] = REMOVE
    for zone in zones:
        if zone.was not in current:
            if zone.name in current and zone.name in kept:
                raise ConfigError(f"zones.{zone.name}.name: another zone still has this name")
            made.values[(*key, zone.name)] = _ordered(zone.values)
            continue
        before = _mapping(current[zone.was])
        if zone.name != zone.was:
            made.renames[(*key, zone.was)] = zone.name
        for part in dict.fromkeys([*before, *_ordered(zone.values)]):
            new = zone.values.get(part)
            if part not in ZONE_KEYS and part not in zone.values:
                continue  # what the page does not know stays
            if not same(before.get(part), new):
                made.values[(*key, zone.was, part)] = REMOVE if new is None else new


def _ordered(values: Mapping[str, Any]) -> dict[str, Any]:
    known = [key for key in ZONE_KEYS if values.get(key) is not None]
    rest = [key for key in values if key not in ZONE_KEYS and values[key] is not None]
    return {key: values[key] for key in [*known, *rest]}


def _signals(made: Changes, current: Mapping[str, Any], draft: Draft) -> None:
    drawn = {signal.name: signal for signal in draft.signals if signal.region}
    for name, plain in current.items():
        plain = _mapping(plain)
        if plain.get("camera") == draft.camera and name not in drawn:
            if plain.get("adapter") == "lamp_vision":
                made.values["signals", name] = REMOVE
            else:
                made.values |= {
                    ("signals", name, part): REMOVE
                    for part in ("camera", "region", "orientation")
                    if part in plain
                }
    for name, signal in drawn.items():
        plain = _mapping(current.get(name))
        wanted: dict[str, Any] = {} if plain else {"adapter": "lamp_vision"}
        wanted |= {"camera": draft.camera, "region": [list(p) for p in signal.region]}
        if signal.orientation or "orientation" in plain:
            wanted["orientation"] = signal.orientation or None
        if not plain:
            made.values["signals", name] = {k: v for k, v in wanted.items() if v is not None}
            continue
        for part, new in wanted.items():
            if not same(plain.get(part), new):
                made.values["signals", name, part] = REMOVE if new is None else new


def same(one: Any, other: Any) -> bool:
    """Equal as written in a file: a list is a tuple, 30 is 30.0, nothing is not empty text."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
