"""Three layers of settings: default, fleet, site file. Later wins; each value knows its layer."""

from typing import Any

from bconnect_site.yamlfile import Key

# Whole sections a fleet may set, and templates for each camera, signal, speaker and zone kind.
SECTIONS = (
    "timezone",
    "law",
    "ladder",
    "detector",
    "tracker",
    "evidence",
    "sticker",
    "tow",
    "ledger",
    "trusted",
)

# Where a merged value came from: "fleet" or "site", and its key in that file.
Source = tuple[str, Key]


class Layers:
    """Plain values merged from two files, with the source of each."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.sources: dict[Key, Source] = {}

    def put(self, at: Key, value: Any, layer: str, origin: Key) -> None:
        """Lay a value over what is there. Mappings merge key by key; all else replaces."""
        target = self.values
        for part in at[:-1]:
            inner = target.get(str(part))
            if not isinstance(inner, dict):
                inner = target[str(part)] = {}
            target = inner
        name = str(at[-1])
        if not isinstance(value, dict):
            if isinstance(target.get(name), dict):
                self._forget(at)
            target[name] = value
            self.sources[at] = (layer, origin)
            return
        if not isinstance(target.get(name), dict):
            target[name] = {}
        self.sources[at] = (layer, origin)
        for key, inner in value.items():
            self.put((*at, key), inner, layer, (*origin, key))

    def _forget(self, at: Key) -> None:
        for key in [k for k in self.sources if k[: len(at)] == at]:
            del self.sources[key]

    def source_of(self, key: Key) -> Source:
        """Where a value, or the nearest thing around it, was written."""
        for cut in range(len(key), 0, -1):
            if key[:cut] in self.sources:
                layer, origin = self.sources[key[:cut]]
                return layer, (*origin, *key[cut:])
        return "site", key


def merge(site: dict[str, Any], fleet: dict[str, Any]) -> Layers:
    """The site's plain values over the fleet's."""
    layers = Layers()
    for name in SECTIONS:
        if name in fleet:
            layers.put((name,), fleet[name], "fleet", (name,))
    for kind in ("camera", "signal", "speaker"):
        for name, item in _items(site.get(f"{kind}s")):
            if isinstance(item, dict) and isinstance(fleet.get(kind), dict):
                layers.put((f"{kind}s", name), fleet[kind], "fleet", (kind,))
    for camera, item in _items(site.get("cameras")):
        for zone, written in _items(item.get("zones") if isinstance(item, dict) else None):
            template = dict(_items(fleet.get("zone"))).get(_kind(written))
            if template is not None:
                at: Key = ("cameras", camera, "zones", zone)
                layers.put(at, template, "fleet", ("zone", _kind(written)))
    for name, value in site.items():
        layers.put((name,), value, "site", (name,))
    return layers


def _items(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _kind(zone: Any) -> str:
    kind = zone.get("kind") if isinstance(zone, dict) else None
    return kind if isinstance(kind, str) else ""
