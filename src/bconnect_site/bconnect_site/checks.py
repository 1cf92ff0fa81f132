"""Checks across the keys of a site: what refers to something must find it.

They run on the merged plain values, so that they speak even when other keys are wrong.
"""

from collections.abc import Callable, Iterator
from typing import Any

from bconnect_site import names
from bconnect_site.errors import suggest
from bconnect_site.fields import ENV
from bconnect_site.horns import ADDRESSES
from bconnect_site.kinds import ViolationType, ZoneKind, from_word, word, words
from bconnect_site.ladder_checks import check_ladder
from bconnect_site.law import Catalogue
from bconnect_site.lights import controller_address, record_address
from bconnect_site.mapzones import ON_MAP
from bconnect_site.model import RULE_ZONES, WHOLE_IMAGE
from bconnect_site.roadside import check_tow, roadside_nodes
from bconnect_site.yamlfile import Key

Found = Iterator[tuple[Key, str]]

LINES = frozenset({ZoneKind.STOP_LINE, ZoneKind.LANE_MARKING, ZoneKind.GATE})
NEEDS_SIGNAL = frozenset({ViolationType.RED_LIGHT, ViolationType.STOP_LINE})
_SIGNAL_NEEDS = {
    "lamp_vision": ("camera", "region"),
    "ntcip1202": ("address",),
    "recorded": ("address",),
}
_WATCHED = ("camera", "region")
_DRIVEN = ("phase", "overlap")
_V3 = ("user", "auth", "privacy", "hash")
_ASKED = (*_DRIVEN, "community", "version", *_V3)
_SIGNAL_ONLY = (*_WATCHED, *_ASKED, "orientation", "address")
_SIGNAL_MAY = {
    "lamp_vision": ("orientation",),
    "ntcip1202": (*_WATCHED, *_ASKED, "orientation"),
    "recorded": (*_WATCHED, "orientation"),
}
_SIGNAL_ADDRESS: dict[str, Callable[[str], object]] = {
    "ntcip1202": controller_address,
    "recorded": record_address,
}


def mapping(value: Any) -> dict[str, Any]:
    """The value where it is keys and values, else none."""
    return value if isinstance(value, dict) else {}


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def check(site: dict[str, Any], catalogue: Catalogue | None) -> list[tuple[Key, str]]:
    """Every reference of a site that leads nowhere, as (key, sentence)."""
    found: list[tuple[Key, str]] = []
    mapped = site.get("map_zones") is not None
    for name, camera in mapping(site.get("cameras")).items():
        found += _zones(site, name, mapping(camera))
        found += _rules(name, mapping(camera), catalogue, mapped)
        found += _ring(site, name, mapping(camera))
    found += _signals(site)
    found += _speakers(site)
    found += _sections(site)
    found += check_ladder(site)
    found += check_tow(site)
    found += _of_kind(site)
    found += _processes(site)
    return found


def _reference(key: Key, value: Any, what: str, known: Any) -> Found:
    if isinstance(value, str) and value not in mapping(known):
        yield key, f'no {what} is called "{value}"{suggest(value, mapping(known))}'


def _zones(site: dict[str, Any], camera: str, values: dict[str, Any]) -> Found:
    for name, zone in mapping(values.get("zones")).items():
        key: Key = ("cameras", camera, "zones", name)
        zone = mapping(zone)
        yield from _reference((*key, "signal"), zone.get("signal"), "signal", site.get("signals"))
        if (kind := _zone_kind(zone)) is None:
            continue
        wanted, other = ("line", "region") if kind in LINES else ("region", "line")
        if zone.get(wanted) is None:
            yield (*key, wanted), f"is missing; a zone of kind {word(kind)} has a {wanted}"
        if zone.get(other) is not None:
            yield (*key, other), f"a zone of kind {word(kind)} has a {wanted}, not a {other}"
        if kind is ZoneKind.DIRECTION and zone.get("direction") is None:
            yield (
                (*key, "direction"),
                "is missing; a zone of kind direction has an arrow of lawful travel, "
                "[[x, y], [x, y]]",
            )
        if kind is ZoneKind.SPEED and zone.get("limit") is None:
            yield (*key, "limit"), "is missing; a zone of kind speed has a limit in m/s"


def _zone_kind(zone: dict[str, Any]) -> ZoneKind | None:
    kind = zone.get("kind")
    return from_word(ZoneKind, kind) if kind in words(ZoneKind) else None


def _rules(camera: str, values: dict[str, Any], catalogue: Catalogue | None, mapped: bool) -> Found:
    zones = mapping(values.get("zones"))
    junction = any(_zone_kind(mapping(zone)) is ZoneKind.JUNCTION for zone in zones.values())
    seen: set[str] = set()
    for index, rule in enumerate(_listed(values.get("rules"))):
        key: Key = ("cameras", camera, "rules", index)
        if rule not in words(ViolationType):
            continue
        if rule in seen:
            yield key, f'"{rule}" is listed twice'
            continue
        seen.add(rule)
        if rule == word(ViolationType.SECTION_SPEED):
            yield key, "section_speed is decided between two cameras: describe it under sections"
            continue
        kinds = RULE_ZONES[from_word(ViolationType, rule)]
        used = {n: mapping(z) for n, z in zones.items() if _zone_kind(mapping(z)) in kinds}
        on_map = mapped and from_word(ViolationType, rule) in ON_MAP
        if not used and not on_map and from_word(ViolationType, rule) not in WHOLE_IMAGE:
            wanted = " or ".join(sorted(word(kind) for kind in kinds))
            yield key, f'"{rule}" needs a zone of kind {wanted} in this camera, found none'
        for name, zone in used.items():
            yield from _used_zone(("cameras", camera, "zones", name), rule, zone, catalogue)
            if ZoneKind.STOP_LINE in kinds and zone.get("direction") is None and not junction:
                yield (
                    ("cameras", camera, "zones", name, "direction"),
                    f'is missing; the rule "{rule}" needs an arrow of travel [[x, y], [x, y]], '
                    "or a zone of kind junction in this camera",
                )


def _used_zone(key: Key, rule: str, zone: dict[str, Any], catalogue: Catalogue | None) -> Found:
    kind = from_word(ViolationType, rule)
    if kind in NEEDS_SIGNAL and zone.get("signal") is None:
        yield (*key, "signal"), f'is missing; the rule "{rule}" needs to know the light'
    basis = zone.get("basis")
    if basis is None:
        yield (
            (*key, "basis"),
            f'is missing; the rule "{rule}" must say what makes it law, e.g. "sign S-12", '
            '"marking", "signal" or "movement rule"',
        )
    elif isinstance(basis, str) and basis.split() and catalogue is not None:
        allowed = catalogue.basis_kinds(kind)
        if basis.split()[0] not in allowed:
            yield (
                (*key, "basis"),
                f'{catalogue.title} knows no article for {rule} on the basis "{basis.split()[0]}"; '
                f"allowed: {', '.join(allowed) or 'none'}",
            )


def _ring(site: dict[str, Any], camera: str, values: dict[str, Any]) -> Found:
    evidence = mapping(site.get("evidence"))
    before, after = evidence.get("before", 4.0), evidence.get("after", 4.0)
    ring = values.get("ring_seconds", 20.0)
    if all(isinstance(v, int | float) for v in (before, after, ring)):
        needed = before + after + 2.0
        if ring < needed:
            yield (
                ("cameras", camera, "ring_seconds"),
                f"is {ring:g}; evidence.before and evidence.after need at least {needed:g}",
            )


def _signals(site: dict[str, Any]) -> Found:
    for name, signal in mapping(site.get("signals")).items():
        key: Key = ("signals", name)
        signal = mapping(signal)
        yield from _reference((*key, "camera"), signal.get("camera"), "camera", site.get("cameras"))
        adapter = signal.get("adapter")
        if not isinstance(adapter, str) or adapter not in _SIGNAL_NEEDS:
            continue
        needed = _SIGNAL_NEEDS[adapter]
        for part in needed:
            if signal.get(part) is None:
                yield (*key, part), f"is missing; the adapter {adapter} needs it"
        for part in _SIGNAL_ONLY:
            if signal.get(part) is not None and part not in (
                *needed,
                *_SIGNAL_MAY.get(adapter, ()),
            ):
                yield (*key, part), f"has no meaning for the adapter {adapter}"
        if adapter == "ntcip1202":
            yield from _driven(key, signal)
            yield from _as_user(key, signal)
        if adapter != "lamp_vision":
            yield from _watched(key, signal)
        yield from _signal_address(key, adapter, signal.get("address"))


def _driven(key: Key, signal: dict[str, Any]) -> Found:
    """A controller's light is driven by a phase or by an overlap."""
    phase, overlap = signal.get("phase"), signal.get("overlap")
    if phase is None and overlap is None:
        yield (*key, "phase"), "is missing; the adapter ntcip1202 needs it, or overlap"
    elif phase is not None and overlap is not None:
        yield (*key, "overlap"), "stands beside phase; a light is driven by one of them"


def _as_user(key: Key, signal: dict[str, Any]) -> Found:
    """SNMPv3 has a user and keys, the others a community."""
    v3 = signal.get("version") == "v3"
    for part in ("user", "auth") if v3 else ():
        if signal.get(part) is None:
            yield (*key, part), "is missing; SNMPv3 needs it, as ${NAME}"
    for part in ("community",) if v3 else _V3:
        if signal.get(part) is not None:
            said = "for SNMPv3" if v3 else 'without "version: v3"'
            yield (*key, part), f"has no meaning {said}"


def _watched(key: Key, signal: dict[str, Any]) -> Found:
    """A lamp beside a controller: all of it, or nothing."""
    given = [part for part in (*_WATCHED, "orientation") if signal.get(part) is not None]
    for part in _WATCHED if given else ():
        if signal.get(part) is None:
            yield (
                (*key, part),
                f"is missing; {given[0]} is given, and a lamp is watched by camera and region",
            )


def _signal_address(key: Key, adapter: str, address: Any) -> Found:
    if adapter in _SIGNAL_ADDRESS and isinstance(address, str) and not ENV.search(address):
        try:
            _SIGNAL_ADDRESS[adapter](address)
        except ValueError as error:
            yield (*key, "address"), str(error)


def _speakers(site: dict[str, Any]) -> Found:
    for name, speaker in mapping(site.get("speakers")).items():
        for index, camera in enumerate(_listed(mapping(speaker).get("hears"))):
            key: Key = ("speakers", name, "hears", index)
            yield from _reference(key, camera, "camera", site.get("cameras"))
        yield from _horn(("speakers", name, "address"), mapping(speaker))


def _horn(key: Key, speaker: dict[str, Any]) -> Found:
    adapter, address = speaker.get("adapter", "auto"), speaker.get("address")
    if not isinstance(adapter, str) or not isinstance(address, str | None):
        return
    if adapter not in ADDRESSES:
        if address is not None:
            yield key, f"has no meaning for the adapter {adapter}; rtp and http have an address"
    elif address is None:
        yield key, f"is missing; the adapter {adapter} needs it"
    elif not ENV.search(address.rpartition("@")[2]):  # who logs in does not matter here
        try:
            ADDRESSES[adapter](ENV.sub("x", address))
        except ValueError as error:
            yield key, str(error)


def _sections(site: dict[str, Any]) -> Found:
    cameras = mapping(site.get("cameras"))
    for name, section in mapping(site.get("sections")).items():
        section = mapping(section)
        for end in ("entry", "exit"):
            gate, key = section.get(end), ("sections", name, end)
            if not isinstance(gate, str):
                continue
            camera, _, zone = gate.partition("/")
            yield from _reference(key, camera, "camera", cameras)
            zones = mapping(mapping(cameras.get(camera)).get("zones"))
            if camera in cameras:
                yield from _reference(key, zone, "zone", zones)
            if zone in zones and _zone_kind(mapping(zones[zone])) is not ZoneKind.GATE:
                yield key, f"{gate} is no gate; a section lies between two zones of kind gate"
        if section.get("entry") is not None and section.get("entry") == section.get("exit"):
            yield ("sections", name, "exit"), "is the gate where the section begins"


def _of_kind(site: dict[str, Any]) -> Found:
    """What only a corridor, or only a vehicle, can have."""
    if site.get("kind") == "corridor" and site.get("gnss") is not None:
        yield ("gnss",), "has no meaning for a corridor, which stands where its location says"
    if site.get("kind") == "corridor" and site.get("map_zones") is not None:
        yield ("map_zones",), "has no meaning for a corridor, whose zones lie in its pictures"
    if site.get("kind") == "vehicle":
        if site.get("map_zones") is not None and site.get("gnss") is None:
            yield ("gnss",), "is missing; by the zones of a map judges who knows where it is"
        for key in ("speakers", "sections"):
            if mapping(site.get(key)):
                why = {"speakers": "it has no loudspeaker", "sections": "it does not stand still"}
                yield (key,), f"has no meaning for a vehicle: {why[key]}"


def node_keys(site: dict[str, Any]) -> list[str]:
    """The nodes of a site as ``processes`` may call them."""
    signal = ["signal"] if mapping(site.get("signals")) else []
    return [
        *(f"{camera}/camera" for camera in mapping(site.get("cameras"))),
        "detector",
        *(["gnss"] if site.get("gnss") is not None else []),
        *signal,
        *("tracker", "rule_checker", "evidence", "ladder"),
        *(f"{speaker}/speaker" for speaker in mapping(site.get("speakers"))),
        "citation",
        *roadside_nodes(site),
        *(["spool"] if site.get("centre") is not None else []),
        *(["relay"] if mapping(site.get("centre")).get("bridge") is not None else []),
    ]


def _processes(site: dict[str, Any]) -> Found:
    known = node_keys(site)
    places: list[tuple[Key, Any]] = []
    for node, place in mapping(site.get("processes")).items():
        if node not in known:
            yield ("processes", node), f'no node is called "{node}"{suggest(node, known)}'
        places.append((("processes", node), place))
    for camera, values in mapping(site.get("cameras")).items():
        places.append((("cameras", camera, "process"), mapping(values).get("process")))
    hosts: dict[str, str] = {}
    for key, place in places:
        if not isinstance(place, str):
            continue
        process, at, host = place.partition("@")
        if not names.is_name(process) or (at and not host):
            yield key, f'found "{place}"; needs a process name, or process@host'
        elif hosts.setdefault(process, host) != host:
            first = hosts[process] or "this host"
            yield key, f"puts {process} on {host or 'this host'}, but it is also on {first}"
